/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "provision.h"

#include <string.h>

#include "bytes.h"
#include "crypto.h"
#include "layout.h"

static const char magic[8] = {'W', 'B', 'P', 'R', 'O', 'V', '0', '1'};

enum { AREA_OFFSET = 16, TLV_HEADER = 4 };

static const uint8_t *const page = (const uint8_t *)LAYOUT_IDENTITY;

/* Looks at each TLV.  False where one does not fit; sets `found` at the type, and `count` to how many there are of
 * it. */
static bool walk(uint32_t length, uint32_t type, struct bytes *found, uint32_t *count)
{
    const uint8_t *const area = page + AREA_OFFSET;
    uint32_t at = 0;

    *count = 0;
    while (at < length) {
        if (length - at < TLV_HEADER) {
            return false;
        }
        const uint32_t here = get16(area + at);
        const uint32_t size = get16(area + at + 2);

        at += TLV_HEADER;
        if (((size + 3u) & ~3u) > length - at) {
            return false;
        }
        if (here == type) {
            found->data = area + at;
            found->length = size;
            (*count)++;
        }
        at += (size + 3u) & ~3u;
    }
    return true;
}

bool provision_valid(void)
{
    const uint32_t length = get32(page + 8);
    struct bytes ignored;
    uint32_t count;

    return memcmp(page, magic, sizeof(magic)) == 0 && length <= LAYOUT_IDENTITY_BYTES - AREA_OFFSET
        && crc32(page + AREA_OFFSET, length) == get32(page + 12) && walk(length, 0, &ignored, &count);
}

bool provision_find(enum provision type, uint32_t length, struct bytes *found)
{
    uint32_t count;

    found->data = NULL;
    found->length = 0;
    return provision_valid() && walk(get32(page + 8), (uint32_t)type, found, &count) && count == 1u
        && (length == 0u || found->length == length);
}
