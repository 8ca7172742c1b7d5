/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What only the application needs: its vector table and the receive interrupt.
 */
#include "app_port.h"

#include "../../../hello-mps2/an385.h"
#include "chip.h"
#include "cortex_m.h"

extern uint32_t stack_top[];

/* The interrupt is cleared before DATA is read: reading makes room for the next byte and its interrupt. */
static void uart0_rx_handler(void)
{
    UART0->INTSTATUS = UART_INTSTATUS_RX;
    if ((UART0->STATE & UART_STATE_RXOVERRUN) != 0u) {
        UART0->STATE = UART_STATE_RXOVERRUN;
        rx_ring_damaged();
    }
    while ((UART0->STATE & UART_STATE_RXFULL) != 0u) {
        if (!rx_ring_put((uint8_t)UART0->DATA)) {
            NVIC_ICER = 1u << UART0RX_IRQ;
            return;
        }
    }
}

void uart_rx_resume(void)
{
    NVIC_ISPR = 1u << UART0RX_IRQ;
    NVIC_ISER = 1u << UART0RX_IRQ;
}

void uart_rx_start(void)
{
    UART0->CTRL = UART_CTRL_TX_EN | UART_CTRL_RX_EN | UART_CTRL_RX_INTEN;
    (void)UART0->DATA;
    NVIC_ISER = 1u << UART0RX_IRQ;
    irq_unmask();
}

__attribute__((section(".vectors"), used)) static const struct vector_table vectors = {
    .initial_sp = stack_top,
    .reset = app_reset_handler,
    .nmi = app_fault_handler,
    .hard_fault = app_fault_handler,
    .svcall = app_fault_handler,
    .pendsv = app_fault_handler,
    .systick = app_fault_handler,
    .irq = {[UART0RX_IRQ] = uart0_rx_handler},
};
