/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of bits: the first one is the lowest bit of the first byte.
 *
 * Layer: schema. Pure. The writer appends to a buf; the reader is bounded, takes foreign bytes and has a
 * sticky error, as a cursor has. */
#pragma once

#include <endian.h>
#include <string.h>

#include "daemon/base/buf.h"

struct bit_writer {
	struct buf *buf;
	uint64_t word; /* bits that are not in the buf yet */
	unsigned used; /* how many: less than 64 */
};

/* VALUE must fit COUNT bits, 0 to 64. */
static inline void bits_put(struct bit_writer *w, uint64_t value, unsigned count)
{
	if (count == 0)
		return;
	w->word |= value << w->used;
	w->used += count;
	if (w->used < 64)
		return;
	buf_put_u64(w->buf, w->word);
	w->used -= 64;
	w->word = w->used > 0 ? value >> (count - w->used) : 0;
}

/* What is left, in whole bytes. */
void bits_end(struct bit_writer *w);

struct bit_reader {
	const uint8_t *data;
	size_t size;	 /* bytes */
	size_t position; /* bits */
	bool failed;
};

/* SIZE is less than SIZE_MAX / 8. */
static inline struct bit_reader bits_init(const void *data, size_t size)
{
	return (struct bit_reader){.data = data, .size = size};
}

/* Bits not read yet. */
static inline size_t bits_left(const struct bit_reader *r)
{
	return 8 * r->size - r->position;
}

/* The next bits, 57 of them at least, zeros behind the end. */
uint64_t bits_peek_end(const struct bit_reader *r);
static inline uint64_t bits_peek(const struct bit_reader *r)
{
	size_t byte = r->position / 8;
	uint64_t word;

	if (r->size - byte < sizeof(word))
		return bits_peek_end(r);
	memcpy(&word, r->data + byte, sizeof(word));
	return le64toh(word) >> r->position % 8;
}

static inline void bits_skip(struct bit_reader *r, size_t count)
{
	if (count > bits_left(r)) {
		r->failed = true;
		r->position = 8 * r->size;
		return;
	}
	r->position += count;
}

/* The next COUNT bits, 0 to 64; 0 where there are not so many. */
static inline uint64_t bits_get(struct bit_reader *r, unsigned count)
{
	uint64_t low;

	if (count > bits_left(r)) {
		bits_skip(r, count);
		return 0;
	}
	low = bits_peek(r);
	if (count <= 57) {
		r->position += count;
		return low & ((UINT64_C(1) << count) - 1);
	}
	low &= UINT32_MAX;
	r->position += 32;
	count -= 32;
	low |= (bits_peek(r) & (UINT64_MAX >> (64 - count))) << 32;
	r->position += count;
	return low;
}

/* True where everything was read, but for the zeros that fill the last byte, and nothing failed. */
bool bits_complete(const struct bit_reader *r);
