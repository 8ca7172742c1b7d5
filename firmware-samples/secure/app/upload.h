/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Writes an upload into slot 1.  The slot is erased before the first byte, because the core may stand still
 * meanwhile and lose input.  Pieces are taken in order; a piece that begins elsewhere changes nothing, and the
 * answer says where to go on.
 */
#ifndef UPLOAD_H
#define UPLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "smp.h"

struct upload_start {
    uint32_t length;     /* of the whole image */
    const uint8_t *sha;  /* SHA-256 of the whole image; NULL if not given: then it cannot be resumed */
    bool upgrade;        /* only a newer version than the running one */
};

/* A first piece, offset 0.  With the length and hash of the upload that was interrupted, also by a reset, nothing is
 * changed and that one goes on. */
struct smp_status upload_begin(const struct upload_start *start, const uint8_t *data, uint32_t length);

/* A further piece.  Not an error when it is not the one that is awaited. */
struct smp_status upload_continue(uint32_t offset, const uint8_t *data, uint32_t length);

/* How many bytes there are. */
uint32_t upload_offset(void);

/* After the last piece: whether the bytes in the slot have the hash that was announced. */
enum upload_end { UPLOAD_UNFINISHED, UPLOAD_MATCHES, UPLOAD_DIFFERS, UPLOAD_NO_HASH };
enum upload_end upload_end(void);

/* Erases slot 1 and forgets the upload. */
struct smp_status upload_erase(void);

#endif
