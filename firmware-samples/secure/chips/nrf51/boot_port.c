/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The Cortex-M0 takes its vectors from address 0, always.  So the bootloader's table has every exception, and its one
 * handler goes on to the application's table once that was started.
 */
#include "cortex_m.h"
#include "image.h"
#include "layout.h"
#include "start.h"

extern uint32_t stack_top[];

/* Registers R0 to R3 and R12 are on the stack already; LR keeps its EXC_RETURN.  (Armv6-M, B1.5.6.) */
__attribute__((naked)) static void relay(void)
{
    __asm__ volatile(".syntax unified\n\t"
                     "ldr r0, =%c0\n\t"
                     "ldr r0, [r0]\n\t"
                     "ldr r1, =%c1\n\t"
                     "cmp r0, r1\n\t"
                     "bne 1f\n\t"
                     "mrs r0, ipsr\n\t"
                     "lsls r0, r0, #2\n\t"
                     "ldr r1, =%c2\n\t"
                     "ldr r0, [r1, r0]\n\t"
                     "bx r0\n"
                     "1:\tldr r0, =fault_handler\n\t"
                     "bx r0\n\t"
                     ".ltorg"
                     :
                     : "i"(LAYOUT_RELAY), "i"(RELAY_ON), "i"(LAYOUT_SLOT0 + IMAGE_HEADER_BYTES));
}

_Noreturn void start_application(uint32_t vectors)
{
    const uint32_t *const table = (const uint32_t *)vectors;

    *(volatile uint32_t *)LAYOUT_RELAY = RELAY_ON;
    data_barrier();
    __asm__ volatile("msr msp, %0\n\t"
                     "bx %1"
                     :
                     : "r"(table[0]), "r"(table[1]));
    __builtin_unreachable();
}

#define EIGHT relay, relay, relay, relay, relay, relay, relay, relay

__attribute__((section(".vectors"), used)) static const struct vector_table vector_table = {
    .initial_sp = stack_top,
    .reset = reset_handler,
    .nmi = relay,
    .hard_fault = relay,
    .svcall = relay,
    .pendsv = relay,
    .systick = relay,
    .irq = {EIGHT, EIGHT, EIGHT, EIGHT},
};
