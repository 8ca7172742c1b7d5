/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Port to MPS2 with AN385 (Cortex-M3), the board or QEMU's mps2-an385.  Code runs from the SSRAM at 0,
 * which a debug probe or an emulator has to load: the board has no flash of its own.
 */
#include "port.h"

#include "an385.h"
#include "console.h"
#include "cortex_m.h"
#include "startup.h"

#define BAUD_HZ 115200u

static void start_timer(void)
{
    TIMER0->CTRL = 0;
    TIMER0->RELOAD = UINT32_MAX;
    TIMER0->VALUE = UINT32_MAX;
    TIMER0->CTRL = TIMER_CTRL_EN;
}

static uint32_t ticks(void)
{
    return UINT32_MAX - TIMER0->VALUE;
}

/* The read of DATA finds nothing on the board.  QEMU 7.2 looks for input that was waiting for RX_EN when
 * DATA is read, not when CTRL is written; without it the first line would lie there for up to a second. */
static int start(void)
{
    start_timer();
    UART0->BAUDDIV = (SYSCLK_HZ + BAUD_HZ / 2u) / BAUD_HZ;
    UART0->CTRL = UART_CTRL_TX_EN | UART_CTRL_RX_EN | UART_CTRL_RX_INTEN;
    (void)UART0->DATA;
    NVIC_ISER = 1u << UART0RX_IRQ;
    return PORT_OK;
}

static bool tx_ready(void)
{
    return (UART0->STATE & UART_STATE_TXFULL) == 0u;
}

static void tx_write(uint8_t byte)
{
    UART0->DATA = byte;
}

/* The interrupt is cleared before DATA is read: reading makes room for the next byte and its interrupt. */
static void uart0_rx_handler(void)
{
    bool room = true;

    UART0->INTSTATUS = UART_INTSTATUS_RX;
    if ((UART0->STATE & UART_STATE_RXOVERRUN) != 0u) {
        UART0->STATE = UART_STATE_RXOVERRUN;
        room = console_receive(RX_OVERRUN);
    }
    while (room && (UART0->STATE & UART_STATE_RXFULL) != 0u) {
        room = console_receive((uint8_t)UART0->DATA);
    }
    if (!room) {
        NVIC_ICER = 1u << UART0RX_IRQ;
    }
}

static void rx_resume(void)
{
    NVIC_ISPR = 1u << UART0RX_IRQ;
    NVIC_ISER = 1u << UART0RX_IRQ;
}

/* There is no number of the unit on this board: SCC_ID and SCC_AID tell which FPGA image it runs. */
static uint64_t chip_id(void)
{
    return ((uint64_t)SCC_ID << 32) | SCC_AID;
}

static const struct port mps2 = {
    .name = "hello-mps2",
    .start = start,
    .tx_ready = tx_ready,
    .tx_write = tx_write,
    .rx_resume = rx_resume,
    .chip_id = chip_id,
    .ticks = ticks,
    .tick_hz = SYSCLK_HZ,
};

const struct port *port_get(void)
{
    return &mps2;
}

__attribute__((section(".vectors"), used)) static const struct vector_table vectors = {
    .initial_sp = stack_top,
    .reset = reset_handler,
    .nmi = fault_handler,
    .hard_fault = fault_handler,
    .svcall = fault_handler,
    .pendsv = fault_handler,
    .systick = fault_handler,
    .irq = {[UART0RX_IRQ] = uart0_rx_handler},
};
