/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "certificate.h"

#include <stddef.h>
#include <string.h>

#include "chip.h"
#include "crypto.h"

static const char magic[8] = {'W', 'B', 'C', 'E', 'R', 'T', '0', '1'};

struct header {
    uint8_t magic[8];
    uint32_t length;
    uint32_t crc;
};

enum { WORD = 4, STEP_WORDS = 16 };
enum { DER_SEQUENCE = 0x30, DER_LENGTH_1 = 0x81, DER_LENGTH_2 = 0x82 };

_Static_assert(CERTIFICATE_MAX_BYTES == LAYOUT_PAGE_BYTES - sizeof(struct header), "header and DER fill a page");

static const uint32_t addresses[COPIES] = {LAYOUT_CERTIFICATE_A, LAYOUT_CERTIFICATE_B};

bool certificate_find(enum certificate_copy copy, struct bytes *found)
{
    const struct header *const header = (const struct header *)addresses[copy];

    found->data = (const uint8_t *)(header + 1);
    found->length = header->length;
    return memcmp(header->magic, magic, sizeof magic) == 0 && header->length <= CERTIFICATE_MAX_BYTES
        && header->crc == crc32(found->data, found->length);
}

enum certificate_copy certificate_first(struct bytes *found)
{
    for (unsigned int copy = COPY_A; copy < COPIES; copy++) {
        if (certificate_find((enum certificate_copy)copy, found)) {
            return (enum certificate_copy)copy;
        }
    }
    return COPIES;
}

static bool holds(enum certificate_copy copy, const struct bytes *der)
{
    struct bytes found;

    return certificate_find(copy, &found) && found.length == der->length
        && memcmp(found.data, der->data, der->length) == 0;
}

bool certificate_both(void)
{
    struct bytes first;

    return certificate_find(COPY_A, &first) && holds(COPY_B, &first);
}

/* The bytes may lie anywhere; the last word is filled up. */
static void write_bytes(uint32_t address, const uint8_t *data, uint32_t length)
{
    uint32_t words[STEP_WORDS];

    for (uint32_t at = 0; at < length; at += sizeof words) {
        const uint32_t here = length - at < sizeof words ? length - at : (uint32_t)sizeof words;

        memset(words, 0xFF, sizeof words);
        memcpy(words, data + at, here);
        flash_write_words(address + at, words, (here + WORD - 1u) / WORD);
    }
}

static bool write_copy(enum certificate_copy copy, const struct bytes *der)
{
    const uint32_t at = addresses[copy];
    const uint32_t numbers[2] = {der->length, crc32(der->data, der->length)};
    uint32_t words[2];

    memcpy(words, magic, sizeof words);
    flash_erase_page(at);
    write_bytes(at + sizeof(struct header), der->data, der->length);
    flash_write_words(at + offsetof(struct header, length), numbers, 2);
    if (memcmp((const void *)(at + sizeof(struct header)), der->data, der->length) != 0) {
        return false;
    }
    flash_write_words(at, words, 2);
    return holds(copy, der);
}

bool certificate_write(const struct bytes *der)
{
    for (unsigned int copy = COPY_A; copy < COPIES; copy++) {
        if (!holds((enum certificate_copy)copy, der) && !write_copy((enum certificate_copy)copy, der)) {
            return false;
        }
    }
    return true;
}

void certificate_repair(bool repaired[COPIES])
{
    struct bytes good;
    const enum certificate_copy from = certificate_first(&good);

    repaired[COPY_A] = repaired[COPY_B] = false;
    if (from != COPIES && !certificate_both()) {
        const enum certificate_copy to = from == COPY_A ? COPY_B : COPY_A;

        repaired[to] = write_copy(to, &good);
    }
}

/* The outer length, X.690 section 8.1.3. */
static bool is_one_sequence(const struct bytes *der)
{
    const uint8_t *const data = der->data;

    if (der->length >= 0x104u && data[0] == DER_SEQUENCE && data[1] == DER_LENGTH_2) {
        return der->length - 4u == ((uint32_t)data[2] << 8 | data[3]);
    }
    return der->length >= 0x83u && data[0] == DER_SEQUENCE && data[1] == DER_LENGTH_1 && der->length - 3u == data[2]
        && data[2] >= 0x80u;
}

bool certificate_fits(const struct bytes *der, const uint8_t *point, uint32_t point_length)
{
    if (!is_one_sequence(der) || der->length < point_length) {
        return false;
    }
    for (uint32_t at = 0; at <= der->length - point_length; at++) {
        if (memcmp(der->data + at, point, point_length) == 0) {
            return true;
        }
    }
    return false;
}
