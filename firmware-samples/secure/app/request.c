/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "request.h"

#include <string.h>

#include "app.h"
#include "bytes.h"

/* The application's bytes of the boot state. */
enum { APP_CONSENT = 0, APP_PERMANENT = 1 };

static bool busy;

void request_set_busy(bool now)
{
    busy = now;
}

/* An unknown severity is treated as the one that always asks. */
static enum severity image_severity(const struct image *image)
{
    struct bytes found;

    if (!image_find_tlv(image, TLV_SEVERITY, &found)) {
        return SEVERITY_ABSENT;
    }
    return found.length == 1u && found.data[0] <= SEVERITY_CRITICAL ? (enum severity)found.data[0]
                                                                    : SEVERITY_OPTIONAL;
}

static uint16_t image_max_deferrals(const struct image *image)
{
    struct bytes found;

    return image_find_tlv(image, TLV_MAX_DEFERRALS, &found) && found.length == 2u ? (uint16_t)get16(found.data) : 0u;
}

static bool is_requested(const struct boot_state *state)
{
    return state->phase == PHASE_REQUEST_TEST || state->phase == PHASE_REQUEST_PERM;
}

/* Consent belongs to one image: what was noted for another one does not count. */
static void look_at_consent(struct request_view *view)
{
    if (is_requested(&view->state)) {
        view->now.consent = CONSENT_GRANTED;
    } else if (view->state.phase == PHASE_IDLE && memcmp(view->state.pending_hash, view->hash.data, HASH_BYTES) == 0) {
        view->now.consent = (enum consent)view->state.app[APP_CONSENT];
    } else {
        return;
    }
    view->now.deferrals = view->state.deferrals;
}

/* Whether nothing follows an image in its slot: nobody vouches for such bytes, and a swap would carry them along.  An
 * upload erases the slot first. */
static bool ends_there(const struct image *image)
{
    const uint8_t *const bytes = (const uint8_t *)image->base;

    for (uint32_t at = image->end; at < IMAGE_MAX_BYTES; at++) {
        if (bytes[at] != 0xFFu) {
            return false;
        }
    }
    return true;
}

void request_look(struct request_view *view)
{
    state_read(&view->state);
    view->now = (struct consent_case){.severity = SEVERITY_ABSENT, .consent = CONSENT_NONE, .busy = busy};
    view->there = image_open(SLOT_1, &view->image) == REASON_NONE && image_hash(&view->image, &view->hash)
        && ends_there(&view->image);
    if (view->there) {
        view->now.severity = image_severity(&view->image);
        view->now.max_deferrals = image_max_deferrals(&view->image);
        look_at_consent(view);
    }
}

bool request_slot_is_free(void)
{
    struct boot_state state;

    state_read(&state);
    return state.phase == PHASE_IDLE;
}

static struct smp_status own_error(enum smp_own_error error, enum smp_rc rc, struct smp_answer *answer)
{
    answer->group = SMP_GROUP_OWN;
    return smp_group_error(error, rc);
}

static struct smp_status write_state(struct boot_state *state)
{
    return state_write(state) ? SMP_OK : smp_error(SMP_RC_UNKNOWN);
}

static struct smp_status note(struct request_view *view, enum consent consent, uint16_t deferrals)
{
    struct boot_state *const state = &view->state;

    if (memcmp(state->pending_hash, view->hash.data, HASH_BYTES) == 0 && state->app[APP_CONSENT] == consent &&
        state->deferrals == deferrals) {
        return SMP_OK;
    }
    memcpy(state->pending_hash, view->hash.data, HASH_BYTES);
    state->app[APP_CONSENT] = (uint8_t)consent;
    state->deferrals = deferrals;
    return write_state(state);
}

/* The consent is used up with the request: should the bootloader refuse or revert, the user is asked again. */
static struct smp_status write_request(struct request_view *view, bool permanent)
{
    struct boot_state *const state = &view->state;

    state->phase = permanent ? PHASE_REQUEST_PERM : PHASE_REQUEST_TEST;
    state->last_result = REASON_NONE;
    state->deferrals = 0;
    memcpy(state->pending_hash, view->hash.data, HASH_BYTES);
    memset(state->app, 0, sizeof state->app);
    return write_state(state);
}

static struct smp_status ask(struct request_view *view, bool permanent, struct smp_answer *answer)
{
    if (view->state.app[APP_PERMANENT] != permanent) {
        view->state.app[APP_PERMANENT] = permanent;
        view->state.app[APP_CONSENT] = CONSENT_NONE;
    }
    const struct smp_status noted = note(view, CONSENT_WAITING, view->now.deferrals);

    return noted.rc != SMP_RC_OK ? noted : own_error(OWN_ERROR_CONSENT_NEEDED, SMP_RC_BUSY, answer);
}

static struct smp_status install(struct request_view *view, bool permanent, struct smp_answer *answer)
{
    switch (consent_decide(&view->now)) {
    case DECIDE_INSTALL:
        return write_request(view, permanent);
    case DECIDE_ASK:
        return ask(view, permanent, answer);
    case DECIDE_BUSY:
    default:
        return own_error(OWN_ERROR_BUSY, SMP_RC_BUSY, answer);
    }
}

struct smp_status request_install(const uint8_t *hash, uint32_t length, bool permanent, struct smp_answer *answer)
{
    struct request_view view;

    request_look(&view);
    if (!view.there || length != HASH_BYTES || memcmp(view.hash.data, hash, HASH_BYTES) != 0) {
        return smp_group_error(IMAGE_ERROR_NO_IMAGE, SMP_RC_NOT_FOUND);
    }
    if (view.state.phase == (permanent ? PHASE_REQUEST_PERM : PHASE_REQUEST_TEST)) {
        return SMP_OK;
    }
    if (view.state.phase != PHASE_IDLE && !is_requested(&view.state)) {
        return smp_group_error(IMAGE_ERROR_ALREADY_PENDING, SMP_RC_BAD_STATE);
    }
    return install(&view, permanent, answer);
}

/* True when the user can be answered: consent was asked for, and the request is not yet on its way. */
static bool is_asking(const struct request_view *view)
{
    return view->there && view->state.phase == PHASE_IDLE && view->now.consent != CONSENT_NONE;
}

static struct smp_status nothing_asked(const struct request_view *view)
{
    return view->state.phase == PHASE_IDLE ? smp_group_error(OWN_ERROR_NOTHING_PENDING, SMP_RC_NOT_FOUND)
                                           : smp_group_error(OWN_ERROR_STATE, SMP_RC_BAD_STATE);
}

/* Granted while the application is busy, the consent is kept and the request has to be made again. */
struct smp_status request_grant(struct smp_answer *answer)
{
    struct request_view view;

    request_look(&view);
    if (!is_asking(&view)) {
        return nothing_asked(&view);
    }
    view.now.consent = CONSENT_GRANTED;
    if (consent_decide(&view.now) == DECIDE_BUSY) {
        const struct smp_status noted = note(&view, CONSENT_GRANTED, view.now.deferrals);

        if (noted.rc != SMP_RC_OK) {
            return noted;
        }
    }
    return install(&view, view.state.app[APP_PERMANENT] != 0u, answer);
}

struct smp_status request_defer(void)
{
    struct request_view view;

    request_look(&view);
    if (!is_asking(&view)) {
        return nothing_asked(&view);
    }
    if (!consent_may_defer(&view.now)) {
        return smp_group_error(OWN_ERROR_NOT_DEFERRABLE, SMP_RC_ACCESS_DENIED);
    }
    const uint16_t once_more = view.now.deferrals == UINT16_MAX ? UINT16_MAX : (uint16_t)(view.now.deferrals + 1u);

    return note(&view, CONSENT_DEFERRED, once_more);
}

struct smp_status request_confirm(void)
{
    struct boot_state state;

    if (!selftest_passed()) {
        return smp_group_error(IMAGE_ERROR_CONFIRMATION_DENIED, SMP_RC_BAD_STATE);
    }
    state_read(&state);
    if (state.phase != PHASE_TRIAL) {
        return SMP_OK;
    }
    state.phase = PHASE_IDLE;
    state.last_result = REASON_CONFIRMED;
    state.deferrals = 0;
    memset(state.pending_hash, 0, sizeof state.pending_hash);
    memset(state.app, 0, sizeof state.app);
    return write_state(&state);
}
