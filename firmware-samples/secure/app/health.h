/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Health tests of a noise source, NIST SP 800-90B section 4.4: the repetition count test and the adaptive proportion
 * test, over samples of 8 bits.  Decides only; knows no chip.
 *
 * Both assume that a sample holds at least HEALTH_ENTROPY_BITS of min-entropy, and call a source of that quality bad
 * once in 2^30 samples or windows.
 */
#ifndef HEALTH_H
#define HEALTH_H

#include <stdbool.h>
#include <stdint.h>

/* Assumed, per sample.  The nRF51's maker publishes no figure: 2 of 8 is meant to be far below the truth. */
#define HEALTH_ENTROPY_BITS 2u

/* 1 + 30 / 2 (section 4.4.1). */
#define HEALTH_REPETITION_CUTOFF 16u

/* Window of samples that are not bits, and 1 + the 1 - 2^-30 quantile of B(512, 2^-2) (section 4.4.2). */
#define HEALTH_WINDOW            512u
#define HEALTH_PROPORTION_CUTOFF 190u

/* Samples of the start-up test (section 4.3: at least 1024). */
#define HEALTH_STARTUP_SAMPLES 1024u

/* All 0 to start with. */
struct health {
    bool failed;        /* once failed, for good */
    uint8_t last;
    uint8_t reference;  /* the first sample of the window */
    uint16_t repeats;   /* how often `last` came in a row; 0: no sample yet */
    uint16_t seen;      /* samples of the window */
    uint16_t same;      /* of these, equal to the reference */
};

/* Looks at a sample.  False when the source failed, now or before. */
bool health_take(struct health *health, uint8_t sample);

#endif
