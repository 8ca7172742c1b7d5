/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "image.h"

#include <stddef.h>

#include "bytes.h"

enum header { HDR_SIZE = 8, PROTECT_TLV_SIZE = 10, IMG_SIZE = 12, FLAGS = 16, VERSION = 20 };

enum { TLV_INFO_BYTES = 4, TLV_HEADER_BYTES = 4 };

#define TLV_INFO_MAGIC      0x6907u
#define TLV_PROT_INFO_MAGIC 0x6908u

#define TLV_UUID_VID_2_5 0x74u
#define TLV_UUID_CID_2_5 0x75u

/* No image has more; bounds the search for duplicates. */
#define TLV_LIMIT 24u

static const uint8_t *at(const struct image *image, uint32_t offset)
{
    return (const uint8_t *)(image->base + offset);
}

/* One name for what has two numbers. */
static uint32_t canonical(uint32_t type)
{
    return type == TLV_UUID_VID_2_5 ? TLV_UUID_VID : type == TLV_UUID_CID_2_5 ? TLV_UUID_CID : type;
}

/* Whether a type belongs into the unprotected area: what hash and signature cannot cover. */
static bool unprotected_type(uint32_t type)
{
    return type <= 0x02u || (type >= 0x10u && type <= 0x34u) || type == TLV_HMAC;
}

/* Known to this format, for another kind of device: compressed images, other algorithms. */
static bool unsupported_type(uint32_t type)
{
    switch (type) {
    case TLV_KEYHASH:
    case TLV_SHA256:
    case TLV_RSA2048_PSS:
    case TLV_ECDSA_SIG:
    case TLV_ENC_KW:
    case TLV_ENC_EC256:
    case TLV_HMAC:
        return false;
    default:
        return unprotected_type(type) || (type >= 0x70u && type <= 0x73u);
    }
}

/* The TLV at an offset of an area that ends at `end`: its type, and where its data is.  Nothing read is trusted:
 * false where header or data go beyond the end. */
static bool tlv_at(const struct image *image, uint32_t offset, uint32_t end, uint32_t *type, struct bytes *data)
{
    if (end - offset < TLV_HEADER_BYTES) {
        return false;
    }
    *type = canonical(get16(at(image, offset)));
    data->data = at(image, offset + TLV_HEADER_BYTES);
    data->length = get16(at(image, offset + 2u));
    return data->length <= end - offset - TLV_HEADER_BYTES;
}

/* How often a type is in an area; only called for areas that were found well-formed up to `end`. */
static uint32_t tlv_count(const struct image *image, uint32_t start, uint32_t end, uint32_t wanted, struct bytes *found)
{
    uint32_t type;
    struct bytes data;
    uint32_t count = 0;

    for (uint32_t offset = start; offset < end && tlv_at(image, offset, end, &type, &data);
         offset += TLV_HEADER_BYTES + data.length) {
        if (type == wanted) {
            *found = data;
            count++;
        }
    }
    return count;
}

/* Whether an area, without its info header, is a row of TLVs that belong there, each once, up to its very end. */
static enum reason area_check(const struct image *image, uint32_t start, uint32_t end, bool is_protected)
{
    uint32_t type;
    uint32_t number = 0;
    struct bytes data;
    struct bytes ignored;

    for (uint32_t offset = start; offset < end; offset += TLV_HEADER_BYTES + data.length) {
        if (++number > TLV_LIMIT || !tlv_at(image, offset, end, &type, &data)
            || unprotected_type(type) == is_protected || tlv_count(image, start, offset, type, &ignored) != 0u) {
            return REASON_TLV;
        }
        if (unsupported_type(type)) {
            return REASON_UNSUPPORTED;
        }
    }
    return REASON_NONE;
}

/* Header fields other than sizes. */
static enum reason header_check(const struct image *image)
{
    if ((image->flags & ~(IMAGE_F_ENCRYPTED_AES128 | IMAGE_F_NON_BOOTABLE)) != 0u) {
        return REASON_UNSUPPORTED;
    }
    if ((image->flags & IMAGE_F_NON_BOOTABLE) != 0u) {
        return REASON_NOT_BOOTABLE;
    }
    return REASON_NONE;
}

/* Finds the ends of payload and areas.  Each sum stays below IMAGE_MAX_BYTES before the next is made. */
static enum reason bounds(struct image *image)
{
    const uint32_t payload = get32(at(image, IMG_SIZE));
    const uint32_t protect = get16(at(image, PROTECT_TLV_SIZE));

    if (get16(at(image, HDR_SIZE)) != IMAGE_HEADER_BYTES || payload == 0u
        || payload > IMAGE_MAX_BYTES - IMAGE_HEADER_BYTES) {
        return REASON_SIZE;
    }
    image->payload_end = IMAGE_HEADER_BYTES + payload;
    if (protect > IMAGE_MAX_BYTES - image->payload_end
        || TLV_INFO_BYTES > IMAGE_MAX_BYTES - image->payload_end - protect) {
        return REASON_SIZE;
    }
    image->protected_end = image->payload_end + protect;
    if (protect != 0u
        && (protect < TLV_INFO_BYTES || get16(at(image, image->payload_end)) != TLV_PROT_INFO_MAGIC
            || get16(at(image, image->payload_end + 2u)) != protect)) {
        return REASON_TLV;
    }
    const uint32_t unprotected = get16(at(image, image->protected_end + 2u));

    if (get16(at(image, image->protected_end)) != TLV_INFO_MAGIC || unprotected < TLV_INFO_BYTES) {
        return REASON_TLV;
    }
    if (unprotected > IMAGE_MAX_BYTES - image->protected_end) {
        return REASON_SIZE;
    }
    image->end = image->protected_end + unprotected;
    return REASON_NONE;
}

enum reason image_open(enum slot slot, struct image *image)
{
    image->base = slot == SLOT_0 ? LAYOUT_SLOT0 : LAYOUT_SLOT1;
    image->flags = get32(at(image, FLAGS));
    image->version.major = *at(image, VERSION);
    image->version.minor = *at(image, VERSION + 1u);
    image->version.revision = (uint16_t)get16(at(image, VERSION + 2u));
    image->version.build = get32(at(image, VERSION + 4u));
    image->payload_end = image->protected_end = image->end = IMAGE_HEADER_BYTES;

    if (get32(at(image, 0)) != IMAGE_MAGIC) {
        return REASON_MAGIC;
    }
    enum reason reason = bounds(image);

    if (reason == REASON_NONE) {
        reason = header_check(image);
    }
    if (reason == REASON_NONE && image->protected_end != image->payload_end) {
        reason = area_check(image, image->payload_end + TLV_INFO_BYTES, image->protected_end, true);
    }
    if (reason == REASON_NONE) {
        reason = area_check(image, image->protected_end + TLV_INFO_BYTES, image->end, false);
    }
    return reason;
}

bool image_find_tlv(const struct image *image, enum tlv type, struct bytes *found)
{
    const bool unprotected = unprotected_type((uint32_t)type);
    const uint32_t start = unprotected ? image->protected_end : image->payload_end;
    const uint32_t end = unprotected ? image->end : image->protected_end;

    found->data = NULL;
    found->length = 0;
    return start != end && tlv_count(image, start + TLV_INFO_BYTES, end, (uint32_t)type, found) == 1u;
}

uint32_t image_total_bytes(const struct image *image)
{
    return image->end;
}

static int compare(uint32_t a, uint32_t b)
{
    return a < b ? -1 : a > b ? 1 : 0;
}

int image_version_compare(const struct image_version *a, const struct image_version *b)
{
    int order = compare(a->major, b->major);

    if (order == 0) {
        order = compare(a->minor, b->minor);
    }
    if (order == 0) {
        order = compare(a->revision, b->revision);
    }
    return order != 0 ? order : compare(a->build, b->build);
}

bool image_counter(const struct image *image, uint32_t *counter)
{
    struct bytes found;

    if (!image_find_tlv(image, TLV_SEC_CNT, &found) || found.length != 4u) {
        return false;
    }
    *counter = get32(found.data);
    return true;
}

bool image_signing_time(const struct image *image, uint64_t *seconds)
{
    struct bytes found;

    if (!image_find_tlv(image, TLV_SIGNING_TIME, &found) || found.length != 8u) {
        return false;
    }
    *seconds = get64(found.data);
    return true;
}
