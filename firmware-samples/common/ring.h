/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Receive ring buffer: one interrupt handler puts, the main loop takes.  No locks are needed, because each
 * index has one writer and both are single words.
 */
#ifndef COMMON_RING_H
#define COMMON_RING_H

#include <stdbool.h>
#include <stdint.h>

/* A power of two.  At 115200 baud 512 entries hold 44 ms of input. */
#define RING_SLOTS 512u

struct ring {
    volatile uint32_t put_count; /* written by the interrupt handler; wraps */
    volatile uint32_t take_count; /* written by the main loop; wraps */
    volatile uint16_t slots[RING_SLOTS];
};

_Static_assert((RING_SLOTS & (RING_SLOTS - 1u)) == 0u, "RING_SLOTS is a power of two");

static inline bool ring_is_empty(const struct ring *ring)
{
    return ring->put_count == ring->take_count;
}

static inline bool ring_is_full(const struct ring *ring)
{
    return ring->put_count - ring->take_count >= RING_SLOTS;
}

/* The ring must not be full. */
static inline void ring_put(struct ring *ring, uint16_t value)
{
    const uint32_t count = ring->put_count;

    ring->slots[count & (RING_SLOTS - 1u)] = value;
    ring->put_count = count + 1u;
}

/* The ring must not be empty. */
static inline uint16_t ring_take(struct ring *ring)
{
    const uint32_t count = ring->take_count;
    const uint16_t value = ring->slots[count & (RING_SLOTS - 1u)];

    ring->take_count = count + 1u;
    return value;
}

#endif
