/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the secure application that know no chip, on the machine that runs the tests and under its sanitizers.
 * Reads commands from stdin, answers each on stdout.  Numbers are u32, little-endian.
 *
 *   'F' length bytes    frames in a stream: count, then length and packet of each
 *   'M' length bytes    a map: 0 when refused, else 1 and the fields number, flag, bytes, text, each with a presence
 *                       byte; values are u32, u8, or length and bytes
 *   'P' length bytes    a packet of SMP: the frames that answer it, as length and bytes
 *   'E' length bytes    a packet to send: its frames, as length and bytes
 *   'D' 5 times u32     a decision: severity, consent, deferrals, max_deferrals, busy: decision, may defer
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbor.h"
#include "consent.h"
#include "framing.h"
#include "smp.h"

enum { OUTPUT_BYTES = 1 << 16 };

static uint8_t output[OUTPUT_BYTES];
static uint32_t output_length;

const struct smp_command smp_image_commands[] = {{0}};
const struct smp_command smp_own_commands[] = {{0}};
const struct smp_command smp_enrol_commands[] = {{0}};

static uint32_t read_number(void)
{
    uint8_t bytes[4];

    if (fread(bytes, sizeof bytes, 1, stdin) != 1) {
        exit(0);
    }
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void say_number(uint32_t value)
{
    for (unsigned int i = 0; i < 4u; i++) {
        putchar((int)(value >> (8u * i) & 0xFFu));
    }
}

static void say_bytes(const uint8_t *data, size_t length)
{
    say_number((uint32_t)length);
    if (length > 0u) {
        fwrite(data, 1, length, stdout);
    }
}

static void collect(uint8_t byte)
{
    if (output_length == OUTPUT_BYTES) {
        abort();
    }
    output[output_length++] = byte;
}

/* In memory of exactly this size, so that a read beyond it is seen. */
static uint8_t *read_bytes(uint32_t *length)
{
    *length = read_number();
    uint8_t *const data = malloc(*length > 0u ? *length : 1u);

    if (data == NULL || (*length > 0u && fread(data, *length, 1, stdin) != 1)) {
        exit(1);
    }
    return data;
}

static void frames(void)
{
    static struct framing framing;
    uint32_t length;
    uint32_t count = 0;
    uint8_t *const data = read_bytes(&length);

    memset(&framing, 0, sizeof framing);
    for (uint32_t i = 0; i < length; i++) {
        if (framing_feed(&framing, data[i])) {
            for (unsigned int j = 0; j < 4u; j++) {
                collect((uint8_t)(framing.length >> (8u * j)));
            }
            for (uint32_t j = 0; j < framing.length; j++) {
                collect(framing.packet[j]);
            }
            count++;
        }
    }
    say_number(count);
    if (output_length > 0u) {
        fwrite(output, 1, output_length, stdout);
    }
    free(data);
}

static void map(void)
{
    struct cbor_field fields[] = {
        {.name = "number", .kind = CBOR_KIND_UINT},
        {.name = "flag", .kind = CBOR_KIND_BOOL},
        {.name = "bytes", .kind = CBOR_KIND_BYTES},
        {.name = "text", .kind = CBOR_KIND_TEXT},
    };
    uint32_t length;
    uint8_t *const data = read_bytes(&length);
    const bool good = cbor_read_map(data, length, fields, 4);

    say_number(good);
    for (unsigned int i = 0; good && i < 4u; i++) {
        say_number(fields[i].present);
        if (i < 2u) {
            say_number(fields[i].number);
        } else {
            say_bytes(fields[i].data, fields[i].length);
        }
    }
    free(data);
}

static void packet(bool carry_out)
{
    uint32_t length;
    uint8_t *const data = read_bytes(&length);
    const struct framing_part part = {data, length};

    if (carry_out) {
        (void)smp_handle(data, length, collect);
    } else {
        framing_send(&part, 1, collect);
    }
    say_bytes(output, output_length);
    free(data);
}

static void decision(void)
{
    const uint32_t severity = read_number();
    const uint32_t consent = read_number();
    const uint32_t deferrals = read_number();
    const uint32_t max_deferrals = read_number();
    const struct consent_case now = {
        .severity = (enum severity)severity,
        .consent = (enum consent)consent,
        .deferrals = (uint16_t)deferrals,
        .max_deferrals = (uint16_t)max_deferrals,
        .busy = read_number() != 0u,
    };

    say_number((uint32_t)consent_decide(&now));
    say_number(consent_may_defer(&now));
}

int main(void)
{
    for (int command = getchar(); command != EOF; command = getchar()) {
        output_length = 0;
        switch (command) {
        case 'F':
            frames();
            break;
        case 'M':
            map();
            break;
        case 'P':
        case 'E':
            packet(command == 'P');
            break;
        case 'D':
            decision();
            break;
        default:
            return 1;
        }
        fflush(stdout);
    }
    return 0;
}
