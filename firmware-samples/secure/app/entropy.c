/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "entropy.h"

#include <bearssl_hash.h>

#include "chip.h"
#include "crypto.h"
#include "health.h"

/* Set by the build to have a noise source that is no good, for trials: one that stands still, or one that says the
 * same two times in three. */
#ifndef APP_RANDOM_STUCK
#define APP_RANDOM_STUCK 0
#endif
#ifndef APP_RANDOM_BIASED
#define APP_RANDOM_BIASED 0
#endif

enum { PIECE_BYTES = 32 };

_Static_assert(ENTROPY_SEED_BYTES * HEALTH_ENTROPY_BITS >= 512u, "a seed has 512 bits of entropy");

static struct health health;
static bool tested;

static bool take(uint8_t *sample)
{
    static uint32_t taken;

    if (!random_raw(sample)) {
        health.failed = true;
        return false;
    }
    taken++;
    if (APP_RANDOM_STUCK) {
        *sample = 0x5A;
    } else if (APP_RANDOM_BIASED && taken % 3u != 0u) {
        *sample = 0x5A;
    }
    return health_take(&health, *sample);
}

bool entropy_healthy(void)
{
    uint8_t sample;

    if (!tested) {
        tested = true;
        random_raw_start();
        for (uint32_t i = 0; i < HEALTH_STARTUP_SAMPLES && take(&sample); i++) {
        }
        random_raw_stop();
    }
    return !health.failed;
}

static bool add_piece(br_hmac_drbg_context *random)
{
    uint8_t piece[PIECE_BYTES];

    for (uint32_t i = 0; i < sizeof piece; i++) {
        if (!take(&piece[i])) {
            return false;
        }
    }
    br_hmac_drbg_update(random, piece, sizeof piece);
    crypto_wipe(piece, sizeof piece);
    return true;
}

/* The chip's own number makes no entropy; it keeps two units apart whatever else went wrong. */
bool entropy_seed(br_hmac_drbg_context *random)
{
    uint8_t chip[8];
    bool good = entropy_healthy();

    chip_id(chip);
    br_hmac_drbg_init(random, &br_sha256_vtable, chip, sizeof chip);
    random_raw_start();
    for (uint32_t at = 0; good && at < ENTROPY_SEED_BYTES; at += PIECE_BYTES) {
        good = add_piece(random);
    }
    random_raw_stop();
    return good;
}
