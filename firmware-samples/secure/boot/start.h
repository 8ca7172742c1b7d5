/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * From reset to main(), and from there to the application.  chips/NAME/boot_port.c has the parts that differ.
 */
#ifndef START_H
#define START_H

#include <stdint.h>

/* Word 0 of RAM while the bootloader's vectors relay to the application's. */
#define RELAY_ON 0x52454C59u

/* What an unused word of the stack holds: how deep it went can be read from outside. */
#define STACK_FILL 0x5AA5C33Cu

void reset_handler(void);

/* Says `boot: fault`, then sleeps until a reset. */
void fault_handler(void);

/* Hands the core to the application whose vector table is at this address, as a reset would. */
_Noreturn void start_application(uint32_t vectors);

#endif
