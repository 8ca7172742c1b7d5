/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The security counter in words that are written once: the value in the low half, its complement in the high half.
 * Of such a pair of bits exactly one falls, so a word that a power cut left half written is never valid.
 */
#include "chip.h"

static uint32_t word(uint32_t number)
{
    return ((const volatile uint32_t *)LAYOUT_COUNTER)[number];
}

static bool valid(uint32_t value)
{
    return (value >> 16) == (~value & UINT16_MAX);
}

uint32_t counter_read(void)
{
    uint32_t highest = 0;

    for (uint32_t i = 0; i < LAYOUT_COUNTER_WORDS; i++) {
        if (valid(word(i)) && (word(i) & UINT16_MAX) > highest) {
            highest = word(i) & UINT16_MAX;
        }
    }
    return highest;
}

static uint32_t free_word(void)
{
    uint32_t number = 0;

    while (number < LAYOUT_COUNTER_WORDS && word(number) != UINT32_MAX) {
        number++;
    }
    return number;
}

bool counter_has_room(void)
{
    return free_word() < LAYOUT_COUNTER_WORDS;
}

bool counter_raise(uint32_t value)
{
    const uint32_t number = free_word();
    const uint32_t coded = value | (~value << 16);

    if (counter_read() >= value) {
        return true;
    }
    if (value > UINT16_MAX || number == LAYOUT_COUNTER_WORDS) {
        return false;
    }
    flash_write_words(LAYOUT_COUNTER + 4u * number, &coded, 1);
    return counter_read() == value;
}
