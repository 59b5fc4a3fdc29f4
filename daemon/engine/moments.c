/* SPDX-License-Identifier: Apache-2.0 */
/* Samples on their way to the database: what a moment's series were, until it is written. */
#include <string.h>

#include "daemon/engine/engine.h"
#include "daemon/journal.h"

static struct moment *find_moment(struct engine *e, int64_t time_ms)
{
	struct moment *moments;

	for (size_t i = e->moment_count; i > 0; i--)
		if (e->moments[i - 1].time_ms == time_ms)
			return &e->moments[i - 1];
	moments = reallocarray(e->moments, e->moment_count + 1, sizeof(*moments));
	if (!moments)
		return NULL;
	e->moments = moments;
	e->moments[e->moment_count] = (struct moment){.time_ms = time_ms};
	return &e->moments[e->moment_count++];
}

/* While nothing can be written the newest samples are kept. */
static void drop_oldest(struct engine *e)
{
	if (e->moment_count == 0)
		return;
	if (e->dropped_samples == 0)
		journal_write(JOURNAL_SAMPLES_LOST, NULL,
			"more than %d samples wait for the database: the oldest are lost", PENDING_MAX);
	e->dropped_samples += e->moments[0].count;
	e->pending_samples -= e->moments[0].count;
	free(e->moments[0].samples);
	e->moment_count--;
	memmove(e->moments, e->moments + 1, e->moment_count * sizeof(*e->moments));
}

int moments_add(struct engine *e, struct value *value, int64_t time_ms, double number)
{
	struct pending_sample *samples;
	struct moment *moment;

	time_ms = value_time(value, time_ms);
	if (e->pending_samples >= PENDING_MAX)
		drop_oldest(e);
	moment = find_moment(e, time_ms);
	if (!moment)
		return -ENOMEM;
	/* Room grows by powers of two: a count that is one is full. */
	if ((moment->count & (moment->count - 1)) == 0) {
		size_t room = moment->count > 0 ? 2 * moment->count : 1;

		samples = reallocarray(moment->samples, room, sizeof(*samples));
		if (!samples)
			return -ENOMEM;
		moment->samples = samples;
	}
	moment->samples[moment->count++] = (struct pending_sample){value, number};
	e->pending_samples++;
	value->current = number;
	value->time_ms = time_ms;
	return 0;
}

int moments_add_metric(struct engine *e, const char *metric, const char *label, const char *text,
	int64_t time_ms, double number)
{
	struct value *value;
	int r = values_find_simple(e->values, metric, label, text, &value);

	/* One series too many is ignored. */
	if (r < 0)
		return r == -E2BIG ? 0 : r;
	return moments_add(e, value, time_ms, number);
}

static int store_value(struct engine *e, struct value *value)
{
	int r;

	if (value->stored)
		return 0;
	r = store_series(e->store, &value->series, &value->id);
	if (r < 0)
		return r;
	value->stored = value->fresh = true;
	return 0;
}

static int say_not_stored(struct engine *e, const struct value *value)
{
	if (!e->told_series)
		journal_write(JOURNAL_SERIES_LIMIT, NULL,
			"the database knows max-series series, also of what is gone: the history of %s and"
			" others is not stored", value->series.metric);
	e->told_series = true;
	return 0;
}

static int write_moment(struct engine *e, const struct moment *moment)
{
	struct sample *samples = calloc(moment->count + 1, sizeof(*samples));
	size_t count = 0;
	int r = samples ? 0 : -ENOMEM;

	for (size_t i = 0; i < moment->count && r == 0; i++) {
		r = store_value(e, moment->samples[i].value);
		if (r == 0)
			samples[count++] = (struct sample){
				moment->samples[i].value->id, moment->samples[i].number};
		/* The history is full of series: this one is judged by, but not stored. */
		if (r == -E2BIG)
			r = say_not_stored(e, moment->samples[i].value);
	}
	if (r == 0)
		r = store_append(e->store, moment->time_ms, samples, count);
	free(samples);
	return r;
}

int moments_write(struct engine *e)
{
	int r = 0;

	for (size_t i = 0; i < e->moment_count && r == 0; i++)
		r = write_moment(e, &e->moments[i]);
	return r;
}

bool moments_changed(const struct engine *e)
{
	return e->moment_count > 0;
}

void moments_rolled_back(struct engine *e)
{
	for (size_t i = 0; i < e->moment_count; i++)
		for (size_t s = 0; s < e->moments[i].count; s++) {
			struct value *value = e->moments[i].samples[s].value;

			value->stored = value->stored && !value->fresh;
			value->fresh = false;
		}
}

static void forget(struct engine *e)
{
	for (size_t i = 0; i < e->moment_count; i++)
		free(e->moments[i].samples);
	e->moment_count = e->pending_samples = 0;
}

void moments_committed(struct engine *e)
{
	for (size_t i = 0; i < e->moment_count; i++)
		for (size_t s = 0; s < e->moments[i].count; s++)
			e->moments[i].samples[s].value->fresh = false;
	e->samples_total += e->pending_samples;
	forget(e);
}

void moments_done(struct engine *e)
{
	forget(e);
	free(e->moments);
}
