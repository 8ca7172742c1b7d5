/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the program needs from a chip.  Each sample has one port; it owns the struct, and the program only
 * reads it.
 */
#ifndef COMMON_PORT_H
#define COMMON_PORT_H

#include <stdbool.h>
#include <stdint.h>

enum port_error {
    PORT_OK = 0,
    PORT_ERROR_CLOCK = -1, /* the crystal did not start in time; the UART runs, its baud rate may be off */
};

struct port {
    /* First word of the banner. */
    const char *name;

    /* Starts clocks, pins and the UART at 115200 baud, 8N1, with its receive interrupt.  Called once, with
     * all of the port's interrupts off.  Returns PORT_OK or a negative enum port_error. */
    int (*start)(void);

    /* True if tx_write() may be called.  Must not wait. */
    bool (*tx_ready)(void);

    /* Hands one byte to the UART; only called after tx_ready() said true. */
    void (*tx_write)(uint8_t byte);

    /* Turns the receive interrupt back on after console_receive() asked for a pause, and runs the interrupt
     * handler once for what arrived in between. */
    void (*rx_resume)(void);

    /* The chip's own number, fixed for its life. */
    uint64_t (*chip_id)(void);

    /* A counter that runs up at tick_hz, wraps at 2^32, and never stops. */
    uint32_t (*ticks)(void);

    /* Hz, at most 100 MHz, so that a wrap takes more than 40 s. */
    uint32_t tick_hz;
};

/* The sample's own port. */
const struct port *port_get(void);

#endif
