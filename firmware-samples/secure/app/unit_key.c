/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit_key.h"

#include <bearssl_ec.h>
#include <bearssl_hash.h>
#include <bearssl_hmac.h>
#include <stddef.h>
#include <string.h>

#include "crypto.h"
#include "entropy.h"
#include "key_page.h"
#include "provision.h"

enum { SCALAR_BYTES = 32, CHUNK_BYTES = 240, CHUNKS = 12 };

/* What the library's functions leave below their callers, derived keys among it: a debugger can read RAM, whatever
 * protects the flash. */
__attribute__((noinline)) static void wipe_chunks(uint32_t more)
{
    uint8_t chunk[CHUNK_BYTES];

    if (more > 0u) {
        wipe_chunks(more - 1u);
    }
    crypto_wipe(chunk, sizeof chunk);
}

static void wipe_deep_stack(void)
{
    wipe_chunks(CHUNKS);
}

static const uint8_t *p256_scalar(bool *on_chip)
{
    struct bytes injected;

    *on_chip = false;
    if (provision_find(PROVISION_DEVICE_KEY, SCALAR_BYTES, &injected)) {
        return injected.data;
    }
    *on_chip = key_page_key() != NULL;
    return key_page_key();
}

enum unit_key_kind unit_key_kind(void)
{
    struct bytes found;
    bool on_chip;

    if (p256_scalar(&on_chip) != NULL) {
        return UNIT_KEY_P256;
    }
    if (provision_find(PROVISION_UNIT_SECRET, 32, &found)) {
        return UNIT_KEY_SECRET;
    }
    return provision_find(PROVISION_KEK, 16, &found) ? UNIT_KEY_FLEET : UNIT_KEY_NONE;
}

const char *unit_key_origin(void)
{
    bool on_chip;

    switch (unit_key_kind()) {
    case UNIT_KEY_P256:
        (void)p256_scalar(&on_chip);
        return on_chip ? "on-chip" : "injected";
    case UNIT_KEY_SECRET:
        return "injected";
    default:
        return "none";
    }
}

static void load(br_ec_private_key *key, uint8_t scalar[SCALAR_BYTES], const uint8_t *from)
{
    memcpy(scalar, from, SCALAR_BYTES);
    *key = (br_ec_private_key){BR_EC_secp256r1, scalar, SCALAR_BYTES};
}

bool unit_key_point(uint8_t point[UNIT_POINT_BYTES])
{
    bool on_chip;
    uint8_t scalar[SCALAR_BYTES];
    br_ec_private_key key;
    const uint8_t *const from = p256_scalar(&on_chip);

    if (from == NULL) {
        return false;
    }
    if (on_chip) {
        point[0] = 0x04;
        memcpy(point + 1, from + SCALAR_BYTES, UNIT_POINT_BYTES - 1);
        return true;
    }
    load(&key, scalar, from);
    const size_t made = br_ec_compute_pub(&br_ec_p256_m15, NULL, point, &key);

    crypto_wipe(scalar, sizeof scalar);
    wipe_deep_stack();
    return made == UNIT_POINT_BYTES;
}

static bool sign(const br_ec_private_key *key, const uint8_t hash[32], uint8_t signature[UNIT_SIGNATURE_BYTES])
{
    return br_ecdsa_i15_sign_raw(&br_ec_p256_m15, &br_sha256_vtable, hash, key, signature) == UNIT_SIGNATURE_BYTES;
}

bool unit_key_sign(const uint8_t hash[32], uint8_t signature[UNIT_SIGNATURE_BYTES])
{
    bool on_chip;
    uint8_t scalar[SCALAR_BYTES];
    br_ec_private_key key;
    const uint8_t *const from = p256_scalar(&on_chip);

    if (from == NULL) {
        return false;
    }
    load(&key, scalar, from);
    const bool made = sign(&key, hash, signature);

    crypto_wipe(scalar, sizeof scalar);
    wipe_deep_stack();
    return made;
}

bool unit_key_derive(uint8_t key[UNIT_MAC_BYTES])
{
    struct bytes secret;

    if (!provision_find(PROVISION_UNIT_SECRET, 32, &secret) && !provision_find(PROVISION_KEK, 16, &secret)) {
        return false;
    }
    crypto_hkdf(key, UNIT_MAC_BYTES, secret.data, secret.length, "workbench challenge");
    wipe_deep_stack();
    return true;
}

bool unit_key_authenticate(const void *first, size_t first_length, const void *second, size_t second_length,
                           uint8_t mac[UNIT_MAC_BYTES])
{
    uint8_t key[UNIT_MAC_BYTES];
    br_hmac_key_context key_context;
    br_hmac_context context;

    if (!unit_key_derive(key)) {
        return false;
    }
    br_hmac_key_init(&key_context, &br_sha256_vtable, key, sizeof key);
    br_hmac_init(&context, &key_context, 0);
    br_hmac_update(&context, first, first_length);
    br_hmac_update(&context, second, second_length);
    br_hmac_out(&context, mac);
    crypto_wipe(key, sizeof key);
    crypto_wipe(&key_context, sizeof key_context);
    wipe_deep_stack();
    return true;
}

/* --- Making one ---------------------------------------------------------------------------------------------- */

/* The key goes through flash before anything is signed with it, so this is the only look at whether it is a pair. */
static bool is_pair(const br_ec_private_key *private_key, uint8_t point[UNIT_POINT_BYTES])
{
    static const uint8_t hash[32] = {'W', 'B', 'P', 'A', 'I', 'R'};
    const br_ec_public_key public_key = {BR_EC_secp256r1, point, UNIT_POINT_BYTES};
    uint8_t signature[UNIT_SIGNATURE_BYTES];

    return sign(private_key, hash, signature)
        && br_ecdsa_i15_vrfy_raw(&br_ec_p256_m15, hash, sizeof hash, &public_key, signature, sizeof signature) == 1u;
}

static enum unit_key_made generate(br_hmac_drbg_context *random, br_ec_private_key *key, uint8_t *scalar)
{
    uint8_t point[UNIT_POINT_BYTES];

    if (br_ec_keygen(&random->vtable, &br_ec_p256_m15, key, scalar, BR_EC_secp256r1) != SCALAR_BYTES
        || br_ec_compute_pub(&br_ec_p256_m15, NULL, point, key) != sizeof point || !is_pair(key, point)) {
        return UNIT_KEY_WRONG;
    }
    return key_page_store(scalar, point) ? UNIT_KEY_MADE : UNIT_KEY_NOT_KEPT;
}

enum unit_key_made unit_key_make(void)
{
    br_hmac_drbg_context random;
    br_ec_private_key key;
    uint8_t scalar[SCALAR_BYTES];
    enum unit_key_made made = UNIT_KEY_RANDOM_BAD;

    if (entropy_seed(&random)) {
        made = generate(&random, &key, scalar);
    }
    crypto_wipe(scalar, sizeof scalar);
    crypto_wipe(&random, sizeof random);
    wipe_deep_stack();
    return made;
}
