/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "consent.h"

static bool is_used_up(const struct consent_case *now)
{
    return now->severity == SEVERITY_MANDATORY && now->deferrals >= now->max_deferrals;
}

enum consent_decision consent_decide(const struct consent_case *now)
{
    if (now->severity == SEVERITY_CRITICAL) {
        return DECIDE_INSTALL;
    }
    if (now->busy) {
        return DECIDE_BUSY;
    }
    if (now->severity == SEVERITY_ABSENT || now->consent == CONSENT_GRANTED || is_used_up(now)) {
        return DECIDE_INSTALL;
    }
    return DECIDE_ASK;
}

bool consent_may_defer(const struct consent_case *now)
{
    return now->severity != SEVERITY_CRITICAL && !is_used_up(now);
}

const char *consent_name(enum consent consent)
{
    switch (consent) {
    case CONSENT_WAITING:
        return "waiting";
    case CONSENT_DEFERRED:
        return "deferred";
    case CONSENT_GRANTED:
        return "granted";
    case CONSENT_NONE:
    default:
        return "none";
    }
}

const char *severity_name(enum severity severity)
{
    switch (severity) {
    case SEVERITY_OPTIONAL:
        return "optional";
    case SEVERITY_MANDATORY:
        return "mandatory";
    case SEVERITY_CRITICAL:
        return "critical";
    case SEVERITY_ABSENT:
    default:
        return "none";
    }
}
