/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/tick.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "schema/crc32c.h"

#define TICK_VERSION	   1
#define TICK_CHECKSUM_SIZE sizeof(uint32_t)
#define VARINT_MAX	   5 /* bytes of a u32 */

static void put_varint(struct buf *b, uint32_t value)
{
	for (; value >= 0x80; value >>= 7)
		buf_put_u8(b, (uint8_t) (value | 0x80));
	buf_put_u8(b, (uint8_t) value);
}

/* Only the shortest form: a last byte of zero, or more bits than fit, fail. */
static uint32_t get_varint(struct cursor *c)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < VARINT_MAX; i++) {
		uint8_t byte = cursor_u8(c);

		value |= (uint64_t) (byte & 0x7f) << (7 * i);
		if (byte & 0x80)
			continue;
		c->failed |= (byte == 0 && i > 0) || value > UINT32_MAX;
		return c->failed ? 0 : (uint32_t) value;
	}
	c->failed = true;
	return 0;
}

void tick_write(const struct sample *list, size_t count, struct buf *b)
{
	size_t begin = b->size;
	uint32_t before = 0;

	if (count > TICK_SAMPLES_MAX) {
		b->error = -E2BIG;
		return;
	}
	buf_put_u8(b, TICK_VERSION);
	put_varint(b, (uint32_t) count);
	for (size_t i = 0; i < count; i++) {
		put_varint(b, list[i].series - before);
		buf_put_f64(b, list[i].value);
		before = list[i].series;
	}
	if (buf_error(b) == 0)
		buf_put_u32(b, crc32c(b->data + begin, b->size - begin));
}

int tick_read(const void *data, size_t size, struct tick *ret)
{
	struct tick t = {0};
	uint32_t stored;

	if (size < TICK_CHECKSUM_SIZE)
		return -EBADMSG;
	size -= TICK_CHECKSUM_SIZE;
	memcpy(&stored, (const uint8_t *) data + size, sizeof(stored));
	if (le32toh(stored) != crc32c(data, size))
		return -EBADMSG;
	t.cursor = cursor_init(data, size);
	if (cursor_u8(&t.cursor) != TICK_VERSION)
		return -EBADMSG;
	t.left = get_varint(&t.cursor);
	if (t.cursor.failed || t.left > TICK_SAMPLES_MAX)
		return -EBADMSG;
	*ret = t;
	return 0;
}

int tick_next(struct tick *t, struct sample *ret)
{
	uint32_t gap;

	if (t->left == 0)
		return cursor_complete(&t->cursor) ? 0 : -EBADMSG;
	gap = get_varint(&t->cursor);
	if (gap == 0 || __builtin_add_overflow(t->series, gap, &t->series))
		t->cursor.failed = true;
	ret->series = t->series;
	ret->value = cursor_f64(&t->cursor);
	if (t->cursor.failed)
		return -EBADMSG;
	t->left--;
	return 1;
}

static bool is_sorted(const struct sample *list, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (list[i - 1].series >= list[i].series)
			return false;
	return true;
}

size_t tick_sort(struct sample *list, size_t count, struct sample *scratch)
{
	size_t half = count / 2, left, right;

	/* What comes here mostly is in order already, since collectors declare their series in the
	 * order in which they send them. */
	if (is_sorted(list, count))
		return count;
	left = tick_sort(list, half, scratch);
	right = tick_sort(list + half, count - half, scratch);
	count = tick_merge(list, left, list + half, right, scratch);
	memcpy(list, scratch, count * sizeof(*list));
	return count;
}

size_t tick_merge(const struct sample *old, size_t old_count, const struct sample *new,
	size_t new_count, struct sample *ret)
{
	size_t i = 0, j = 0, count = 0;

	while (i < old_count || j < new_count) {
		bool take_old = i < old_count &&
			(j == new_count || old[i].series < new[j].series);

		if (!take_old && i < old_count && old[i].series == new[j].series)
			i++;
		ret[count++] = take_old ? old[i++] : new[j++];
	}
	return count;
}
