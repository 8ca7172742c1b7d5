/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "der.h"

/* Length octets after the tag, X.690 8.1.3 and 10.1: up to two bytes of length, the shortest form. */
static bool length_octets(const struct bytes *from, uint32_t *header, uint32_t *length)
{
    const uint8_t *const data = from->data;

    if (from->length < 2u) {
        return false;
    }
    if (data[1] < 0x80u) {
        *header = 2;
        *length = data[1];
        return true;
    }
    if (data[1] == 0x81u && from->length >= 3u) {
        *header = 3;
        *length = data[2];
        return *length >= 0x80u;
    }
    if (data[1] == 0x82u && from->length >= 4u) {
        *header = 4;
        *length = (uint32_t)data[2] << 8 | data[3];
        return *length >= 0x100u;
    }
    return false;
}

bool der_next(struct bytes *from, struct der *element)
{
    uint32_t header;
    uint32_t length;

    if (!length_octets(from, &header, &length) || length > from->length - header) {
        return false;
    }
    element->tag = from->data[0];
    element->whole.data = from->data;
    element->whole.length = header + length;
    element->content.data = from->data + header;
    element->content.length = length;
    from->data += header + length;
    from->length -= header + length;
    return true;
}

bool der_expect(struct bytes *from, uint8_t tag, struct der *element)
{
    return der_next(from, element) && element->tag == tag;
}
