/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "swap.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "chip.h"
#include "unwrap.h"

enum { STEP_DONE = 0, CHUNK = 256 };

#define LOG_WORDS (LAYOUT_LOG_PAGES * LAYOUT_PAGE_BYTES / 4u)

/* Each cut can spoil a word of the log; so many cuts on end find a fresh word. */
_Static_assert(LOG_WORDS >= 3u * (LAYOUT_SLOT_PAGES - 1u) + 128u, "the log has words to spare");
_Static_assert(LAYOUT_PAGE_BYTES % CHUNK == 0, "a page is a number of chunks");

static const volatile uint32_t *const log_words = (const volatile uint32_t *)LAYOUT_LOG;

static void log_erase(void)
{
    for (uint32_t page = 0; page < LAYOUT_LOG_PAGES; page++) {
        flash_erase_page(LAYOUT_LOG + page * LAYOUT_PAGE_BYTES);
    }
}

static uint32_t log_steps(void)
{
    uint32_t steps = 0;

    for (uint32_t i = 0; i < LOG_WORDS; i++) {
        steps += log_words[i] == STEP_DONE ? 1u : 0u;
    }
    return steps;
}

/* Into the first erased word.  A word that a cut left half written is passed over; were all used up, such a one is
 * written again. */
static void log_step(void)
{
    const uint32_t done = STEP_DONE;
    uint32_t at = LOG_WORDS;

    for (uint32_t i = LOG_WORDS; i-- > 0u;) {
        if (log_words[i] == UINT32_MAX || (at == LOG_WORDS && log_words[i] != STEP_DONE)) {
            at = i;
        }
    }
    flash_write_words((uint32_t)&log_words[at % LOG_WORDS], &done, 1);
}

/* Copies a page of one slot to a page of another; the offset is that in the image, for its cipher. */
static void copy_page(uint32_t from, uint32_t to, uint32_t offset, const struct swap_cipher *cipher)
{
    static uint32_t chunk[CHUNK / 4];

    flash_erase_page(to);
    for (uint32_t at = 0; at < LAYOUT_PAGE_BYTES; at += CHUNK) {
        memcpy(chunk, (const void *)(from + at), CHUNK);
        if (cipher != NULL) {
            cipher_apply(cipher, offset + at, (uint8_t *)chunk, CHUNK);
        }
        flash_write_words(to + at, chunk, CHUNK / 4);
    }
    memset(chunk, 0, sizeof(chunk));
}

static uint32_t slot0(uint32_t page)
{
    return LAYOUT_SLOT0 + page * LAYOUT_PAGE_BYTES;
}

static uint32_t slot1(uint32_t page)
{
    return LAYOUT_SLOT1 + page * LAYOUT_PAGE_BYTES;
}

static void step(const struct boot_state *state, uint32_t number)
{
    if (number < state->pages) {
        const uint32_t page = state->pages - 1u - number;

        copy_page(slot0(page), slot0(page + 1u), 0, NULL);
    } else {
        const uint32_t page = (number - state->pages) / 2u;
        const uint32_t offset = page * LAYOUT_PAGE_BYTES;

        if ((number - state->pages) % 2u == 0u) {
            copy_page(slot1(page), slot0(page), offset, &state->up);
        } else {
            copy_page(slot0(page + 1u), slot1(page), offset, &state->down);
        }
    }
}

void swap_begin(struct boot_state *state)
{
    log_erase();
    (void)state_write(state);
}

void swap_run(const struct boot_state *state)
{
    const uint32_t steps = state->pages < LAYOUT_SLOT_PAGES ? 3u * state->pages : 0u;

    for (uint32_t number = log_steps(); number < steps; number++) {
        step(state, number);
        log_step();
    }
}
