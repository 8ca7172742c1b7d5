/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The application: says its version, tests itself, then serves SMP on the UART for ever.
 */
#include "app.h"
#include "chip.h"
#include "enrol.h"
#include "framing.h"
#include "self_enrol.h"
#include "smp.h"
#include "start.h"
#include "text.h"

static struct framing framing;

static void serve(uint8_t byte)
{
    if (framing_feed(&framing, byte) && smp_handle(framing.packet, framing.length, uart_put)) {
        uart_flush();
        chip_reset();
    }
}

static void take_input(void)
{
    const int received = uart_rx_take();

    if (received >= 0) {
        serve((uint8_t)received);
    } else if (received == UART_RX_LOST) {
        framing_lost(&framing);
    } else {
        uart_rx_wait();
    }
}

_Noreturn void app_main(void)
{
#ifdef APP_SILENT
    for (;;) {
        __asm__ volatile("wfi");
    }
#endif
    char version[VERSION_TEXT_BYTES];

    chip_init();
    uart_rx_start();
    running_start();
    enrol_start();
    self_enrol();
    selftest_run();
    text_put("app: ");
    text_put(running_version(version));
    text_end();
    for (;;) {
        take_input();
    }
}
