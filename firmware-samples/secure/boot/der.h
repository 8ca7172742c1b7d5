/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * DER (X.690), as much as a certificate needs, over bytes that nobody vouches for: every length is checked against
 * what is left.
 */
#ifndef DER_H
#define DER_H

#include <stdbool.h>
#include <stdint.h>

#include "provision.h"

enum der_tag {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_OID = 0x06,
    DER_SEQUENCE = 0x30,
    DER_CONTEXT_0 = 0xA0,
    DER_CONTEXT_3 = 0xA3,
};

struct der {
    uint8_t tag;
    struct bytes whole;   /* with tag and length */
    struct bytes content;
};

/* Takes the next element off the front of `from`.  False when it is not whole, its length is not minimal, or there is
 * none.  `from` must not be a part of the element. */
bool der_next(struct bytes *from, struct der *element);

/* The same, and it has to have this tag. */
bool der_expect(struct bytes *from, uint8_t tag, struct der *element);

#endif
