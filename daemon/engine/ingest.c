/* SPDX-License-Identifier: Apache-2.0 */
/* What collectors say: series, samples, events, facts. Every number and text comes from a process that
 * may have been taken over; message.c has checked the form, here it is checked against what was said
 * before. */
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/config/form.h"
#include "daemon/engine/engine.h"
#include "schema/known.h"

#define PEER_SERIES_MAX 100000	/* series ids of one collector */
#define FACT_VALUE_MAX	8192	/* bytes */
#define FACT_NAME_MAX	512	/* bytes of its topic, its subject and its key */
#define FACTS_MAX	10000	/* of one role */
#define PROCESSES_MAX	10000	/* main processes of all services */
#define EVIDENCE_MAX	32	/* of one event */
#define KNOWN_BYTES_MAX (MESSAGE_BODY_MAX - 64) /* of what a collector is told that it goes on from */

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
			log_warning("more series than max-series: %s and others are not kept",
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
	int r = engine_put_value(e, value, time_ms, number);

	return r < 0 ? r : services_value(e, value, time_ms);
}

static int take_samples(struct peer *p, struct message *m)
{
	struct engine *e = p->engine;
	const char *collector = message_string(m);
	int64_t step = usec_to_ms(e->interval), now_ms = engine_now(e);
	/* Samples lie on the grid of the interval; an interval below a millisecond has none. */
	int64_t time_ms = step > 0 ? now_ms - now_ms % step : now_ms;

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
	services_evaluate(e);
	/* Until somebody reads that the collector looked, nobody believes what it saw. */
	if (!p->reported)
		engine_commit_soon(e);
	p->reported = true;
	return engine_put(e, COLLECTOR_REPORTED, "collector", collector, time_ms,
		(double) now_ms / 1000);
}

static bool same_process(const struct process_record *p, const struct event *event)
{
	return p->pid == event->pid && p->start == event->start &&
	       text_equal(p->service, event->service);
}

/* Appends a copy to a list of records. */
static int add_record(struct process_record **list, size_t *count, const char *service, int64_t pid,
	uint64_t start, const char *boot)
{
	struct process_record *grown = reallocarray(*list, *count + 1, sizeof(*grown));
	struct process_record new = {.pid = pid, .start = start};

	if (!grown)
		return -ENOMEM;
	*list = grown;
	new.service = strdup(service);
	new.boot = strdup(boot);
	if (!new.service || !new.boot) {
		process_record_done(&new);
		return -ENOMEM;
	}
	grown[(*count)++] = new;
	return 0;
}

static int process_started(struct engine *e, const struct event *event)
{
	int r;

	r = add_record(&e->born, &e->born_count, event->service, event->pid, event->start, e->boot);
	return r < 0 ? r
		     : add_record(&e->processes, &e->process_count, event->service, event->pid,
			       event->start, e->boot);
}

int ingest_process_gone(struct engine *e, size_t index)
{
	struct process_record *p = &e->processes[index];
	int r = add_record(&e->gone, &e->gone_count, p->service, p->pid, p->start, p->boot);

	if (r < 0)
		return r;
	process_record_done(p);
	*p = e->processes[--e->process_count];
	return 0;
}

static bool is_start(const struct event *event)
{
	return text_equal(event->type, EVENT_PROCESS_STARTED);
}

static bool is_end(const struct event *event)
{
	return text_equal(event->type, EVENT_PROCESS_EXITED) ||
	       text_equal(event->type, EVENT_PROCESS_RELEASED);
}

/* The number of the event's process in the table; how many are there where it is not among them. */
static size_t find_process(const struct engine *e, const struct event *event)
{
	size_t i = 0;

	while (i < e->process_count && !same_process(&e->processes[i], event))
		i++;
	return i;
}

static bool has_room(struct engine *e, const struct event *event)
{
	if (e->process_count < PROCESSES_MAX)
		return true;
	if (!e->told_processes)
		log_warning("more than %d main processes: some of %s and others are not kept",
			PROCESSES_MAX, event->service);
	e->told_processes = true;
	return false;
}

/* 1 where the event is news, 0 where it was known or is of a process that there is no room for: a
 * collector repeats what it does not know to be durable, and a successor may report what its
 * predecessor did. */
static int is_news(struct engine *e, const struct event *event)
{
	int r = reader_has_event(store_reader(e->store), event);
	size_t i;

	/* Durable already: the engine that wrote it was gone before it could say so. */
	if (r != 0)
		return r < 0 ? r : 0;
	if (!is_start(event) && !is_end(event))
		return 1;
	i = find_process(e, event);
	if (i == e->process_count)
		return is_start(event) && has_room(e, event);
	return is_end(event) || !text_equal(e->processes[i].boot, e->boot);
}

/* Keeps the table of main processes by an event that is news. */
static int track_process(struct engine *e, const struct event *event)
{
	size_t i = is_start(event) || is_end(event) ? find_process(e, event) : e->process_count;

	if (i < e->process_count)
		return is_end(event) ? ingest_process_gone(e, i) : 0;
	return is_start(event) ? process_started(e, event) : 0;
}

/* Copies the event for the commit. */
static int keep_event(struct engine *e, const struct event *event)
{
	struct pending_event *events, new = {.event = *event};
	int r;

	events = reallocarray(e->events, e->event_count + 1, sizeof(*events));
	if (!events)
		return -ENOMEM;
	e->events = events;
	new.event.type = strdup(event->type);
	new.event.service = strdup(event->service);
	new.event.reason = strdup(event->reason);
	new.event.samples = NULL;
	new.event.sample_count = 0;
	r = evidence_list_copy(event->evidence, event->evidence_count,
		(struct evidence **) (uintptr_t) &new.event.evidence);
	if (r < 0) {
		new.event.evidence = NULL;
		new.event.evidence_count = 0;
	}
	if (r < 0 || !new.event.type || !new.event.service || !new.event.reason) {
		event_free(&new.event);
		return -ENOMEM;
	}
	e->events[e->event_count++] = new;
	return 0;
}

/* Applies the values that the event changes and judges by them at once. */
static int apply_samples(
	struct peer *p, const struct sample *samples, size_t count, int64_t time_ms)
{
	struct engine *e = p->engine;
	const char *metrics[EVENT_SERIES_MAX];
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
	for (size_t i = 0; i < metric_count; i++)
		engine_evaluate(e, metrics[i]);
	services_evaluate(e);
	return 0;
}

static int apply_event(struct peer *p, const struct event *event, int64_t time_ms)
{
	struct engine *e = p->engine;
	/* Before anything changes: what cannot be kept is repeated when there is room. */
	int r = e->event_count >= EVENTS_MAX ? -ENOBUFS : is_news(e, event);

	if (r <= 0)
		return r;
	log_debug("event %s of %s", event->type, event->service);
	r = services_event(e, event, time_ms);
	if (r == 0 && event->evidence_count > 0)
		r = alerting_evidence(
			e->alerting, event->service, event->evidence, event->evidence_count);
	if (r == 0)
		r = apply_samples(p, event->samples, event->sample_count, time_ms);
	/* Last what makes it known: one that failed before is applied wholly when it is repeated. */
	if (r == 0)
		r = keep_event(e, event);
	if (r == 0)
		r = track_process(e, event);
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
	bool of_process = is_start(event) || is_end(event);

	if (*event->service ? !form_is_section_name(event->service) : of_process)
		return false;
	return process_id_is_valid(event->pid) || (event->pid == 0 && !of_process);
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
	const struct role_facts *facts = map_get_string(p->engine->facts, p->row->name);

	if (strlen(value) > FACT_VALUE_MAX || strlen(topic) > FACT_NAME_MAX ||
		strlen(subject) > FACT_NAME_MAX || strlen(key) > FACT_NAME_MAX)
		return -EBADMSG;
	if (text_equal(topic, "service") && !form_is_section_name(subject))
		return -EBADMSG;
	if (facts && facts->count >= FACTS_MAX)
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

/* Gathers what a process collector goes on from. */
struct gather {
	struct known known;
	size_t allocated;
	size_t bytes; /* that it takes on the wire */
};

/* What does not fit is left out: a message that cannot be sent would leave every collector without
 * one. */
static bool fits(struct gather *g, size_t bytes)
{
	if (bytes > KNOWN_BYTES_MAX - g->bytes)
		return false;
	g->bytes += bytes;
	return true;
}

static int gather_value(void *userdata, struct value *value)
{
	struct gather *g = userdata;
	struct known_value *item;
	const char *name = text_after(value->series.metric, "modelwatch_service_");
	int r;

	if (!name || value->time_ms == 0 || sample_is_stale(value->current) ||
		!(text_ends_with(name, "_total") || text_equal(name, "up")))
		return 0;
	if (!fits(g, known_value_size(&value->series)))
		return 0;
	if (g->known.value_count == g->allocated) {
		size_t count = g->allocated > 0 ? 2 * g->allocated : 64;
		struct known_value *values =
			reallocarray(g->known.values, count, sizeof(*values));

		if (!values)
			return -ENOMEM;
		g->known.values = values;
		g->allocated = count;
	}
	item = &g->known.values[g->known.value_count];
	*item = (struct known_value){.value = value->current};
	item->series.metric = strdup(value->series.metric);
	if (!item->series.metric)
		return -ENOMEM;
	g->known.value_count++;
	r = labels_copy(&value->series.labels, &item->series.labels);
	return r;
}

static int gather_processes(struct engine *e, struct gather *g)
{
	struct known *k = &g->known;

	k->processes = calloc(e->process_count + 1, sizeof(*k->processes));
	if (!k->processes)
		return -ENOMEM;
	for (size_t i = 0; i < e->process_count; i++) {
		const struct process_record *from = &e->processes[i];
		struct known_process *to = &k->processes[k->process_count];

		*to = (struct known_process){from->service, from->pid, from->start, from->boot};
		if (!known_process_is_valid(to) || !fits(g, known_process_size(to)))
			continue;
		k->process_count++;
		to->service = strdup(from->service);
		to->boot = strdup(from->boot);
		if (!to->service || !to->boot)
			return -ENOMEM;
	}
	return 0;
}

int ingest_known(struct peer *p)
{
	struct gather gather = {0};
	_cleanup_buf_ struct buf bytes = BUF_INIT, packet = BUF_INIT;
	int r;

	facts_forget(p->engine, p->row->name);
	r = gather_processes(p->engine, &gather);
	if (r == 0)
		r = values_each(p->engine->values, gather_value, &gather);
	if (r == 0) {
		known_write(&gather.known, &bytes);
		r = buf_error(&bytes);
	}
	known_done(&gather.known);
	if (r < 0)
		return r;
	message_begin(&packet, MESSAGE_KNOWN);
	message_put_bytes(&packet, bytes.data, bytes.size);
	return peer_send(p, &packet);
}
