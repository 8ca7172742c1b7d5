/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crypto.h"

#include <bearssl_hash.h>
#include <bearssl_kdf.h>
#include <string.h>

void crypto_hkdf(uint8_t *out, size_t out_length, const uint8_t *key, size_t key_length, const char *info)
{
    br_hkdf_context context;

    br_hkdf_init(&context, &br_sha256_vtable, NULL, 0);
    br_hkdf_inject(&context, key, key_length);
    br_hkdf_flip(&context);
    (void)br_hkdf_produce(&context, info, strlen(info), out, out_length);
    crypto_wipe(&context, sizeof(context));
}

bool crypto_equal(const void *a, const void *b, size_t length)
{
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    uint8_t difference = 0;

    for (size_t i = 0; i < length; i++) {
        difference |= (uint8_t)(x[i] ^ y[i]);
    }
    return difference == 0u;
}

void crypto_wipe(void *data, size_t length)
{
    volatile uint8_t *to = data;

    while (length-- > 0u) {
        *to++ = 0;
    }
}

uint32_t crc32(const void *data, size_t length)
{
    const uint8_t *from = data;
    uint32_t crc = UINT32_MAX;

    while (length-- > 0u) {
        crc ^= *from++;
        for (unsigned int bit = 0; bit < 8u; bit++) {
            crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1u)));
        }
    }
    return ~crc;
}
