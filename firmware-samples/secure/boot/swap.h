/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The slots change places, page by page, so that a power cut at any flash word loses nothing.
 *
 * Swap by move: first each page of slot 0 moves up by one, the last one first; then page i of slot 1 goes to page i of
 * slot 0, and page i + 1 of slot 0 to page i of slot 1.  No step changes what it reads, so a step that was cut is
 * done again from its beginning.  A step that is finished leaves a word of zeros in the log.
 */
#ifndef SWAP_H
#define SWAP_H

#include "state.h"

/* Prepares a swap: erases the log, then writes the record.  The caller has filled in phase, pages and ciphers. */
void swap_begin(struct boot_state *state);

/* Does all steps that the log does not have yet. */
void swap_run(const struct boot_state *state);

#endif
