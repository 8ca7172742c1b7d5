/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the bootloader and the application need from a chip.  To bring both to another chip, write these
 * functions, a layout.h and a memory.ld in a folder chips/NAME.
 *
 * Flash is memory-mapped: it is read through a pointer.  A write can only clear bits; an erase sets all bits
 * of a page.  The power may go during either: the word, or the page, then holds anything between before and
 * after.
 */
#ifndef CHIP_H
#define CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

/* Clocks, pins, and the UART at 115200 baud, 8N1, without interrupts.  Called once after reset. */
void chip_init(void);

/* Resets the chip.  Flash, UICR and RAM keep their contents. */
_Noreturn void chip_reset(void);

/* The chip's own number, fixed for its life: two words as read, each little-endian. */
void chip_id(uint8_t id[8]);

/* Fills a buffer from the chip's generator of random numbers. */
void random_bytes(uint8_t *to, size_t count);

/* The noise source itself, without what the chip does to even it out: one sample of 8 bits.  Between start and stop.
 * False when no sample comes, or the chip has no noise source: then it can make no key. */
void random_raw_start(void);
bool random_raw(uint8_t *sample);
void random_raw_stop(void);

/* Whether the debug port is kept from reading flash.  It takes hold at a reset, so ask at start. */
bool chip_locked(void);

/* Erases one page.  The address is that of the page: a multiple of LAYOUT_PAGE_BYTES inside the writable areas of
 * layout.h.  The core stands still meanwhile on the nRF51 (21 ms). */
void flash_erase_page(uint32_t address);

/* Writes words in ascending order.  A word 0xFFFFFFFF is left out.  The address is a multiple of 4; the words may
 * come from flash. */
void flash_write_words(uint32_t address, const uint32_t *words, size_t count);

/* Security counter: the largest value ever raised to, 0 if none. */
uint32_t counter_read(void);

/* Whether there is room to raise it once more. */
bool counter_has_room(void);

/* Raises it; nothing happens when it is that high already.  False when the value does not fit in 16 bits, there is
 * no room, or the write did not take. */
bool counter_raise(uint32_t value);

/* Sends one byte, waits until the UART takes it. */
void uart_put(uint8_t byte);

/* Waits until the last byte is on the wire. */
void uart_flush(void);

/* A received byte, or -1.  Polled: only before uart_rx_start(). */
int uart_get(void);

/* --- Application only (chips/NAME/app_port.c) --------------------------------------------------------- */

/* Receive ring buffer filled by the UART's interrupt. */
#define UART_RX_RING_BYTES 1024u

/* What uart_rx_take() returns beside bytes. */
enum uart_rx {
    UART_RX_EMPTY = -1,
    UART_RX_LOST = -2, /* overrun, framing error or ring full: the line being received is damaged */
};

/* Turns the receive interrupt on. */
void uart_rx_start(void);

/* The next received byte, or a negative enum uart_rx.  Does not wait. */
int uart_rx_take(void);

/* Sleeps until an interrupt when nothing was received. */
void uart_rx_wait(void);

/* Free-running counter for time limits, CHIP_TICK_HZ (layout.h), wraps at 2^32. */
uint32_t chip_ticks(void);

#endif
