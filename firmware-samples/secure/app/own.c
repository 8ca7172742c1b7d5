/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * SMP group 64: who the unit is and what it runs, the proof of it, and the user's consent.
 *
 *   0 identity, read     {"chip": 8 bytes, "profile": text, "version": text, "hash": 32 bytes, "slot": 0,
 *                        "counter": n, "phase": n, "result": n, "confirmed": bool, "boot": text, "selftest": bool,
 *                        "origin": "none" | "on-chip" | "injected"}
 *                        phase is enum phase, result enum reason; hash is computed over the flash at start
 *   1 challenge, write   {"nonce": 16 to 64 bytes} -> {"alg": "ES256" or "HS256", "statement": bytes, "sig": bytes}
 *                        statement is a map of CBOR: nonce, chip, version, hash, slot, counter, phase; what is signed
 *                        is "WBCHAL1" and the statement; ES256 is r and s, 32 bytes each
 *   2 consent, read      {"state": "none" | "waiting" | "deferred" | "granted", "severity": "none" | "optional" |
 *                        "mandatory" | "critical", "deferrals": n, "max_deferrals": n, "busy": bool}
 *   2 consent, write     {"action": "grant" | "defer"} -> as read
 *   3 busy, write        {"busy": bool} -> as read of 2; stands in for an application in the middle of something
 *
 * 4 to 7 are enrolment and attestation: enrol.h.  Errors are enum smp_own_error.
 */
#include <string.h>

#include "app.h"
#include "chip.h"
#include "request.h"
#include "smp.h"
#include "unit_key.h"

enum { IDENTITY = 0, CHALLENGE = 1, CONSENT = 2, BUSY = 3 };
enum { CHIP_ID_BYTES = 8, NONCE_MIN = 16, NONCE_MAX = 64, STATEMENT_BYTES = 224, PROFILE_BYTES = 32 };

static void write_profile(struct cbor_out *out)
{
    struct bytes profile;

    cbor_text(out, "profile");
    if (provision_find(PROVISION_PROFILE, 0, &profile) && profile.length <= PROFILE_BYTES) {
        cbor_text_bytes(out, profile.data, profile.length);
    } else {
        cbor_text(out, "");
    }
}

static struct smp_status identity(const struct smp_request *request, struct smp_answer *answer)
{
    struct cbor_out *const out = &answer->out;
    char version[VERSION_TEXT_BYTES];
    uint8_t chip[CHIP_ID_BYTES];
    struct boot_state state;

    (void)request;
    chip_id(chip);
    state_read(&state);
    cbor_map(out, 12);
    cbor_pair_bytes(out, "chip", chip, sizeof chip);
    write_profile(out);
    cbor_pair_text(out, "version", running_version(version));
    cbor_pair_bytes(out, "hash", running_hash(), HASH_BYTES);
    cbor_pair_uint(out, "slot", SLOT_0);
    cbor_pair_uint(out, "counter", counter_read());
    cbor_pair_uint(out, "phase", state.phase);
    cbor_pair_uint(out, "result", state.last_result);
    cbor_pair_bool(out, "confirmed", state.phase != PHASE_TRIAL);
    cbor_pair_text(out, "boot", boot_version());
    cbor_pair_bool(out, "selftest", selftest_passed());
    cbor_pair_text(out, "origin", unit_key_origin());
    return SMP_OK;
}

static bool write_statement(struct cbor_out *out, const struct cbor_field *nonce)
{
    char version[VERSION_TEXT_BYTES];
    uint8_t chip[CHIP_ID_BYTES];
    struct boot_state state;

    chip_id(chip);
    state_read(&state);
    cbor_map(out, 7);
    cbor_pair_bytes(out, "nonce", nonce->data, nonce->length);
    cbor_pair_bytes(out, "chip", chip, sizeof chip);
    cbor_pair_text(out, "version", running_version(version));
    cbor_pair_bytes(out, "hash", running_hash(), HASH_BYTES);
    cbor_pair_uint(out, "slot", SLOT_0);
    cbor_pair_uint(out, "counter", counter_read());
    cbor_pair_uint(out, "phase", state.phase);
    return !out->full;
}

static struct smp_status sign(const uint8_t *statement, uint32_t length, struct smp_answer *answer)
{
    struct challenge_answer signed_answer;

    switch (challenge_sign(statement, length, &signed_answer)) {
    case CHALLENGE_OK:
        break;
    case CHALLENGE_NO_KEY:
        return smp_group_error(OWN_ERROR_NO_KEY, SMP_RC_NOT_FOUND);
    default:
        return smp_group_error(OWN_ERROR_FAILED, SMP_RC_UNKNOWN);
    }
    cbor_map(&answer->out, 3);
    cbor_pair_text(&answer->out, "alg", signed_answer.algorithm);
    cbor_pair_bytes(&answer->out, "statement", statement, length);
    cbor_pair_bytes(&answer->out, "sig", signed_answer.signature, signed_answer.length);
    return SMP_OK;
}

static struct smp_status challenge(const struct smp_request *request, struct smp_answer *answer)
{
    static uint8_t statement[STATEMENT_BYTES];
    struct cbor_out out = {statement, statement + sizeof statement, false};
    struct cbor_field nonce = {.name = "nonce", .kind = CBOR_KIND_BYTES};

    if (!cbor_read_map(request->body, request->length, &nonce, 1) || !nonce.present || nonce.length < NONCE_MIN ||
        nonce.length > NONCE_MAX) {
        return smp_error(SMP_RC_INVALID);
    }
    if (!write_statement(&out, &nonce)) {
        return smp_error(SMP_RC_MESSAGE_SIZE);
    }
    return sign(statement, (uint32_t)(out.at - statement), answer);
}

static struct smp_status read_consent(const struct smp_request *request, struct smp_answer *answer)
{
    struct request_view view;

    (void)request;
    request_look(&view);
    cbor_map(&answer->out, 5);
    cbor_pair_text(&answer->out, "state", consent_name(view.now.consent));
    cbor_pair_text(&answer->out, "severity", severity_name(view.now.severity));
    cbor_pair_uint(&answer->out, "deferrals", view.now.deferrals);
    cbor_pair_uint(&answer->out, "max_deferrals", view.now.max_deferrals);
    cbor_pair_bool(&answer->out, "busy", view.now.busy);
    return SMP_OK;
}

static bool is_text(const struct cbor_field *field, const char *text)
{
    return field->present && field->length == strlen(text) && memcmp(field->data, text, field->length) == 0;
}

/* On this sample anybody on the line answers for the user; a product has a button or a screen. */
static struct smp_status write_consent(const struct smp_request *request, struct smp_answer *answer)
{
    struct cbor_field action = {.name = "action", .kind = CBOR_KIND_TEXT};
    struct smp_status status = smp_error(SMP_RC_INVALID);

    if (!cbor_read_map(request->body, request->length, &action, 1)) {
        return status;
    }
    if (is_text(&action, "grant")) {
        status = request_grant(answer);
    } else if (is_text(&action, "defer")) {
        status = request_defer();
    }
    return status.rc == SMP_RC_OK ? read_consent(request, answer) : status;
}

static struct smp_status write_busy(const struct smp_request *request, struct smp_answer *answer)
{
    struct cbor_field busy = {.name = "busy", .kind = CBOR_KIND_BOOL};

    if (!cbor_read_map(request->body, request->length, &busy, 1) || !busy.present) {
        return smp_error(SMP_RC_INVALID);
    }
    request_set_busy(busy.number != 0u);
    return read_consent(request, answer);
}

const struct smp_command smp_own_commands[] = {
    {SMP_GROUP_OWN, IDENTITY, SMP_READ, identity},
    {SMP_GROUP_OWN, CHALLENGE, SMP_WRITE, challenge},
    {SMP_GROUP_OWN, CONSENT, SMP_READ, read_consent},
    {SMP_GROUP_OWN, CONSENT, SMP_WRITE, write_consent},
    {SMP_GROUP_OWN, BUSY, SMP_WRITE, write_busy},
    {0},
};
