/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The unit's certificate in flash, twice: copies A and B in a page each, "WBCERT01" | u32 length | u32 CRC-32 | DER,
 * little-endian.  The magic is written last, when the rest was read back.  One copy is written after the other, so a
 * power cut leaves one of them whole, unless there was none before.
 */
#ifndef CERTIFICATE_H
#define CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

#include "provision.h"

enum certificate_copy { COPY_A = 0, COPY_B = 1, COPIES = 2 };

#define CERTIFICATE_MAX_BYTES (LAYOUT_PAGE_BYTES - 16u)

/* Finds the DER of a copy.  False when the copy is not whole. */
bool certificate_find(enum certificate_copy copy, struct bytes *found);

/* The first whole copy; COPIES when there is none. */
enum certificate_copy certificate_first(struct bytes *found);

/* Whether both copies are whole and hold the same. */
bool certificate_both(void);

/* Writes both copies, each only where it does not hold that already.  False when the flash does not take it. */
bool certificate_write(const struct bytes *der);

/* Called at start: writes the copy that is not whole anew from the other one; where the two differ A counts, which is
 * written first.  Sets repaired[copy]. */
void certificate_repair(bool repaired[COPIES]);

/* Whether the bytes are one DER sequence to their end, in which the public point is to be found. */
bool certificate_fits(const struct bytes *der, const uint8_t *point, uint32_t point_length);

#endif
