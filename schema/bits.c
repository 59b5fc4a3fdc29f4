/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/bits.h"

void bits_end(struct bit_writer *w)
{
	for (unsigned done = 0; done < w->used; done += 8)
		buf_put_u8(w->buf, (uint8_t) (w->word >> done));
	w->word = 0;
	w->used = 0;
}

uint64_t bits_peek_end(const struct bit_reader *r)
{
	size_t byte = r->position / 8, count = r->size - byte;
	uint64_t word = 0;

	memcpy(&word, r->data + byte, count < sizeof(word) ? count : sizeof(word));
	return le64toh(word) >> r->position % 8;
}

bool bits_complete(const struct bit_reader *r)
{
	return !r->failed && bits_left(r) < 8 && bits_peek_end(r) == 0;
}
