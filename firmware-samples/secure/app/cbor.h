/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The part of CBOR (RFC 8949) that SMP needs.  Reads one map of named fields, writes maps, arrays and scalars; never
 * leaves the buffer it was given, needs no memory of its own and does not call itself.  Knows neither chip nor SMP.
 */
#ifndef CBOR_H
#define CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a field has to be.  Null counts as absent. */
enum cbor_kind { CBOR_KIND_UINT, CBOR_KIND_BOOL, CBOR_KIND_BYTES, CBOR_KIND_TEXT };

/* One field to look for.  The caller sets name and kind; the rest is the result. */
struct cbor_field {
    const char *name;
    enum cbor_kind kind;
    bool present;
    uint32_t number;     /* CBOR_KIND_UINT; CBOR_KIND_BOOL as 0 or 1 */
    const uint8_t *data; /* CBOR_KIND_BYTES, CBOR_KIND_TEXT: inside the buffer that was read; not terminated */
    size_t length;
};

/* Containers within the map that may be open at once in fields nobody asked for. */
#define CBOR_DEPTH 6u

/* Reads a map of definite or indefinite length.  Keys that are not asked for are skipped.  False when the bytes are
 * not exactly one well-formed map, when a field has another kind or comes twice, when a number does not fit in 32
 * bits, or when something has a length of its own choice (indefinite) inside.  No bytes at all are an empty map. */
bool cbor_read_map(const uint8_t *data, size_t length, struct cbor_field *fields, size_t count);

/* Output.  What does not fit is dropped, and full says so. */
struct cbor_out {
    uint8_t *at;
    uint8_t *end;
    bool full;
};

void cbor_map(struct cbor_out *out, uint32_t pairs);
void cbor_array(struct cbor_out *out, uint32_t items);
void cbor_uint(struct cbor_out *out, uint32_t value);
void cbor_bool(struct cbor_out *out, bool value);
void cbor_text(struct cbor_out *out, const char *text);
void cbor_bytes(struct cbor_out *out, const uint8_t *data, size_t length);

/* -1 - number. */
void cbor_negative(struct cbor_out *out, uint32_t number);

/* Tag of the item that follows. */
void cbor_tag(struct cbor_out *out, uint32_t tag);

/* Text that is not terminated; it has to be UTF-8. */
void cbor_text_bytes(struct cbor_out *out, const uint8_t *text, size_t length);

/* Head of a text whose bytes follow by other means. */
void cbor_text_head(struct cbor_out *out, size_t length);

/* Likewise of bytes. */
void cbor_bytes_head(struct cbor_out *out, size_t length);

/* A pair of a map. */
void cbor_pair_uint(struct cbor_out *out, const char *key, uint32_t value);
void cbor_pair_bool(struct cbor_out *out, const char *key, bool value);
void cbor_pair_text(struct cbor_out *out, const char *key, const char *text);
void cbor_pair_bytes(struct cbor_out *out, const char *key, const uint8_t *data, size_t length);

#endif
