/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "startup.h"

#include "console.h"
#include "cortex_m.h"
#include "hello.h"

/* Set by the linker script; all are word aligned. */
extern const uint32_t data_load[];
extern uint32_t data_start[];
extern uint32_t data_end[];
extern uint32_t bss_start[];
extern uint32_t bss_end[];

void reset_handler(void)
{
    const uint32_t *from = data_load;

    for (uint32_t *to = data_start; to < data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = bss_start; to < bss_end; to++) {
        *to = 0;
    }
    hello_main(port_get());
}

/* Words of the frame that the core stacks on an exception, Armv6-M B1.5.6. */
enum { FRAME_LR = 5, FRAME_PC = 6, FRAME_WORDS = 8 };

/* Reached from fault_handler() only.  The frame is read only where it lies inside the stack: a read outside
 * of RAM would be a fault within a fault, and lock the core up. */
__attribute__((noreturn, used)) static void fault_report(const uint32_t *frame)
{
    irq_mask();
    console_text("\r\nfault: HardFault");
    if (frame >= stack_bottom && frame + FRAME_WORDS <= stack_top) {
        console_text(" pc ");
        console_hex(frame[FRAME_PC], 8);
        console_text(" lr ");
        console_hex(frame[FRAME_LR], 8);
    }
    console_text("\r\n");
    for (;;) {
        wait_for_interrupt();
    }
}

__attribute__((naked)) void fault_handler(void)
{
    __asm__ volatile("mov r0, sp\n\tbl fault_report");
}
