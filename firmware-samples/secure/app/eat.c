/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "eat.h"

#include <bearssl_hash.h>
#include <string.h>

#include "app.h"
#include "chip.h"
#include "crypto.h"
#include "provision.h"
#include "state.h"
#include "unit_key.h"

enum claim {
    CLAIM_NONCE = 10,
    CLAIM_UEID = 256,
    CLAIM_DBGSTAT = 263,
    CLAIM_PROFILE = 265,
    CLAIM_LIFECYCLE = 2395,
    CLAIM_SOFTWARE = 2399,
};

/* -1 - each. */
enum private_claim {
    PRIVATE_SLOT = 70000,
    PRIVATE_COUNTER = 70001,
    PRIVATE_PROFILE = 70002,
    PRIVATE_CONFIRMED = 70003,
    PRIVATE_CHIP = 70004,
    PRIVATE_ORIGIN = 70005,
};

enum { CLAIMS = 12, COMPONENT_TYPE = 1, COMPONENT_VALUE = 2, COMPONENT_VERSION = 4, COMPONENT_SIGNER = 5 };
enum { UEID_RAND = 0x01, DBGSTAT_ENABLED = 0, LIFECYCLE_OPEN = 0x2000, LIFECYCLE_SECURED = 0x3000 };
enum { COSE_MAC0 = 17, COSE_SIGN1 = 18, COSE_KID = 4, KID_BYTES = 8, PROFILE_BYTES = 32, HEADER_BYTES = 24 };
enum { PAYLOAD_BYTES = 416 };

/* What differs between the two kinds of token. */
struct kind {
    uint8_t tag;
    uint8_t protected_header[3]; /* {1: algorithm} */
    const char *context;         /* first text of what is signed */
    uint8_t proof_bytes;
};

static const struct kind sign1 = {COSE_SIGN1, {0xA1, 0x01, 0x26}, "Signature1", UNIT_SIGNATURE_BYTES};
static const struct kind mac0 = {COSE_MAC0, {0xA1, 0x01, 0x05}, "MAC0", UNIT_MAC_BYTES};

static bool locked;
static uint8_t payload[PAYLOAD_BYTES];

void eat_start(void)
{
    locked = chip_locked();
}

static void sha256(const void *data, size_t length, uint8_t hash[HASH_BYTES])
{
    br_sha256_context context;

    br_sha256_init(&context);
    br_sha256_update(&context, data, length);
    br_sha256_out(&context, hash);
}

/* --- Claims -------------------------------------------------------------------------------------------------- */

static void put_ueid(struct cbor_out *out, const uint8_t name[HASH_BYTES])
{
    uint8_t ueid[1 + HASH_BYTES] = {UEID_RAND};

    memcpy(ueid + 1, name, HASH_BYTES);
    cbor_uint(out, CLAIM_UEID);
    cbor_bytes(out, ueid, sizeof ueid);
}

static void put_software(struct cbor_out *out)
{
    char version[VERSION_TEXT_BYTES];
    uint8_t signer[HASH_BYTES];
    struct bytes root;
    const bool has_signer = provision_find(PROVISION_ROOT_EC, 0, &root) || provision_find(PROVISION_ROOT_RSA, 0, &root);

    cbor_uint(out, CLAIM_SOFTWARE);
    cbor_array(out, 1);
    cbor_map(out, has_signer ? 4u : 3u);
    cbor_uint(out, COMPONENT_TYPE);
    cbor_text(out, "app");
    cbor_uint(out, COMPONENT_VALUE);
    cbor_bytes(out, running_hash(), HASH_BYTES);
    cbor_uint(out, COMPONENT_VERSION);
    cbor_text(out, running_version(version));
    if (has_signer) {
        sha256(root.data, root.length, signer);
        cbor_uint(out, COMPONENT_SIGNER);
        cbor_bytes(out, signer, sizeof signer);
    }
}

static void put_profile(struct cbor_out *out)
{
    struct bytes profile;
    const bool there = provision_find(PROVISION_PROFILE, 0, &profile) && profile.length <= PROFILE_BYTES;

    cbor_negative(out, PRIVATE_PROFILE);
    cbor_text_bytes(out, profile.data, there ? profile.length : 0u);
}

static void put_private(struct cbor_out *out)
{
    struct boot_state state;
    uint8_t chip[8];

    state_read(&state);
    chip_id(chip);
    cbor_negative(out, PRIVATE_SLOT);
    cbor_uint(out, SLOT_0);
    cbor_negative(out, PRIVATE_COUNTER);
    cbor_uint(out, counter_read());
    put_profile(out);
    cbor_negative(out, PRIVATE_CONFIRMED);
    cbor_bool(out, state.phase != PHASE_TRIAL);
    cbor_negative(out, PRIVATE_CHIP);
    cbor_bytes(out, chip, sizeof chip);
    cbor_negative(out, PRIVATE_ORIGIN);
    cbor_text(out, unit_key_origin());
}

static void put_claims(struct cbor_out *out, const uint8_t *nonce, uint32_t length, const uint8_t name[HASH_BYTES])
{
    cbor_map(out, CLAIMS);
    cbor_uint(out, CLAIM_NONCE);
    cbor_bytes(out, nonce, length);
    put_ueid(out, name);
    cbor_uint(out, CLAIM_DBGSTAT);
    cbor_uint(out, DBGSTAT_ENABLED);
    cbor_uint(out, CLAIM_PROFILE);
    cbor_text(out, "tag:workbench,2026:mcu-1");
    cbor_uint(out, CLAIM_LIFECYCLE);
    cbor_uint(out, locked ? LIFECYCLE_SECURED : LIFECYCLE_OPEN);
    put_software(out);
    put_private(out);
}

/* --- COSE ---------------------------------------------------------------------------------------------------- */

/* RFC 9052, 4.4 and 6.3: [context, protected, external_aad, payload], up to the payload's bytes. */
static size_t structure(const struct kind *kind, uint32_t length, uint8_t head[HEADER_BYTES])
{
    struct cbor_out out = {head, head + HEADER_BYTES, false};

    cbor_array(&out, 4);
    cbor_text(&out, kind->context);
    cbor_bytes(&out, kind->protected_header, sizeof kind->protected_header);
    cbor_bytes(&out, NULL, 0);
    cbor_bytes_head(&out, length);
    return (size_t)(out.at - head);
}

static bool sign(const uint8_t *head, size_t head_length, uint32_t length, uint8_t *proof)
{
    br_sha256_context context;
    uint8_t hash[HASH_BYTES];

    br_sha256_init(&context);
    br_sha256_update(&context, head, head_length);
    br_sha256_update(&context, payload, length);
    br_sha256_out(&context, hash);
    return unit_key_sign(hash, proof);
}

static bool prove(const struct kind *kind, uint32_t length, uint8_t *proof)
{
    uint8_t head[HEADER_BYTES];
    const size_t head_length = structure(kind, length, head);

    return kind->tag == COSE_SIGN1 ? sign(head, head_length, length, proof)
                                   : unit_key_authenticate(head, head_length, payload, length, proof);
}

static size_t bytes_head_length(uint32_t length)
{
    return length < 24u ? 1u : length <= 0xFFu ? 2u : 3u;
}

static void put_token(struct cbor_out *out, const struct kind *kind, const uint8_t *kid, uint32_t length,
                      const uint8_t *proof)
{
    const uint32_t bytes = (uint32_t)(1u + 1u + 1u + sizeof kind->protected_header + 3u + KID_BYTES
                                      + bytes_head_length(length) + length + 2u + kind->proof_bytes);

    cbor_bytes_head(out, bytes);
    cbor_tag(out, kind->tag);
    cbor_array(out, 4);
    cbor_bytes(out, kind->protected_header, sizeof kind->protected_header);
    cbor_map(out, 1);
    cbor_uint(out, COSE_KID);
    cbor_bytes(out, kid, KID_BYTES);
    cbor_bytes(out, payload, length);
    cbor_bytes(out, proof, kind->proof_bytes);
}

/* SHA-256 of what identifies the key: `kid` begins like it, and for a public key it is the unit's name as well. */
static bool key_hash(enum unit_key_kind kind, uint8_t hash[HASH_BYTES])
{
    uint8_t key[UNIT_POINT_BYTES];

    if (kind == UNIT_KEY_P256) {
        const bool there = unit_key_point(key);

        sha256(key, UNIT_POINT_BYTES, hash);
        return there;
    }
    const bool there = unit_key_derive(key);

    sha256(key, UNIT_MAC_BYTES, hash);
    crypto_wipe(key, sizeof key);
    return there;
}

enum eat_result eat_write(struct cbor_out *out, const uint8_t *nonce, uint32_t length)
{
    const enum unit_key_kind has = unit_key_kind();
    const struct kind *const kind = has == UNIT_KEY_P256 ? &sign1 : &mac0;
    struct cbor_out claims = {payload, payload + sizeof payload, false};
    uint8_t hash[HASH_BYTES];
    uint8_t kid[KID_BYTES];
    uint8_t proof[UNIT_SIGNATURE_BYTES];

    if (has != UNIT_KEY_P256 && has != UNIT_KEY_SECRET) {
        return EAT_NO_KEY;
    }
    if (!key_hash(has, hash)) {
        return EAT_FAILED;
    }
    memcpy(kid, hash, sizeof kid);
    if (has == UNIT_KEY_SECRET) {
        sha256(hash, sizeof hash, hash);
    }
    put_claims(&claims, nonce, length, hash);
    const uint32_t bytes = (uint32_t)(claims.at - payload);

    if (claims.full || !prove(kind, bytes, proof)) {
        return EAT_FAILED;
    }
    put_token(out, kind, kid, bytes, proof);
    return EAT_OK;
}
