/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Requests to the bootloader, and the consent they need.  The one place where the application writes the boot state.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "consent.h"
#include "image.h"
#include "smp.h"
#include "state.h"

/* What holds now for the image in slot 1. */
struct request_view {
    struct boot_state state;
    struct image image; /* valid if there is one */
    bool there;
    struct bytes hash;  /* the image's hash TLV */
    struct consent_case now;
};

void request_look(struct request_view *view);

/* Whether slot 1 may be written: no request and no trial is under way. */
bool request_slot_is_free(void);

/* The application's own condition.  Kept in RAM only: after a reset nothing is going on. */
void request_set_busy(bool busy);

/* Asks the bootloader to install slot 1 at the next reset, on trial or for good, if the hash is its image's and
 * consent and condition allow it.  Without consent it is asked for.  Says in answer->group whose error it is. */
struct smp_status request_install(const uint8_t *hash, uint32_t length, bool permanent, struct smp_answer *answer);

/* The user's answers. */
struct smp_status request_grant(struct smp_answer *answer);
struct smp_status request_defer(void);

/* Makes the image that runs on trial the one that stays. */
struct smp_status request_confirm(void);

#endif
