/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * SMP group 0: echo, reset, parameters, and what the program and its bootloader are.
 */
#include <string.h>

#include "app.h"
#include "framing.h"
#include "smp.h"

enum { ECHO = 0, RESET = 5, PARAMETERS = 6, INFO = 7, BOOTLOADER = 8 };
enum { ERROR_INVALID_FORMAT = 2, ERROR_QUERY_YIELDS_NO_ANSWER = 3 };

/* MCUboot's number for swap by move. */
#define MODE_SWAP_WITHOUT_SCRATCH 3u

/* Packets that are on their way while one is worked on: this one, and what the receive ring holds of the next. */
#define BUFFER_COUNT 2u

/* The text stays in the packet; only what stands before it is written anew. */
static struct smp_status echo(const struct smp_request *request, struct smp_answer *answer)
{
    struct cbor_field fields[] = {{.name = "d", .kind = CBOR_KIND_TEXT}};

    if (!cbor_read_map(request->body, request->length, fields, 1) || !fields[0].present) {
        return smp_error(SMP_RC_INVALID);
    }
    cbor_map(&answer->out, 1);
    cbor_text(&answer->out, "r");
    cbor_text_head(&answer->out, fields[0].length);
    answer->tail = fields[0].data;
    answer->tail_length = fields[0].length;
    return SMP_OK;
}

static struct smp_status reset(const struct smp_request *request, struct smp_answer *answer)
{
    if (!cbor_read_map(request->body, request->length, NULL, 0)) {
        return smp_error(SMP_RC_INVALID);
    }
    answer->reset = true;
    return SMP_OK;
}

static struct smp_status parameters(const struct smp_request *request, struct smp_answer *answer)
{
    (void)request;
    cbor_map(&answer->out, 2);
    cbor_pair_uint(&answer->out, "buf_size", FRAMING_PACKET_BYTES);
    cbor_pair_uint(&answer->out, "buf_count", BUFFER_COUNT);
    return SMP_OK;
}

/* The fields that a format names, in their own order, as Zephyr's `uname` does. */
static const struct {
    char letter;
    const char *text;
} info_fields[] = {
    {'s', "workbench"}, {'n', "secure-app"}, {'r', APP_VERSION}, {'v', APP_VERSION},
    {'m', "arm"},       {'p', APP_CORE},     {'i', APP_CHIP},    {'o', "none"},
};
enum { INFO_FIELDS = sizeof info_fields / sizeof info_fields[0], INFO_BYTES = 160 };

/* Bit i for info_fields[i]; 0 when the format is wrong. */
static uint32_t wanted_fields(const struct cbor_field *format)
{
    uint32_t wanted = 0;

    if (!format->present || format->length == 0u) {
        return 1;
    }
    for (size_t at = 0; at < format->length; at++) {
        uint32_t found = format->data[at] == 'a' ? (1u << INFO_FIELDS) - 1u : 0u;

        for (size_t i = 0; i < INFO_FIELDS; i++) {
            found |= format->data[at] == (uint8_t)info_fields[i].letter ? 1u << i : 0u;
        }
        if (found == 0u) {
            return 0;
        }
        wanted |= found;
    }
    return wanted;
}

_Static_assert(sizeof APP_VERSION <= 33, "the version fits twice into the answer of the info command");

static struct smp_status info(const struct smp_request *request, struct smp_answer *answer)
{
    struct cbor_field format = {.name = "format", .kind = CBOR_KIND_TEXT};
    char text[INFO_BYTES];
    size_t length = 0;

    if (!cbor_read_map(request->body, request->length, &format, 1)) {
        return smp_error(SMP_RC_INVALID);
    }
    const uint32_t wanted = wanted_fields(&format);

    if (wanted == 0u) {
        return smp_group_error(ERROR_INVALID_FORMAT, SMP_RC_INVALID);
    }
    for (size_t i = 0; i < INFO_FIELDS; i++) {
        if ((wanted >> i & 1u) != 0u) {
            const size_t field = strlen(info_fields[i].text);

            memcpy(text + length, info_fields[i].text, field);
            length += field;
            text[length++] = ' ';
        }
    }
    text[length - 1u] = '\0';
    cbor_map(&answer->out, 1);
    cbor_pair_text(&answer->out, "output", text);
    return SMP_OK;
}

static bool text_is(const struct cbor_field *field, const char *text)
{
    return field->length == strlen(text) && memcmp(field->data, text, field->length) == 0;
}

static struct smp_status bootloader(const struct smp_request *request, struct smp_answer *answer)
{
    struct cbor_field query = {.name = "query", .kind = CBOR_KIND_TEXT};

    if (!cbor_read_map(request->body, request->length, &query, 1)) {
        return smp_error(SMP_RC_INVALID);
    }
    cbor_map(&answer->out, 1);
    if (!query.present) {
        cbor_pair_text(&answer->out, "bootloader", "MCUboot");
    } else if (text_is(&query, "mode")) {
        cbor_pair_uint(&answer->out, "mode", MODE_SWAP_WITHOUT_SCRATCH);
    } else {
        return smp_group_error(ERROR_QUERY_YIELDS_NO_ANSWER, SMP_RC_NOT_FOUND);
    }
    return SMP_OK;
}

const struct smp_command smp_os_commands[] = {
    {SMP_GROUP_OS, ECHO, SMP_WRITE, echo},
    {SMP_GROUP_OS, ECHO, SMP_READ, echo},
    {SMP_GROUP_OS, RESET, SMP_WRITE, reset},
    {SMP_GROUP_OS, PARAMETERS, SMP_READ, parameters},
    {SMP_GROUP_OS, INFO, SMP_READ, info},
    {SMP_GROUP_OS, BOOTLOADER, SMP_READ, bootloader},
    {0},
};
