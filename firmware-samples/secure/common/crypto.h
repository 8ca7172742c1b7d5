/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Keys that are derived from what is provisioned, and the primitives that BearSSL has only parts of.
 */
#ifndef CRYPTO_H
#define CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* HKDF-SHA256 (RFC 5869) without salt; info is text without its final zero. */
void crypto_hkdf(uint8_t *out, size_t out_length, const uint8_t *key, size_t key_length, const char *info);

/* Whether two buffers are equal; takes the same time wherever they differ. */
bool crypto_equal(const void *a, const void *b, size_t length);

/* Overwrites a secret. */
void crypto_wipe(void *data, size_t length);

/* CRC-32 as in zlib. */
uint32_t crc32(const void *data, size_t length);

#endif
