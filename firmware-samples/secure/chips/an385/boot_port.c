/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The Cortex-M3 is told where the application's vectors are.
 */
#include "cortex_m.h"
#include "start.h"

extern uint32_t stack_top[];

#define SCB_VTOR (*(volatile uint32_t *)0xE000ED08u)

_Noreturn void start_application(uint32_t vectors)
{
    const uint32_t *const table = (const uint32_t *)vectors;

    SCB_VTOR = vectors;
    data_barrier();
    __asm__ volatile("msr msp, %0\n\t"
                     "bx %1"
                     :
                     : "r"(table[0]), "r"(table[1]));
    __builtin_unreachable();
}

__attribute__((section(".vectors"), used)) static const struct vector_table vector_table = {
    .initial_sp = stack_top,
    .reset = reset_handler,
    .nmi = fault_handler,
    .hard_fault = fault_handler,
    .svcall = fault_handler,
    .pendsv = fault_handler,
    .systick = fault_handler,
};
