/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The identity area: what the factory wrote, once.  Magic "WBPROV01", u32 length of the TLV area, u32 CRC-32 of it,
 * then TLVs {u16 type, u16 length, data, zeros up to a multiple of 4}; little-endian.
 */
#ifndef PROVISION_H
#define PROVISION_H

#include <stdbool.h>
#include <stdint.h>

enum provision {
    PROVISION_VID = 1,         /* 16 bytes */
    PROVISION_CID = 2,         /* 16 */
    PROVISION_ROOT_DN = 3,     /* DER Name of the root's subject */
    PROVISION_ROOT_EC = 4,     /* 65: uncompressed P-256 point */
    PROVISION_ROOT_RSA = 5,    /* 260: modulus big-endian, u32 exponent little-endian */
    PROVISION_ENC_KEY = 6,     /* 32: P-256 private key, big-endian, to unwrap image keys */
    PROVISION_KEK = 7,         /* 16: key encryption key of the fleet (tier 1) */
    PROVISION_UNIT_SECRET = 8, /* 32: this unit's own secret (tier 1+) */
    PROVISION_TIME_FLOOR = 9,  /* u64: no signing time before it, seconds since 1970 UTC */
    PROVISION_DEVICE_KEY = 10, /* 32: P-256 private key, big-endian, answers challenges (tier 2) */
    PROVISION_PROFILE = 11,    /* ASCII name */
};

struct bytes {
    const uint8_t *data;
    uint32_t length;
};

/* Whether the area is there, its CRC is right and its TLVs are well-formed, each type at most once. */
bool provision_valid(void);

/* Finds a TLV.  False when the area is not valid, it is not there, or (length other than 0) has another length. */
bool provision_find(enum provision type, uint32_t length, struct bytes *found);

#endif
