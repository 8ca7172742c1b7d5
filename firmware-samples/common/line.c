/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "line.h"

#include "console.h"

static void start_anew(struct line *line)
{
    line->length = 0;
    line->error = 0;
    line->damaged_start = false;
    line->ended = false;
}

static void note_error(struct line *line, int error)
{
    if (line->error == 0) {
        line->error = error;
    }
}

static int end_line(struct line *line)
{
    line->ended = true;
    return line->error != 0 ? line->error : LINE_COMPLETE;
}

static bool is_printable(uint8_t byte)
{
    return byte >= 0x20u && byte < 0x7Fu;
}

static void add_byte(struct line *line, uint8_t byte)
{
    const bool left_behind = line->damaged_start && !is_printable(byte);

    line->damaged_start = false;
    if (left_behind) {
        return;
    }
    if (line->length < LINE_MAX_BYTES) {
        line->bytes[line->length++] = byte;
    } else {
        note_error(line, LINE_ERROR_TOO_LONG);
    }
}

static void add_mark(struct line *line, uint16_t mark)
{
    if ((mark & RX_OVERRUN) != 0u) {
        note_error(line, LINE_ERROR_OVERRUN);
    } else if (line->length > 0u) {
        note_error(line, LINE_ERROR_DAMAGED);
    } else {
        line->damaged_start = true;
    }
}

int line_feed(struct line *line, uint16_t byte_or_mark)
{
    const bool after_cr = line->after_cr;

    line->after_cr = byte_or_mark == '\r';
    if (byte_or_mark == '\n' && after_cr) {
        return LINE_UNFINISHED;
    }
    if (line->ended) {
        start_anew(line);
    }
    if (byte_or_mark == '\r' || byte_or_mark == '\n') {
        return end_line(line);
    }
    if (byte_or_mark > 0xFFu) {
        add_mark(line, byte_or_mark);
    } else {
        add_byte(line, (uint8_t)byte_or_mark);
    }
    return LINE_UNFINISHED;
}
