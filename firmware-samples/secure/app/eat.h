/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The unit's attestation: an Entity Attestation Token (RFC 9711), a CWT without tag 61.
 *
 *   with a P-256 key       COSE_Sign1, tag 18: [<<{1: -7}>>, {4: kid}, payload, signature]; kid is the first 8 bytes of
 *                          SHA-256(04 X Y); payload of the signature is RFC 9052's Sig_structure, external_aad empty
 *   with a unit's secret   COSE_Mac0, tag 17: [<<{1: 5}>>, {4: kid}, payload, HMAC 256/256] with the key that answers
 *                          challenges; kid is the first 8 bytes of SHA-256(key)
 *   with neither           none: the fleet's key tells nobody which unit this is
 *
 * Claims, deterministically encoded (RFC 8949, 4.2.1), in this order:
 *
 *     10  eat_nonce      the verifier's, 8 to 64 bytes
 *    256  ueid           33 bytes: 01 (RAND, 256 bits) and SHA-256(04 X Y), or SHA-256(SHA-256(key)) for a secret, as RFC
 *                        9783 makes instance IDs; the chip's ID alone is too short for the type
 *    263  dbgstat        0, enabled: a debugger can always halt this core; what locking does is in 2395
 *    265  eat_profile    "tag:workbench,2026:mcu-1"
 *   2395  security lifecycle (RFC 9783)   0x3000 (secured) when flash was protected against read-out at the last start,
 *                        else 0x2000
 *   2399  software components (RFC 9783)  [{1: "app", 2: SHA-256 over the image as it lies in flash, 4: version, 5?:
 *                        SHA-256 over the provisioned root key as in the page (signer-id; profiles with signatures)}]
 * -70001  slot           0
 * -70002  security counter
 * -70003  profile        name
 * -70004  confirmed      false: the image runs on trial
 * -70005  chip ID        8 bytes, as in identity
 * -70006  key's origin   "on-chip" | "injected"
 */
#ifndef EAT_H
#define EAT_H

#include <stdbool.h>
#include <stdint.h>

#include "cbor.h"

enum { EAT_NONCE_MIN = 8, EAT_NONCE_MAX = 64 };

enum eat_result { EAT_OK, EAT_NO_KEY, EAT_FAILED };

/* Looks at what holds from start to start only.  Called once. */
void eat_start(void);

/* Writes the token as one byte string. */
enum eat_result eat_write(struct cbor_out *out, const uint8_t *nonce, uint32_t length);

#endif
