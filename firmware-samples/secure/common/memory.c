/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The four functions of the C library that the compiler and BearSSL count on.
 */
#include <stdint.h>
#include <string.h>

/* Words where both ends are aligned: most copies are pages. */
void *memcpy(void *restrict to, const void *restrict from, size_t count)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    if ((((uintptr_t)t | (uintptr_t)f) & 3u) == 0u) {
        for (; count >= 4u; count -= 4u, t += 4, f += 4) {
            *(uint32_t *)(void *)t = *(const uint32_t *)(const void *)f;
        }
    }
    while (count-- > 0u) {
        *t++ = *f++;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t count)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    if ((uintptr_t)t <= (uintptr_t)f) {
        while (count-- > 0u) {
            *t++ = *f++;
        }
    } else {
        while (count-- > 0u) {
            t[count] = f[count];
        }
    }
    return to;
}

void *memset(void *to, int value, size_t count)
{
    uint8_t *t = to;

    while (count-- > 0u) {
        *t++ = (uint8_t)value;
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t count)
{
    const uint8_t *x = a;
    const uint8_t *y = b;

    for (; count > 0u; count--, x++, y++) {
        if (*x != *y) {
            return *x < *y ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t count = 0;

    while (text[count] != '\0') {
        count++;
    }
    return count;
}
