/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "health.h"

static bool repeats_too_often(struct health *health, uint8_t sample)
{
    if (health->repeats > 0u && sample == health->last) {
        health->repeats++;
    } else {
        health->last = sample;
        health->repeats = 1;
    }
    return health->repeats >= HEALTH_REPETITION_CUTOFF;
}

static bool is_too_frequent(struct health *health, uint8_t sample)
{
    if (health->seen == 0u) {
        health->reference = sample;
        health->same = 0;
    }
    if (sample == health->reference) {
        health->same++;
    }
    health->seen = (uint16_t)((health->seen + 1u) % HEALTH_WINDOW);
    return health->same >= HEALTH_PROPORTION_CUTOFF;
}

bool health_take(struct health *health, uint8_t sample)
{
    if (!health->failed) {
        const bool repeats = repeats_too_often(health, sample);
        const bool frequent = is_too_frequent(health, sample);

        health->failed = repeats || frequent;
    }
    return !health->failed;
}
