/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "self_enrol.h"

#include "app.h"

#ifdef APP_SELF_ENROL

#include "certificate.h"
#include "crypto.h"
#include "csr.h"
#include "key_page.h"
#include "text.h"
#include "unit_key.h"

static void say_number(const char *name, uint32_t value)
{
    text_put(name);
    text_number(value);
}

static void say(const char *when)
{
    uint8_t point[UNIT_POINT_BYTES];
    struct bytes der;
    const bool both = certificate_both();
    const bool one = certificate_first(&der) != COPIES;

    text_put(when);
    say_number(" key ", unit_key_point(point) ? crc32(point, sizeof point) : 0u);
    say_number(" cert ", one ? crc32(der.data, der.length) : 0u);
    say_number(" copies ", both ? 2u : one);
    say_number(" spent ", key_page_spent());
    text_end();
}

static void enrol(void)
{
    static const uint8_t nonce[CSR_NONCE_BYTES];
    static uint8_t csr[CSR_MAX_BYTES];

    if (unit_key_kind() != UNIT_KEY_P256 && unit_key_make() != UNIT_KEY_MADE) {
        return;
    }
    if (!certificate_both()) {
        const struct bytes der = {csr, csr_build(nonce, csr)};

        if (der.length == 0u || !certificate_write(&der)) {
            return;
        }
    }
    (void)key_page_spend();
}

void self_enrol(void)
{
    say("enrol: found");
    if (!key_page_spent()) {
        enrol();
    }
    say("enrol: end");
}

#else

void self_enrol(void)
{
}

#endif
