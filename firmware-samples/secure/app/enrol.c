/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "enrol.h"

#include <bearssl_hash.h>
#include <stdbool.h>
#include <string.h>

#include "app.h"
#include "certificate.h"
#include "csr.h"
#include "eat.h"
#include "entropy.h"
#include "key_page.h"
#include "smp.h"
#include "unit_key.h"

enum { ENROL = 4, CSR = 5, CERTIFICATE = 6, EAT = 7 };
enum { READ_BYTES = 512 };

static bool repaired[COPIES];

/* A certificate on its way in. */
static struct {
    uint32_t length; /* 0: none */
    uint32_t offset; /* bytes taken */
    uint8_t sha[HASH_BYTES];
    uint8_t data[CERTIFICATE_MAX_BYTES];
} incoming;

void enrol_start(void)
{
    eat_start();
    certificate_repair(repaired);
}

/* --- 4 enrol ------------------------------------------------------------------------------------------------- */

static const char *state_name(void)
{
    struct bytes found;

    if (key_page_spent()) {
        return "done";
    }
    if (unit_key_kind() == UNIT_KEY_P256) {
        return certificate_first(&found) != COPIES ? "cert" : "key";
    }
    return key_page_secret() != NULL ? "secret" : "none";
}

static void write_pair_of_bools(struct cbor_out *out, const char *key, bool a, bool b)
{
    cbor_text(out, key);
    cbor_array(out, 2);
    cbor_bool(out, a);
    cbor_bool(out, b);
}

static struct smp_status read_enrol(const struct smp_request *request, struct smp_answer *answer)
{
    struct cbor_out *const out = &answer->out;
    uint8_t point[UNIT_POINT_BYTES];
    struct bytes found;
    const bool has_point = unit_key_point(point);

    (void)request;
    cbor_map(out, has_point ? 6u : 5u);
    cbor_pair_text(out, "state", state_name());
    cbor_pair_text(out, "origin", unit_key_origin());
    if (has_point) {
        cbor_pair_bytes(out, "pub", point, sizeof point);
    }
    write_pair_of_bools(out, "certs", certificate_find(COPY_A, &found), certificate_find(COPY_B, &found));
    write_pair_of_bools(out, "repaired", repaired[COPY_A], repaired[COPY_B]);
    cbor_pair_bool(out, "health", entropy_healthy());
    return SMP_OK;
}

/* A unit keeps the key it has. */
static struct smp_status generate(void)
{
    const enum unit_key_kind has = unit_key_kind();

    if (has == UNIT_KEY_P256) {
        return SMP_OK;
    }
    if (key_page_spent()) {
        return smp_group_error(OWN_ERROR_FROZEN, SMP_RC_ACCESS_DENIED);
    }
    if (has == UNIT_KEY_SECRET) {
        return smp_group_error(OWN_ERROR_ENROL_STATE, SMP_RC_BAD_STATE);
    }
    if (key_page_secret() == NULL) {
        return smp_group_error(OWN_ERROR_NO_SECRET, SMP_RC_BAD_STATE);
    }
    switch (unit_key_make()) {
    case UNIT_KEY_MADE:
        return SMP_OK;
    case UNIT_KEY_RANDOM_BAD:
        return smp_group_error(OWN_ERROR_RANDOM, SMP_RC_UNKNOWN);
    case UNIT_KEY_NOT_KEPT:
        return smp_group_error(OWN_ERROR_FLASH, SMP_RC_UNKNOWN);
    default:
        return smp_group_error(OWN_ERROR_FAILED, SMP_RC_UNKNOWN);
    }
}

static struct smp_status commit(void)
{
    if (key_page_spent()) {
        return SMP_OK;
    }
    switch (unit_key_kind()) {
    case UNIT_KEY_P256:
        if (!certificate_both()) {
            return smp_group_error(OWN_ERROR_NO_CERTIFICATE, SMP_RC_BAD_STATE);
        }
        break;
    case UNIT_KEY_SECRET:
        break;
    default:
        return smp_group_error(OWN_ERROR_NO_KEY, SMP_RC_NOT_FOUND);
    }
    incoming.length = 0;
    return key_page_spend() ? SMP_OK : smp_group_error(OWN_ERROR_FLASH, SMP_RC_UNKNOWN);
}

static bool is_text(const struct cbor_field *field, const char *text)
{
    return field->present && field->length == strlen(text) && memcmp(field->data, text, field->length) == 0;
}

static struct smp_status write_enrol(const struct smp_request *request, struct smp_answer *answer)
{
    struct cbor_field act = {.name = "act", .kind = CBOR_KIND_TEXT};
    struct smp_status status = smp_error(SMP_RC_INVALID);

    if (!cbor_read_map(request->body, request->length, &act, 1)) {
        return status;
    }
    if (is_text(&act, "generate")) {
        status = generate();
    } else if (is_text(&act, "commit")) {
        status = commit();
    }
    return status.rc == SMP_RC_OK ? read_enrol(request, answer) : status;
}

/* --- 5 csr --------------------------------------------------------------------------------------------------- */

static struct smp_status csr(const struct smp_request *request, struct smp_answer *answer)
{
    static uint8_t built[CSR_MAX_BYTES];
    struct cbor_field nonce = {.name = "nonce", .kind = CBOR_KIND_BYTES};

    if (!cbor_read_map(request->body, request->length, &nonce, 1) || !nonce.present ||
        nonce.length != CSR_NONCE_BYTES) {
        return smp_error(SMP_RC_INVALID);
    }
    if (key_page_spent()) {
        return smp_group_error(OWN_ERROR_FROZEN, SMP_RC_ACCESS_DENIED);
    }
    if (unit_key_kind() != UNIT_KEY_P256) {
        return smp_group_error(OWN_ERROR_NO_KEY, SMP_RC_NOT_FOUND);
    }
    if (key_page_secret() == NULL) {
        return smp_group_error(OWN_ERROR_NO_SECRET, SMP_RC_BAD_STATE);
    }
    const uint32_t length = csr_build(nonce.data, built);

    if (length == 0u) {
        return smp_group_error(OWN_ERROR_FAILED, SMP_RC_UNKNOWN);
    }
    cbor_map(&answer->out, 1);
    cbor_pair_bytes(&answer->out, "csr", built, length);
    return SMP_OK;
}

/* --- 6 certificate ------------------------------------------------------------------------------------------- */

static struct smp_status read_certificate(const struct smp_request *request, struct smp_answer *answer)
{
    struct cbor_field offset = {.name = "off", .kind = CBOR_KIND_UINT};
    struct bytes der;
    const enum certificate_copy copy = certificate_first(&der);

    if (!cbor_read_map(request->body, request->length, &offset, 1)) {
        return smp_error(SMP_RC_INVALID);
    }
    if (copy == COPIES) {
        return smp_group_error(OWN_ERROR_NO_CERTIFICATE, SMP_RC_NOT_FOUND);
    }
    if (offset.number > der.length) {
        return smp_error(SMP_RC_INVALID);
    }
    const uint32_t left = der.length - offset.number;

    cbor_map(&answer->out, 4);
    cbor_pair_uint(&answer->out, "off", offset.number);
    cbor_pair_uint(&answer->out, "len", der.length);
    cbor_pair_bytes(&answer->out, "data", der.data + offset.number, left < READ_BYTES ? left : READ_BYTES);
    cbor_pair_uint(&answer->out, "copy", copy);
    return SMP_OK;
}

static struct smp_status keep_certificate(void)
{
    const struct bytes der = {incoming.data, incoming.length};
    uint8_t point[UNIT_POINT_BYTES];
    uint8_t hash[HASH_BYTES];
    br_sha256_context context;

    br_sha256_init(&context);
    br_sha256_update(&context, der.data, der.length);
    br_sha256_out(&context, hash);
    incoming.length = 0;
    if (memcmp(hash, incoming.sha, sizeof hash) != 0 || !unit_key_point(point) ||
        !certificate_fits(&der, point, sizeof point)) {
        return smp_group_error(OWN_ERROR_CERTIFICATE, SMP_RC_CORRUPT);
    }
    return certificate_write(&der) ? SMP_OK : smp_group_error(OWN_ERROR_FLASH, SMP_RC_UNKNOWN);
}

enum piece_field { OFFSET, LENGTH, SHA, DATA, PIECE_FIELDS };

static bool begin(const struct cbor_field *fields)
{
    if (!fields[LENGTH].present || fields[LENGTH].number == 0u || fields[LENGTH].number > CERTIFICATE_MAX_BYTES ||
        !fields[SHA].present || fields[SHA].length != HASH_BYTES) {
        return false;
    }
    incoming.length = fields[LENGTH].number;
    incoming.offset = 0;
    memcpy(incoming.sha, fields[SHA].data, HASH_BYTES);
    return true;
}

/* Takes a piece where it is the one that is awaited. */
static struct smp_status take(const struct cbor_field *fields, bool *whole)
{
    const uint32_t length = (uint32_t)fields[DATA].length;

    *whole = false;
    if (fields[OFFSET].number == 0u && !begin(fields)) {
        return smp_error(SMP_RC_INVALID);
    }
    if (incoming.length == 0u || fields[OFFSET].number != incoming.offset) {
        return SMP_OK;
    }
    if (length > incoming.length - incoming.offset) {
        incoming.length = 0;
        return smp_error(SMP_RC_INVALID);
    }
    memcpy(incoming.data + incoming.offset, fields[DATA].data, length);
    incoming.offset += length;
    *whole = incoming.offset == incoming.length;
    return *whole ? keep_certificate() : SMP_OK;
}

static struct smp_status write_certificate(const struct smp_request *request, struct smp_answer *answer)
{
    struct cbor_field fields[PIECE_FIELDS] = {
        [OFFSET] = {.name = "off", .kind = CBOR_KIND_UINT},
        [LENGTH] = {.name = "len", .kind = CBOR_KIND_UINT},
        [SHA] = {.name = "sha", .kind = CBOR_KIND_BYTES},
        [DATA] = {.name = "data", .kind = CBOR_KIND_BYTES},
    };
    bool whole;

    if (!cbor_read_map(request->body, request->length, fields, PIECE_FIELDS) || !fields[OFFSET].present ||
        !fields[DATA].present) {
        return smp_error(SMP_RC_INVALID);
    }
    if (key_page_spent()) {
        return smp_group_error(OWN_ERROR_FROZEN, SMP_RC_ACCESS_DENIED);
    }
    if (unit_key_kind() != UNIT_KEY_P256) {
        return smp_group_error(OWN_ERROR_NO_KEY, SMP_RC_NOT_FOUND);
    }
    const struct smp_status status = take(fields, &whole);

    if (status.rc == SMP_RC_OK) {
        cbor_map(&answer->out, whole ? 2u : 1u);
        cbor_pair_uint(&answer->out, "off", incoming.length == 0u && !whole ? 0u : incoming.offset);
        if (whole) {
            cbor_pair_bool(&answer->out, "match", true);
        }
    }
    return status;
}

/* --- 7 eat --------------------------------------------------------------------------------------------------- */

static struct smp_status eat(const struct smp_request *request, struct smp_answer *answer)
{
    struct cbor_field nonce = {.name = "nonce", .kind = CBOR_KIND_BYTES};

    if (!cbor_read_map(request->body, request->length, &nonce, 1) || !nonce.present ||
        nonce.length < EAT_NONCE_MIN || nonce.length > EAT_NONCE_MAX) {
        return smp_error(SMP_RC_INVALID);
    }
    cbor_map(&answer->out, 1);
    cbor_text(&answer->out, "eat");
    switch (eat_write(&answer->out, nonce.data, (uint32_t)nonce.length)) {
    case EAT_OK:
        return SMP_OK;
    case EAT_NO_KEY:
        return smp_group_error(OWN_ERROR_NO_KEY, SMP_RC_NOT_FOUND);
    default:
        return smp_group_error(OWN_ERROR_FAILED, SMP_RC_UNKNOWN);
    }
}

const struct smp_command smp_enrol_commands[] = {
    {SMP_GROUP_OWN, ENROL, SMP_READ, read_enrol},
    {SMP_GROUP_OWN, ENROL, SMP_WRITE, write_enrol},
    {SMP_GROUP_OWN, CSR, SMP_WRITE, csr},
    {SMP_GROUP_OWN, CERTIFICATE, SMP_READ, read_certificate},
    {SMP_GROUP_OWN, CERTIFICATE, SMP_WRITE, write_certificate},
    {SMP_GROUP_OWN, EAT, SMP_WRITE, eat},
    {0},
};
