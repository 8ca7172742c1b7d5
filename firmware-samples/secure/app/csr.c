/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "csr.h"

#include <bearssl_ec.h>
#include <bearssl_hash.h>
#include <bearssl_hmac.h>
#include <stddef.h>
#include <string.h>

#include "chip.h"
#include "crypto.h"
#include "key_page.h"
#include "unit_key.h"

enum { CHIP_ID_BYTES = 8, HASH = 32, SIGNATURE_DER_BYTES = 72 };

/* What lies between the parts that differ; every length before the signature is the same in all requests. */

/* CertificationRequestInfo, 206 bytes; version 0; Name of one RDN, serialNumber (2.5.4.5), PrintableString of 16. */
static const uint8_t head[] = {
    0x30, 0x81, 0xCE, 0x02, 0x01, 0x00, 0x30, 0x1B, 0x31, 0x19, 0x30, 0x17, 0x06, 0x03, 0x55, 0x04, 0x05, 0x13, 0x10,
};

/* SubjectPublicKeyInfo: id-ecPublicKey (1.2.840.10045.2.1), secp256r1 (1.2.840.10045.3.1.7), BIT STRING of 66. */
static const uint8_t key_head[] = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
    0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
};

/* [0] attributes: challengePassword (1.2.840.113549.1.9.7), SET of one PrintableString of 64. */
static const uint8_t password_head[] = {
    0xA0, 0x51, 0x30, 0x4F, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x07, 0x31, 0x42, 0x13, 0x40,
};

/* AlgorithmIdentifier ecdsa-with-SHA256 (1.2.840.10045.4.3.2). */
static const uint8_t algorithm[] = {0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02};

enum {
    INFO_BYTES = sizeof head + 2 * CHIP_ID_BYTES + sizeof key_head + UNIT_POINT_BYTES + sizeof password_head + 2 * HASH
};

_Static_assert(INFO_BYTES == 3 + 0xCE, "the lengths in the parts above are right");
_Static_assert(4 + INFO_BYTES + sizeof algorithm + 3 + SIGNATURE_DER_BYTES <= CSR_MAX_BYTES, "the longest fits");

static uint8_t *put(uint8_t *to, const void *data, size_t length)
{
    memcpy(to, data, length);
    return to + length;
}

static uint8_t *put_hex(uint8_t *to, const uint8_t *data, size_t length)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < length; i++) {
        *to++ = (uint8_t)digits[data[i] >> 4];
        *to++ = (uint8_t)digits[data[i] & 0x0Fu];
    }
    return to;
}

/* Binds the key to this chip and this nonce; only who can use the debug probe of this unit knows the secret.  A function
 * of its own, so that its contexts are off the stack when the signature is made. */
__attribute__((noinline)) static void prove(const uint8_t *secret, const uint8_t *nonce, const uint8_t *chip, const uint8_t *point,
                  uint8_t proof[HASH])
{
    static const char domain[8] = {'W', 'B', 'E', 'N', 'R', 'O', 'L', '1'};
    br_hmac_key_context key;
    br_hmac_context context;

    br_hmac_key_init(&key, &br_sha256_vtable, secret, ENROL_SECRET_BYTES);
    br_hmac_init(&context, &key, 0);
    br_hmac_update(&context, domain, sizeof domain);
    br_hmac_update(&context, nonce, CSR_NONCE_BYTES);
    br_hmac_update(&context, chip, CHIP_ID_BYTES);
    br_hmac_update(&context, point, UNIT_POINT_BYTES);
    br_hmac_out(&context, proof);
    crypto_wipe(&key, sizeof key);
    crypto_wipe(&context, sizeof context);
}

static bool put_info(uint8_t *to, const uint8_t *nonce)
{
    uint8_t chip[CHIP_ID_BYTES];
    uint8_t point[UNIT_POINT_BYTES];
    uint8_t proof[HASH];
    const uint8_t *const secret = key_page_secret();

    if (secret == NULL || !unit_key_point(point)) {
        return false;
    }
    chip_id(chip);
    prove(secret, nonce, chip, point, proof);
    to = put(to, head, sizeof head);
    to = put_hex(to, chip, sizeof chip);
    to = put(to, key_head, sizeof key_head);
    to = put(to, point, sizeof point);
    to = put(to, password_head, sizeof password_head);
    (void)put_hex(to, proof, sizeof proof);
    return true;
}

/* r and s as DER; 0 when there is no signature. */
static size_t sign(const uint8_t *info, uint8_t signature[SIGNATURE_DER_BYTES])
{
    br_sha256_context context;
    uint8_t hash[HASH];

    br_sha256_init(&context);
    br_sha256_update(&context, info, INFO_BYTES);
    br_sha256_out(&context, hash);
    return unit_key_sign(hash, signature) ? br_ecdsa_raw_to_asn1(signature, UNIT_SIGNATURE_BYTES) : 0u;
}

/* The outer head has 3 or 4 bytes, and is known last: the info is built behind 4 and the rest follows it. */
uint32_t csr_build(const uint8_t nonce[CSR_NONCE_BYTES], uint8_t csr[CSR_MAX_BYTES])
{
    uint8_t signature[SIGNATURE_DER_BYTES];
    uint8_t *const info = csr + 4;

    if (!put_info(info, nonce)) {
        return 0;
    }
    const size_t length = sign(info, signature);

    if (length == 0u) {
        return 0;
    }
    const uint8_t bits[] = {0x03, (uint8_t)(length + 1u), 0x00};
    const size_t content = INFO_BYTES + sizeof algorithm + sizeof bits + length;
    uint8_t *const outer = content > 0xFFu ? csr : csr + 1;
    uint8_t *to = put(info + INFO_BYTES, algorithm, sizeof algorithm);

    to = put(to, bits, sizeof bits);
    to = put(to, signature, length);
    outer[0] = 0x30;
    outer[1] = content > 0xFFu ? 0x82 : 0x81;
    outer[2] = (uint8_t)(content >> 8);
    info[-1] = (uint8_t)content;
    if (outer != csr) {
        memmove(csr, outer, 3u + content);
    }
    return (uint32_t)(to - outer);
}
