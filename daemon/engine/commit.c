/* SPDX-License-Identifier: Apache-2.0 */
/* From memory to the database: everything that is marked, in one transaction. */
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/engine/engine.h"

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
	e->pending_samples -= e->moments[0].count;
	free(e->moments[0].samples);
	e->moment_count--;
	memmove(e->moments, e->moments + 1, e->moment_count * sizeof(*e->moments));
}

int engine_put_value(struct engine *e, struct value *value, int64_t time_ms, double number)
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

int engine_put(struct engine *e, const char *metric, const char *label, const char *text,
	int64_t time_ms, double number)
{
	struct value *value;
	int r = values_find_simple(e->values, metric, label, text, &value);

	if (r == -E2BIG) {
		e->ignored_samples++;
		return 0;
	}
	return r < 0 ? r : engine_put_value(e, value, time_ms, number);
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
		if (r == -E2BIG) {
			e->ignored_samples++;
			r = 0;
		}
	}
	if (r == 0)
		r = store_append(e->store, moment->time_ms, samples, count);
	free(samples);
	return r;
}

static int write_samples(struct engine *e)
{
	int r = 0;

	for (size_t i = 0; i < e->moment_count && r == 0; i++)
		r = write_moment(e, &e->moments[i]);
	return r;
}

static int write_events(struct engine *e)
{
	int r = 0;

	for (size_t i = 0; i < e->event_count && r == 0; i++)
		r = store_put_event(e->store, &e->events[i].event);
	/* One that came and went within this commit is in both. */
	for (size_t i = 0; i < e->born_count && r >= 0; i++)
		r = store_put_process(e->store, &e->born[i]);
	for (size_t i = 0; i < e->gone_count && r >= 0; i++)
		r = store_remove_process(e->store, &e->gone[i]);
	return r < 0 ? r : 0;
}

static int write_services(struct engine *e)
{
	struct service_entry *entry;
	size_t position = 0;
	int r = 0;

	while (r >= 0 && (entry = map_next(e->services, &position, NULL, NULL))) {
		if (entry->removed)
			r = store_remove_service(e->store, entry->record.name);
		else if (entry->changed)
			r = store_put_service(e->store, &entry->record);
	}
	for (size_t i = 0; i < e->role_count && r >= 0; i++)
		if (e->roles[i].changed)
			r = store_put_role(e->store, &e->roles[i].record);
	return r < 0 ? r : 0;
}

static int write_facts(struct engine *e)
{
	const void *role;
	struct role_facts *facts;
	size_t position = 0, size;
	int r = 0;

	while (r >= 0 && (facts = map_next(e->facts, &position, &role, &size))) {
		_cleanup_free_ char *name = NULL;

		if (!facts->changed)
			continue;
		name = strndup(role, size);
		r = name ? store_clear_facts(e->store, name) : -ENOMEM;
		for (size_t i = 0; i < facts->count && r >= 0; i++)
			r = store_put_fact(e->store, &facts->items[i]);
	}
	return r < 0 ? r : 0;
}

/* Alerts, incidents and the notifications of them; IDS takes the new rows' ids. */
static int write_alerting(struct engine *e, const struct alerting_changes *c, int64_t *ids)
{
	int r = 0;

	for (size_t i = 0; i < c->incident_count && r >= 0; i++)
		r = store_put_incident(e->store, c->incidents[i]);
	for (size_t i = 0; i < c->removed_count && r >= 0; i++)
		r = store_remove_alert(e->store, c->removed[i]);
	for (size_t i = 0; i < c->alert_count && r >= 0; i++)
		r = store_put_alert(e->store, c->alerts[i]);
	for (size_t i = 0; i < c->timeline_count && r >= 0; i++)
		r = store_add_timeline(e->store, &c->timeline[i]);
	for (size_t i = 0; i < c->notification_count && r >= 0; i++)
		r = store_put_notification(e->store, &c->notifications[i], &ids[i]);
	return r < 0 ? r : 0;
}

static int write_deliveries(struct engine *e)
{
	int r = 0;

	for (size_t i = 0; i < e->delivery_count && r >= 0; i++)
		if (e->deliveries[i].changed)
			r = store_put_notification(
				e->store, &e->deliveries[i].notification, NULL);
	return r < 0 ? r : 0;
}

static int write_all(struct engine *e, const struct alerting_changes *changes, int64_t *ids)
{
	int r = store_begin(e->store);

	if (r == 0)
		r = write_samples(e);
	if (r == 0)
		r = write_events(e);
	if (r == 0)
		r = write_services(e);
	if (r == 0)
		r = write_facts(e);
	if (r == 0)
		r = write_alerting(e, changes, ids);
	if (r == 0)
		r = write_deliveries(e);
	if (r == 0)
		r = store_commit(e->store);
	if (r < 0)
		store_rollback(e->store);
	return r;
}

static bool has_changes(struct engine *e)
{
	struct service_entry *entry;
	struct role_facts *facts;
	size_t position = 0;

	if (e->moment_count > 0 || e->event_count > 0 || e->gone_count > 0 ||
		e->born_count > 0 || alerting_has_changes(e->alerting))
		return true;
	while ((entry = map_next(e->services, &position, NULL, NULL)))
		if (entry->changed || entry->removed)
			return true;
	position = 0;
	while ((facts = map_next(e->facts, &position, NULL, NULL)))
		if (facts->changed)
			return true;
	for (size_t i = 0; i < e->role_count; i++)
		if (e->roles[i].changed)
			return true;
	for (size_t i = 0; i < e->delivery_count; i++)
		if (e->deliveries[i].changed)
			return true;
	return false;
}

/* Ids of series that a failed transaction made are no ids. */
static void settle_values(struct engine *e, bool committed)
{
	for (size_t i = 0; i < e->moment_count; i++)
		for (size_t s = 0; s < e->moments[i].count; s++) {
			struct value *value = e->moments[i].samples[s].value;

			value->stored = value->stored && (committed || !value->fresh);
			value->fresh = false;
		}
}

void event_free(struct event *event)
{
	/* Of an event that keep_event() copied the strings are ours. */
	free((char *) (uintptr_t) event->type);
	free((char *) (uintptr_t) event->service);
	free((char *) (uintptr_t) event->reason);
	evidence_list_free((struct evidence *) (uintptr_t) event->evidence, event->evidence_count);
}

static void forget_events(struct engine *e)
{
	for (size_t i = 0; i < e->event_count; i++) {
		struct event *event = &e->events[i].event;

		log_debug("committed event %s of %s", event->type, event->service);
		event_free(event);
	}
	free(e->events);
	e->events = NULL;
	e->event_count = 0;
	process_list_free(e->born, e->born_count);
	process_list_free(e->gone, e->gone_count);
	e->born = e->gone = NULL;
	e->born_count = e->gone_count = 0;
}

static void forget_moments(struct engine *e)
{
	for (size_t i = 0; i < e->moment_count; i++)
		free(e->moments[i].samples);
	e->moment_count = e->pending_samples = 0;
}

void commit_done(struct engine *e)
{
	forget_events(e);
	forget_moments(e);
	free(e->moments);
}

static void forget_services(struct engine *e)
{
	struct service_entry *entry;
	struct role_facts *facts;
	size_t position = 0;

	while ((entry = map_next(e->services, &position, NULL, NULL))) {
		entry->changed = false;
		if (!entry->removed)
			continue;
		map_remove_string(e->services, entry->record.name);
		service_done(&entry->record);
		free(entry->restarts);
		free(entry);
		position--;
	}
	position = 0;
	while ((facts = map_next(e->facts, &position, NULL, NULL)))
		facts->changed = false;
	for (size_t i = 0; i < e->role_count; i++)
		e->roles[i].changed = false;
}

static int adopt_notifications(
	struct engine *e, const struct alerting_changes *c, const int64_t *ids)
{
	int r = 0;

	for (size_t i = 0; i < c->notification_count && r == 0; i++) {
		struct notification n = c->notifications[i];

		n.id = ids[i];
		r = deliveries_add(e, &n, NULL);
	}
	return r;
}

static void report_error(struct engine *e, int r)
{
	if (r < 0)
		e->store_errors++;
	if (r < 0 && e->commit_error != r)
		log_error_errno(r, "cannot write to the database; it is tried again");
	else if (r == 0 && e->commit_error < 0)
		log_notice("the database can be written again");
	e->commit_error = r;
}

int engine_commit(struct engine *e)
{
	struct alerting_changes changes;
	int64_t *ids;
	int r = 0;

	if (has_changes(e)) {
		r = alerting_changes(e->alerting, &changes);
		if (r < 0)
			return r;
		ids = calloc(changes.notification_count + 1, sizeof(*ids));
		r = ids ? write_all(e, &changes, ids) : -ENOMEM;
		settle_values(e, r == 0);
		report_error(e, r);
		if (r == 0)
			deliveries_committed(e);
		if (r == 0 && adopt_notifications(e, &changes, ids) < 0)
			log_error("too many notifications: some wait in the database");
		free(ids);
		if (r < 0)
			return r;
		alerting_committed(e->alerting);
		e->samples_total += e->pending_samples;
		forget_events(e);
		forget_moments(e);
		forget_services(e);
	}
	peers_acknowledge(e);
	deliveries_send(e);
	commands_answer(e);
	return 0;
}

static int on_soon(sd_event_source *source, void *userdata)
{
	engine_commit(userdata);
	return 0;
}

void engine_commit_soon(struct engine *e)
{
	int r;

	if (!e->soon) {
		r = sd_event_add_defer(role_event(e->role), &e->soon, on_soon, e);
		if (r >= 0)
			r = sd_event_source_set_priority(e->soon, SD_EVENT_PRIORITY_NORMAL + 1);
	} else
		r = sd_event_source_set_enabled(e->soon, SD_EVENT_ONESHOT);
	if (r < 0)
		engine_commit(e);
}
