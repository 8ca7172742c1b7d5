/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "upload.h"

#include <bearssl_hash.h>
#include <string.h>

#include "app.h"
#include "bytes.h"
#include "chip.h"
#include "request.h"

#define WORD           4u
#define STEP_WORDS     32u
#define HEADER_BYTES   32u
#define HEADER_VERSION 20u

/* What an upload needs to go on after a reset.  It lies in the slot's last page, which no image may fill; magic is
 * written last, and finished is cleared at the end. */
struct record {
    uint32_t finished;
    uint32_t length;
    uint8_t sha[HASH_BYTES];
    uint32_t magic;
};

#define RECORD_MAGIC 0x50554257u /* "WBUP" */
#define RECORD_AT    (LAYOUT_SLOT1 + IMAGE_MAX_BYTES)
#define UNFINISHED   UINT32_MAX

static struct {
    bool active;
    bool has_sha;
    uint32_t length;
    uint32_t offset;        /* bytes taken; what is over a whole number of words is in rest */
    uint8_t rest[WORD];
    uint8_t sha[HASH_BYTES];
} upload;

static const struct record *record(void)
{
    return (const struct record *)RECORD_AT;
}

uint32_t upload_offset(void)
{
    return upload.offset;
}

/* --- Flash --------------------------------------------------------------------------------------------------- */

static bool is_blank(uint32_t address)
{
    const uint32_t *const words = (const uint32_t *)address;

    for (uint32_t i = 0; i < LAYOUT_PAGE_BYTES / WORD; i++) {
        if (words[i] != UINT32_MAX) {
            return false;
        }
    }
    return true;
}

static bool erase_page(uint32_t address)
{
    if (!is_blank(address)) {
        flash_erase_page(address);
    }
    return is_blank(address);
}

/* The record goes first: it never speaks of a slot that is partly erased. */
static bool erase_slot(void)
{
    upload.active = false;
    upload.offset = 0;
    for (uint32_t page = LAYOUT_SLOT_PAGES; page-- > 0u;) {
        if (!erase_page(LAYOUT_SLOT1 + page * LAYOUT_PAGE_BYTES)) {
            return false;
        }
    }
    return true;
}

static bool write_words(uint32_t address, const uint32_t *words, uint32_t count)
{
    flash_write_words(address, words, count);
    return memcmp((const void *)address, words, count * WORD) == 0;
}

static bool write_record(void)
{
    struct record new = {.finished = UNFINISHED, .length = upload.length, .magic = RECORD_MAGIC};

    memcpy(new.sha, upload.sha, sizeof new.sha);
    return write_words(RECORD_AT, &new.finished, sizeof new / WORD);
}

/* --- Resuming ------------------------------------------------------------------------------------------------ */

/* Where the data in the slot ends: at its last word that is not erased.  That one may have been cut short, and is
 * written again. */
static uint32_t written(uint32_t length)
{
    const uint32_t *const words = (const uint32_t *)LAYOUT_SLOT1;
    uint32_t count = (length + WORD - 1u) / WORD;

    while (count > 0u && words[count - 1u] == UINT32_MAX) {
        count--;
    }
    return count > 0u ? (count - 1u) * WORD : 0u;
}

static bool is_same(const struct upload_start *start, uint32_t length, const uint8_t *sha)
{
    return start->sha != NULL && length == start->length && memcmp(sha, start->sha, HASH_BYTES) == 0;
}

static bool resume(const struct upload_start *start)
{
    if (upload.active) {
        return upload.has_sha && is_same(start, upload.length, upload.sha);
    }
    if (record()->magic != RECORD_MAGIC || record()->finished != UNFINISHED ||
        !is_same(start, record()->length, record()->sha)) {
        return false;
    }
    upload.active = upload.has_sha = true;
    upload.length = start->length;
    upload.offset = written(start->length);
    memcpy(upload.sha, start->sha, sizeof upload.sha);
    return true;
}

/* --- Taking pieces ------------------------------------------------------------------------------------------- */

static struct smp_status write_failed(void)
{
    upload.active = false;
    return smp_group_error(IMAGE_ERROR_FLASH_WRITE_FAILED, SMP_RC_UNKNOWN);
}

/* Writes the rest of the last piece and of this one as far as there are whole words, and keeps what is over; the end
 * of the image is filled up. */
static bool write_piece(const uint8_t *data, uint32_t length)
{
    uint32_t words[STEP_WORDS];
    uint8_t *const bytes = (uint8_t *)words;
    uint32_t have = upload.offset % WORD;
    uint32_t address = LAYOUT_SLOT1 + upload.offset - have;

    memcpy(bytes, upload.rest, have);
    upload.offset += length;
    while (length > 0u) {
        uint32_t take = sizeof words - have;

        take = take < length ? take : length;
        memcpy(bytes + have, data, take);
        data += take;
        length -= take;
        have += take;
        if (upload.offset == upload.length && length == 0u) {
            while (have % WORD != 0u) {
                bytes[have++] = 0xFF;
            }
        }
        if (!write_words(address, words, have / WORD)) {
            return false;
        }
        address += have - have % WORD;
        memcpy(upload.rest, bytes + (have - have % WORD), have % WORD);
        memcpy(bytes, upload.rest, have % WORD);
        have %= WORD;
    }
    return true;
}

static struct smp_status take(const uint8_t *data, uint32_t length)
{
    if (length > upload.length - upload.offset) {
        return smp_group_error(IMAGE_ERROR_DATA_OVERRUN, SMP_RC_INVALID);
    }
    return write_piece(data, length) ? SMP_OK : write_failed();
}

static bool is_upgrade(const uint8_t *header)
{
    const struct image_version version = {
        .major = header[HEADER_VERSION],
        .minor = header[HEADER_VERSION + 1u],
        .revision = (uint16_t)get16(header + HEADER_VERSION + 2u),
        .build = get32(header + HEADER_VERSION + 4u),
    };

    return running_image() == NULL || image_version_compare(&version, &running_image()->version) > 0;
}

static struct smp_status check(const struct upload_start *start, const uint8_t *data, uint32_t length)
{
    if (!request_slot_is_free()) {
        return smp_group_error(IMAGE_ERROR_ALREADY_PENDING, SMP_RC_BUSY);
    }
    if (start->length > IMAGE_MAX_BYTES) {
        return smp_group_error(IMAGE_ERROR_TOO_LARGE, SMP_RC_INVALID);
    }
    if (length < HEADER_BYTES) {
        return smp_group_error(IMAGE_ERROR_INVALID_HEADER, SMP_RC_INVALID);
    }
    if (length > start->length) {
        return smp_group_error(IMAGE_ERROR_DATA_OVERRUN, SMP_RC_INVALID);
    }
    if (get32(data) != IMAGE_MAGIC) {
        return smp_group_error(IMAGE_ERROR_INVALID_MAGIC, SMP_RC_INVALID);
    }
    if (start->upgrade && !is_upgrade(data)) {
        return smp_group_error(IMAGE_ERROR_CURRENT_IS_NEWER, SMP_RC_BAD_STATE);
    }
    return SMP_OK;
}

struct smp_status upload_begin(const struct upload_start *start, const uint8_t *data, uint32_t length)
{
    const struct smp_status checked = check(start, data, length);

    if (checked.rc != SMP_RC_OK) {
        return checked;
    }
    if (resume(start)) {
        return upload.offset == 0u ? take(data, length) : SMP_OK;
    }
    if (!erase_slot()) {
        return smp_group_error(IMAGE_ERROR_FLASH_ERASE_FAILED, SMP_RC_UNKNOWN);
    }
    upload.active = true;
    upload.length = start->length;
    upload.has_sha = start->sha != NULL;
    if (upload.has_sha) {
        memcpy(upload.sha, start->sha, sizeof upload.sha);
        if (!write_record()) {
            return write_failed();
        }
    }
    return take(data, length);
}

struct smp_status upload_continue(uint32_t offset, const uint8_t *data, uint32_t length)
{
    if (!request_slot_is_free()) {
        return smp_group_error(IMAGE_ERROR_ALREADY_PENDING, SMP_RC_BUSY);
    }
    if (!upload.active) {
        return smp_group_error(IMAGE_ERROR_INVALID_OFFSET, SMP_RC_INVALID);
    }
    return offset == upload.offset ? take(data, length) : SMP_OK;
}

static enum upload_end compare_hash(void)
{
    br_sha256_context context;
    uint8_t hash[HASH_BYTES];

    br_sha256_init(&context);
    br_sha256_update(&context, (const void *)LAYOUT_SLOT1, upload.length);
    br_sha256_out(&context, hash);
    return memcmp(hash, upload.sha, sizeof hash) == 0 ? UPLOAD_MATCHES : UPLOAD_DIFFERS;
}

enum upload_end upload_end(void)
{
    static const uint32_t finished = 0;

    if (!upload.active || upload.offset != upload.length) {
        return UPLOAD_UNFINISHED;
    }
    upload.active = false;
    if (!upload.has_sha) {
        return UPLOAD_NO_HASH;
    }
    flash_write_words(RECORD_AT, &finished, 1);
    return compare_hash();
}

struct smp_status upload_erase(void)
{
    if (!request_slot_is_free()) {
        return smp_group_error(IMAGE_ERROR_ALREADY_PENDING, SMP_RC_BUSY);
    }
    return erase_slot() ? SMP_OK : smp_group_error(IMAGE_ERROR_FLASH_ERASE_FAILED, SMP_RC_UNKNOWN);
}
