/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * SMP over a console (Zephyr's "SMP over console", Mynewt's NLIP): a packet of SMP, its length before it and a
 * CRC-16 behind it, in base64, cut into lines.
 *
 *   0x06 0x09 BASE64 LF      first line; decoded it starts with u16 length of packet and CRC, big-endian
 *   0x04 0x14 BASE64 LF      each further line
 *
 * Whatever stands between the lines is passed over.  Knows neither chip nor SMP.
 */
#ifndef FRAMING_H
#define FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Largest packet, bytes. */
#ifndef FRAMING_PACKET_BYTES
#define FRAMING_PACKET_BYTES 4096u
#endif

/* The receiver of one line.  All 0 to start with. */
struct framing {
    uint8_t state;
    uint8_t group;      /* base64 digits in bits */
    bool padded;        /* this line had its padding */
    uint16_t crc;       /* over packet and CRC: 0 when both are right */
    uint32_t bits;
    uint32_t wanted;    /* decoded bytes of the frame: 2 + packet + CRC; 2 until the length is known */
    uint32_t taken;     /* of these */
    uint32_t length;    /* of the packet, when framing_feed() said true */
    uint8_t packet[FRAMING_PACKET_BYTES];
};

/* Takes a received byte.  True when it completed a packet; packet and length hold until the next call.  A damaged
 * frame is dropped, and the next first line starts anew. */
bool framing_feed(struct framing *framing, uint8_t byte);

/* Bytes were lost here: drops what was begun. */
void framing_lost(struct framing *framing);

/* A piece of a packet to send. */
struct framing_part {
    const uint8_t *data;
    size_t length;
};

/* Sends a packet made of count parts, byte by byte.  Lines have 127 characters at most. */
void framing_send(const struct framing_part *parts, size_t count, void (*put)(uint8_t byte));

/* CRC-16 with polynomial 0x1021, start 0 (XMODEM). */
uint16_t framing_crc16(uint16_t crc, const uint8_t *data, size_t length);

#endif
