/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/chunk.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "daemon/base/cursor.h"
#include "schema/crc32c.h"

#define MAGIC	      'M'
#define VERSION	      1
#define CHECKSUM_SIZE sizeof(uint32_t)

static void put_times(const int64_t times[], size_t count, struct buf *b)
{
	int64_t distance = 0;
	size_t same = 0;

	buf_put_zigzag(b, times[0]);
	for (size_t i = 1; i < count; i++) {
		int64_t more = times[i] - times[i - 1] - distance;

		if (more == 0) {
			same++;
			continue;
		}
		buf_put_varint(b, same);
		buf_put_zigzag(b, more);
		distance += more;
		same = 0;
	}
	if (same > 0)
		buf_put_varint(b, same);
}

/* The end of the run of places that ascend one by one, from BEGIN on. */
static size_t run_end(const struct chunk_series *s, size_t begin)
{
	size_t end = begin + 1;

	while (end < s->count && s->places[end] == s->places[end - 1] + 1)
		end++;
	return end;
}

static void put_runs(const struct chunk_series *s, size_t time_count, struct buf *b)
{
	size_t runs = 0, place = 0;

	for (size_t i = 0; i < s->count; i = run_end(s, i))
		runs += 2;
	if (s->count == time_count)
		runs = 0;
	buf_put_varint(b, runs);
	for (size_t i = 0, end; runs > 0 && i < s->count; i = end) {
		end = run_end(s, i);
		buf_put_varint(b, s->places[i] - place);
		buf_put_varint(b, end - i);
		place = s->places[end - 1] + 1U;
	}
}

static void put_columns(struct column_work *w, const struct chunk_series series[], size_t series_count,
	size_t time_count, struct buf *b)
{
	_cleanup_buf_ struct buf values = BUF_INIT;
	uint32_t before = 0;

	for (size_t i = 0; i < series_count; i++) {
		size_t begin = values.size;

		buf_put_varint(b, series[i].id - before);
		before = series[i].id;
		put_runs(&series[i], time_count, b);
		column_write(w, series[i].values, series[i].count, &values);
		buf_put_varint(b, values.size - begin);
	}
	if (buf_error(&values) < 0)
		b->error = buf_error(&values);
	buf_add(b, values.data, values.size);
}

void chunk_write(struct column_work *w, int64_t key, const int64_t times[], size_t time_count,
	const struct chunk_series series[], size_t series_count, struct buf *b)
{
	size_t begin = b->size;

	buf_put_u8(b, MAGIC);
	buf_put_u8(b, VERSION);
	buf_put_u16(b, 0);
	buf_put_varint(b, time_count);
	buf_put_varint(b, series_count);
	put_times(times, time_count, b);
	put_columns(w, series, series_count, time_count, b);
	if (buf_error(b) == 0)
		buf_put_u32(b, crc32c_keyed(key, b->data + begin, b->size - begin));
}

static bool is_time(int64_t time)
{
	return time >= -CHUNK_TIME_MAX && time <= CHUNK_TIME_MAX;
}

/* The next time; a distance that is none fails. */
static void add_time(struct chunk *c, size_t i, int64_t distance, struct cursor *cursor)
{
	if (distance <= 0 || __builtin_add_overflow(c->times[i - 1], distance, &c->times[i]) ||
		!is_time(c->times[i]))
		cursor->failed = true;
}

static void read_times(struct chunk *c, struct cursor *cursor)
{
	int64_t distance = 0;
	size_t i = 1;

	c->times[0] = cursor_zigzag(cursor);
	if (!is_time(c->times[0]))
		cursor->failed = true;
	while (!cursor->failed && i < c->time_count) {
		uint64_t same = cursor_varint(cursor);

		if (same > c->time_count - i)
			cursor->failed = true;
		for (; !cursor->failed && same > 0; same--)
			add_time(c, i++, distance, cursor);
		if (cursor->failed || i == c->time_count)
			return;
		if (__builtin_add_overflow(distance, cursor_zigzag(cursor), &distance))
			cursor->failed = true;
		add_time(c, i++, distance, cursor);
	}
}

/* Runs are in pairs, and only the first pair may begin without a gap. */
static void read_runs(const struct chunk *c, struct chunk_column *column, struct cursor *cursor)
{
	uint64_t runs = cursor_varint(cursor);
	size_t begin = cursor->position, place = 0;

	column->count = runs == 0 ? c->time_count : 0;
	if (runs % 2 != 0 || runs > c->time_count + 1)
		cursor->failed = true;
	for (uint64_t i = 0; !cursor->failed && i < runs; i += 2) {
		uint64_t without = cursor_varint(cursor), with = cursor_varint(cursor);

		if ((without == 0 && i > 0) || with == 0 || without > c->time_count - place ||
			with > c->time_count - place - without) {
			cursor->failed = true;
			return;
		}
		place += without + with;
		column->count += with;
	}
	column->runs = cursor->data + begin;
	column->runs_size = cursor->position - begin;
}

static void read_columns(struct chunk *c, struct cursor *cursor)
{
	size_t size = 0;
	uint32_t id = 0;

	for (size_t i = 0; i < c->column_count; i++) {
		struct chunk_column *column = &c->columns[i];
		uint64_t gap = cursor_varint(cursor), values;

		if (gap == 0 || gap > UINT32_MAX - id)
			cursor->failed = true;
		column->id = id += (uint32_t) gap;
		read_runs(c, column, cursor);
		values = cursor_varint(cursor);
		if (cursor->failed || values > cursor->size || size + values > cursor->size) {
			cursor->failed = true;
			return;
		}
		column->values_size = values;
		size += values;
	}
	if (size != cursor_left(cursor))
		cursor->failed = true;
}

static void find_values(struct chunk *c, const struct cursor *cursor)
{
	const uint8_t *values = cursor->data + cursor->position;

	for (size_t i = 0; i < c->column_count; i++) {
		c->columns[i].values = values;
		values += c->columns[i].values_size;
	}
}

static bool has_checksum(int64_t key, const uint8_t *data, size_t size)
{
	uint32_t stored;

	memcpy(&stored, data + size, sizeof(stored));
	return le32toh(stored) == crc32c_keyed(key, data, size);
}

int chunk_read(struct chunk *c, int64_t key, const void *data, size_t size)
{
	struct cursor cursor;

	if (size < CHECKSUM_SIZE || !has_checksum(key, data, size - CHECKSUM_SIZE))
		return -EBADMSG;
	cursor = cursor_init(data, size - CHECKSUM_SIZE);
	if (cursor_u8(&cursor) != MAGIC || cursor_u8(&cursor) != VERSION || cursor_u16(&cursor) != 0)
		return -EBADMSG;
	c->time_count = cursor_varint(&cursor);
	c->column_count = cursor_varint(&cursor);
	if (cursor.failed || c->time_count == 0 || c->time_count > CHUNK_TIMES_MAX ||
		c->column_count == 0 || c->column_count > CHUNK_COLUMNS_MAX)
		return -EBADMSG;
	read_times(c, &cursor);
	read_columns(c, &cursor);
	if (cursor.failed)
		return -EBADMSG;
	find_values(c, &cursor);
	return 0;
}

const struct chunk_column *chunk_find(const struct chunk *c, uint32_t id)
{
	for (size_t i = 0; i < c->column_count; i++)
		if (c->columns[i].id == id)
			return &c->columns[i];
	return NULL;
}

/* The times that it has values at. */
static void pick_times(const struct chunk *c, const struct chunk_column *column, int64_t times[])
{
	struct cursor runs = cursor_init(column->runs, column->runs_size);
	size_t place = 0, count = 0;

	if (column->runs_size == 0) {
		memcpy(times, c->times, c->time_count * sizeof(*times));
		return;
	}
	while (count < column->count) {
		size_t with;

		place += cursor_varint(&runs);
		with = cursor_varint(&runs);
		memcpy(times + count, c->times + place, with * sizeof(*times));
		place += with;
		count += with;
	}
}

int chunk_read_column(
	const struct chunk *c, const struct chunk_column *column, int64_t times[], double values[])
{
	pick_times(c, column, times);
	return column_read(column->values, column->values_size, values, column->count);
}
