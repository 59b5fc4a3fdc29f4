/* SPDX-License-Identifier: Apache-2.0 */
/* What collectors say: series, samples, events, facts. Every number and text comes from a process that
 * may have been taken over; message.c has checked the form, here it is checked against what was said
 * before. */
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/config/form.h"
#include "daemon/engine/engine.h"
#include "daemon/journal.h"

#define PEER_SERIES_MAX 100000	/* series ids of one collector */
#define FACT_NAME_MAX	512	/* bytes of its topic, its subject and its key */
#define EVIDENCE_MAX	32	/* of one event */

static int read_series(struct message *m, struct series *ret)
{
	const char *metric = message_string(m);
	int r;

	if (!series_metric_is_valid(metric))
		return -EBADMSG;
	ret->metric = strdup(metric);
	if (!ret->metric)
		return -ENOMEM;
	while (message_more(m)) {
		const char *name = message_string(m), *value = message_string(m);

		if (text_equal(name, "service") && !form_is_section_name(value))
			return -EBADMSG;
		r = labels_set(&ret->labels, name, value);
		if (r < 0)
			return r == -ENOMEM ? r : -EBADMSG;
	}
	return 0;
}

static int remember_series(struct peer *p, uint64_t id, struct value *value)
{
	if (id >= p->series_count) {
		size_t count = id < 64 ? 64 : (size_t) id * 2;
		struct value **series = reallocarray(p->series, count, sizeof(*series));

		if (!series)
			return -ENOMEM;
		memset(series + p->series_count, 0,
			(count - p->series_count) * sizeof(*series));
		p->series = series;
		p->series_count = count;
	}
	p->series[id] = value;
	return 0;
}

static int declare(struct peer *p, struct message *m)
{
	uint64_t id = message_u64(m);
	struct series series = {0};
	struct value *value;
	int r;

	if (id >= PEER_SERIES_MAX)
		return -EBADMSG;
	r = read_series(m, &series);
	if (r == 0)
		r = values_find(p->engine->values, &series, &value);
	if (r == -E2BIG) {
		if (!p->engine->told_series)
			journal_write(JOURNAL_SERIES_LIMIT, NULL,
				"more series than max-series: %s and others are not kept",
				series.metric);
		p->engine->told_series = true;
		r = 0;
	} else if (r == 0)
		r = remember_series(p, id, value);
	series_done(&series);
	return r;
}

/* The series of that id; NULL (and ignored) where it is over max-series or was never declared.
 * -EBADMSG where no id is so high. */
static int find_series(struct peer *p, uint64_t id, struct value **ret)
{
	if (id >= PEER_SERIES_MAX)
		return -EBADMSG;
	*ret = id < p->series_count ? p->series[id] : NULL;
	return 0;
}

static int put(struct engine *e, struct value *value, int64_t time_ms, double number)
{
	int r = moments_add(e, value, time_ms, number);

	return r < 0 ? r : services_value(e, value, time_ms);
}

static int take_samples(struct peer *p, struct message *m)
{
	struct engine *e = p->engine;
	const char *collector = message_string(m);
	int64_t step = usec_to_ms(e->interval), now_ms = engine_now(e);
	/* Samples lie on the grid of the interval; an interval below a millisecond has none. */
	int64_t time_ms = step > 0 ? now_ms - now_ms % step : now_ms;
	const char *restarted[] = {NULL, NULL};

	if (!text_equal(collector, p->row->name))
		return -EBADMSG;
	message_u64(m); /* the collector's own clock: the store's time is the engine's */
	while (message_more(m)) {
		uint64_t id = message_u64(m);
		double number = message_f64(m);
		struct value *value;
		int r = find_series(p, id, &value);

		if (r < 0)
			return r;
		r = value ? put(e, value, time_ms, number) : 0;
		if (r < 0)
			return r;
	}
	restarted[0] = restarts_changed(e);
	if (restarted[0])
		engine_evaluate(e, restarted);
	/* Until somebody reads that the collector looked, nobody believes what it saw. */
	if (!p->reported)
		engine_commit_soon(e);
	p->reported = true;
	return moments_add_metric(e, COLLECTOR_REPORTED, "collector", collector, time_ms,
		(double) now_ms / 1000);
}

/* 1 where the event is news, 0 where it was known or is of a process that there is no room for: a
 * collector repeats what it does not know to be durable, and a successor may report what its
 * predecessor did. */
static int is_news(struct engine *e, const struct event *event)
{
	/* Durable already: the engine that wrote it was gone before it could say so. */
	int r = reader_has_event(store_reader(e->store), event);

	return r < 0 ? r : r == 0 && processes_is_news(e, event);
}

/* Applies the values that the event changes and judges by them at once. */
static int apply_samples(
	struct peer *p, const struct sample *samples, size_t count, int64_t time_ms)
{
	struct engine *e = p->engine;
	const char *metrics[EVENT_SERIES_MAX + 2];
	size_t metric_count = 0;

	for (size_t i = 0; i < count; i++) {
		struct value *value;
		size_t known = 0;
		int r = find_series(p, samples[i].series, &value);

		if (r < 0)
			return r;
		if (!value)
			continue;
		r = put(e, value, time_ms, samples[i].value);
		if (r < 0)
			return r;
		while (known < metric_count && !text_equal(metrics[known], value->series.metric))
			known++;
		if (known == metric_count)
			metrics[metric_count++] = value->series.metric;
	}
	metrics[metric_count] = restarts_changed(e);
	metric_count += metrics[metric_count] != NULL;
	metrics[metric_count] = NULL;
	if (metric_count > 0)
		engine_evaluate(e, metrics);
	return 0;
}

/* A process that starts in place of one that ended: why that ended is still worth knowing. */
static int take_evidence(struct engine *e, const struct event *event)
{
	if (event->evidence_count == 0)
		return 0;
	return event_begins_process(event)
		       ? alerting_add_evidence(e->alerting, event->service, event->evidence,
				 event->evidence_count)
		       : alerting_evidence(e->alerting, event->service, event->evidence,
				 event->evidence_count);
}

static int apply_event(struct peer *p, const struct event *event, int64_t time_ms)
{
	struct engine *e = p->engine;
	/* Before anything changes: what cannot be kept is repeated when there is room. */
	int r = events_have_room(e) ? is_news(e, event) : -ENOBUFS;

	if (r == 0)
		return processes_renew(e, event);
	if (r < 0)
		return r;
	log_debug("event %s of %s", event->type, event->service);
	r = services_event(e, event, time_ms);
	if (r == 0)
		r = take_evidence(e, event);
	if (r == 0)
		r = apply_samples(p, event->samples, event->sample_count, time_ms);
	/* Last what makes it known: one that failed before is applied wholly when it is repeated. */
	if (r == 0)
		r = events_add(e, event);
	if (r == 0)
		r = processes_track(e, event);
	return r;
}

/* Store time of an event: its own millisecond, but never one that is still to come. */
static int64_t event_time(struct engine *e, usec_t time)
{
	int64_t now_ms = engine_now(e), ms = usec_to_ms(time);

	return ms <= 0 || ms > now_ms || now_ms - ms > usec_to_ms(USEC_PER_MIN) ? now_ms : ms;
}

/* Its service has a name, or there is none; its process has an id, or there is none: one of a service
 * has both. */
static bool is_sound(const struct event *event)
{
	bool of_process = event_begins_process(event) || event_ends_process(event);

	if (*event->service ? !form_is_section_name(event->service) : of_process)
		return false;
	return strlen(event->command_line) <= EVENT_COMMAND_LINE_MAX &&
	       (process_id_is_valid(event->pid) || (event->pid == 0 && !of_process));
}

static int take_event(struct peer *p, struct message *m)
{
	struct event event = {0};
	struct evidence *evidence = NULL;
	struct sample *samples = NULL;
	uint64_t number = message_u64(m);
	const void *bytes;
	size_t size;
	int r;

	event.type = message_string(m);
	event.service = message_string(m);
	event.time = message_u64(m);
	event.pid = (int64_t) message_u64(m);
	event.start = message_u64(m);
	event.stack = message_u64(m);
	event.command_line = message_string(m);
	event.reason = message_string(m);
	bytes = message_bytes(m, &size);
	r = evidence_read(bytes, size, &evidence, &event.evidence_count);
	bytes = message_bytes(m, &size);
	if (r == 0)
		r = samples_read(bytes, size, &samples, &event.sample_count);
	if (r == 0 && (event.evidence_count > EVIDENCE_MAX ||
			      event.sample_count > EVENT_SERIES_MAX || !is_sound(&event)))
		r = -EBADMSG;
	event.evidence = evidence;
	event.samples = samples;
	if (r == 0)
		r = apply_event(p, &event, event_time(p->engine, event.time));
	evidence_list_free(evidence, event.evidence_count);
	free(samples);
	if (r < 0)
		return r;
	p->done = number;
	engine_commit(p->engine);
	return 0;
}

static int take_fact(struct peer *p, struct message *m)
{
	const char *topic = message_string(m), *subject = message_string(m);
	const char *key = message_string(m), *value = message_string(m);

	if (strlen(topic) > FACT_NAME_MAX || strlen(subject) > FACT_NAME_MAX ||
		strlen(key) > FACT_NAME_MAX)
		return -EBADMSG;
	if (text_equal(topic, "service") && !form_is_section_name(subject))
		return -EBADMSG;
	return facts_put(p->engine, p->row->name, topic, subject, key, value);
}

int ingest_message(struct peer *p, struct message *m)
{
	switch (m->type) {
	case MESSAGE_DECLARE:
		return declare(p, m);
	case MESSAGE_SAMPLES:
		return take_samples(p, m);
	case MESSAGE_EVENT:
		return take_event(p, m);
	case MESSAGE_FACT:
		return take_fact(p, m);
	default:
		return -EBADMSG;
	}
}
