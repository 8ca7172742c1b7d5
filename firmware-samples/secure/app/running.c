/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app.h"

#include <bearssl_hash.h>
#include <stddef.h>
#include <string.h>

static struct image image;
static bool there;
static uint8_t hash[HASH_BYTES];

static void compute_hash(void)
{
    br_sha256_context context;

    br_sha256_init(&context);
    br_sha256_update(&context, (const void *)image.base, image.protected_end);
    br_sha256_out(&context, hash);
}

void running_start(void)
{
    there = image_open(SLOT_0, &image) == REASON_NONE;
    if (there) {
        compute_hash();
    }
}

const struct image *running_image(void)
{
    return there ? &image : NULL;
}

const uint8_t *running_hash(void)
{
    return hash;
}

bool image_hash(const struct image *of, struct bytes *found)
{
    return image_find_tlv(of, TLV_SHA256, found) && found->length == HASH_BYTES;
}

bool running_hash_is_right(void)
{
    struct bytes claimed;

    return there && image_hash(&image, &claimed) && memcmp(claimed.data, hash, HASH_BYTES) == 0;
}

static char *number(char *to, uint32_t value)
{
    char digits[10];
    unsigned int count = 0;

    do {
        digits[count++] = (char)('0' + value % 10u);
        value /= 10u;
    } while (value > 0u);
    while (count > 0u) {
        *to++ = digits[--count];
    }
    return to;
}

/* 3 + 1 + 3 + 1 + 5 + 1 + 10 digits and marks at most. */
_Static_assert(VERSION_TEXT_BYTES > 24u, "the longest version does not fit");

void version_text(char text[VERSION_TEXT_BYTES], const struct image_version *version, char mark)
{
    char *to = number(text, version->major);

    *to++ = '.';
    to = number(to, version->minor);
    *to++ = '.';
    to = number(to, version->revision);
    if (version->build != 0u) {
        *to++ = mark;
        to = number(to, version->build);
    }
    *to = '\0';
}

const char *running_version(char text[VERSION_TEXT_BYTES])
{
    if (!there) {
        return APP_VERSION;
    }
    version_text(text, &image.version, '+');
    return text;
}

#define BOOT_END (LAYOUT_BOOT + 48u * 1024u)

/* Nothing but a short printable text inside the bootloader is believed. */
const char *boot_version(void)
{
    const uint32_t at = *(const volatile uint32_t *)LAYOUT_BOOT_VERSION;
    const char *const text = (const char *)at;

    if (at <= LAYOUT_BOOT || at >= BOOT_END - BOOT_VERSION_BYTES) {
        return "";
    }
    for (uint32_t i = 0; i < BOOT_VERSION_BYTES; i++) {
        if (text[i] == '\0') {
            return text;
        }
        if (text[i] < ' ' || text[i] > '~') {
            return "";
        }
    }
    return "";
}
