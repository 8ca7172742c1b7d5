/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What bootloader and application tell each other over a reset, kept so that a power cut at any moment leaves the
 * state before or the state after: records of 128 bytes, appended in two pages that take turns, each with a CRC.
 */
#ifndef STATE_H
#define STATE_H

#include <stdint.h>

#include "reason.h"

/* Who writes which phase: the application REQUEST_* (from IDLE) and IDLE (from TRIAL, to confirm); the bootloader the
 * rest. */
enum phase {
    PHASE_IDLE = 0,         /* slot 0 is confirmed */
    PHASE_REQUEST_TEST = 1, /* install slot 1, on trial */
    PHASE_REQUEST_PERM = 2, /* install slot 1 for good */
    PHASE_SWAP_TEST = 3,    /* the slots are being swapped; TRIAL_NEW follows */
    PHASE_SWAP_PERM = 4,    /* the slots are being swapped; IDLE follows */
    PHASE_TRIAL = 5,        /* slot 0 runs on trial; unless confirmed, the next boot reverts */
    PHASE_SWAP_REVERT = 6,  /* the slots are being swapped back; IDLE follows */
    PHASE_TRIAL_NEW = 7,    /* the slots have been swapped; TRIAL follows with the first start */
};

/* How the payload of an image changes when it moves between the slots: encrypted in slot 1, plain in slot 0. */
struct swap_cipher {
    uint32_t start;  /* offset in the slot of the first encrypted byte */
    uint32_t end;    /* offset after the last one; 0: not encrypted */
    uint8_t key[16]; /* AES-128 */
};

/* A record as it lies in flash.  Whoever writes one reads the newest first, changes it and hands it to state_write().
 */
struct boot_state {
    uint32_t magic;           /* set by state_write() */
    uint32_t seq;             /* set by state_write() */
    uint8_t phase;            /* enum phase */
    uint8_t last_result;      /* enum reason: how the last request ended */
    uint16_t deferrals;       /* the application's: how often the pending image was put off */
    uint32_t pages;           /* swap: how many pages change places */
    uint8_t pending_hash[32]; /* the application's: hash TLV of the image that consent was asked for or that was
                                 requested; all 0 if none */
    struct swap_cipher up;    /* swap: of the image that moves from slot 1 to slot 0 */
    struct swap_cipher down;  /* swap: of the image that moves from slot 0 to slot 1 */
    uint8_t app[28];          /* the application's own; the bootloader carries it along */
    uint32_t crc;             /* CRC-32 of all before; set by state_write() */
};

_Static_assert(sizeof(struct boot_state) == 128, "a record has 128 bytes");

/* The newest valid record; all 0 (IDLE) when there is none. */
void state_read(struct boot_state *state);

/* Appends a record.  False when it could not be read back. */
_Bool state_write(struct boot_state *state);

#endif
