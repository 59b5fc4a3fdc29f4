/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/head.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cursor.h"
#include "schema/change.h"
#include "schema/crc32c.h"

#define NONE	      14 /* in the place of a change */
#define CHECKSUM_SIZE sizeof(uint32_t)

void head_done(struct head *h)
{
	free(h->values);
	free(h->has);
	*h = (struct head){0};
}

/* Room for the values of series up to ID. */
static int reserve(struct head *h, uint32_t id)
{
	uint32_t size = h->size > 0 ? h->size : 64;
	double *values;
	bool *has;

	if (id < h->size)
		return 0;
	while (size <= id)
		size *= 2;
	values = reallocarray(h->values, size, sizeof(*values));
	if (!values)
		return -ENOMEM;
	h->values = values;
	has = reallocarray(h->has, size, sizeof(*has));
	if (!has)
		return -ENOMEM;
	h->has = has;
	memset(has + h->size, 0, size - h->size);
	h->size = size;
	return 0;
}

static bool are_same(double a, double b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

static const double *before_of(const struct head *h, uint32_t id)
{
	return h->has[id] ? &h->values[id] : NULL;
}

/* Those of the series before NEXT that have no value any more. */
static uint32_t put_ends(struct head *h, uint32_t before, uint32_t from, uint32_t next, struct buf *b)
{
	for (uint32_t id = from; id < next; id++)
		if (h->has[id]) {
			buf_put_varint(b, id - before);
			buf_put_u8(b, NONE);
			h->has[id] = false;
			before = id;
		}
	return before;
}

static void put_changes(struct head *h, const struct sample list[], size_t count, struct buf *b)
{
	uint32_t before = 0, next = 1;

	for (size_t i = 0; i < count; i++) {
		uint32_t id = list[i].series;

		before = put_ends(h, before, next, id, b);
		next = id + 1;
		if (h->has[id] && are_same(h->values[id], list[i].value))
			continue;
		buf_put_varint(b, id - before);
		change_write(before_of(h, id), list[i].value, b);
		before = id;
	}
	put_ends(h, before, next, h->size, b);
}

static void put_values(const struct sample list[], size_t count, struct buf *b)
{
	uint32_t before = 0;

	for (size_t i = 0; i < count; i++) {
		buf_put_varint(b, list[i].series - before);
		buf_put_f64(b, list[i].value);
		before = list[i].series;
	}
}

static void set(struct head *h, uint32_t id, double value)
{
	h->values[id] = value;
	h->has[id] = true;
}

int head_write(struct head *h, int64_t key, enum head_kind kind, const struct sample list[], size_t count,
	struct buf *b)
{
	size_t begin = b->size;
	int r = reserve(h, count > 0 ? list[count - 1].series : 0);

	if (r < 0)
		return r;
	buf_put_u8(b, (uint8_t) kind);
	if (kind == HEAD_CHANGES)
		put_changes(h, list, count, b);
	else
		put_values(list, count, b);
	if (buf_error(b) < 0)
		return buf_error(b);
	buf_put_u32(b, crc32c_keyed(key, b->data + begin, b->size - begin));
	if (kind == HEAD_SOME)
		return buf_error(b);
	if (kind == HEAD_ALL)
		memset(h->has, 0, h->size);
	for (size_t i = 0; i < count; i++)
		set(h, list[i].series, list[i].value);
	return buf_error(b);
}

/* The id of the next entry. */
static int read_id(struct head *h, struct cursor *c, uint32_t *id)
{
	uint64_t gap = cursor_varint(c);

	if (c->failed || gap == 0 || gap > HEAD_SERIES_MAX - *id)
		return -EBADMSG;
	*id += (uint32_t) gap;
	return reserve(h, *id);
}

static int read_change(struct head *h, uint32_t id, struct cursor *c)
{
	uint8_t code = cursor_u8(c);

	if (code == NONE)
		h->has[id] = false;
	else
		set(h, id, change_read(before_of(h, id), code, c));
	return c->failed ? -EBADMSG : 0;
}

static int read_changes(struct head *h, struct cursor *c)
{
	uint32_t id = 0;
	int r = 0;

	while (r == 0 && cursor_left(c) > 0) {
		r = read_id(h, c, &id);
		if (r == 0)
			r = read_change(h, id, c);
	}
	return r;
}

static int read_values(struct head *h, struct cursor *c, bool take, head_fn fn, void *userdata)
{
	uint32_t id = 0;

	if (take)
		memset(h->has, 0, h->size);
	while (cursor_left(c) > 0) {
		int r = read_id(h, c, &id);
		double value = r == 0 ? cursor_f64(c) : 0;

		if (r < 0 || c->failed)
			return r < 0 ? r : -EBADMSG;
		if (take)
			set(h, id, value);
		else if (fn)
			fn(userdata, id, value);
	}
	return 0;
}

int head_read(struct head *h, int64_t key, const void *data, size_t size, enum head_kind *ret_kind,
	head_fn fn, void *userdata)
{
	struct cursor c;
	uint32_t stored;
	uint8_t kind;
	int r;

	if (size <= CHECKSUM_SIZE)
		return -EBADMSG;
	size -= CHECKSUM_SIZE;
	memcpy(&stored, (const uint8_t *) data + size, sizeof(stored));
	if (le32toh(stored) != crc32c_keyed(key, data, size))
		return -EBADMSG;
	c = cursor_init(data, size);
	kind = cursor_u8(&c);
	if (kind != HEAD_ALL && kind != HEAD_CHANGES && kind != HEAD_SOME)
		return -EBADMSG;
	r = reserve(h, 0);
	if (r == 0)
		r = kind == HEAD_CHANGES ? read_changes(h, &c)
					 : read_values(h, &c, kind == HEAD_ALL, fn, userdata);
	if (r == 0)
		*ret_kind = (enum head_kind) kind;
	return r;
}
