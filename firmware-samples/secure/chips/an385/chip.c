/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * MPS2 with AN385 (Cortex-M3).  The board has neither flash nor a generator of random numbers: memory stands in for
 * the one, and the other is a counter, good for trying things out and for nothing else.
 */
#include "chip.h"

#include <string.h>

#include "../../../hello-mps2/an385.h"
#include "cortex_m.h"

#define BAUD_HZ  115200u

/* A UART without flow control sends a character in 87 us.  An emulated one stands still while nobody takes what it
 * sent: nothing here waits for ever for that, and not again for each byte. */
#define TX_STALL_TICKS (3u * CHIP_TICK_HZ)

_Static_assert(SYSCLK_HZ == CHIP_TICK_HZ, "ticks as layout.h says");

/* After a loss of power the counter's words are noise; this word after them says that they were set up. */
#define COUNTER_SET_UP 0x43545257u

static void counter_set_up(void)
{
    uint32_t *const words = (uint32_t *)LAYOUT_COUNTER;

    if (words[LAYOUT_COUNTER_WORDS] != COUNTER_SET_UP) {
        memset(words, 0xFF, 4u * LAYOUT_COUNTER_WORDS);
        words[LAYOUT_COUNTER_WORDS] = COUNTER_SET_UP;
    }
}

/* The read of DATA finds nothing on the board.  QEMU 7.2 looks for input that was waiting for RX_EN when DATA is
 * read, not when CTRL is written. */
void chip_init(void)
{
    TIMER0->CTRL = 0;
    TIMER0->RELOAD = UINT32_MAX;
    TIMER0->VALUE = UINT32_MAX;
    TIMER0->CTRL = TIMER_CTRL_EN;
    UART0->BAUDDIV = (SYSCLK_HZ + BAUD_HZ / 2u) / BAUD_HZ;
    UART0->CTRL = UART_CTRL_TX_EN | UART_CTRL_RX_EN;
    (void)UART0->DATA;
    counter_set_up();
}

uint32_t chip_ticks(void)
{
    return UINT32_MAX - TIMER0->VALUE;
}

_Noreturn void chip_reset(void)
{
    data_barrier();
    SCB_AIRCR = SCB_AIRCR_VECTKEY | SCB_AIRCR_SYSRESETREQ;
    data_barrier();
    for (;;) {
    }
}

/* There is no number of the unit on this board: SCC_AID and SCC_ID tell which FPGA image it runs. */
void chip_id(uint8_t id[8])
{
    const uint32_t words[2] = {SCC_AID, SCC_ID};

    for (unsigned int i = 0; i < 8u; i++) {
        id[i] = (uint8_t)(words[i / 4u] >> (8u * (i % 4u)));
    }
}

/* Not random. */
void random_bytes(uint8_t *to, size_t count)
{
    static uint32_t sequence;

    for (; count > 0u; count--) {
        sequence = sequence * 1664525u + 1013904223u + chip_ticks();
        *to++ = (uint8_t)(sequence >> 24);
    }
}

/* No noise source, no keys. */
void random_raw_start(void)
{
}

bool random_raw(uint8_t *sample)
{
    *sample = 0;
    return false;
}

void random_raw_stop(void)
{
}

bool chip_locked(void)
{
    return false;
}

void flash_erase_page(uint32_t address)
{
    memset((void *)address, 0xFF, LAYOUT_PAGE_BYTES);
}

void flash_write_words(uint32_t address, const uint32_t *words, size_t count)
{
    volatile uint32_t *const to = (volatile uint32_t *)address;

    for (size_t i = 0; i < count; i++) {
        to[i] &= words[i];
    }
}

static void tx_wait(void)
{
    static bool stalled;
    const uint32_t since = chip_ticks();

    while ((UART0->STATE & UART_STATE_TXFULL) != 0u) {
        if (stalled || chip_ticks() - since >= TX_STALL_TICKS) {
            stalled = true;
            return;
        }
    }
    stalled = false;
}

void uart_put(uint8_t byte)
{
    tx_wait();
    UART0->DATA = byte;
}

void uart_flush(void)
{
    tx_wait();
}

int uart_get(void)
{
    return (UART0->STATE & UART_STATE_RXFULL) != 0u ? (int)(UART0->DATA & 0xFFu) : -1;
}
