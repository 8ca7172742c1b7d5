/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * From reset to main(), and what happens on a fault.  A port puts these into its vector table.
 */
#ifndef COMMON_STARTUP_H
#define COMMON_STARTUP_H

#include <stdint.h>

/* Set by the linker script.  The stack lies at the bottom of RAM, so that an overflow leaves RAM instead of
 * running over data. */
extern uint32_t stack_bottom[];
extern uint32_t stack_top[];

void reset_handler(void);

/* Says `fault: ...` on the console, then sleeps until a reset, power cycle or debugger. */
void fault_handler(void);

#endif
