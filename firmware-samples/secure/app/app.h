/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the application share.
 */
#ifndef APP_H
#define APP_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"

/* From the build: APP_VERSION, APP_CHIP and APP_CORE are texts. */

#define HASH_BYTES 32u

/* --- What runs (running.c) ---------------------------------------------------------------------------------- */

/* Reads the image that runs and computes its hash.  Called once. */
void running_start(void);

/* The image in slot 0; NULL when the program was started without one, by a debugger. */
const struct image *running_image(void);

/* SHA-256 over the image as it lies in flash: not what its TLV claims. */
const uint8_t *running_hash(void);

/* Whether the computed hash is the one in the TLV. */
bool running_hash_is_right(void);

#define VERSION_TEXT_BYTES 28u

/* major.minor.revision, and the build number behind `mark` unless it is 0. */
void version_text(char text[VERSION_TEXT_BYTES], const struct image_version *version, char mark);

/* The version in the running image's header, which is the one that was signed; without an image the build's.  The
 * result is either text or a constant. */
const char *running_version(char text[VERSION_TEXT_BYTES]);

#define BOOT_VERSION_BYTES 32u

/* The bootloader's version; empty when there is none. */
const char *boot_version(void);

/* The hash TLV of an image.  False when it has none of 32 bytes. */
bool image_hash(const struct image *image, struct bytes *hash);

/* --- Self-test (selftest.c) --------------------------------------------------------------------------------- */

/* Runs it; called once, after running_start(). */
void selftest_run(void);

/* Whether everything passed: the running image's hash, RAM, the source of random numbers, the identity area.  That
 * the UART is alive shows by itself in the request that asks. */
bool selftest_passed(void);

/* --- Challenge (challenge.c) -------------------------------------------------------------------------------- */

#define CHALLENGE_SIGNATURE_BYTES 64u

struct challenge_answer {
    const char *algorithm;  /* "ES256" or "HS256" */
    uint8_t signature[CHALLENGE_SIGNATURE_BYTES];
    uint32_t length;        /* of the signature */
};

enum challenge_result { CHALLENGE_OK = 0, CHALLENGE_NO_KEY = -1, CHALLENGE_FAILED = -2 };

/* Signs "WBCHAL1" and the statement with the unit's key, or authenticates it (unit_key.h says with which one).  Returns
 * enum challenge_result. */
int challenge_sign(const uint8_t *statement, uint32_t length, struct challenge_answer *answer);

#endif
