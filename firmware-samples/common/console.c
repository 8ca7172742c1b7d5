/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "console.h"

#include "cortex_m.h"
#include "ring.h"

static const struct port *port;
static struct ring received;
static volatile bool receive_paused;
static bool output_stalled;
static bool output_lost;

int console_open(const struct port *with)
{
    port = with;
    return port->start();
}

static bool tx_wait(void)
{
    if (!port->tx_ready()) {
        const uint32_t since = port->ticks();

        do {
            if (output_stalled || port->ticks() - since >= CONSOLE_STALL_S * port->tick_hz) {
                output_stalled = true;
                return false;
            }
        } while (!port->tx_ready());
    }
    output_stalled = false;
    return true;
}

static void put(uint8_t byte)
{
    if (tx_wait()) {
        port->tx_write(byte);
    } else {
        output_lost = true;
    }
}

void console_begin(void)
{
    if (output_lost) {
        output_lost = false;
        console_text("\r\nerror: output lost, nobody read it\r\n");
    }
}

void console_text(const char *text)
{
    while (*text != '\0') {
        put((uint8_t)*text++);
    }
}

void console_bytes(const uint8_t *bytes, size_t count)
{
    while (count-- > 0u) {
        put(*bytes++);
    }
}

void console_hex(uint32_t value, unsigned int digits)
{
    while (digits-- > 0u) {
        put((uint8_t)"0123456789abcdef"[(value >> (4u * digits)) & 0xFu]);
    }
}

/* Longer than one character at 115200 baud on a core of up to 32 MHz: some UARTs are ready for the next
 * byte while the last one is still on the wire. */
#define LAST_CHARACTER_SPINS 4000u

void console_flush(void)
{
    (void)tx_wait();
    for (volatile uint32_t spin = 0; spin < LAST_CHARACTER_SPINS; spin++) {
    }
}

bool console_receive(uint16_t byte_or_mark)
{
    ring_put(&received, byte_or_mark);
    receive_paused = ring_is_full(&received);
    return !receive_paused;
}

/* Sleeping with interrupts masked leaves no gap between looking and sleeping: a pending interrupt ends the
 * sleep, and its handler runs when the mask goes. */
static void sleep_until_received(void)
{
    irq_mask();
    if (ring_is_empty(&received)) {
        wait_for_interrupt();
    }
    irq_unmask();
}

uint16_t console_take(void)
{
    while (ring_is_empty(&received)) {
        if (receive_paused) {
            receive_paused = false;
            port->rx_resume();
        } else {
            sleep_until_received();
        }
    }
    return ring_take(&received);
}
