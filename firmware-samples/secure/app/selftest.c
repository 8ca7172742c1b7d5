/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app.h"

#include <stddef.h>
#include <string.h>

#include "chip.h"
#include "provision.h"

/* Set by the build to have an image that is no good, for trials. */
#ifndef APP_BAD_SELFTEST
#define APP_BAD_SELFTEST 0
#endif

enum { RANDOM_BYTES = 16, RAM_WORDS = 32 };

static bool passed;

/* Each word holds its own pattern, then the inverse: a stuck bit, or two words that are one, show up.  Elements 1
 * to 4 of the March C- test (van de Goor), on words that nothing else uses. */
static bool ram_works(void)
{
    static volatile uint32_t words[RAM_WORDS];

    for (size_t i = 0; i < RAM_WORDS; i++) {
        words[i] = 0x55AA0000u + (uint32_t)i;
    }
    for (size_t i = 0; i < RAM_WORDS; i++) {
        if (words[i] != 0x55AA0000u + (uint32_t)i) {
            return false;
        }
        words[i] = ~words[i];
    }
    for (size_t i = RAM_WORDS; i-- > 0u;) {
        if (words[i] != ~(0x55AA0000u + (uint32_t)i)) {
            return false;
        }
        words[i] = 0;
    }
    return true;
}

/* Not a measure of quality: finds a source that stands still or repeats itself. */
static bool random_works(void)
{
    uint8_t a[RANDOM_BYTES];
    uint8_t b[RANDOM_BYTES];
    uint8_t different = 0;

    random_bytes(a, sizeof a);
    random_bytes(b, sizeof b);
    for (size_t i = 1; i < sizeof a; i++) {
        different |= (uint8_t)(a[i] ^ a[0]);
    }
    return different != 0u && memcmp(a, b, sizeof a) != 0;
}

void selftest_run(void)
{
    passed = running_hash_is_right() && ram_works() && random_works() && provision_valid() && !APP_BAD_SELFTEST;
}

bool selftest_passed(void)
{
    return passed;
}
