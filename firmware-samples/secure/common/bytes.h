/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Little-endian numbers at any address.
 */
#ifndef BYTES_H
#define BYTES_H

#include <stdint.h>

static inline uint32_t get16(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8;
}

static inline uint32_t get32(const uint8_t *from)
{
    return get16(from) | get16(from + 2) << 16;
}

static inline uint64_t get64(const uint8_t *from)
{
    return (uint64_t)get32(from) | (uint64_t)get32(from + 4) << 32;
}

#endif
