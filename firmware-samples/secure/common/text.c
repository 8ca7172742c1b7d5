/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "text.h"

#include "chip.h"
#include "image.h"

void text_put(const char *text)
{
    while (*text != '\0') {
        uart_put((uint8_t)*text++);
    }
}

void text_number(uint32_t value)
{
    char digits[11];
    unsigned int at = sizeof(digits) - 1u;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0u);
    text_put(&digits[at]);
}

void text_version(const struct image_version *version)
{
    text_number(version->major);
    text_put(".");
    text_number(version->minor);
    text_put(".");
    text_number(version->revision);
    if (version->build != 0u) {
        text_put("+");
        text_number(version->build);
    }
}

void text_end(void)
{
    text_put("\r\n");
}
