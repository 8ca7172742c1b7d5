/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Which image runs.  Everything here is decided anew at each boot, from the state records and the slots alone; a power
 * cut anywhere leads to one of the states from which this begins.
 */
#include "main.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "chip.h"
#include "cortex_m.h"
#include "image.h"
#include "start.h"
#include "state.h"
#include "swap.h"
#include "text.h"
#include "verify.h"

static struct verdict verdict0; /* of slot 0, to start */
static struct verdict verdict1;
static struct boot_state state;

static bool accepted(const struct verdict *verdict)
{
    return verdict->accepted == VERDICT_ACCEPTED && verdict->reason == REASON_NONE;
}

static bool swapping(void)
{
    return state.phase == PHASE_SWAP_TEST || state.phase == PHASE_SWAP_PERM || state.phase == PHASE_SWAP_REVERT;
}

static bool on_trial(void)
{
    return state.phase == PHASE_TRIAL || state.phase == PHASE_TRIAL_NEW;
}

static void say(const char *what, const char *more)
{
    text_put("boot: ");
    text_put(what);
    text_put(more);
    text_end();
}

/* Nothing is pending any more. */
static bool settle(enum phase phase, enum reason result)
{
    state.phase = (uint8_t)phase;
    state.last_result = (uint8_t)result;
    state.pages = 0;
    memset(&state.up, 0, sizeof(state.up));
    memset(&state.down, 0, sizeof(state.down));
    if (phase == PHASE_IDLE) {
        state.deferrals = 0;
        memset(state.pending_hash, 0, sizeof(state.pending_hash));
    }
    return state_write(&state);
}

/* Verifies; built with BOOT_TIMES=1 it also says how many ticks (CHIP_TICK_HZ) that took. */
static void look_at(enum slot slot, enum purpose purpose, const struct image *running, struct verdict *verdict)
{
    const uint32_t since = chip_ticks();

    verify_image(slot, purpose, running, verdict);
    if (BOOT_TIMES) {
        text_put(slot == SLOT_0 ? "boot: ticks for slot 0: " : "boot: ticks for slot 1: ");
        text_number(chip_ticks() - since);
        text_end();
    }
}

static uint32_t pages_of(const struct image *image)
{
    return (image->end + LAYOUT_PAGE_BYTES - 1u) / LAYOUT_PAGE_BYTES;
}

/* Slot 1 has been accepted; slot 0 may hold anything. */
static void begin(enum phase phase)
{
    state.phase = (uint8_t)phase;
    state.pages = pages_of(&verdict1.image);
    state.up = verdict1.cipher;
    memset(&state.down, 0, sizeof(state.down));
    if (accepted(&verdict0)) {
        const uint32_t pages = pages_of(&verdict0.image);

        state.down = verdict0.cipher;
        state.pages = pages > state.pages ? pages : state.pages;
    }
    swap_begin(&state);
}

/* Ends the swap, and this boot with it: what follows is decided from the flash alone, with nothing left in RAM. */
static void finish(void)
{
    bool noted;

    swap_run(&state);
    if (state.phase == PHASE_SWAP_TEST) {
        noted = settle(PHASE_TRIAL_NEW, REASON_NONE);
    } else {
        noted = settle(PHASE_IDLE, state.phase == PHASE_SWAP_REVERT ? REASON_REVERTED : REASON_INSTALLED);
    }
    if (noted) {
        uart_flush();
        chip_reset();
    }
}

/* Looks at slot 1 and begins a swap if it may come in; else that was it. */
static bool try_slot1(enum purpose purpose, enum phase phase)
{
    look_at(SLOT_1, purpose, accepted(&verdict0) ? &verdict0.image : NULL, &verdict1);
    if (!accepted(&verdict1)) {
        if (state.phase != PHASE_IDLE) { /* somebody asked for it */
            say("slot 1 refused: ", reason_name(verdict1.reason));
            (void)settle(PHASE_IDLE, verdict1.reason);
        }
        return false;
    }
    begin(phase);
    return true;
}

/* Whether a swap was begun. */
static bool decide(void)
{
    const bool good = accepted(&verdict0);

    switch (state.phase) {
    case PHASE_REQUEST_TEST:
        return try_slot1(good ? TO_INSTALL : TO_RECOVER, good ? PHASE_SWAP_TEST : PHASE_SWAP_PERM);
    case PHASE_REQUEST_PERM:
        return try_slot1(good ? TO_INSTALL : TO_RECOVER, PHASE_SWAP_PERM);
    case PHASE_TRIAL_NEW:
        /* Without the note that the trial has begun there is no trial: it could not end. */
        if (good && settle(PHASE_TRIAL, REASON_NONE)) {
            return false;
        }
        return try_slot1(TO_REVERT, PHASE_SWAP_REVERT);
    case PHASE_TRIAL:
        return try_slot1(TO_REVERT, PHASE_SWAP_REVERT);
    default:
        return !good && try_slot1(TO_RECOVER, PHASE_SWAP_PERM);
    }
}

/* Slot 0 is confirmed in all phases but those of a trial: there is no way back behind its counter. */
static void raise_counter(void)
{
    uint32_t counter;

    if (WB_COUNTER && accepted(&verdict0) && !on_trial() && image_counter(&verdict0.image, &counter)
        && counter > counter_read()) {
        if (!counter_raise(counter)) {
            say("counter not raised", "");
        }
    }
}

_Noreturn static void start(void)
{
    text_put("boot: starting ");
    text_version(&verdict0.image.version);
    text_end();
    uart_flush();
    *(volatile uint32_t *)LAYOUT_BOOT_VERSION = (uint32_t)BOOT_VERSION;
    start_application(LAYOUT_SLOT0 + IMAGE_HEADER_BYTES);
}

_Noreturn static void stay(void)
{
    say("nothing to start: ", reason_name(verdict0.reason));
    for (;;) {
        wait_for_interrupt();
    }
}

/* Nothing is swapped and decided in one boot: a swap ends with a reset. */
static void swap(void)
{
    say(state.phase == PHASE_SWAP_REVERT ? "reverting" : "installing", "");
    finish();
    memset(&verdict0, 0, sizeof(verdict0)); /* the flash does not take the record; slot 0 is not what was verified */
}

_Noreturn void boot_main(void)
{
    chip_init();
    say("wb-boot " BOOT_VERSION " " WB_PROFILE, "");
    state_read(&state);
    if (swapping()) {
        swap();
    }
    look_at(SLOT_0, state.phase == PHASE_IDLE || state.phase == PHASE_TRIAL_NEW ? TO_START : TO_LEAVE, NULL, &verdict0);
    raise_counter();
    if (decide()) {
        swap();
    }
    if (accepted(&verdict0) && !swapping()) {
        start();
    }
    stay();
}
