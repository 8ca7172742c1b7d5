/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "signature.h"

#include <bearssl_ec.h>
#include <bearssl_hash.h>
#include <bearssl_rsa.h>
#include <string.h>

#include "crypto.h"

#if WB_SIG_ECDSA_P256
bool signature_good(const br_x509_pkey *key, const uint8_t hash[32], const struct bytes *signature)
{
    return br_ecdsa_i15_vrfy_asn1(&br_ec_p256_m15, hash, 32, &key->key.ec, signature->data, signature->length) == 1u;
}
#endif

#if WB_SIG_RSA2048

/* RFC 8017, 9.1.2 (EMSA-PSS-VERIFY), with the lengths that 2048 bits and SHA-256 give. */
enum { MODULUS = 256, HASH = 32, SALT = 32, DB = MODULUS - HASH - 1, PADDING = DB - SALT - 1 };

/* RFC 8017, B.2.1 (MGF1), its result XORed into a buffer. */
static void mgf1_xor(uint8_t *data, size_t length, const uint8_t seed[HASH])
{
    br_sha256_context context;
    uint8_t mask[HASH];

    for (size_t at = 0; at < length; at++) {
        if (at % HASH == 0u) {
            const uint8_t counter[4] = {0, 0, 0, (uint8_t)(at / HASH)};

            br_sha256_init(&context);
            br_sha256_update(&context, seed, HASH);
            br_sha256_update(&context, counter, sizeof(counter));
            br_sha256_out(&context, mask);
        }
        data[at] ^= mask[at % HASH];
    }
}

/* Whether the padding of a data block, after unmasking, is zeros and a one. */
static bool padding_good(const uint8_t db[DB])
{
    uint8_t wrong = (uint8_t)(db[PADDING] ^ 0x01u);

    for (unsigned int i = 0; i < PADDING; i++) {
        wrong |= db[i];
    }
    return wrong == 0u;
}

static bool pss_good(uint8_t em[MODULUS], const uint8_t hash[HASH])
{
    static const uint8_t zeros[8];
    const uint8_t *const h = em + DB;
    br_sha256_context context;
    uint8_t expected[HASH];

    if (em[MODULUS - 1] != 0xBCu || (em[0] & 0x80u) != 0u) {
        return false;
    }
    mgf1_xor(em, DB, h);
    em[0] &= 0x7Fu;
    br_sha256_init(&context);
    br_sha256_update(&context, zeros, sizeof(zeros));
    br_sha256_update(&context, hash, HASH);
    br_sha256_update(&context, em + PADDING + 1, SALT);
    br_sha256_out(&context, expected);
    return padding_good(em) && crypto_equal(expected, h, HASH);
}

bool signature_good(const br_x509_pkey *key, const uint8_t hash[32], const struct bytes *signature)
{
    static uint8_t em[MODULUS];

    if (signature->length != MODULUS) {
        return false;
    }
    memcpy(em, signature->data, MODULUS);
    return br_rsa_i15_public(em, MODULUS, &key->key.rsa) == 1u && pss_good(em, hash);
}
#endif
