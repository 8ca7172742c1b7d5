/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "start.h"

#include "cortex_m.h"
#include "layout.h"
#include "main.h"
#include "text.h"

/* Set by the linker script; all are word aligned. */
extern const uint32_t data_load[];
extern uint32_t data_start[];
extern uint32_t data_end[];
extern uint32_t bss_start[];
extern uint32_t bss_end[];
extern uint32_t stack_bottom[];
extern uint32_t stack_top[];

/* The relay goes off first: from here on faults are the bootloader's own. */
void reset_handler(void)
{
    const uint32_t *from = data_load;
    uint32_t *const here = __builtin_frame_address(0);

    *(volatile uint32_t *)LAYOUT_RELAY = 0;
    for (uint32_t *to = stack_bottom; to < here - 16; to++) {
        *to = STACK_FILL;
    }
    for (uint32_t *to = data_start; to < data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = bss_start; to < bss_end; to++) {
        *to = 0;
    }
    boot_main();
}

void fault_handler(void)
{
    irq_mask();
    text_put("boot: fault");
    text_end();
    for (;;) {
        wait_for_interrupt();
    }
}
