/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "reason.h"

static const char *const results[] = {"none", "confirmed", "reverted", "installed"};

static const char *const refusals[] = {
    "magic",      "size",    "tlv",     "hash",    "signature", "signer-chain", "signer-time", "signer-purpose", "counter",
    "version",    "vid",     "cid",     "decrypt", "mac",       "not-bootable", "dependency",  "unsupported",
    "not-provisioned",
};

_Static_assert(sizeof(refusals) / sizeof(refusals[0]) == REASON_NOT_PROVISIONED - REASON_MAGIC + 1,
               "each refusal has a name");

const char *reason_name(enum reason reason)
{
    if ((unsigned int)reason <= REASON_INSTALLED) {
        return results[reason];
    }
    if (reason >= REASON_MAGIC && reason <= REASON_NOT_PROVISIONED) {
        return refusals[reason - REASON_MAGIC];
    }
    return "unknown";
}
