/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Ring buffer between the receive interrupt and the application.  Each index has one writer.
 */
#include <stdbool.h>

#include "app_port.h"
#include "chip.h"
#include "cortex_m.h"

_Static_assert((UART_RX_RING_BYTES & (UART_RX_RING_BYTES - 1u)) == 0u, "a power of two");

static volatile uint8_t ring[UART_RX_RING_BYTES];
static volatile uint32_t put_count;  /* written by the interrupt; wraps */
static volatile uint32_t take_count; /* written by the application; wraps */
static volatile bool lost;
static volatile bool paused;

/* Never called when the ring is full: the call before said so, and none comes until uart_rx_resume(). */
bool rx_ring_put(uint8_t byte)
{
    ring[put_count % UART_RX_RING_BYTES] = byte;
    put_count = put_count + 1u;
    paused = put_count - take_count >= UART_RX_RING_BYTES;
    return !paused;
}

void rx_ring_damaged(void)
{
    lost = true;
}

int uart_rx_take(void)
{
    if (put_count != take_count) {
        const uint8_t byte = ring[take_count % UART_RX_RING_BYTES];

        take_count = take_count + 1u;
        if (paused) {
            paused = false;
            uart_rx_resume();
        }
        return byte;
    }
    if (lost) {
        lost = false;
        return UART_RX_LOST;
    }
    return UART_RX_EMPTY;
}

/* Masked, so that nothing can come between looking and sleeping: a pending interrupt ends the sleep. */
void uart_rx_wait(void)
{
    irq_mask();
    if (put_count == take_count && !lost) {
        wait_for_interrupt();
    }
    irq_unmask();
}
