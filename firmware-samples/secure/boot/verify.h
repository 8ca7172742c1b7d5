/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Whether an image may run here.
 */
#ifndef VERIFY_H
#define VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"
#include "state.h"

enum purpose {
    TO_START,   /* slot 0, at each boot; its image key, which nothing needs then, is left alone */
    TO_LEAVE,   /* slot 0, which may have to make room: its image key will be needed */
    TO_INSTALL, /* slot 1, over the image that runs */
    TO_RECOVER, /* slot 1, because slot 0 holds nothing that may run */
    TO_REVERT,  /* slot 1, back to the image that ran before */
};

struct verdict {
    uint32_t accepted;        /* VERDICT_ACCEPTED or anything else */
    enum reason reason;       /* REASON_NONE when accepted */
    struct image image;
    struct swap_cipher cipher; /* how its payload is encrypted in slot 1 */
};

/* Far from 0, 1 and all ones, so that a single glitch does not make it. */
#define VERDICT_ACCEPTED 0x5AC3963Cu

/* Checks an image: structure, key, hash, MAC, signer and signature, then what it says about itself.  What is not
 * authentic is not interpreted.  `running` is the image in slot 0 for TO_INSTALL, else NULL. */
void verify_image(enum slot slot, enum purpose purpose, const struct image *running, struct verdict *verdict);

#endif
