/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The key of an encrypted image, out of its TLV; and the cipher for the payload.
 */
#ifndef UNWRAP_H
#define UNWRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"
#include "state.h"

/* Whether flag and TLV of an encrypted image go together. */
bool key_is_consistent(const struct image *image);

/* Fills a cipher for an image; `end` is 0 when the image is not encrypted.  REASON_NONE, or TLV (flag without TLV or
 * the other way round), UNSUPPORTED (a way of wrapping that this profile does not know), DECRYPT, NOT_PROVISIONED. */
enum reason unwrap_key(const struct image *image, struct swap_cipher *cipher);

/* Encrypts or decrypts in place what lies at an offset of the slot: AES-CTR, block counter 0 at the start of the
 * payload.  What is outside of the payload stays as it is.  The offset is a multiple of 16. */
void cipher_apply(const struct swap_cipher *cipher, uint32_t offset, uint8_t *data, size_t length);

#endif
