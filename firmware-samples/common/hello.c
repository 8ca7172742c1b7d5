/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "hello.h"

#include <stddef.h>

#include "console.h"
#include "cortex_m.h"
#include "line.h"

#define TEXT_OF(number)  TEXT_OF_(number)
#define TEXT_OF_(number) #number

/* ELF note of the linker (--build-id=sha1), placed by the linker script: three words, "GNU\0", then 20
 * bytes. */
extern const uint8_t build_id_note[];
enum { NOTE_HEADER_BYTES = 16, BUILD_ID_BYTES = 6 };

static void say_build(void)
{
    for (size_t i = 0; i < BUILD_ID_BYTES; i++) {
        console_hex(build_id_note[NOTE_HEADER_BYTES + i], 2);
    }
}

static void say_chip(const struct port *port)
{
    const uint64_t id = port->chip_id();

    console_hex((uint32_t)(id >> 32), 8);
    console_hex((uint32_t)id, 8);
}

static void say_banner(const struct port *port)
{
    console_text(port->name);
    console_text(" " HELLO_VERSION " build ");
    say_build();
    console_text(" chip ");
    say_chip(port);
    console_text("\r\n");
}

static void command_id(const struct port *port)
{
    console_text("id: ");
    say_chip(port);
    console_text("\r\n");
}

static void command_build(const struct port *port)
{
    (void)port;
    console_text("build: ");
    say_build();
    console_text("\r\n");
}

/* Far more than a core needs to act on a reset request. */
#define RESET_SPINS 1000000u

static void command_reset(const struct port *port)
{
    (void)port;
    console_text("resetting\r\n");
    console_flush();
    data_barrier();
    SCB_AIRCR = SCB_AIRCR_VECTKEY | SCB_AIRCR_SYSRESETREQ;
    data_barrier();
    for (volatile uint32_t spin = 0; spin < RESET_SPINS; spin++) {
    }
    console_text("error: the reset request was ignored\r\n");
}

static void command_crash(const struct port *port)
{
    (void)port;
    __builtin_trap();
}

static const struct {
    const char *name;
    void (*run)(const struct port *port);
} commands[] = {
    {"?id", command_id},
    {"?build", command_build},
    {"?reset", command_reset},
    {"?crash", command_crash},
};

static bool line_is(const struct line *line, const char *text)
{
    for (uint32_t i = 0; i < line->length; i++) {
        if (text[i] == '\0' || (uint8_t)text[i] != line->bytes[i]) {
            return false;
        }
    }
    return text[line->length] == '\0';
}

static void obey_or_echo(const struct port *port, const struct line *line)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (line_is(line, commands[i].name)) {
            commands[i].run(port);
            return;
        }
    }
    console_text("echo: ");
    console_bytes(line->bytes, line->length);
    console_text("\r\n");
}

static void say_line_error(int error)
{
    if (error == LINE_ERROR_TOO_LONG) {
        console_text("error: line longer than " TEXT_OF(LINE_MAX_BYTES) " bytes\r\n");
    } else if (error == LINE_ERROR_OVERRUN) {
        console_text("error: input lost, it came faster than it could be read\r\n");
    } else {
        console_text("error: input damaged, check cable and baud rate\r\n");
    }
}

void hello_main(const struct port *port)
{
    static struct line line;
    const int started = console_open(port);

    say_banner(port);
    if (started == PORT_ERROR_CLOCK) {
        console_text("error: the crystal did not start, the baud rate may be off\r\n");
    }
    for (;;) {
        const int result = line_feed(&line, console_take());

        if (result == LINE_UNFINISHED) {
            continue;
        }
        console_begin();
        if (result == LINE_COMPLETE) {
            obey_or_echo(port, &line);
        } else {
            say_line_error(result);
        }
    }
}
