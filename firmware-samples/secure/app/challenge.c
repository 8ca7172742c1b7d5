/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app.h"

#include <bearssl_hash.h>

#include "unit_key.h"

/* Before the statement, so that no signature of this key means anything else. */
static const char domain[7] = {'W', 'B', 'C', 'H', 'A', 'L', '1'};

static int sign(const uint8_t *statement, uint32_t length, struct challenge_answer *answer)
{
    br_sha256_context context;
    uint8_t hash[HASH_BYTES];

    br_sha256_init(&context);
    br_sha256_update(&context, domain, sizeof domain);
    br_sha256_update(&context, statement, length);
    br_sha256_out(&context, hash);
    answer->algorithm = "ES256";
    answer->length = UNIT_SIGNATURE_BYTES;
    return unit_key_sign(hash, answer->signature) ? CHALLENGE_OK : CHALLENGE_FAILED;
}

static int authenticate(const uint8_t *statement, uint32_t length, struct challenge_answer *answer)
{
    answer->algorithm = "HS256";
    answer->length = UNIT_MAC_BYTES;
    return unit_key_authenticate(domain, sizeof domain, statement, length, answer->signature) ? CHALLENGE_OK
                                                                                             : CHALLENGE_NO_KEY;
}

int challenge_sign(const uint8_t *statement, uint32_t length, struct challenge_answer *answer)
{
    return unit_key_kind() == UNIT_KEY_P256 ? sign(statement, length, answer)
                                            : authenticate(statement, length, answer);
}
