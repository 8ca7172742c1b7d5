/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Between the application and the part of a chip's port that only it uses.
 */
#ifndef APP_PORT_H
#define APP_PORT_H

#include <stdbool.h>
#include <stdint.h>

/* The application's; a port puts them into its vector table. */
void app_reset_handler(void);
void app_fault_handler(void);

/* Called by the receive interrupt, with a byte or when some were lost.  False when there is no room for another byte:
 * the port then turns its interrupt off and leaves the rest in the UART, which notices by itself if anything is lost. */
bool rx_ring_put(uint8_t byte);
void rx_ring_damaged(void);

/* The port's: there is room again. */
void uart_rx_resume(void);

#endif
