/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/catalogue.h"

#include <errno.h>
#include <string.h>

#include "schema/rows.h"

/* The map's key of a series. */
static int write_key(const struct series *s, struct buf *b)
{
	buf_add(b, s->metric, strlen(s->metric) + 1);
	labels_write(&s->labels, b);
	return buf_error(b);
}

/* The map holds ids as its pointers. */
static void *id_value(size_t id)
{
	return (void *) (uintptr_t) id;
}

void catalogue_done(struct catalogue *c)
{
	for (size_t i = 0; i < c->count; i++)
		series_done(&c->series[i]);
	free(c->series);
	free(c->sorted);
	map_free(c->ids, NULL);
	*c = (struct catalogue){0};
}

uint32_t catalogue_find(const struct catalogue *c, const struct series *s, int *ret_error)
{
	_cleanup_buf_ struct buf key = BUF_INIT;

	*ret_error = write_key(s, &key);
	if (*ret_error < 0 || !c->ids)
		return 0;
	return (uint32_t) (uintptr_t) map_get(c->ids, key.data, key.size);
}

static int make_room(struct catalogue *c)
{
	size_t wanted = c->allocated > 0 ? 2 * c->allocated : 64;
	struct series *series;

	if (!c->ids)
		c->ids = map_new();
	if (!c->ids)
		return -ENOMEM;
	if (c->count < c->allocated)
		return 0;
	series = reallocarray(c->series, wanted, sizeof(*series));
	if (!series)
		return -ENOMEM;
	c->series = series;
	c->allocated = wanted;
	return 0;
}

/* Takes the series, also on failure. */
static int take(struct catalogue *c, struct series *s)
{
	_cleanup_buf_ struct buf key = BUF_INIT;
	int r = make_room(c);

	if (r == 0)
		r = write_key(s, &key);
	if (r == 0)
		r = map_put(c->ids, key.data, key.size, id_value(c->count + 1), NULL);
	if (r < 0)
		series_done(s);
	else
		c->series[c->count++] = *s;
	return r;
}

int catalogue_add(struct catalogue *c, const struct series *s)
{
	struct series copy = {.metric = strdup(s->metric)};

	if (!copy.metric || labels_copy(&s->labels, &copy.labels) < 0) {
		series_done(&copy);
		return -ENOMEM;
	}
	return take(c, &copy);
}

void catalogue_truncate(struct catalogue *c, size_t count)
{
	size_t position = 0, size;
	const void *key;
	void *value;

	if (c->count <= count)
		return;
	while ((value = map_next(c->ids, &position, &key, &size)))
		if ((uintptr_t) value > count) {
			map_remove(c->ids, key, size);
			position--;
		}
	while (c->count > count)
		series_done(&c->series[--c->count]);
	if (c->sorted_count > count)
		c->sorted_count = 0;
}

int catalogue_refresh(struct catalogue *c, struct database *d)
{
	_cleanup_query_ struct query q = query_read(d, STATEMENT_GET_SERIES);
	int r;

	query_put_i64(&q, (int64_t) c->count);
	while ((r = query_step(&q)) > 0) {
		struct series s = {0};
		int64_t id = query_get_i64(&q);

		s.metric = query_get_text(&q);
		row_get_labels(&q, &s.labels);
		if (id != (int64_t) c->count + 1)
			query_fail(&q, -EUCLEAN);
		if (q.error < 0) {
			series_done(&s);
			return q.error;
		}
		r = take(c, &s);
		if (r < 0)
			return r;
	}
	return r;
}

static int compare_ids(const void *a, const void *b, void *userdata)
{
	const struct series *series = userdata;
	const struct series *left = &series[*(const uint32_t *) a - 1];
	const struct series *right = &series[*(const uint32_t *) b - 1];
	int order = strcmp(left->metric, right->metric);

	return order != 0 ? order : labels_compare(&left->labels, &right->labels);
}

int catalogue_sort(struct catalogue *c)
{
	uint32_t *sorted;

	if (c->sorted_count == c->count)
		return 0;
	sorted = reallocarray(c->sorted, c->count, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < c->count; i++)
		sorted[i] = (uint32_t) (i + 1);
	qsort_r(sorted, c->count, sizeof(*sorted), compare_ids, c->series);
	c->sorted = sorted;
	c->sorted_count = c->count;
	return 0;
}
