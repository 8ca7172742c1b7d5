/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "smp.h"

#include "framing.h"

enum { OP_MASK = 0x07, VERSION_SHIFT = 3, VERSION_MASK = 0x03, VERSION_2 = 1 };
enum { AT_OP, AT_FLAGS, AT_LENGTH, AT_GROUP = 4, AT_SEQUENCE = 6, AT_COMMAND };

static uint8_t buffer[SMP_HEADER_BYTES + SMP_ANSWER_BYTES];

static uint16_t get_u16(const uint8_t *from)
{
    return (uint16_t)((uint32_t)from[0] << 8 | from[1]);
}

static void put_u16(uint8_t *to, size_t value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static unsigned int version_of(const uint8_t *header)
{
    return header[AT_OP] >> VERSION_SHIFT & VERSION_MASK;
}

static const struct smp_command *find_command(const struct smp_request *request)
{
    static const struct smp_command *const groups[] = {smp_os_commands, smp_image_commands, smp_own_commands,
                                                       smp_enrol_commands};

    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        for (const struct smp_command *command = groups[i]; command->run != NULL; command++) {
            if (command->group == request->group && command->command == request->command &&
                command->op == request->op) {
                return command;
            }
        }
    }
    return NULL;
}

static struct smp_status run(const uint8_t *packet, size_t length, struct smp_answer *answer)
{
    const struct smp_request request = {
        .group = get_u16(packet + AT_GROUP),
        .command = packet[AT_COMMAND],
        .op = packet[AT_OP] & OP_MASK,
        .body = packet + SMP_HEADER_BYTES,
        .length = length - SMP_HEADER_BYTES,
    };
    const struct smp_command *command = find_command(&request);

    answer->group = request.group;
    if (version_of(packet) > VERSION_2) {
        return smp_error(SMP_RC_TOO_NEW);
    }
    if (get_u16(packet + AT_LENGTH) != request.length) {
        return smp_error(SMP_RC_INVALID);
    }
    if (command == NULL) {
        return smp_error(SMP_RC_NOT_SUPPORTED);
    }
    const struct smp_status status = command->run(&request, answer);

    return answer->out.full ? smp_error(SMP_RC_MESSAGE_SIZE) : status;
}

static void start_body(struct smp_answer *answer)
{
    answer->out = (struct cbor_out){buffer + SMP_HEADER_BYTES, buffer + sizeof buffer, false};
    answer->tail = NULL;
    answer->tail_length = 0;
}

static void write_error(struct smp_answer *answer, struct smp_status status, bool version_2)
{
    start_body(answer);
    answer->reset = false;
    cbor_map(&answer->out, 1);
    if (!version_2 || status.group_rc == 0u) {
        cbor_pair_uint(&answer->out, "rc", status.rc);
        return;
    }
    cbor_text(&answer->out, "err");
    cbor_map(&answer->out, 2);
    cbor_pair_uint(&answer->out, "group", answer->group);
    cbor_pair_uint(&answer->out, "rc", status.group_rc);
}

static void send(const uint8_t *request, const struct smp_answer *answer, void (*put)(uint8_t byte))
{
    const size_t head = (size_t)(answer->out.at - buffer);
    const unsigned int version = version_of(request) > VERSION_2 ? VERSION_2 : version_of(request);
    const struct framing_part parts[] = {{buffer, head}, {answer->tail, answer->tail_length}};

    buffer[AT_OP] = (uint8_t)(((request[AT_OP] & OP_MASK) + 1u) | version << VERSION_SHIFT);
    buffer[AT_FLAGS] = 0;
    put_u16(buffer + AT_LENGTH, head - SMP_HEADER_BYTES + answer->tail_length);
    put_u16(buffer + AT_GROUP, get_u16(request + AT_GROUP));
    buffer[AT_SEQUENCE] = request[AT_SEQUENCE];
    buffer[AT_COMMAND] = request[AT_COMMAND];
    framing_send(parts, 2, put);
}

bool smp_handle(const uint8_t *packet, size_t length, void (*put)(uint8_t byte))
{
    struct smp_answer answer = {0};

    if (length < SMP_HEADER_BYTES) {
        return false;
    }
    const unsigned int op = packet[AT_OP] & OP_MASK;

    if (op != SMP_READ && op != SMP_WRITE) {
        return false;
    }
    start_body(&answer);
    const struct smp_status status = run(packet, length, &answer);

    if (status.rc != SMP_RC_OK) {
        write_error(&answer, status, version_of(packet) == VERSION_2);
    } else if (answer.out.at == buffer + SMP_HEADER_BYTES) {
        cbor_map(&answer.out, 0);
    }
    send(packet, &answer, put);
    return answer.reset;
}
