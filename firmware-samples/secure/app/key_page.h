/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The key page, LAYOUT_KEYS: what the unit's enrolment leaves for good.  Little-endian.
 *
 *   0x000  enrolment record, written by the debug probe: "WBENROL1", one-time secret (32 bytes), u32 CRC-32 of both
 *   0x040  key record, written by the device: private key (32 bytes), public point X Y (64), u32 CRC-32 of both, u32
 *          mark KEY_MARK, which is written when the rest was read back
 *   0x100  spent mark: 0 in its first word says that enrolment is over
 *   0x140  six more key records, for when the power went while one was written: that one is overwritten with zeros and
 *          the next is taken, so that nothing of the page has to be erased
 *
 * A record without its mark was never shown to anybody.  A whole one is never replaced, nor is one that has its mark and
 * is damaged: the unit then has no key, and gets no other.
 */
#ifndef KEY_PAGE_H
#define KEY_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#define KEY_MARK 0x59454B21u

enum { KEY_PRIVATE_BYTES = 32, KEY_POINT_BYTES = 65, ENROL_SECRET_BYTES = 32 };

/* The one-time secret; NULL when the enrolment record is not there, not whole, or spent. */
const uint8_t *key_page_secret(void);

/* Private key and, behind it, X Y of the public one; NULL when there is no whole record. */
const uint8_t *key_page_key(void);

/* Keeps a key.  The point has its leading 04.  False when there is one already, also a damaged one, or
 * the flash does not take it. */
bool key_page_store(const uint8_t private_key[KEY_PRIVATE_BYTES], const uint8_t point[KEY_POINT_BYTES]);

/* Whether enrolment is over. */
bool key_page_spent(void);

/* Overwrites the one-time secret and its CRC with zeros, then marks enrolment as over.  False when the flash does not
 * take it. */
bool key_page_spend(void);

#endif
