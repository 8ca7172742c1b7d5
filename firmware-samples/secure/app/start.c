/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "start.h"

#include "app_port.h"
#include "cortex_m.h"
#include "text.h"

/* Set by the linker script; all are word aligned.  The stack lies at the bottom of RAM: an overflow leaves RAM and
 * ends in a fault. */
extern const uint32_t data_load[];
extern uint32_t data_start[];
extern uint32_t data_end[];
extern uint32_t bss_start[];
extern uint32_t bss_end[];
extern uint32_t stack_bottom[];

/* Words of the stack that this function and its interrupts may be using. */
enum { IN_USE_WORDS = 16 };

void app_reset_handler(void)
{
    const uint32_t *from = data_load;
    uint32_t *const here = __builtin_frame_address(0);

    for (uint32_t *to = stack_bottom; to < here - IN_USE_WORDS; to++) {
        *to = STACK_FILL;
    }
    for (uint32_t *to = data_start; to < data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = bss_start; to < bss_end; to++) {
        *to = 0;
    }
    app_main();
}

/* Says it, then sleeps until a reset: an image on trial is then reverted. */
void app_fault_handler(void)
{
    irq_mask();
    text_put("app: fault");
    text_end();
    for (;;) {
        wait_for_interrupt();
    }
}
