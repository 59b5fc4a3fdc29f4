/* SPDX-License-Identifier: Apache-2.0 */
/* Values out of the rows of moments. A row that is damaged is a gap, never a failed read: its
 * checksum says so, and every other row is sound. */
#include <errno.h>
#include <string.h>

#include "schema/store_internal.h"
#include "schema/tick.h"

/* What is newest of each series while rows are read from the newest to the oldest. */
struct latest {
	int64_t *time_ms; /* by id - 1; 0 while none was seen */
	double *values;
	size_t count, seen;
};

static void latest_done(struct latest *l)
{
	free(l->time_ms);
	free(l->values);
}

static void add_row(struct latest *l, int64_t time_ms, const void *data, size_t size)
{
	struct sample sample;
	struct tick t;

	if (tick_read(data, size, &t) < 0)
		return;
	while (tick_next(&t, &sample) > 0 && sample.series <= l->count) {
		size_t i = sample.series - 1;

		if (l->time_ms[i] != 0)
			continue;
		l->time_ms[i] = time_ms;
		l->values[i] = sample.value;
		l->seen++;
	}
}

static int read_latest(struct reader *r, int64_t since_ms, struct latest *l)
{
	_cleanup_query_ struct query q = query_read(r->database, STATEMENT_GET_TICKS_BACKWARDS);
	int error = 0;

	query_put_i64(&q, since_ms);
	while (l->seen < l->count && (error = query_step(&q)) > 0) {
		int64_t time_ms = query_get_i64(&q);
		size_t size;
		const void *data = query_look_blob(&q, &size);

		add_row(l, time_ms, data, size);
	}
	return error < 0 ? error : 0;
}

/* Calls FN in the order of metric and labels. */
static int tell_latest(const struct catalogue *c, const struct latest *l, reader_sample_fn fn,
	void *userdata)
{
	for (size_t i = 0; i < c->sorted_count; i++) {
		size_t k = c->sorted[i] - 1;
		int r;

		if (l->time_ms[k] == 0 || sample_is_stale(l->values[k]))
			continue;
		r = fn(userdata, &c->series[k], l->time_ms[k], l->values[k]);
		if (r < 0)
			return r;
	}
	return 0;
}

int reader_newest(struct reader *r, int64_t *ret_ms)
{
	_cleanup_query_ struct query q = query_read(r->database, STATEMENT_GET_NEWEST_TICK);
	int error = query_step(&q);

	if (error < 0)
		return error;
	*ret_ms = query_get_i64(&q);
	return 0;
}

/* Series first, then rows: a series that is made in between is not missed but told next time. */
static int update_catalogue(struct reader *r)
{
	int error = catalogue_refresh(r->catalogue, r->database);

	return error < 0 ? error : catalogue_sort(r->catalogue);
}

int reader_latest(struct reader *r, int64_t since_ms, reader_sample_fn fn, void *userdata)
{
	_cleanup_(latest_done) struct latest l = {0};
	int error = update_catalogue(r);

	if (error < 0)
		return error;
	l.count = r->catalogue->count;
	if (l.count == 0)
		return 0;
	l.time_ms = calloc(l.count, sizeof(*l.time_ms));
	l.values = calloc(l.count, sizeof(*l.values));
	if (!l.time_ms || !l.values)
		return -ENOMEM;
	error = read_latest(r, since_ms, &l);
	return error < 0 ? error : tell_latest(r->catalogue, &l, fn, userdata);
}

/* The value of series ID in a row; false where it has none. */
static bool find_value(const void *data, size_t size, uint32_t id, double *ret)
{
	struct sample sample;
	struct tick t;

	if (tick_read(data, size, &t) < 0)
		return false;
	while (tick_next(&t, &sample) > 0 && sample.series <= id)
		if (sample.series == id) {
			*ret = sample.value;
			return true;
		}
	return false;
}

/* Calls FN for the rows of Q. */
static int tell_range(struct query *q, const struct series *series, uint32_t id,
	reader_sample_fn fn, void *userdata)
{
	int r;

	while ((r = query_step(q)) > 0) {
		int64_t time_ms = query_get_i64(q);
		size_t size;
		const void *data = query_look_blob(q, &size);
		double value;

		if (!find_value(data, size, id, &value))
			continue;
		r = fn(userdata, series, time_ms, value);
		if (r < 0)
			return r;
	}
	return r;
}

int reader_range(struct reader *r, const struct series *series, int64_t from_ms, int64_t to_ms,
	reader_sample_fn fn, void *userdata)
{
	_cleanup_query_ struct query q = {0};
	uint32_t id;
	int error = catalogue_refresh(r->catalogue, r->database);

	if (error < 0)
		return error;
	id = catalogue_find(r->catalogue, series, &error);
	if (id == 0)
		return error < 0 ? error : -ENOENT;
	q = query_read(r->database, STATEMENT_GET_TICKS);
	query_put_i64(&q, from_ms);
	query_put_i64(&q, to_ms);
	return tell_range(&q, series, id, fn, userdata);
}
