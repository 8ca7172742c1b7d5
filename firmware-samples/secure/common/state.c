/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "state.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "chip.h"
#include "crypto.h"

#define RECORD_MAGIC  0x54534257u /* "WBST" */
#define PAGES         2u
#define CELLS         (PAGES * LAYOUT_PAGE_BYTES / sizeof(struct boot_state))
#define CELLS_OF_PAGE (CELLS / PAGES)
#define NO_CELL       CELLS

static const struct boot_state *cell(uint32_t number)
{
    return (const struct boot_state *)(LAYOUT_STATE + number * sizeof(struct boot_state));
}

static uint32_t record_crc(const struct boot_state *state)
{
    return crc32(state, offsetof(struct boot_state, crc));
}

static bool record_valid(const struct boot_state *state)
{
    return state->magic == RECORD_MAGIC && state->phase <= PHASE_TRIAL_NEW && state->crc == record_crc(state);
}

static bool cell_erased(uint32_t number)
{
    const uint32_t *const words = (const uint32_t *)(const void *)cell(number);

    for (uint32_t i = 0; i < sizeof(struct boot_state) / 4u; i++) {
        if (words[i] != UINT32_MAX) {
            return false;
        }
    }
    return true;
}

static uint32_t newest(void)
{
    uint32_t best = NO_CELL;

    for (uint32_t i = 0; i < CELLS; i++) {
        if (record_valid(cell(i)) && (best == NO_CELL || cell(i)->seq > cell(best)->seq)) {
            best = i;
        }
    }
    return best;
}

void state_read(struct boot_state *state)
{
    const uint32_t from = newest();

    if (from == NO_CELL) {
        memset(state, 0, sizeof(*state));
    } else {
        memcpy(state, cell(from), sizeof(*state));
    }
}

/* An erased cell after the newest record in its page; or the first one of the other page, which holds nothing that
 * is still needed, and is erased. */
static uint32_t free_cell(uint32_t from)
{
    const uint32_t other = from < CELLS_OF_PAGE ? CELLS_OF_PAGE : 0u;

    if (from != NO_CELL) {
        for (uint32_t i = from + 1u; i % CELLS_OF_PAGE != 0u; i++) {
            if (cell_erased(i)) {
                return i;
            }
        }
    }
    flash_erase_page(LAYOUT_STATE + other * sizeof(struct boot_state));
    return other;
}

bool state_write(struct boot_state *state)
{
    const uint32_t from = newest();

    state->magic = RECORD_MAGIC;
    state->seq = from == NO_CELL ? 1u : cell(from)->seq + 1u;
    state->crc = record_crc(state);
    const uint32_t to = free_cell(from);

    flash_write_words((uint32_t)cell(to), (const uint32_t *)(const void *)state, sizeof(*state) / 4u);
    return memcmp(cell(to), state, sizeof(*state)) == 0;
}
