/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The unit's key: what it signs or authenticates with, and where that came from.  In this order: the P-256 key that the
 * factory injected (PROVISION_DEVICE_KEY), the one made on the chip (key_page.h), the key derived from the unit's secret
 * (PROVISION_UNIT_SECRET), the one derived from the fleet's (PROVISION_KEK).
 */
#ifndef UNIT_KEY_H
#define UNIT_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UNIT_POINT_BYTES = 65, UNIT_SIGNATURE_BYTES = 64, UNIT_MAC_BYTES = 32 };

enum unit_key_kind { UNIT_KEY_NONE, UNIT_KEY_P256, UNIT_KEY_SECRET, UNIT_KEY_FLEET };

enum unit_key_kind unit_key_kind(void);

/* "on-chip", "injected", or "none" when the unit has no key of its own. */
const char *unit_key_origin(void);

/* 04 X Y of the P-256 key.  False when there is none. */
bool unit_key_point(uint8_t point[UNIT_POINT_BYTES]);

/* ECDSA over a SHA-256 hash: r and s.  Deterministic (RFC 6979): a bad source of random numbers cannot give the key
 * away.  False without a P-256 key. */
bool unit_key_sign(const uint8_t hash[32], uint8_t signature[UNIT_SIGNATURE_BYTES]);

/* The HMAC-SHA256 key of tiers 1 and 1+.  False when there is none. */
bool unit_key_derive(uint8_t key[UNIT_MAC_BYTES]);

/* HMAC-SHA256 with that key over a text in two parts. */
bool unit_key_authenticate(const void *first, size_t first_length, const void *second, size_t second_length,
                           uint8_t mac[UNIT_MAC_BYTES]);

/* How making a key ended. */
enum unit_key_made { UNIT_KEY_MADE, UNIT_KEY_RANDOM_BAD, UNIT_KEY_WRONG, UNIT_KEY_NOT_KEPT };

/* Makes a P-256 key on the chip, sees that its two halves belong together, and keeps it in the key page. */
enum unit_key_made unit_key_make(void);

#endif
