/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The registers of the nRF51822 that this sample uses, named as in the nRF51 Series Reference Manual,
 * version 3.0 (chapter numbers below are from there).
 */
#ifndef NRF51_H
#define NRF51_H

#include <stddef.h>
#include <stdint.h>

#define NRF51_REGISTER_AT(type, member, offset) \
    _Static_assert(offsetof(type, member) == (offset), #member " is at " #offset)

/* 7 Factory information configuration registers (FICR) */
typedef struct {
    const volatile uint32_t RESERVED0[24];
    const volatile uint32_t DEVICEID[2];
} nrf51_ficr;

NRF51_REGISTER_AT(nrf51_ficr, DEVICEID, 0x060);

/* 13 Clock management (CLOCK) */
typedef struct {
    volatile uint32_t TASKS_HFCLKSTART;
    volatile uint32_t RESERVED0[63];
    volatile uint32_t EVENTS_HFCLKSTARTED;
} nrf51_clock;

NRF51_REGISTER_AT(nrf51_clock, EVENTS_HFCLKSTARTED, 0x100);

/* 14 General-purpose input/output (GPIO) */
typedef struct {
    volatile uint32_t RESERVED0[322];
    volatile uint32_t OUTSET;
    volatile uint32_t RESERVED1[125];
    volatile uint32_t PIN_CNF[32];
} nrf51_gpio;

NRF51_REGISTER_AT(nrf51_gpio, OUTSET, 0x508);
NRF51_REGISTER_AT(nrf51_gpio, PIN_CNF, 0x700);

#define GPIO_PIN_CNF_DIR_Output       (1u << 0)
#define GPIO_PIN_CNF_INPUT_Disconnect (1u << 1)
#define GPIO_PIN_CNF_PULL_Pullup      (3u << 2)

/* 18 Timer/counter (TIMER) */
typedef struct {
    volatile uint32_t TASKS_START;
    volatile uint32_t TASKS_STOP;
    volatile uint32_t RESERVED0[14];
    volatile uint32_t TASKS_CAPTURE[4];
    volatile uint32_t RESERVED1[301];
    volatile uint32_t MODE;
    volatile uint32_t BITMODE;
    volatile uint32_t RESERVED2[1];
    volatile uint32_t PRESCALER;
    volatile uint32_t RESERVED3[11];
    volatile uint32_t CC[4];
} nrf51_timer;

NRF51_REGISTER_AT(nrf51_timer, TASKS_CAPTURE, 0x040);
NRF51_REGISTER_AT(nrf51_timer, MODE, 0x504);
NRF51_REGISTER_AT(nrf51_timer, PRESCALER, 0x510);
NRF51_REGISTER_AT(nrf51_timer, CC, 0x540);

#define TIMER_MODE_Timer    0u
#define TIMER_BITMODE_32Bit 3u

/* 29 Universal asynchronous receiver/transmitter (UART) */
typedef struct {
    volatile uint32_t TASKS_STARTRX;
    volatile uint32_t RESERVED0[1];
    volatile uint32_t TASKS_STARTTX;
    volatile uint32_t RESERVED1[63];
    volatile uint32_t EVENTS_RXDRDY;
    volatile uint32_t RESERVED2[4];
    volatile uint32_t EVENTS_TXDRDY;
    volatile uint32_t RESERVED3[1];
    volatile uint32_t EVENTS_ERROR;
    volatile uint32_t RESERVED4[119];
    volatile uint32_t INTENSET;
    volatile uint32_t RESERVED5[94];
    volatile uint32_t ERRORSRC;
    volatile uint32_t RESERVED6[31];
    volatile uint32_t ENABLE;
    volatile uint32_t RESERVED7[2];
    volatile uint32_t PSELTXD;
    volatile uint32_t RESERVED8[1];
    volatile uint32_t PSELRXD;
    const volatile uint32_t RXD;
    volatile uint32_t TXD;
    volatile uint32_t RESERVED9[1];
    volatile uint32_t BAUDRATE;
    volatile uint32_t RESERVED10[17];
    volatile uint32_t CONFIG;
} nrf51_uart;

NRF51_REGISTER_AT(nrf51_uart, EVENTS_RXDRDY, 0x108);
NRF51_REGISTER_AT(nrf51_uart, EVENTS_TXDRDY, 0x11C);
NRF51_REGISTER_AT(nrf51_uart, EVENTS_ERROR, 0x124);
NRF51_REGISTER_AT(nrf51_uart, INTENSET, 0x304);
NRF51_REGISTER_AT(nrf51_uart, ERRORSRC, 0x480);
NRF51_REGISTER_AT(nrf51_uart, ENABLE, 0x500);
NRF51_REGISTER_AT(nrf51_uart, PSELTXD, 0x50C);
NRF51_REGISTER_AT(nrf51_uart, PSELRXD, 0x514);
NRF51_REGISTER_AT(nrf51_uart, RXD, 0x518);
NRF51_REGISTER_AT(nrf51_uart, TXD, 0x51C);
NRF51_REGISTER_AT(nrf51_uart, BAUDRATE, 0x524);
NRF51_REGISTER_AT(nrf51_uart, CONFIG, 0x56C);

#define UART_INTENSET_RXDRDY        (1u << 2)
#define UART_INTENSET_ERROR         (1u << 9)
#define UART_ERRORSRC_OVERRUN       (1u << 0)
#define UART_ENABLE_Enabled         4u
#define UART_BAUDRATE_Baud115200    0x01D7E000u
#define UART_CONFIG_NoParityNoHwfc  0u

#define NRF_FICR   ((const nrf51_ficr *)0x10000000u)
#define NRF_CLOCK  ((nrf51_clock *)0x40000000u)
#define NRF_UART0  ((nrf51_uart *)0x40002000u)
#define NRF_TIMER0 ((nrf51_timer *)0x40008000u)
#define NRF_GPIO   ((nrf51_gpio *)0x50000000u)

/* The interrupt number is the peripheral's ID, bits 12 to 16 of its address (10 Peripheral interface). */
#define UART0_IRQn 2u

#endif
