/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The serial console: output that waits for a bounded time, input through a ring buffer.
 */
#ifndef COMMON_CONSOLE_H
#define COMMON_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port.h"

/* What console_take() returns: a byte, or one of these marks at the place in the stream where it happened. */
enum {
    RX_OVERRUN = 0x100, /* bytes were lost here */
    RX_DAMAGED = 0x200, /* framing error or break */
};

/* Starts the port.  Returns what port->start() returned. */
int console_open(const struct port *port);

/* Seconds.  A UART without flow control never stalls: it sends a character in 87 us.  An emulated one does
 * when nobody reads what it sent. */
#define CONSOLE_STALL_S 3u

/* Output.  A byte that the UART does not accept within CONSOLE_STALL_S is dropped; so are those after it,
 * at once, until the UART accepts bytes again.  console_begin() then says so before the next line. */
void console_begin(void);
void console_text(const char *text);
void console_bytes(const uint8_t *bytes, size_t count);
void console_hex(uint32_t value, unsigned int digits);

/* Waits until the last byte has left the chip, for a bounded time. */
void console_flush(void);

/* For the port's interrupt handler: stores a byte or a mark.  True if there is room for another one; on
 * false the handler turns its interrupt off and leaves the rest in the UART until port->rx_resume().  The
 * UART then notices by itself if anything is lost. */
bool console_receive(uint16_t byte_or_mark);

/* The next byte or mark; sleeps until there is one. */
uint16_t console_take(void);

#endif
