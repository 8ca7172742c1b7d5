/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * From the vector table, which chips/NAME/app_port.c has, to app_main().
 */
#ifndef START_H
#define START_H

#include <stdint.h>

/* What an unused word of the stack holds: how deep it went can be read from outside. */
#define STACK_FILL 0x5AA5C33Cu

_Noreturn void app_main(void);

#endif
