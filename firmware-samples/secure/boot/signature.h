/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The signature over an image's hash.
 */
#ifndef SIGNATURE_H
#define SIGNATURE_H

#include <bearssl_x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "provision.h"

/* Whether the signature of a SHA-256 hash is the key's: ECDSA on P-256 in DER, or RSA-2048-PSS with MGF1-SHA-256 and a
 * salt of 32 bytes, as the profile says. */
bool signature_good(const br_x509_pkey *key, const uint8_t hash[32], const struct bytes *signature);

#endif
