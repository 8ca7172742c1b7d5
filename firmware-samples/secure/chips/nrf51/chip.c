/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * nRF51822 on the micro:bit V1.  Chapter numbers are those of the nRF51 Series Reference Manual, version 3.0.
 */
#include "chip.h"

#include "cortex_m.h"
#include "nrf51.h"

/* Seen from the nRF51822; the board's schematic calls them TGT_TX and TGT_RX. */
#define PIN_TX 24u
#define PIN_RX 25u

/* At least 16 ms at 16 MHz; the crystal needs about 1 ms. */
#define HFCLK_POLLS 32768u

/* A UART without flow control sends a character in 87 us.  An emulated one stands still while nobody takes what it
 * sent: nothing here waits for ever for that, and not again for each byte. */
#define TX_STALL_TICKS (3u * CHIP_TICK_HZ)

#define TIMER_PRESCALER 3u

_Static_assert((16000000u >> TIMER_PRESCALER) == CHIP_TICK_HZ, "ticks as layout.h says");

static bool tx_busy;
static bool tx_stalled;

/* 13 CLOCK: the RC oscillator is too far off for a UART; without the crystal the UART still runs, badly. */
static void start_crystal(void)
{
    NRF_CLOCK->EVENTS_HFCLKSTARTED = 0;
    NRF_CLOCK->TASKS_HFCLKSTART = 1;
    for (uint32_t polls = HFCLK_POLLS; polls > 0u && NRF_CLOCK->EVENTS_HFCLKSTARTED == 0u; polls--) {
    }
}

/* RXDRDY stays as it is: it stands for bytes that came while the bootloader ran, and with it cleared nobody would
 * ever take them out of the FIFO, nor what comes behind them. */
static void start_uart(void)
{
    NRF_GPIO->OUTSET = 1u << PIN_TX;
    NRF_GPIO->PIN_CNF[PIN_TX] = GPIO_PIN_CNF_DIR_Output | GPIO_PIN_CNF_INPUT_Disconnect;
    NRF_GPIO->PIN_CNF[PIN_RX] = GPIO_PIN_CNF_PULL_Pullup;
    NRF_UART0->PSELTXD = PIN_TX;
    NRF_UART0->PSELRXD = PIN_RX;
    NRF_UART0->BAUDRATE = UART_BAUDRATE_Baud115200;
    NRF_UART0->CONFIG = UART_CONFIG_NoParityNoHwfc;
    NRF_UART0->ENABLE = UART_ENABLE_Enabled;
    NRF_UART0->EVENTS_TXDRDY = 0;
    NRF_UART0->TASKS_STARTTX = 1;
    NRF_UART0->TASKS_STARTRX = 1;
}

/* The timer comes last: QEMU 7.2 looks for input when a timer starts, not when STARTRX is written. */
void chip_init(void)
{
    start_crystal();
    start_uart();
    NRF_TIMER0->TASKS_STOP = 1;
    NRF_TIMER0->MODE = TIMER_MODE_Timer;
    NRF_TIMER0->BITMODE = TIMER_BITMODE_32Bit;
    NRF_TIMER0->PRESCALER = TIMER_PRESCALER;
    NRF_TIMER0->TASKS_START = 1;
}

uint32_t chip_ticks(void)
{
    NRF_TIMER0->TASKS_CAPTURE[0] = 1;
    return NRF_TIMER0->CC[0];
}

_Noreturn void chip_reset(void)
{
    data_barrier();
    SCB_AIRCR = SCB_AIRCR_VECTKEY | SCB_AIRCR_SYSRESETREQ;
    data_barrier();
    for (;;) {
    }
}

/* 7 FICR */
void chip_id(uint8_t id[8])
{
    for (unsigned int i = 0; i < 8u; i++) {
        id[i] = (uint8_t)(NRF_FICR->DEVICEID[i / 4u] >> (8u * (i % 4u)));
    }
}

/* 21 RNG, with bias correction: about 0.7 ms a byte. */
void random_bytes(uint8_t *to, size_t count)
{
    NRF_RNG->CONFIG = RNG_CONFIG_DERCEN_Enabled;
    NRF_RNG->EVENTS_VALRDY = 0;
    NRF_RNG->TASKS_START = 1;
    for (; count > 0u; count--) {
        while (NRF_RNG->EVENTS_VALRDY == 0u) {
        }
        NRF_RNG->EVENTS_VALRDY = 0;
        *to++ = (uint8_t)NRF_RNG->VALUE;
    }
    NRF_RNG->TASKS_STOP = 1;
}

/* A sample takes about 0.2 ms without bias correction.  An emulated one takes as long as its host is busy, and must not
 * be called bad for that. */
#define SAMPLE_TICKS (5u * CHIP_TICK_HZ)

void random_raw_start(void)
{
    NRF_RNG->CONFIG = 0;
    NRF_RNG->EVENTS_VALRDY = 0;
    NRF_RNG->TASKS_START = 1;
}

bool random_raw(uint8_t *sample)
{
    const uint32_t since = chip_ticks();

    while (NRF_RNG->EVENTS_VALRDY == 0u) {
        if (chip_ticks() - since >= SAMPLE_TICKS) {
            return false;
        }
    }
    NRF_RNG->EVENTS_VALRDY = 0;
    *sample = (uint8_t)NRF_RNG->VALUE;
    return true;
}

void random_raw_stop(void)
{
    NRF_RNG->TASKS_STOP = 1;
}

/* 8 UICR: RBPCONF.PALL, all flash. */
bool chip_locked(void)
{
    return (NRF_UICR_RBPCONF & UICR_RBPCONF_PALL) != UICR_RBPCONF_PALL;
}

/* --- 6 NVMC --- */

static void nvmc_mode(uint32_t mode)
{
    NRF_NVMC->CONFIG = mode;
    while (NRF_NVMC->READY == 0u) {
    }
}

void flash_erase_page(uint32_t address)
{
    nvmc_mode(NVMC_CONFIG_Een);
    NRF_NVMC->ERASEPAGE = address;
    while (NRF_NVMC->READY == 0u) {
    }
    nvmc_mode(NVMC_CONFIG_Ren);
}

void flash_write_words(uint32_t address, const uint32_t *words, size_t count)
{
    nvmc_mode(NVMC_CONFIG_Wen);
    for (size_t i = 0; i < count; i++) {
        if (words[i] != UINT32_MAX) {
            ((volatile uint32_t *)address)[i] = words[i];
            while (NRF_NVMC->READY == 0u) {
            }
        }
    }
    nvmc_mode(NVMC_CONFIG_Ren);
}

/* --- 29 UART --- */

/* TXDRDY comes when the byte in TXD has been sent; there is none before the first byte. */
static void tx_wait(void)
{
    const uint32_t since = chip_ticks();

    while (tx_busy) {
        if (NRF_UART0->EVENTS_TXDRDY != 0u) {
            NRF_UART0->EVENTS_TXDRDY = 0;
            tx_busy = false;
            tx_stalled = false;
        } else if (tx_stalled || chip_ticks() - since >= TX_STALL_TICKS) {
            tx_stalled = true;
            return;
        }
    }
}

void uart_put(uint8_t byte)
{
    tx_wait();
    tx_busy = true;
    NRF_UART0->TXD = byte;
}

void uart_flush(void)
{
    tx_wait();
}

int uart_get(void)
{
    if (NRF_UART0->EVENTS_RXDRDY == 0u) {
        return -1;
    }
    NRF_UART0->EVENTS_RXDRDY = 0;
    return (int)(NRF_UART0->RXD & 0xFFu);
}
