/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * SMP group 1: the images in the slots, upload, erase.
 */
#include <string.h>

#include "app.h"
#include "request.h"
#include "smp.h"
#include "upload.h"

enum { STATE = 0, UPLOAD = 1, ERASE = 5 };

/* Flags of an image in the answer, as Zephyr's server means them. */
struct flags {
    bool pending;
    bool confirmed;
    bool active;
    bool permanent;
};

static struct flags flags_of(enum slot slot, enum phase phase)
{
    const bool requested = phase == PHASE_REQUEST_TEST || phase == PHASE_REQUEST_PERM;

    if (slot == SLOT_0) {
        return (struct flags){.active = true, .confirmed = phase != PHASE_TRIAL};
    }
    return (struct flags){
        .pending = requested,
        .permanent = phase == PHASE_REQUEST_PERM,
        .confirmed = phase == PHASE_TRIAL, /* the one to fall back to */
    };
}

static void write_image(struct cbor_out *out, enum slot slot, const struct image *image, enum phase phase)
{
    const struct flags flags = flags_of(slot, phase);
    char version[VERSION_TEXT_BYTES];
    struct bytes hash = {NULL, 0};

    version_text(version, &image->version, '.');
    (void)image_hash(image, &hash);
    cbor_map(out, 9);
    cbor_pair_uint(out, "image", 0);
    cbor_pair_uint(out, "slot", (uint32_t)slot);
    cbor_pair_text(out, "version", version);
    cbor_pair_bytes(out, "hash", hash.data, hash.length);
    cbor_pair_bool(out, "bootable", (image->flags & IMAGE_F_NON_BOOTABLE) == 0u);
    cbor_pair_bool(out, "pending", flags.pending);
    cbor_pair_bool(out, "confirmed", flags.confirmed);
    cbor_pair_bool(out, "active", flags.active);
    cbor_pair_bool(out, "permanent", flags.permanent);
}

static struct smp_status list(struct smp_answer *answer)
{
    struct request_view view;
    const struct image *const running = running_image();

    request_look(&view);
    const enum phase phase = (enum phase)view.state.phase;

    cbor_map(&answer->out, 2);
    cbor_text(&answer->out, "images");
    cbor_array(&answer->out, (running != NULL ? 1u : 0u) + (view.there ? 1u : 0u));
    if (running != NULL) {
        write_image(&answer->out, SLOT_0, running, phase);
    }
    if (view.there) {
        write_image(&answer->out, SLOT_1, &view.image, phase);
    }
    cbor_pair_uint(&answer->out, "splitStatus", 0);
    return SMP_OK;
}

static struct smp_status read_state(const struct smp_request *request, struct smp_answer *answer)
{
    (void)request;
    return list(answer);
}

static bool is_running(const struct cbor_field *hash)
{
    struct bytes running;

    return running_image() != NULL && image_hash(running_image(), &running) && hash->length == running.length &&
           memcmp(hash->data, running.data, hash->length) == 0;
}

/* Without a hash the running image is meant, and it can only be confirmed.  The installed image wins over one with
 * the same hash in slot 1. */
static struct smp_status set_state(const struct cbor_field *hash, bool confirm, struct smp_answer *answer)
{
    if (!hash->present) {
        return confirm ? request_confirm() : smp_group_error(IMAGE_ERROR_INVALID_HASH, SMP_RC_INVALID);
    }
    if (is_running(hash)) {
        return confirm ? request_confirm() : smp_group_error(IMAGE_ERROR_TEST_OF_ACTIVE_DENIED, SMP_RC_BAD_STATE);
    }
    return request_install(hash->data, (uint32_t)hash->length, confirm, answer);
}

static struct smp_status write_state(const struct smp_request *request, struct smp_answer *answer)
{
    enum { HASH, CONFIRM, COUNT };
    struct cbor_field fields[COUNT] = {
        [HASH] = {.name = "hash", .kind = CBOR_KIND_BYTES},
        [CONFIRM] = {.name = "confirm", .kind = CBOR_KIND_BOOL},
    };

    if (!cbor_read_map(request->body, request->length, fields, COUNT)) {
        return smp_error(SMP_RC_INVALID);
    }
    const struct smp_status status = set_state(&fields[HASH], fields[CONFIRM].number != 0u, answer);

    return status.rc == SMP_RC_OK ? list(answer) : status;
}

enum upload_field { IMAGE, LENGTH, OFFSET, SHA, DATA, UPGRADE, UPLOAD_FIELDS };

static struct smp_status begin(const struct cbor_field *fields)
{
    const struct upload_start start = {
        .length = fields[LENGTH].number,
        .sha = fields[SHA].present ? fields[SHA].data : NULL,
        .upgrade = fields[UPGRADE].number != 0u,
    };

    if (fields[IMAGE].number != 0u) {
        return smp_group_error(IMAGE_ERROR_INVALID_SLOT, SMP_RC_INVALID);
    }
    if (!fields[LENGTH].present) {
        return smp_group_error(IMAGE_ERROR_INVALID_LENGTH, SMP_RC_INVALID);
    }
    if (fields[SHA].present && fields[SHA].length != HASH_BYTES) {
        return smp_group_error(IMAGE_ERROR_INVALID_HASH, SMP_RC_INVALID);
    }
    return upload_begin(&start, fields[DATA].data, (uint32_t)fields[DATA].length);
}

static void write_upload_answer(struct cbor_out *out)
{
    const uint32_t offset = upload_offset();
    const enum upload_end end = upload_end();
    const bool judged = end == UPLOAD_MATCHES || end == UPLOAD_DIFFERS;

    cbor_map(out, judged ? 2u : 1u);
    cbor_pair_uint(out, "off", offset);
    if (judged) {
        cbor_pair_bool(out, "match", end == UPLOAD_MATCHES);
    }
}

static struct smp_status upload(const struct smp_request *request, struct smp_answer *answer)
{
    struct cbor_field fields[UPLOAD_FIELDS] = {
        [IMAGE] = {.name = "image", .kind = CBOR_KIND_UINT},   [LENGTH] = {.name = "len", .kind = CBOR_KIND_UINT},
        [OFFSET] = {.name = "off", .kind = CBOR_KIND_UINT},    [SHA] = {.name = "sha", .kind = CBOR_KIND_BYTES},
        [DATA] = {.name = "data", .kind = CBOR_KIND_BYTES},    [UPGRADE] = {.name = "upgrade", .kind = CBOR_KIND_BOOL},
    };

    if (!cbor_read_map(request->body, request->length, fields, UPLOAD_FIELDS) || !fields[DATA].present) {
        return smp_error(SMP_RC_INVALID);
    }
    if (!fields[OFFSET].present) {
        return smp_group_error(IMAGE_ERROR_INVALID_OFFSET, SMP_RC_INVALID);
    }
    const struct smp_status status =
        fields[OFFSET].number == 0u
            ? begin(fields)
            : upload_continue(fields[OFFSET].number, fields[DATA].data, (uint32_t)fields[DATA].length);

    if (status.rc == SMP_RC_OK) {
        write_upload_answer(&answer->out);
    }
    return status;
}

static struct smp_status erase(const struct smp_request *request, struct smp_answer *answer)
{
    struct cbor_field slot = {.name = "slot", .kind = CBOR_KIND_UINT};

    (void)answer;
    if (!cbor_read_map(request->body, request->length, &slot, 1)) {
        return smp_error(SMP_RC_INVALID);
    }
    if (slot.present && slot.number != SLOT_1) {
        return smp_group_error(IMAGE_ERROR_INVALID_SLOT, SMP_RC_INVALID);
    }
    return upload_erase();
}

const struct smp_command smp_image_commands[] = {
    {SMP_GROUP_IMAGE, STATE, SMP_READ, read_state},
    {SMP_GROUP_IMAGE, STATE, SMP_WRITE, write_state},
    {SMP_GROUP_IMAGE, UPLOAD, SMP_WRITE, upload},
    {SMP_GROUP_IMAGE, ERASE, SMP_WRITE, erase},
    {0},
};
