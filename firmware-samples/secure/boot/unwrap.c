/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unwrap.h"

#include <bearssl_block.h>
#include <bearssl_ec.h>
#include <bearssl_hmac.h>
#include <string.h>

#include "crypto.h"
#include "provision.h"

enum { BLOCK = 16, KEY = 16 };

static void ctr(const uint8_t key[KEY], uint32_t block, uint8_t *data, size_t length)
{
    static const uint8_t iv[12];
    static br_aes_small_ctr_keys context;

    br_aes_small_ctr_init(&context, key, KEY);
    (void)br_aes_small_ctr_run(&context, iv, block, data, length);
    crypto_wipe(&context, sizeof(context));
}

void cipher_apply(const struct swap_cipher *cipher, uint32_t offset, uint8_t *data, size_t length)
{
    const uint32_t end = offset + (uint32_t)length < cipher->end ? offset + (uint32_t)length : cipher->end;

    if (offset < cipher->start || offset >= end) {
        return;
    }
    ctr(cipher->key, (offset - cipher->start) / BLOCK, data, end - offset);
}

#if WB_ENC_KW
/* RFC 3394, 2.2.2, index based, for a key of two 64-bit blocks. */
static bool aes_kw_unwrap(const uint8_t kek[KEY], const uint8_t wrapped[24], uint8_t key[KEY])
{
    static br_aes_small_cbcdec_keys context;
    static uint8_t block[BLOCK];
    static uint8_t half[2][8];
    uint8_t check = 0;

    br_aes_small_cbcdec_init(&context, kek, KEY);
    memcpy(block, wrapped, 8);
    memcpy(half, wrapped + 8, sizeof(half));
    for (unsigned int t = 12; t >= 1u; t--) {
        uint8_t zero_iv[BLOCK] = {0};
        uint8_t *const r = half[(t - 1u) % 2u];

        block[7] ^= (uint8_t)t;
        memcpy(block + 8, r, 8);
        br_aes_small_cbcdec_run(&context, zero_iv, block, BLOCK);
        memcpy(r, block + 8, 8);
    }
    for (unsigned int i = 0; i < 8u; i++) {
        check |= (uint8_t)(block[i] ^ 0xA6u);
    }
    memcpy(key, half, KEY);
    crypto_wipe(&context, sizeof(context));
    crypto_wipe(block, sizeof(block));
    crypto_wipe(half, sizeof(half));
    return check == 0u;
}

static enum reason unwrap_kw(const struct bytes *wrapped, uint8_t key[KEY])
{
    struct bytes secret;
    uint8_t kek[KEY];

    if (wrapped->length != 24u) {
        return REASON_TLV;
    }
#if WB_MAC
    if (!provision_find(PROVISION_UNIT_SECRET, 32, &secret)) {
        return REASON_NOT_PROVISIONED;
    }
    crypto_hkdf(kek, KEY, secret.data, secret.length, "workbench kek");
#else
    if (!provision_find(PROVISION_KEK, KEY, &secret)) {
        return REASON_NOT_PROVISIONED;
    }
    memcpy(kek, secret.data, KEY);
#endif
    const bool good = aes_kw_unwrap(kek, wrapped->data, key);

    crypto_wipe(kek, KEY);
    return good ? REASON_NONE : REASON_DECRYPT;
}
#endif

#if WB_ENC_ECIES_P256
/* The TLV: ephemeral public key, HMAC-SHA256 of the encrypted key, encrypted key. */
enum { POINT = 65, MAC = 32, SCALAR = 32 };

static void hmac(const uint8_t key[MAC], const uint8_t *data, size_t length, uint8_t out[MAC])
{
    br_hmac_key_context key_context;
    br_hmac_context context;

    br_hmac_key_init(&key_context, &br_sha256_vtable, key, MAC);
    br_hmac_init(&context, &key_context, 0);
    br_hmac_update(&context, data, length);
    (void)br_hmac_out(&context, out);
}

static enum reason unwrap_ecies(const struct bytes *wrapped, uint8_t key[KEY])
{
    struct bytes secret;
    static uint8_t point[POINT];
    static uint8_t derived[KEY + MAC];
    uint8_t mac[MAC];

    if (wrapped->length != POINT + MAC + KEY) {
        return REASON_TLV;
    }
    if (!provision_find(PROVISION_ENC_KEY, SCALAR, &secret)) {
        return REASON_NOT_PROVISIONED;
    }
    memcpy(point, wrapped->data, POINT);
    if (br_ec_p256_m15.mul(point, POINT, secret.data, SCALAR, BR_EC_secp256r1) != 1u) {
        return REASON_DECRYPT;
    }
    crypto_hkdf(derived, sizeof(derived), point + 1, SCALAR, "MCUBoot_ECIES_v1");
    hmac(derived + KEY, wrapped->data + POINT + MAC, KEY, mac);
    const bool good = crypto_equal(mac, wrapped->data + POINT, MAC);

    memcpy(key, wrapped->data + POINT + MAC, KEY);
    ctr(derived, 0, key, KEY);
    crypto_wipe(point, sizeof(point));
    crypto_wipe(derived, sizeof(derived));
    return good ? REASON_NONE : REASON_DECRYPT;
}
#endif

static enum reason unwrap_known(const struct image *image, uint8_t key[KEY])
{
    enum reason reason = REASON_UNSUPPORTED;
    struct bytes kw;
    struct bytes ecies;
    const bool has_kw = image_find_tlv(image, TLV_ENC_KW, &kw);
    const bool has_ecies = image_find_tlv(image, TLV_ENC_EC256, &ecies);

    if (has_kw && has_ecies) {
        return REASON_TLV;
    }
#if WB_ENC_KW
    if (has_kw) {
        reason = unwrap_kw(&kw, key);
    }
#endif
#if WB_ENC_ECIES_P256
    if (has_ecies) {
        reason = unwrap_ecies(&ecies, key);
    }
#endif
    (void)key;
    return reason;
}

static bool flagged(const struct image *image)
{
    return (image->flags & IMAGE_F_ENCRYPTED_AES128) != 0u;
}

bool key_is_consistent(const struct image *image)
{
    struct bytes ignored;
    const bool wrapped =
        image_find_tlv(image, TLV_ENC_KW, &ignored) || image_find_tlv(image, TLV_ENC_EC256, &ignored);

    return flagged(image) == wrapped;
}

enum reason unwrap_key(const struct image *image, struct swap_cipher *cipher)
{
    memset(cipher, 0, sizeof(*cipher));
    if (!key_is_consistent(image)) {
        return REASON_TLV;
    }
    if (!flagged(image)) {
        return REASON_NONE;
    }
    const enum reason reason = unwrap_known(image, cipher->key);

    if (reason == REASON_NONE) {
        cipher->start = IMAGE_HEADER_BYTES;
        cipher->end = image->payload_end;
    } else {
        memset(cipher, 0, sizeof(*cipher));
    }
    return reason;
}
