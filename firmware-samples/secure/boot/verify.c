/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each check that passes leaves its mark; an image is accepted at one place, which wants all marks.  A check that is
 * skipped, by a mistake or by a glitch, leaves its mark out.  All checks are in this one file, long as it is: whoever
 * reviews what is accepted reads it from top to bottom, and nothing outside can set a mark.
 */
#include "verify.h"

#include <bearssl_hash.h>
#include <bearssl_hmac.h>
#include <string.h>

#include "bytes.h"
#include "chip.h"
#include "crypto.h"
#include "signature.h"
#include "signer.h"
#include "unwrap.h"

enum mark {
    MARK_STRUCTURE = 0x01,
    MARK_KEY = 0x02,
    MARK_HASH = 0x04,
    MARK_MAC = 0x08,
    MARK_SIGNER = 0x10,
    MARK_SIGNATURE = 0x20,
    MARK_VENDOR = 0x40,
    MARK_CLASS = 0x80,
    MARK_COUNTER = 0x100,
    MARK_VERSION = 0x200,
    MARK_DEPENDENCY = 0x400,
    MARK_ENTRY = 0x800,
    MARK_UNIT = 0x1000,
    MARKS = 0x1FFF,
};

struct check {
    enum purpose purpose;
    enum slot slot;
    const struct image *running;
    struct verdict *verdict;
    uint32_t marks;
    uint8_t hash[32];
};

static void passed(struct check *check, enum mark mark)
{
    check->marks |= (uint32_t)mark;
}

/* --- The unit --- */

static enum reason check_unit(struct check *check)
{
    static const char profile[] = WB_PROFILE;
    struct bytes found;

    if (!provision_valid()) {
        return REASON_NOT_PROVISIONED;
    }
    if (provision_find(PROVISION_PROFILE, 0, &found)
        && (found.length != sizeof(profile) - 1u || memcmp(found.data, profile, found.length) != 0)) {
        return REASON_NOT_PROVISIONED;
    }
    passed(check, MARK_UNIT);
    return REASON_NONE;
}

/* --- Structure --- */

/* TLVs that this profile demands, and those that it has no use for: a byte that nothing checks has no place. */
static enum reason check_structure(struct check *check)
{
    struct image *const image = &check->verdict->image;
    struct bytes found;
    const enum reason reason = image_open(check->slot, image);

    if (reason != REASON_NONE) {
        return reason;
    }
    const bool rsa = image_find_tlv(image, TLV_RSA2048_PSS, &found);
    const bool ecdsa = image_find_tlv(image, TLV_ECDSA_SIG, &found);
    const bool key_hash = image_find_tlv(image, TLV_KEYHASH, &found);
    const bool mac = image_find_tlv(image, TLV_HMAC, &found);

    if ((rsa && !WB_SIG_RSA2048) || (ecdsa && !WB_SIG_ECDSA_P256) || (mac && !WB_MAC) || (key_hash && !WB_CHAIN)) {
        return REASON_UNSUPPORTED;
    }
    if (rsa != (WB_SIG_RSA2048 != 0) || ecdsa != (WB_SIG_ECDSA_P256 != 0) || mac != (WB_MAC != 0)) {
        return REASON_TLV;
    }
    passed(check, MARK_STRUCTURE);
    return REASON_NONE;
}

static enum reason check_key(struct check *check)
{
    struct verdict *const verdict = check->verdict;
    const bool comes_in = check->purpose == TO_INSTALL || check->purpose == TO_RECOVER;
    enum reason reason = REASON_TLV;

    if (check->purpose != TO_START) {
        reason = unwrap_key(&verdict->image, &verdict->cipher);
    } else if (key_is_consistent(&verdict->image)) {
        reason = REASON_NONE;
    }
    if (reason != REASON_NONE) {
        return reason;
    }
    /* What the factory put into slot 0, and what comes back from there, may be plain. */
    if (WB_ENC_REQUIRED && comes_in && verdict->cipher.end == 0u) {
        return REASON_TLV;
    }
    passed(check, MARK_KEY);
    return REASON_NONE;
}

/* --- Hash and MAC, over header, plain payload and protected TLVs --- */

#if WB_MAC
static br_hmac_context mac_context;

static bool mac_start(void)
{
    struct bytes secret;
    uint8_t key[32];
    br_hmac_key_context key_context;

    if (!provision_find(PROVISION_UNIT_SECRET, 32, &secret)) {
        return false;
    }
    crypto_hkdf(key, sizeof(key), secret.data, secret.length, "workbench mac");
    br_hmac_key_init(&key_context, &br_sha256_vtable, key, sizeof(key));
    br_hmac_init(&mac_context, &key_context, 0);
    crypto_wipe(key, sizeof(key));
    crypto_wipe(&key_context, sizeof(key_context));
    return true;
}

static enum reason check_mac(struct check *check)
{
    struct bytes wanted;
    uint8_t mac[32];

    (void)br_hmac_out(&mac_context, mac);
    if (!image_find_tlv(&check->verdict->image, TLV_HMAC, &wanted) || wanted.length != sizeof(mac)) {
        return REASON_TLV;
    }
    if (!crypto_equal(mac, wanted.data, sizeof(mac))) {
        return REASON_MAC;
    }
    passed(check, MARK_MAC);
    return REASON_NONE;
}
#endif

/* A multiple of the cipher's block; the header's size is a multiple of it. */
enum { CHUNK = 256 };

static void digest(const struct check *check, uint8_t hash[32])
{
    const struct image *const image = &check->verdict->image;
    static br_sha256_context context;
    static uint32_t chunk[CHUNK / 4]; /* aligned: the copy is one of words */
    uint8_t *const bytes = (uint8_t *)chunk;

    br_sha256_init(&context);
    for (uint32_t offset = 0; offset < image->protected_end; offset += CHUNK) {
        const uint32_t left = image->protected_end - offset;
        const uint32_t length = left < CHUNK ? left : CHUNK;

        memcpy(bytes, (const void *)(image->base + offset), length);
        if (check->slot == SLOT_1) {
            cipher_apply(&check->verdict->cipher, offset, bytes, length);
        }
        br_sha256_update(&context, bytes, length);
#if WB_MAC
        br_hmac_update(&mac_context, bytes, length);
#endif
    }
    br_sha256_out(&context, hash);
}

static enum reason check_hash(struct check *check)
{
    struct bytes wanted;

    if (!image_find_tlv(&check->verdict->image, TLV_SHA256, &wanted) || wanted.length != sizeof(check->hash)) {
        return REASON_TLV;
    }
#if WB_MAC
    if (!mac_start()) {
        return REASON_NOT_PROVISIONED;
    }
#endif
    digest(check, check->hash);
    if (!crypto_equal(check->hash, wanted.data, sizeof(check->hash))) {
        return REASON_HASH;
    }
    passed(check, MARK_HASH);
    return REASON_NONE;
}

/* --- Signature --- */

#if WB_CHAIN
/* No image may claim to be signed before the floor that was provisioned, nor one to be installed before the one that
 * it replaces, which is confirmed. */
static bool time_floor(const struct check *check, uint64_t *floor)
{
    struct bytes provisioned;
    uint64_t running;

    if (!provision_find(PROVISION_TIME_FLOOR, 8, &provisioned)) {
        return false;
    }
    *floor = get64(provisioned.data);
    if (check->purpose == TO_INSTALL && check->running != NULL && image_signing_time(check->running, &running)
        && running > *floor) {
        *floor = running;
    }
    return true;
}

static enum reason check_signature(struct check *check)
{
    const struct image *const image = &check->verdict->image;
    struct bytes signature;
    const br_x509_pkey *key;
    uint64_t floor;

    if (!image_find_tlv(image, WB_SIG_RSA2048 ? TLV_RSA2048_PSS : TLV_ECDSA_SIG, &signature)) {
        return REASON_TLV;
    }
    if (!time_floor(check, &floor)) {
        return REASON_NOT_PROVISIONED;
    }
    const enum reason reason = signer_check(image, floor, &key);

    if (reason != REASON_NONE || key == NULL) {
        return reason != REASON_NONE ? reason : REASON_SIGNER_CHAIN;
    }
    passed(check, MARK_SIGNER);
    if (!signature_good(key, check->hash, &signature)) {
        return REASON_SIGNATURE;
    }
    passed(check, MARK_SIGNATURE);
    return REASON_NONE;
}
#endif

static enum reason check_authentic(struct check *check)
{
    enum reason reason = check_hash(check);

#if WB_MAC
    if (reason == REASON_NONE) {
        reason = check_mac(check);
    }
#else
    passed(check, MARK_MAC);
#endif
#if WB_CHAIN
    if (reason == REASON_NONE) {
        reason = check_signature(check);
    }
#else
    passed(check, MARK_SIGNER);
    passed(check, MARK_SIGNATURE);
#endif
    return reason;
}

/* --- What the image says about itself --- */

static enum reason check_uuid(struct check *check, enum tlv type, enum provision own, enum reason otherwise)
{
    struct bytes wanted;
    struct bytes found;

    if (!provision_find(own, 16, &wanted)) {
        return REASON_NOT_PROVISIONED;
    }
    if (!image_find_tlv(&check->verdict->image, type, &found) || found.length != 16u) {
        return REASON_TLV;
    }
    if (!crypto_equal(found.data, wanted.data, 16)) {
        return otherwise;
    }
    passed(check, type == TLV_UUID_VID ? MARK_VENDOR : MARK_CLASS);
    return REASON_NONE;
}

/* An image that is to be installed must also find room for its counter: without it the step back would stay open. */
static enum reason check_counter(struct check *check)
{
    const uint32_t stored = counter_read();
    const bool comes_in = check->purpose == TO_INSTALL || check->purpose == TO_RECOVER;
    uint32_t counter;

    if (!WB_COUNTER) {
        passed(check, MARK_COUNTER);
        return REASON_NONE;
    }
    if (!image_counter(&check->verdict->image, &counter)) {
        return REASON_TLV;
    }
    if (counter > UINT16_MAX || counter < stored || (comes_in && counter > stored && !counter_has_room())) {
        return REASON_COUNTER;
    }
    passed(check, MARK_COUNTER);
    return REASON_NONE;
}

static enum reason check_version(struct check *check)
{
    const struct image *const image = &check->verdict->image;
    uint32_t counter = 0;
    uint32_t running = 0;

    if (!WB_ALLOW_VERSION_DOWNGRADE && check->purpose == TO_INSTALL) {
        if (check->running == NULL
            || (WB_COUNTER && (!image_counter(image, &counter) || !image_counter(check->running, &running)))) {
            return REASON_VERSION;
        }
        if (counter == running && image_version_compare(&image->version, &check->running->version) < 0) {
            return REASON_VERSION;
        }
    }
    passed(check, MARK_VERSION);
    return REASON_NONE;
}

/* A dependency names an image number and the least version of it.  There is one image here, number 0: it can ask for
 * what has to run before it.  Only what comes in is asked. */
static enum reason check_dependency(struct check *check)
{
    struct bytes found;

    if ((check->purpose == TO_INSTALL || check->purpose == TO_RECOVER)
        && image_find_tlv(&check->verdict->image, TLV_DEPENDENCY, &found)) {
        if (found.length != 12u) {
            return REASON_TLV;
        }
        const struct image_version least = {
            .major = found.data[4],
            .minor = found.data[5],
            .revision = (uint16_t)get16(found.data + 6),
            .build = get32(found.data + 8),
        };

        if (found.data[0] != 0u || check->running == NULL
            || image_version_compare(&check->running->version, &least) < 0) {
            return REASON_DEPENDENCY;
        }
    }
    passed(check, MARK_DEPENDENCY);
    return REASON_NONE;
}

/* The reset vector points into the payload, once the image is in slot 0. */
static enum reason check_entry(struct check *check)
{
    const struct image *const image = &check->verdict->image;
    static uint32_t vectors[4];

    memcpy(vectors, (const void *)(image->base + IMAGE_HEADER_BYTES), sizeof(vectors));
    if (check->slot == SLOT_1) {
        cipher_apply(&check->verdict->cipher, IMAGE_HEADER_BYTES, (uint8_t *)vectors, sizeof(vectors));
    }
    if (image->payload_end - IMAGE_HEADER_BYTES < sizeof(vectors) || vectors[1] < LAYOUT_SLOT0 + IMAGE_HEADER_BYTES
        || vectors[1] >= LAYOUT_SLOT0 + image->payload_end || (vectors[0] & 7u) != 0u) {
        return REASON_NOT_BOOTABLE;
    }
    passed(check, MARK_ENTRY);
    return REASON_NONE;
}

static enum reason check_claims(struct check *check)
{
    enum reason reason = check_counter(check);

    if (reason == REASON_NONE) {
        reason = check_version(check);
    }
    if (reason == REASON_NONE) {
        reason = check_uuid(check, TLV_UUID_VID, PROVISION_VID, REASON_VID);
    }
    if (reason == REASON_NONE) {
        reason = check_uuid(check, TLV_UUID_CID, PROVISION_CID, REASON_CID);
    }
    if (reason == REASON_NONE) {
        reason = check_dependency(check);
    }
    return reason == REASON_NONE ? check_entry(check) : reason;
}

static enum reason check_all(struct check *check)
{
    enum reason reason = check_unit(check);

    if (reason == REASON_NONE) {
        reason = check_structure(check);
    }
    if (reason == REASON_NONE) {
        reason = check_key(check);
    }
    if (reason == REASON_NONE) {
        reason = check_authentic(check);
    }
    return reason == REASON_NONE ? check_claims(check) : reason;
}

void verify_image(enum slot slot, enum purpose purpose, const struct image *running, struct verdict *verdict)
{
    static struct check check;

    memset(&check, 0, sizeof(check));
    memset(verdict, 0, sizeof(*verdict));
    check.slot = slot;
    check.purpose = purpose;
    check.running = running;
    check.verdict = verdict;
    verdict->reason = check_all(&check);
    if (verdict->reason == REASON_NONE && check.marks == MARKS) {
        verdict->accepted = VERDICT_ACCEPTED;
    } else if (verdict->reason == REASON_NONE) {
        verdict->reason = REASON_SIGNATURE; /* a check went missing */
    }
}
