/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "key_page.h"

#include <stddef.h>
#include <string.h>

#include "chip.h"
#include "crypto.h"

static const char magic[8] = {'W', 'B', 'E', 'N', 'R', 'O', 'L', '1'};

struct enrolment {
    uint8_t magic[8];
    uint8_t secret[ENROL_SECRET_BYTES];
    uint32_t crc;
};

struct key_record {
    uint8_t private_key[KEY_PRIVATE_BYTES];
    uint8_t public_key[KEY_POINT_BYTES - 1];
    uint32_t crc;
    uint32_t mark;
};

enum { RECORD_STEP = 0x70, MORE_RECORDS = 6, RECORDS = 1 + MORE_RECORDS, WORD = 4 };

#define ENROLMENT_AT LAYOUT_KEYS
#define FIRST_RECORD (LAYOUT_KEYS + 0x040u)
#define SPENT_AT     (LAYOUT_KEYS + 0x100u)
#define MORE_AT      (LAYOUT_KEYS + 0x140u)

_Static_assert(sizeof(struct enrolment) <= 0x040u, "the enrolment record ends before the key record");
_Static_assert(sizeof(struct key_record) <= RECORD_STEP && 0x040u + RECORD_STEP <= 0x100u, "records fit");
_Static_assert(0x140u + MORE_RECORDS * RECORD_STEP <= LAYOUT_PAGE_BYTES, "all records fit the page");

static const struct enrolment *enrolment(void)
{
    return (const struct enrolment *)ENROLMENT_AT;
}

static const struct key_record *record(uint32_t number)
{
    return (const struct key_record *)(number == 0u ? FIRST_RECORD : MORE_AT + (number - 1u) * RECORD_STEP);
}

static bool is_whole(const struct key_record *key)
{
    return key->mark == KEY_MARK && key->crc == crc32(key, offsetof(struct key_record, crc));
}

/* It was whole once, and may have been shown: no other key may take its place. */
static bool is_damaged(const struct key_record *key)
{
    return key->mark == KEY_MARK && !is_whole(key);
}

static bool is_filled_with(const void *data, size_t length, uint32_t word)
{
    const uint32_t *const words = data;

    for (size_t i = 0; i < length / WORD; i++) {
        if (words[i] != word) {
            return false;
        }
    }
    return true;
}

bool key_page_spent(void)
{
    return *(const volatile uint32_t *)SPENT_AT == 0u;
}

static bool is_whole_enrolment(void)
{
    return memcmp(enrolment()->magic, magic, sizeof magic) == 0
        && enrolment()->crc == crc32(enrolment(), offsetof(struct enrolment, crc));
}

const uint8_t *key_page_secret(void)
{
    return !key_page_spent() && is_whole_enrolment() ? enrolment()->secret : NULL;
}

const uint8_t *key_page_key(void)
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        if (is_whole(record(i))) {
            return record(i)->private_key;
        }
    }
    return NULL;
}

static bool any_damaged(void)
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        if (is_damaged(record(i))) {
            return true;
        }
    }
    return false;
}

/* Words that are 0 already are left alone: flash takes few writes between two erases. */
static bool zero_words(uint32_t address, uint32_t length)
{
    static const uint32_t zero = 0;

    for (uint32_t at = address; at < address + length; at += WORD) {
        if (*(const volatile uint32_t *)at != 0u) {
            flash_write_words(at, &zero, 1);
        }
    }
    return is_filled_with((const void *)address, length, 0);
}

/* Every record was begun and cut short: the page starts again, with the enrolment record as it was.  A cut in here may
 * take that along; the probe then writes it again. */
static void start_again(void)
{
    struct enrolment kept;
    const bool whole = is_whole_enrolment();

    memcpy(&kept, enrolment(), sizeof kept);
    flash_erase_page(LAYOUT_KEYS);
    if (whole) {
        flash_write_words(ENROLMENT_AT, (const uint32_t *)(const void *)&kept, sizeof kept / WORD);
    }
    crypto_wipe(&kept, sizeof kept);
}

/* An erased record to write to; those that a cut left half written lose what they hold. */
static uint32_t free_record(void)
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        if (is_filled_with(record(i), sizeof *record(i), UINT32_MAX)) {
            return i;
        }
        (void)zero_words((uint32_t)record(i), sizeof *record(i));
    }
    start_again();
    return 0;
}

bool key_page_store(const uint8_t private_key[KEY_PRIVATE_BYTES], const uint8_t point[KEY_POINT_BYTES])
{
    struct key_record key = {.mark = UINT32_MAX};

    if (key_page_spent() || key_page_key() != NULL || any_damaged()) {
        return false;
    }
    const uint32_t at = (uint32_t)record(free_record());

    memcpy(key.private_key, private_key, sizeof key.private_key);
    memcpy(key.public_key, point + 1, sizeof key.public_key);
    key.crc = crc32(&key, offsetof(struct key_record, crc));
    flash_write_words(at, (const uint32_t *)(const void *)&key, sizeof key / WORD);
    const bool taken = memcmp((const void *)at, &key, sizeof key) == 0;

    crypto_wipe(&key, sizeof key);
    if (taken) {
        const uint32_t mark = KEY_MARK;

        flash_write_words(at + offsetof(struct key_record, mark), &mark, 1);
    }
    return key_page_key() == ((const struct key_record *)at)->private_key;
}

bool key_page_spend(void)
{
    static const uint32_t spent = 0;

    const uint32_t secret_at = ENROLMENT_AT + (uint32_t)offsetof(struct enrolment, secret);

    if (!zero_words(secret_at, sizeof(struct enrolment) - offsetof(struct enrolment, secret))) {
        return false;
    }
    if (!key_page_spent()) {
        flash_write_words(SPENT_AT, &spent, 1);
    }
    return key_page_spent();
}
