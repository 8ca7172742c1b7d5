/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Puts received bytes together to lines.  Knows neither chip nor console.
 */
#ifndef COMMON_LINE_H
#define COMMON_LINE_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes without the end of line. */
#define LINE_MAX_BYTES 256

enum line_result {
    LINE_UNFINISHED = 0,
    LINE_COMPLETE = 1,
    LINE_ERROR_TOO_LONG = -1,
    LINE_ERROR_OVERRUN = -2, /* bytes are missing in it */
    LINE_ERROR_DAMAGED = -3, /* bytes in it are wrong */
};

struct line {
    uint8_t bytes[LINE_MAX_BYTES];
    uint32_t length;
    int error; /* the first thing that went wrong in this line, or 0 */
    bool ended; /* the last byte ended a line: start anew with the next one */
    bool damaged_start; /* damage came before the first byte */
    bool after_cr; /* a line feed belongs to the carriage return before it */
};

/*
 * Takes a byte, or a mark of the enum in console.h.  A line ends with CR, LF or CR LF.  Returns LINE_COMPLETE
 * when bytes and length hold one, a negative enum line_result for a line that cannot be used, and
 * LINE_UNFINISHED otherwise.
 *
 * Damage before the first byte of a line is forgotten, together with the byte that it left behind: that is
 * what plugging in a cable looks like.
 */
int line_feed(struct line *line, uint16_t byte_or_mark);

#endif
