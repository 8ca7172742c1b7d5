/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers for keys: the chip's raw noise source under its health tests, and an HMAC-DRBG (NIST SP 800-90A, with
 * SHA-256) that is seeded from it.
 */
#ifndef ENTROPY_H
#define ENTROPY_H

#include <bearssl_rand.h>
#include <stdbool.h>
#include <stdint.h>

/* Raw bytes of a seed: 512 bits of entropy by the assumption of health.h. */
#define ENTROPY_SEED_BYTES 256u

/* Whether the noise source is good.  The first call after a start runs the start-up test; a failure stays until the
 * next start. */
bool entropy_healthy(void);

/* A freshly seeded generator.  False when the source is not healthy, also when it failed while the seed was taken. */
bool entropy_seed(br_hmac_drbg_context *random);

#endif
