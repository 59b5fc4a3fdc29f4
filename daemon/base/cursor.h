/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded reader over foreign bytes with a sticky error.
 *
 * Layer: base. Read everything, then ask once: after a read past the end (or a malformed field)
 * `failed` stays set and every later read gives zero, so no result needs a check of its own.
 * Nothing is copied: what it returns points into the bytes given to cursor_init(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
	const uint8_t *data;
	size_t size;
	size_t position;
	bool failed;
};

static inline struct cursor cursor_init(const void *data, size_t size)
{
	return (struct cursor){.data = data, .size = size};
}

/* Bytes not read yet. */
size_t cursor_left(const struct cursor *c);

/* True when everything was read and nothing failed. */
bool cursor_complete(const struct cursor *c);

uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
double cursor_f64(struct cursor *c);

/* As buf_put_varint() and buf_put_zigzag() wrote them: only the shortest form is taken. */
uint64_t cursor_varint(struct cursor *c);
int64_t cursor_zigzag(struct cursor *c);

/* A u32 length and so many bytes, as buf_put_field() wrote them. */
const void *cursor_field(struct cursor *c, size_t *ret_size);

/* A field that must be valid UTF-8 without a NUL inside, copied with a final NUL; free() it.
 * NULL (and failed) where it is not, where it is longer than LIMIT, or without memory. */
char *cursor_string(struct cursor *c, size_t limit);

/* Reads a u32 count of entries and makes a zeroed array of so many of ENTRY_SIZE bytes for them (NULL
 * for none) in *RET_ARRAY, any pointer; free() it. No count is believed that is over LIMIT, or beyond what
 * follows: an entry takes at least ENTRY_BYTES there. 0, -EBADMSG, -ENOMEM. */
int cursor_array(struct cursor *c, size_t limit, size_t entry_bytes, size_t entry_size,
	void *ret_array, size_t *ret_count);
