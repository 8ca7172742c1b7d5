/*
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MAIN_H
#define MAIN_H

/* Settles what is pending, then starts the application in slot 0. */
_Noreturn void boot_main(void);

#endif
