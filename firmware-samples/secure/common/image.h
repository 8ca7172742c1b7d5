/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Images in MCUboot's format: header, payload, protected TLVs, TLVs.  Little-endian.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "layout.h"
#include "provision.h"
#include "reason.h"

/* The application's vector table follows the header and needs this alignment. */
#define IMAGE_HEADER_BYTES 0x100u

/* A page of the slot stays free: swap by move needs it. */
#define IMAGE_MAX_BYTES ((LAYOUT_SLOT_PAGES - 1u) * LAYOUT_PAGE_BYTES)

#define IMAGE_MAGIC 0x96F3B83Du

#define IMAGE_F_ENCRYPTED_AES128 0x0004u
#define IMAGE_F_NON_BOOTABLE     0x0010u

enum tlv {
    TLV_KEYHASH = 0x01,
    TLV_SHA256 = 0x10,
    TLV_RSA2048_PSS = 0x20,
    TLV_ECDSA_SIG = 0x22,
    TLV_ENC_KW = 0x31,
    TLV_ENC_EC256 = 0x32,
    TLV_DEPENDENCY = 0x40,
    TLV_SEC_CNT = 0x50,
    TLV_UUID_VID = 0x80,     /* 0x74 in the images of imgtool 2.5; image_open() takes both for the same */
    TLV_UUID_CID = 0x81,     /* 0x75 likewise */
    TLV_SIGNER_CHAIN = 0xA0, /* protected: DER certificates, leaf first, without the root */
    TLV_SIGNING_TIME = 0xA1, /* protected: u64, seconds since 1970 UTC */
    TLV_HMAC = 0xA2,         /* HMAC-SHA256 over what the hash covers */
    TLV_SEVERITY = 0xA3,     /* protected: u8, 0 optional, 1 mandatory, 2 critical */
    TLV_MAX_DEFERRALS = 0xA4 /* protected: u16 */
};

struct image_version {
    uint8_t major;
    uint8_t minor;
    uint16_t revision;
    uint32_t build;
};

/* An image whose structure is sound: all offsets are inside the slot.  Nothing of it is authentic yet. */
struct image {
    uint32_t base;            /* address of the slot */
    uint32_t flags;
    uint32_t payload_end;     /* offsets in the slot; the payload starts at IMAGE_HEADER_BYTES */
    uint32_t protected_end;   /* end of what hash and signature cover; payload_end if nothing is protected */
    uint32_t end;             /* end of the image */
    struct image_version version;
};

enum tlv_area { AREA_PROTECTED, AREA_UNPROTECTED };

enum slot { SLOT_0 = 0, SLOT_1 = 1 };

/* Reads header and TLV structure of a slot, strictly.  REASON_NONE, or MAGIC, SIZE, TLV, UNSUPPORTED,
 * NOT_BOOTABLE.  Cheap: no cryptography, used by the application to list images. */
enum reason image_open(enum slot slot, struct image *image);

/* Finds a TLV in the area where it belongs (a protected one in the unprotected area is refused by image_open). */
bool image_find_tlv(const struct image *image, enum tlv type, struct bytes *found);

/* Length of the whole image in the slot, in bytes: an upload of another length is not this image. */
uint32_t image_total_bytes(const struct image *image);

/* Negative, 0, positive as a is older than, the same as, newer than b.  The build number counts. */
int image_version_compare(const struct image_version *a, const struct image_version *b);

/* Security counter of an image; false without the TLV. */
bool image_counter(const struct image *image, uint32_t *counter);

/* Signing time of an image; false without the TLV. */
bool image_signing_time(const struct image *image, uint64_t *seconds);

#endif
