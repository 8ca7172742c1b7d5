/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * How a request ended, or why an image was refused.  The numbers are part of the protocol with the host.
 */
#ifndef REASON_H
#define REASON_H

enum reason {
    REASON_NONE = 0,
    REASON_CONFIRMED = 1,
    REASON_REVERTED = 2,
    REASON_INSTALLED = 3,

    REASON_MAGIC = 16,
    REASON_SIZE = 17,
    REASON_TLV = 18, /* malformed, duplicated, missing, or in the wrong area */
    REASON_HASH = 19,
    REASON_SIGNATURE = 20,
    REASON_SIGNER_CHAIN = 21,
    REASON_SIGNER_TIME = 22,
    REASON_SIGNER_PURPOSE = 23,
    REASON_COUNTER = 24,
    REASON_VERSION = 25,
    REASON_VID = 26,
    REASON_CID = 27,
    REASON_DECRYPT = 28,
    REASON_MAC = 29,
    REASON_NOT_BOOTABLE = 30,
    REASON_DEPENDENCY = 31,
    REASON_UNSUPPORTED = 32,
    REASON_NOT_PROVISIONED = 33,
};

/* The word for it, for the console: "signer-chain". */
const char *reason_name(enum reason reason);

#endif
