/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "framing.h"

enum {
    FIRST_1 = 0x06,
    FIRST_2 = 0x09,
    NEXT_1 = 0x04,
    NEXT_2 = 0x14,
};

/* BETWEEN is outside of lines that matter; in WAIT a frame has begun and its next line is awaited. */
enum state { BETWEEN, WAIT, SEEN_FIRST_1, SEEN_NEXT_1, IN_LINE };

enum { LENGTH_BYTES = 2, CRC_BYTES = 2, LINE_DECODED_BYTES = 93 };

uint16_t framing_crc16(uint16_t crc, const uint8_t *data, size_t length)
{
    while (length-- > 0u) {
        /* The eight steps of the polynomial's division at once. */
        uint32_t x = (crc >> 8) ^ *data++;

        x ^= x >> 4;
        crc = (uint16_t)((uint32_t)crc << 8 ^ x << 12 ^ x << 5 ^ x);
    }
    return crc;
}

/* Value of a base64 digit, or -1. */
static int digit_value(uint8_t byte)
{
    if (byte >= 'A' && byte <= 'Z') {
        return byte - 'A';
    }
    if (byte >= 'a' && byte <= 'z') {
        return byte - 'a' + 26;
    }
    if (byte >= '0' && byte <= '9') {
        return byte - '0' + 52;
    }
    return byte == '+' ? 62 : byte == '/' ? 63 : -1;
}

void framing_lost(struct framing *framing)
{
    framing->state = BETWEEN;
    framing->wanted = 0;
}

static void begin_line(struct framing *framing)
{
    framing->state = IN_LINE;
    framing->group = 0;
    framing->bits = 0;
    framing->padded = false;
}

static void begin_frame(struct framing *framing)
{
    framing->wanted = LENGTH_BYTES;
    framing->taken = 0;
    framing->length = 0;
    framing->crc = 0;
    begin_line(framing);
}

/* The length is complete.  False when no such packet can be taken. */
static bool begin_packet(struct framing *framing)
{
    if (framing->length <= CRC_BYTES || framing->length - CRC_BYTES > FRAMING_PACKET_BYTES) {
        return false;
    }
    framing->wanted = LENGTH_BYTES + framing->length;
    framing->length -= CRC_BYTES;
    return true;
}

/* Takes a decoded byte.  False when the frame cannot go on. */
static bool take(struct framing *framing, uint8_t byte)
{
    const uint32_t at = framing->taken++;

    if (at >= framing->wanted) {
        return false;
    }
    if (at < LENGTH_BYTES) {
        framing->length = framing->length << 8 | byte;
        return at + 1u < LENGTH_BYTES || begin_packet(framing);
    }
    framing->crc = framing_crc16(framing->crc, &byte, 1);
    if (at - LENGTH_BYTES < framing->length) {
        framing->packet[at - LENGTH_BYTES] = byte;
    }
    return true;
}

/* Four digits are together, the last `padding` of them standing for nothing. */
static bool take_group(struct framing *framing, unsigned int padding)
{
    bool good = true;

    for (unsigned int i = 0; i < 3u - padding; i++) {
        good = good && take(framing, (uint8_t)(framing->bits >> (16u - 8u * i)));
    }
    framing->group = 0;
    framing->bits = 0;
    return good;
}

static bool take_digit(struct framing *framing, uint8_t byte)
{
    const int value = digit_value(byte);

    if (value < 0 || framing->padded) {
        return false;
    }
    framing->bits = framing->bits << 6 | (uint32_t)value;
    return ++framing->group < 4u || take_group(framing, 0);
}

/* The first '=' takes the place of all that are missing; one more may follow. */
static bool take_padding(struct framing *framing)
{
    const unsigned int missing = 4u - framing->group;

    if (framing->padded) {
        return true;
    }
    if (missing > 2u) {
        return false;
    }
    framing->padded = true;
    framing->bits <<= 6u * missing;
    return take_group(framing, missing);
}

static bool end_frame(struct framing *framing)
{
    const bool good = framing->crc == 0u;

    framing_lost(framing);
    return good;
}

static bool feed_line(struct framing *framing, uint8_t byte)
{
    if (byte == '\n' || byte == '\r') {
        if (framing->group != 0u) {
            framing_lost(framing);
        } else {
            framing->state = WAIT;
        }
        return false;
    }
    if (!(byte == '=' ? take_padding(framing) : take_digit(framing, byte))) {
        framing_lost(framing);
        return false;
    }
    /* At once, without waiting for the end of the line: it carries nothing. */
    return framing->wanted > LENGTH_BYTES && framing->taken == framing->wanted && end_frame(framing);
}

/* No base64 digit and no line end: the first character of a line, wherever it comes. */
static bool feed_start(struct framing *framing, uint8_t byte)
{
    if (byte == FIRST_1) {
        framing->state = SEEN_FIRST_1;
    } else if (byte == NEXT_1 && framing->state != IN_LINE) {
        framing->state = SEEN_NEXT_1;
    } else {
        return false;
    }
    return true;
}

bool framing_feed(struct framing *framing, uint8_t byte)
{
    if (framing->state == SEEN_FIRST_1 && byte == FIRST_2) {
        begin_frame(framing);
    } else if (framing->state == SEEN_NEXT_1 && byte == NEXT_2 && framing->wanted > 0u) {
        begin_line(framing);
    } else if (feed_start(framing, byte)) {
        return false;
    } else if (framing->state == IN_LINE) {
        return feed_line(framing, byte);
    } else if (framing->state == SEEN_FIRST_1 || framing->state == SEEN_NEXT_1) {
        framing->state = framing->wanted > 0u ? WAIT : BETWEEN;
    }
    return false;
}

/* --- Sending ------------------------------------------------------------------------------------------------- */

struct sender {
    void (*put)(uint8_t byte);
    uint32_t bits;
    unsigned int group;     /* bytes in bits */
    unsigned int in_line;   /* decoded bytes of this line */
    bool further;           /* not the first line */
};

static void put_digits(const struct sender *sender, unsigned int digits)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (unsigned int i = 0; i < 4u; i++) {
        sender->put(i < digits ? (uint8_t)alphabet[sender->bits >> (18u - 6u * i) & 0x3Fu] : (uint8_t)'=');
    }
}

static void send_byte(struct sender *sender, uint8_t byte)
{
    if (sender->in_line == 0u) {
        sender->put(sender->further ? NEXT_1 : FIRST_1);
        sender->put(sender->further ? NEXT_2 : FIRST_2);
        sender->further = true;
    }
    sender->bits |= (uint32_t)byte << (16u - 8u * sender->group);
    sender->in_line++;
    if (++sender->group == 3u) {
        put_digits(sender, 4);
        sender->group = 0;
        sender->bits = 0;
    }
    if (sender->in_line == LINE_DECODED_BYTES) {
        sender->put('\n');
        sender->in_line = 0;
    }
}

static void send_u16(struct sender *sender, uint32_t value)
{
    send_byte(sender, (uint8_t)(value >> 8));
    send_byte(sender, (uint8_t)value);
}

void framing_send(const struct framing_part *parts, size_t count, void (*put)(uint8_t byte))
{
    struct sender sender = {.put = put};
    uint32_t length = CRC_BYTES;
    uint16_t crc = 0;

    for (size_t i = 0; i < count; i++) {
        length += (uint32_t)parts[i].length;
        crc = framing_crc16(crc, parts[i].data, parts[i].length);
    }
    send_u16(&sender, length);
    for (size_t i = 0; i < count; i++) {
        for (size_t at = 0; at < parts[i].length; at++) {
            send_byte(&sender, parts[i].data[at]);
        }
    }
    send_u16(&sender, crc);
    if (sender.group > 0u) {
        put_digits(&sender, sender.group + 1u);
    }
    if (sender.in_line > 0u) {
        put('\n');
    }
}
