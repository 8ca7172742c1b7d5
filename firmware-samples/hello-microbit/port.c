/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Port to the micro:bit V1: nRF51822-QFAA, its UART0 wired to the interface chip that shows up as a serial
 * port over USB.  Chapter numbers are those of the nRF51 Series Reference Manual, version 3.0.
 */
#include "port.h"

#include "console.h"
#include "cortex_m.h"
#include "nrf51.h"
#include "startup.h"

/* Seen from the nRF51822; the board's schematic calls them TGT_TX and TGT_RX. */
#define PIN_TX 24u
#define PIN_RX 25u

/* One poll takes 8 cycles or more, so this is at least 16 ms at 16 MHz; the crystal needs about 1 ms. */
#define HFCLK_POLLS 32768u

static bool tx_busy;

/* 13 CLOCK: the chip boots on its RC oscillator, whose few percent are too much for a UART; 115200 baud
 * wants the crystal.  It is a 16 MHz one, which is what XTALFREQ says after a reset. */
static int start_crystal(void)
{
    NRF_CLOCK->EVENTS_HFCLKSTARTED = 0;
    NRF_CLOCK->TASKS_HFCLKSTART = 1;
    for (uint32_t polls = HFCLK_POLLS; polls > 0u; polls--) {
        if (NRF_CLOCK->EVENTS_HFCLKSTARTED != 0u) {
            return PORT_OK;
        }
    }
    return PORT_ERROR_CLOCK;
}

/* 29 UART, pin configuration: TXD is an output that idles high.  The pull-up keeps RXD quiet without a
 * cable. */
static void start_pins(void)
{
    NRF_GPIO->OUTSET = 1u << PIN_TX;
    NRF_GPIO->PIN_CNF[PIN_TX] = GPIO_PIN_CNF_DIR_Output | GPIO_PIN_CNF_INPUT_Disconnect;
    NRF_GPIO->PIN_CNF[PIN_RX] = GPIO_PIN_CNF_PULL_Pullup;
}

static void start_uart(void)
{
    NRF_UART0->PSELTXD = PIN_TX;
    NRF_UART0->PSELRXD = PIN_RX;
    NRF_UART0->BAUDRATE = UART_BAUDRATE_Baud115200;
    NRF_UART0->CONFIG = UART_CONFIG_NoParityNoHwfc;
    NRF_UART0->ENABLE = UART_ENABLE_Enabled;
    NRF_UART0->EVENTS_RXDRDY = 0;
    NRF_UART0->EVENTS_TXDRDY = 0;
    NRF_UART0->EVENTS_ERROR = 0;
    NRF_UART0->INTENSET = UART_INTENSET_RXDRDY | UART_INTENSET_ERROR;
    NRF_UART0->TASKS_STARTTX = 1;
    NRF_UART0->TASKS_STARTRX = 1;
}

/* 18 TIMER: above 1 MHz it runs from the same 16 MHz clock as the UART. */
#define TIMER_HZ        (16000000u >> TIMER_PRESCALER)
#define TIMER_PRESCALER 3u

static void start_timer(void)
{
    NRF_TIMER0->TASKS_STOP = 1;
    NRF_TIMER0->MODE = TIMER_MODE_Timer;
    NRF_TIMER0->BITMODE = TIMER_BITMODE_32Bit;
    NRF_TIMER0->PRESCALER = TIMER_PRESCALER;
    NRF_TIMER0->TASKS_START = 1;
}

static uint32_t ticks(void)
{
    NRF_TIMER0->TASKS_CAPTURE[0] = 1;
    return NRF_TIMER0->CC[0];
}

/* The timer is started last: QEMU 7.2 does not look for input when STARTRX is written, but does when a
 * timer starts.  The other way round the first line after a boot would lie there for up to a second. */
static int start(void)
{
    const int result = start_crystal();

    start_pins();
    start_uart();
    start_timer();
    NVIC_ISER = 1u << UART0_IRQn;
    return result;
}

/* 29 UART, transmission: TXDRDY comes when the byte in TXD has been sent; there is none before the first
 * byte. */
static bool tx_ready(void)
{
    if (tx_busy && NRF_UART0->EVENTS_TXDRDY != 0u) {
        NRF_UART0->EVENTS_TXDRDY = 0;
        tx_busy = false;
    }
    return !tx_busy;
}

static void tx_write(uint8_t byte)
{
    tx_busy = true;
    NRF_UART0->TXD = byte;
}

/* Takes the cause of the ERROR event and clears it, bit by bit, by writing it back. */
static uint16_t take_error(void)
{
    NRF_UART0->EVENTS_ERROR = 0;
    const uint32_t source = NRF_UART0->ERRORSRC;

    NRF_UART0->ERRORSRC = source;
    return (source & UART_ERRORSRC_OVERRUN) != 0u ? RX_OVERRUN : RX_DAMAGED;
}

/* 29 UART, reception: the event is cleared before RXD is read, because reading moves the next byte of the
 * six byte FIFO up, and that sets the event again. */
static void uart0_handler(void)
{
    bool room = true;

    if (NRF_UART0->EVENTS_ERROR != 0u) {
        room = console_receive(take_error());
    }
    while (room && NRF_UART0->EVENTS_RXDRDY != 0u) {
        NRF_UART0->EVENTS_RXDRDY = 0;
        room = console_receive((uint8_t)NRF_UART0->RXD);
    }
    if (!room) {
        NVIC_ICER = 1u << UART0_IRQn;
    }
}

static void rx_resume(void)
{
    NVIC_ISPR = 1u << UART0_IRQn;
    NVIC_ISER = 1u << UART0_IRQn;
}

/* 7 FICR: DEVICEID[1] is the more significant word. */
static uint64_t chip_id(void)
{
    return ((uint64_t)NRF_FICR->DEVICEID[1] << 32) | NRF_FICR->DEVICEID[0];
}

static const struct port microbit = {
    .name = "hello-microbit",
    .start = start,
    .tx_ready = tx_ready,
    .tx_write = tx_write,
    .rx_resume = rx_resume,
    .chip_id = chip_id,
    .ticks = ticks,
    .tick_hz = TIMER_HZ,
};

const struct port *port_get(void)
{
    return &microbit;
}

__attribute__((section(".vectors"), used)) static const struct vector_table vectors = {
    .initial_sp = stack_top,
    .reset = reset_handler,
    .nmi = fault_handler,
    .hard_fault = fault_handler,
    .svcall = fault_handler,
    .pendsv = fault_handler,
    .systick = fault_handler,
    .irq = {[UART0_IRQn] = uart0_handler},
};
