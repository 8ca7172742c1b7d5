/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cbor.h"

#include <string.h>

/* Major types, RFC 8949 section 3.1. */
enum { UNSIGNED = 0, NEGATIVE = 1, BYTE_STRING = 2, TEXT_STRING = 3, ARRAY = 4, MAP = 5, TAG = 6, SIMPLE = 7 };

/* Additional information, section 3, and the simple values of section 3.3. */
enum { ONE_BYTE = 24, FOUR_BYTES = 26, EIGHT_BYTES = 27, INDEFINITE = 31 };
enum { FALSE_VALUE = 20, TRUE_VALUE = 21, NULL_VALUE = 22 };
#define BREAK_BYTE 0xFFu

struct in {
    const uint8_t *at;
    const uint8_t *end;
};

/* Head of an item, and for strings their bytes, which the input has then passed. */
struct item {
    uint8_t major;
    uint8_t info;
    bool wide; /* the argument did not fit in value */
    uint32_t value;
    const uint8_t *data;
};

static size_t left(const struct in *in)
{
    return (size_t)(in->end - in->at);
}

static bool next_argument(struct in *in, struct item *item)
{
    if (item->info < ONE_BYTE) {
        item->value = item->info;
        return true;
    }
    if (item->info > EIGHT_BYTES) {
        return false;
    }
    const size_t bytes = (size_t)1 << (item->info - ONE_BYTE);

    if (left(in) < bytes) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        item->wide |= (item->value >> 24) != 0u;
        item->value = (item->value << 8) | *in->at++;
    }
    return true;
}

/* False at the end of the input and on anything of indefinite length. */
static bool next_item(struct in *in, struct item *item)
{
    if (left(in) == 0u) {
        return false;
    }
    *item = (struct item){.major = (uint8_t)(*in->at >> 5), .info = *in->at & 0x1Fu};
    in->at++;
    if (!next_argument(in, item)) {
        return false;
    }
    if (item->major == BYTE_STRING || item->major == TEXT_STRING) {
        if (item->wide || item->value > left(in)) {
            return false;
        }
        item->data = in->at;
        in->at += item->value;
    }
    return true;
}

/* How many items follow as the contents of this one.  Every item takes a byte or more, so a count beyond the input
 * is a lie. */
static bool contents(const struct in *in, const struct item *item, uint32_t *count)
{
    *count = item->major == ARRAY || item->major == MAP ? item->value : 0u;
    if (item->major == TAG) {
        *count = 1;
    }
    if (*count > left(in) || (*count > 0u && item->wide && item->major != TAG)) {
        return false;
    }
    *count *= item->major == MAP ? 2u : 1u;
    return true;
}

/* Passes what is inside an item whose head was read. */
static bool skip_contents(struct in *in, const struct item *first)
{
    uint32_t open[CBOR_DEPTH];
    size_t depth = 1;
    struct item item;

    if (!contents(in, first, &open[0])) {
        return false;
    }
    while (depth > 0u) {
        if (open[depth - 1u] == 0u) {
            depth--;
            continue;
        }
        open[depth - 1u]--;
        uint32_t count;

        if (!next_item(in, &item) || !contents(in, &item, &count)) {
            return false;
        }
        if (count > 0u) {
            if (depth == CBOR_DEPTH) {
                return false;
            }
            open[depth++] = count;
        }
    }
    return true;
}

static struct cbor_field *find_field(struct cbor_field *fields, size_t count, const struct item *key)
{
    for (size_t i = 0; i < count; i++) {
        if (key->major == TEXT_STRING && strlen(fields[i].name) == key->value &&
            memcmp(fields[i].name, key->data, key->value) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

static bool is_kind(const struct item *item, enum cbor_kind kind)
{
    switch (kind) {
    case CBOR_KIND_UINT:
        return item->major == UNSIGNED && !item->wide;
    case CBOR_KIND_BOOL:
        return item->major == SIMPLE && (item->info == FALSE_VALUE || item->info == TRUE_VALUE);
    case CBOR_KIND_BYTES:
        return item->major == BYTE_STRING;
    case CBOR_KIND_TEXT:
        return item->major == TEXT_STRING;
    }
    return false;
}

static bool take_field(struct cbor_field *field, const struct item *item)
{
    if (item->major == SIMPLE && item->info == NULL_VALUE) {
        return true;
    }
    if (field->present || !is_kind(item, field->kind)) {
        return false;
    }
    field->present = true;
    field->number = field->kind == CBOR_KIND_BOOL ? item->info == TRUE_VALUE : item->value;
    field->data = item->data;
    field->length = item->data == NULL ? 0u : item->value;
    return true;
}

static bool read_pair(struct in *in, struct cbor_field *fields, size_t count)
{
    struct item key;
    struct item value;

    if (!next_item(in, &key) || !skip_contents(in, &key) || !next_item(in, &value)) {
        return false;
    }
    struct cbor_field *field = find_field(fields, count, &key);

    if (field != NULL) {
        return take_field(field, &value);
    }
    return skip_contents(in, &value);
}

static bool read_pairs(struct in *in, const struct item *map, struct cbor_field *fields, size_t count)
{
    if (map->wide || map->value > left(in)) {
        return false;
    }
    for (uint32_t i = 0; i < map->value; i++) {
        if (!read_pair(in, fields, count)) {
            return false;
        }
    }
    return true;
}

static bool read_pairs_to_break(struct in *in, struct cbor_field *fields, size_t count)
{
    while (left(in) > 0u && *in->at != BREAK_BYTE) {
        if (!read_pair(in, fields, count)) {
            return false;
        }
    }
    return left(in) > 0u && *in->at++ == BREAK_BYTE;
}

bool cbor_read_map(const uint8_t *data, size_t length, struct cbor_field *fields, size_t count)
{
    struct in in = {data, data + length};
    struct item map;

    for (size_t i = 0; i < count; i++) {
        fields[i] = (struct cbor_field){.name = fields[i].name, .kind = fields[i].kind};
    }
    if (length == 0u) {
        return true;
    }
    if (data[0] == (MAP << 5 | INDEFINITE)) {
        in.at++;
        return read_pairs_to_break(&in, fields, count) && left(&in) == 0u;
    }
    return next_item(&in, &map) && map.major == MAP && read_pairs(&in, &map, fields, count) && left(&in) == 0u;
}

static void put(struct cbor_out *out, const void *data, size_t length)
{
    if ((size_t)(out->end - out->at) < length) {
        out->full = true;
        out->end = out->at;
        return;
    }
    if (length > 0u) {
        memcpy(out->at, data, length);
        out->at += length;
    }
}

/* The shortest form, section 4.2.1. */
static void put_head(struct cbor_out *out, uint8_t major, uint32_t value)
{
    const unsigned int bytes = value < ONE_BYTE ? 0u : value <= 0xFFu ? 1u : value <= 0xFFFFu ? 2u : 4u;
    uint8_t head[5];

    head[0] = (uint8_t)(major << 5 | (bytes == 0u ? value : bytes == 4u ? FOUR_BYTES : ONE_BYTE - 1u + bytes));
    for (unsigned int i = 0; i < bytes; i++) {
        head[1u + i] = (uint8_t)(value >> (8u * (bytes - 1u - i)));
    }
    put(out, head, 1u + bytes);
}

void cbor_map(struct cbor_out *out, uint32_t pairs)
{
    put_head(out, MAP, pairs);
}

void cbor_array(struct cbor_out *out, uint32_t items)
{
    put_head(out, ARRAY, items);
}

void cbor_uint(struct cbor_out *out, uint32_t value)
{
    put_head(out, UNSIGNED, value);
}

void cbor_negative(struct cbor_out *out, uint32_t number)
{
    put_head(out, NEGATIVE, number);
}

void cbor_tag(struct cbor_out *out, uint32_t tag)
{
    put_head(out, TAG, tag);
}

void cbor_bool(struct cbor_out *out, bool value)
{
    put_head(out, SIMPLE, value ? TRUE_VALUE : FALSE_VALUE);
}

void cbor_text_head(struct cbor_out *out, size_t length)
{
    put_head(out, TEXT_STRING, (uint32_t)length);
}

void cbor_text_bytes(struct cbor_out *out, const uint8_t *text, size_t length)
{
    cbor_text_head(out, length);
    put(out, text, length);
}

void cbor_text(struct cbor_out *out, const char *text)
{
    cbor_text_bytes(out, (const uint8_t *)text, strlen(text));
}

void cbor_bytes_head(struct cbor_out *out, size_t length)
{
    put_head(out, BYTE_STRING, (uint32_t)length);
}

void cbor_bytes(struct cbor_out *out, const uint8_t *data, size_t length)
{
    cbor_bytes_head(out, length);
    put(out, data, length);
}

void cbor_pair_uint(struct cbor_out *out, const char *key, uint32_t value)
{
    cbor_text(out, key);
    cbor_uint(out, value);
}

void cbor_pair_bool(struct cbor_out *out, const char *key, bool value)
{
    cbor_text(out, key);
    cbor_bool(out, value);
}

void cbor_pair_text(struct cbor_out *out, const char *key, const char *text)
{
    cbor_text(out, key);
    cbor_text(out, text);
}

void cbor_pair_bytes(struct cbor_out *out, const char *key, const uint8_t *data, size_t length)
{
    cbor_text(out, key);
    cbor_bytes(out, data, length);
}
