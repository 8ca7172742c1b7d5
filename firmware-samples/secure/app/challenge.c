/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app.h"

#include <bearssl_ec.h>
#include <bearssl_hash.h>
#include <bearssl_hmac.h>
#include <string.h>

#include "crypto.h"
#include "provision.h"

/* Before the statement, so that no signature of this key means anything else. */
static const char domain[7] = {'W', 'B', 'C', 'H', 'A', 'L', '1'};

/* Deterministic (RFC 6979): a bad source of random numbers cannot give the key away. */
static int sign(const struct bytes *key, const uint8_t *statement, uint32_t length, struct challenge_answer *answer)
{
    unsigned char scalar[32];
    const br_ec_private_key private_key = {BR_EC_secp256r1, scalar, sizeof scalar};
    br_sha256_context context;
    uint8_t hash[HASH_BYTES];

    br_sha256_init(&context);
    br_sha256_update(&context, domain, sizeof domain);
    br_sha256_update(&context, statement, length);
    br_sha256_out(&context, hash);
    memcpy(scalar, key->data, sizeof scalar);
    answer->algorithm = "ES256";
    answer->length =
        (uint32_t)br_ecdsa_i15_sign_raw(&br_ec_p256_m15, &br_sha256_vtable, hash, &private_key, answer->signature);
    crypto_wipe(scalar, sizeof scalar);
    return answer->length == CHALLENGE_SIGNATURE_BYTES ? CHALLENGE_OK : CHALLENGE_FAILED;
}

static int authenticate(const struct bytes *secret, const uint8_t *statement, uint32_t length,
                        struct challenge_answer *answer)
{
    uint8_t key[32];
    br_hmac_key_context key_context;
    br_hmac_context context;

    crypto_hkdf(key, sizeof key, secret->data, secret->length, "workbench challenge");
    br_hmac_key_init(&key_context, &br_sha256_vtable, key, sizeof key);
    br_hmac_init(&context, &key_context, 0);
    br_hmac_update(&context, domain, sizeof domain);
    br_hmac_update(&context, statement, length);
    answer->algorithm = "HS256";
    answer->length = (uint32_t)br_hmac_out(&context, answer->signature);
    crypto_wipe(key, sizeof key);
    crypto_wipe(&key_context, sizeof key_context);
    return CHALLENGE_OK;
}

int challenge_sign(const uint8_t *statement, uint32_t length, struct challenge_answer *answer)
{
    struct bytes key;

    if (provision_find(PROVISION_DEVICE_KEY, 32, &key)) {
        return sign(&key, statement, length, answer);
    }
    if (provision_find(PROVISION_UNIT_SECRET, 32, &key) || provision_find(PROVISION_KEK, 16, &key)) {
        return authenticate(&key, statement, length, answer);
    }
    return CHALLENGE_NO_KEY;
}
