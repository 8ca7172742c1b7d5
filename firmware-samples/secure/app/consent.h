/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Whether an image may be installed now: what its severity, the user's answer so far and the application's own
 * condition say.  Decides only; reads and writes nothing.
 */
#ifndef CONSENT_H
#define CONSENT_H

#include <stdbool.h>
#include <stdint.h>

/* The numbers of the image's TLV; an image without it asks for nothing. */
enum severity { SEVERITY_OPTIONAL = 0, SEVERITY_MANDATORY = 1, SEVERITY_CRITICAL = 2, SEVERITY_ABSENT = 0xFF };

/* The user's answer so far; the numbers are kept in the boot state. */
enum consent { CONSENT_NONE = 0, CONSENT_WAITING = 1, CONSENT_DEFERRED = 2, CONSENT_GRANTED = 3 };

struct consent_case {
    enum severity severity;
    enum consent consent;
    uint16_t deferrals;
    uint16_t max_deferrals; /* of a mandatory image */
    bool busy;              /* the application is in the middle of something */
};

enum consent_decision { DECIDE_INSTALL, DECIDE_ASK, DECIDE_BUSY };

/*
 * critical    installed, whatever else holds
 * busy        nothing else is installed
 * mandatory   installed with consent, or without it once deferrals have reached max_deferrals
 * optional    installed with consent
 * absent      installed
 */
enum consent_decision consent_decide(const struct consent_case *now);

/* Whether the user may put the image off once more.  Never a critical one; a mandatory one max_deferrals times. */
bool consent_may_defer(const struct consent_case *now);

const char *consent_name(enum consent consent);
const char *severity_name(enum severity severity);

#endif
