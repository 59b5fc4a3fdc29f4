/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/gather.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "schema/change.h"

#define FLAG_RUN  0x20 /* with a change's code: a varint follows, how often the value before was repeated */
#define FLAG_GAP  0x10 /* a varint follows, how many places are left out */
#define CODE_MASK 0x0f
#define ENTRY_MAX 32 /* bytes that one change takes at most */

/* Each entry: u8 code and flags; the varints; what the change has more (change.h). A value that is repeated
 * at the next place is an entry of the next one that is not. */
struct trace {
	uint8_t *data;
	uint32_t size, allocated;
	uint16_t count, place, run; /* values; of the last one; repetitions that no entry has yet */
	double last;
};

struct gather {
	struct trace *traces; /* by id */
	uint32_t size, last;
	struct buf change;
};

struct gather *gather_new(void)
{
	return calloc(1, sizeof(struct gather));
}

struct gather *gather_free(struct gather *g)
{
	if (!g)
		return NULL;
	for (uint32_t i = 0; i < g->size; i++)
		free(g->traces[i].data);
	free(g->traces);
	buf_done(&g->change);
	free(g);
	return NULL;
}

static int reserve_traces(struct gather *g, uint32_t id)
{
	uint32_t size = g->size > 0 ? g->size : 64;
	struct trace *traces;

	if (id < g->size)
		return 0;
	while (size <= id)
		size *= 2;
	traces = reallocarray(g->traces, size, sizeof(*traces));
	if (!traces)
		return -ENOMEM;
	memset(traces + g->size, 0, (size - g->size) * sizeof(*traces));
	g->traces = traces;
	g->size = size;
	return 0;
}

/* By a quarter, since there are many. */
static int reserve_bytes(struct trace *t, size_t more)
{
	size_t size = t->allocated + t->allocated / 4 + ENTRY_MAX;
	uint8_t *data;

	if (more <= t->allocated - t->size)
		return 0;
	data = realloc(t->data, size);
	if (!data)
		return -ENOMEM;
	t->data = data;
	t->allocated = (uint32_t) size;
	return 0;
}

static void put_entry(const struct trace *t, uint16_t place, double value, struct buf *b)
{
	size_t gap = t->count > 0 ? place - t->place - 1U : place;

	buf_reset(b);
	change_write(t->count > 0 ? &t->last : NULL, value, b);
	if (buf_error(b) < 0)
		return;
	b->data[0] |= (char) ((t->run > 0 ? FLAG_RUN : 0) | (gap > 0 ? FLAG_GAP : 0));
	/* Behind the change: where that ends tells its code. */
	if (t->run > 0)
		buf_put_varint(b, t->run);
	if (gap > 0)
		buf_put_varint(b, gap);
}

int gather_add(struct gather *g, uint16_t place, uint32_t series, double value)
{
	struct trace *t;
	int r = reserve_traces(g, series);

	if (r < 0)
		return r;
	t = &g->traces[series];
	assert(t->count == 0 || place > t->place);
	if (t->count > 0 && place == t->place + 1 && memcmp(&value, &t->last, sizeof(value)) == 0) {
		t->run++;
	} else {
		put_entry(t, place, value, &g->change);
		r = buf_error(&g->change);
		if (r == 0)
			r = reserve_bytes(t, g->change.size);
		if (r < 0)
			return r;
		memcpy(t->data + t->size, g->change.data, g->change.size);
		t->size += (uint32_t) g->change.size;
		t->run = 0;
	}
	t->count++;
	t->place = place;
	t->last = value;
	if (series > g->last)
		g->last = series;
	return 0;
}

size_t gather_count(const struct gather *g, uint32_t series)
{
	return series < g->size ? g->traces[series].count : 0;
}

uint32_t gather_last_series(const struct gather *g)
{
	return g->last;
}

/* Where the values of a trace go. */
struct output {
	uint16_t *places;
	double *values;
	size_t count;
};

static void put(struct output *o, uint16_t place, double value)
{
	o->places[o->count] = place;
	o->values[o->count++] = value;
}

static void repeat(struct output *o, size_t run)
{
	for (; run > 0; run--)
		put(o, (uint16_t) (o->places[o->count - 1] + 1), o->values[o->count - 1]);
}

static void read_entry(struct cursor *c, struct output *o)
{
	uint8_t code = cursor_u8(c);
	double value = change_read(o->count > 0 ? &o->values[o->count - 1] : NULL, code & CODE_MASK, c);
	size_t run = code & FLAG_RUN ? cursor_varint(c) : 0, gap = code & FLAG_GAP ? cursor_varint(c) : 0;

	repeat(o, run);
	put(o, (uint16_t) (o->count > 0 ? o->places[o->count - 1] + 1U + gap : gap), value);
}

void gather_take(struct gather *g, uint32_t series, uint16_t places[], double values[])
{
	struct output o = {places, values, 0};
	struct trace *t = &g->traces[series];
	struct cursor c = cursor_init(t->data, t->size);

	while (cursor_left(&c) > 0)
		read_entry(&c, &o);
	repeat(&o, t->run);
	assert(o.count == t->count);
	free(t->data);
	*t = (struct trace){0};
}

size_t gather_bytes(const struct gather *g)
{
	size_t bytes = sizeof(*g) + g->size * sizeof(*g->traces);

	for (uint32_t i = 0; i < g->size; i++)
		bytes += g->traces[i].allocated;
	return bytes;
}
