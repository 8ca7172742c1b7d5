/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Who signed: the chain of certificates in an image, up to the root that was provisioned.
 */
#ifndef SIGNER_H
#define SIGNER_H

#include <bearssl_x509.h>

#include "image.h"

/* Validates the chain at the image's signing time and checks what the leaf is for.  `floor` is the earliest signing
 * time.  The key points into memory that stays until the next call.  REASON_NONE, or TLV, SIGNER_CHAIN, SIGNER_TIME,
 * SIGNER_PURPOSE, SIGNATURE (the key hash is of another key), NOT_PROVISIONED. */
enum reason signer_check(const struct image *image, uint64_t floor, const br_x509_pkey **key);

#endif
