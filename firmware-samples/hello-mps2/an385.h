/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The registers of Arm's MPS2 board with FPGA image AN385 that this sample uses.  The UART is named as in
 * the Cortex-M System Design Kit Technical Reference Manual (DDI 0479), chapter 4 (APB components);
 * addresses and interrupt numbers are those of Application Note AN385 (DAI 0385).
 */
#ifndef AN385_H
#define AN385_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    volatile uint32_t DATA;
    volatile uint32_t STATE;
    volatile uint32_t CTRL;
    volatile uint32_t INTSTATUS; /* INTCLEAR when written */
    volatile uint32_t BAUDDIV;
} cmsdk_uart;

_Static_assert(offsetof(cmsdk_uart, BAUDDIV) == 0x10, "BAUDDIV is at 0x10");

#define UART_STATE_TXFULL    (1u << 0)
#define UART_STATE_RXFULL    (1u << 1)
#define UART_STATE_RXOVERRUN (1u << 3)
#define UART_CTRL_TX_EN      (1u << 0)
#define UART_CTRL_RX_EN      (1u << 1)
#define UART_CTRL_RX_INTEN   (1u << 3)
#define UART_INTSTATUS_RX    (1u << 1)

typedef struct {
    volatile uint32_t CTRL;
    volatile uint32_t VALUE; /* counts down */
    volatile uint32_t RELOAD;
    volatile uint32_t INTSTATUS;
} cmsdk_timer;

#define TIMER_CTRL_EN (1u << 0)

#define TIMER0      ((cmsdk_timer *)0x40000000u)
#define UART0       ((cmsdk_uart *)0x40004000u)
#define UART0RX_IRQ 0u
#define SYSCLK_HZ   25000000u

/* Serial Configuration Controller: the build of the FPGA image. */
#define SCC_AID (*(const volatile uint32_t *)0x4002FFF8u)
#define SCC_ID  (*(const volatile uint32_t *)0x4002FFFCu)

#endif
