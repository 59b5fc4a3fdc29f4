/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/engine/values.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/base/buf.h"
#include "daemon/base/map.h"
#include "daemon/base/text.h"

/* The series of one metric, together: a rule names its metrics. */
struct family {
	struct value **items;
	size_t count;
};

struct values {
	struct map *by_key;    /* metric and canonical labels -> struct value */
	struct map *by_metric; /* -> struct family */
	size_t max_series;
};

static void free_value(void *p)
{
	struct value *value = p;

	series_done(&value->series);
	free(value);
}

static void free_family(void *p)
{
	struct family *family = p;

	free(family->items);
	free(family);
}

struct values *values_new(void)
{
	struct values *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->max_series = SIZE_MAX;
	v->by_key = map_new();
	v->by_metric = map_new();
	return v->by_key && v->by_metric ? v : values_free(v);
}

struct values *values_free(struct values *v)
{
	if (!v)
		return NULL;
	map_free(v->by_metric, free_family);
	map_free(v->by_key, free_value);
	free(v);
	return NULL;
}

void values_limit(struct values *v, size_t max_series)
{
	v->max_series = max_series;
}

static int add_to_family(struct values *v, struct value *value)
{
	struct family *family = map_get_string(v->by_metric, value->series.metric);
	struct value **items;
	int r;

	if (!family) {
		family = calloc(1, sizeof(*family));
		if (!family)
			return -ENOMEM;
		r = map_put_string(v->by_metric, value->series.metric, family, NULL);
		if (r < 0) {
			free(family);
			return r;
		}
	}
	items = reallocarray(family->items, family->count + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	family->items = items;
	family->items[family->count++] = value;
	return 0;
}

static int add(struct values *v, const struct series *series, const struct buf *key,
	struct value **ret)
{
	struct value *value;
	int r;

	/* What is stored must be read again: a database with one other name would be damaged. */
	if (!series_is_valid(series))
		return -EINVAL;
	if (map_size(v->by_key) >= v->max_series)
		return -E2BIG;
	value = calloc(1, sizeof(*value));
	if (!value)
		return -ENOMEM;
	value->series.metric = strdup(series->metric);
	r = value->series.metric ? labels_copy(&series->labels, &value->series.labels) : -ENOMEM;
	if (r == 0)
		r = map_put(v->by_key, key->data, key->size, value, NULL);
	if (r < 0) {
		free_value(value);
		return r;
	}
	r = add_to_family(v, value);
	if (r < 0) {
		map_remove(v->by_key, key->data, key->size);
		free_value(value);
		return r;
	}
	*ret = value;
	return 0;
}

int values_find(struct values *v, const struct series *series, struct value **ret)
{
	_cleanup_buf_ struct buf key = BUF_INIT;
	struct value *value;

	buf_add_string(&key, series->metric);
	labels_write(&series->labels, &key);
	if (buf_error(&key) < 0)
		return buf_error(&key);
	value = map_get(v->by_key, key.data, key.size);
	if (!value)
		return add(v, series, &key, ret);
	*ret = value;
	return 0;
}

int values_find_simple(struct values *v, const char *metric, const char *label, const char *text,
	struct value **ret)
{
	/* Only read by values_find(): nothing of it is changed or freed. */
	struct label item = {(char *) (uintptr_t) label, (char *) (uintptr_t) text};
	struct series series = {
		.metric = (char *) (uintptr_t) metric, .labels = {&item, label ? 1 : 0}};

	return values_find(v, &series, ret);
}

int values_each(struct values *v, value_fn fn, void *userdata)
{
	size_t position = 0;
	struct value *value;

	while ((value = map_next(v->by_key, &position, NULL, NULL))) {
		int r = fn(userdata, value);

		if (r < 0)
			return r;
	}
	return 0;
}

static int select_family(const struct family *family, promql_series_fn fn, void *userdata)
{
	for (size_t i = 0; family && i < family->count; i++) {
		const struct value *value = family->items[i];
		int r;

		if (value->time_ms == 0 || sample_is_stale(value->current))
			continue;
		r = fn(userdata, &value->series, value->current);
		if (r < 0)
			return r;
	}
	return 0;
}

static int select_values(void *userdata, const char *metric, int64_t time_ms, promql_series_fn fn,
	void *fn_userdata)
{
	struct values *v = userdata;
	const struct family *family;
	size_t position = 0;

	if (metric)
		return select_family(map_get_string(v->by_metric, metric), fn, fn_userdata);
	while ((family = map_next(v->by_metric, &position, NULL, NULL))) {
		int r = select_family(family, fn, fn_userdata);

		if (r < 0)
			return r;
	}
	return 0;
}

struct promql_source values_source(struct values *v)
{
	return (struct promql_source){select_values, v};
}
