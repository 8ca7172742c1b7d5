/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What only the application needs: its vector table and the receive interrupt.
 */
#include "app_port.h"

#include "chip.h"
#include "cortex_m.h"
#include "nrf51.h"

extern uint32_t stack_top[];

/* 29 UART, reception: the event is cleared before RXD is read, because reading moves the next byte of the six byte
 * FIFO up, and that sets the event again. */
static void uart0_handler(void)
{
    if (NRF_UART0->EVENTS_ERROR != 0u) {
        NRF_UART0->EVENTS_ERROR = 0;
        const uint32_t source = NRF_UART0->ERRORSRC;

        NRF_UART0->ERRORSRC = source;
        rx_ring_damaged();
    }
    while (NRF_UART0->EVENTS_RXDRDY != 0u) {
        NRF_UART0->EVENTS_RXDRDY = 0;
        if (!rx_ring_put((uint8_t)NRF_UART0->RXD)) {
            NVIC_ICER = 1u << UART0_IRQn;
            return;
        }
    }
}

void uart_rx_resume(void)
{
    NVIC_ISPR = 1u << UART0_IRQn;
    NVIC_ISER = 1u << UART0_IRQn;
}

void uart_rx_start(void)
{
    NRF_UART0->INTENSET = UART_INTENSET_RXDRDY | UART_INTENSET_ERROR;
    NVIC_ISER = 1u << UART0_IRQn;
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
    .irq = {[UART0_IRQn] = uart0_handler},
};
