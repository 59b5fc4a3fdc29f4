/* SPDX-License-Identifier: Apache-2.0 */
/* From memory to the database: everything that is marked, in one transaction.
 *
 * Where the disk is full the reserve is given up, and what it frees is for what people must be told of:
 * samples, which are nearly all that is written, wait in memory until there is room again. */
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/engine/engine.h"
#include "schema/reserve.h"

#define ROOM_EVERY (5 * USEC_PER_SEC) /* looks for room on a full disk */

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

static int write_all(
	struct engine *e, const struct alerting_changes *changes, int64_t *ids, bool samples)
{
	int r = store_begin(e->store);

	if (r == 0 && samples)
		r = moments_write(e);
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
	if (r < 0) {
		store_rollback(e->store);
		e->store_errors++;
	}
	return r;
}

/* Everything; or, on a full disk, everything but the samples. */
static int write_changes(struct engine *e, const struct alerting_changes *changes, int64_t *ids)
{
	int r;

	if (!e->full) {
		r = write_all(e, changes, ids, true);
		moments_settle(e, r == 0);
		if (r != -ENOSPC)
			return r;
		e->full = true;
		reserve_release(e->database);
	}
	return write_all(e, changes, ids, false);
}

void engine_look_for_room(struct engine *e)
{
	usec_t now = clock_monotonic();

	if (!e->full || usec_since(now, e->last_room) < ROOM_EVERY)
		return;
	e->last_room = now;
	e->full = reserve_make(e->database) == -ENOSPC;
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

void commit_done(struct engine *e)
{
	forget_events(e);
	moments_forget(e);
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
		alerting_forget_evidence(e->alerting, entry->record.name);
		service_entry_free(entry);
		position--;
	}
	position = 0;
	while ((facts = map_next(e->facts, &position, NULL, NULL)))
		facts->changed = false;
	for (size_t i = 0; i < e->role_count; i++)
		e->roles[i].changed = false;
}

static void adopt_notifications(
	struct engine *e, const struct alerting_changes *c, const int64_t *ids)
{
	for (size_t i = 0; i < c->notification_count; i++) {
		struct notification n = c->notifications[i];

		n.id = ids[i];
		deliveries_add(e, &n, 0, NULL);
	}
}

/* What R, of the last commit, says of the database; said when it changes. */
static void report(struct engine *e, int r)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	const char *before = e->trouble ? e->trouble : "";

	if (r < 0 || e->full)
		buf_printf(&text, "the database cannot be written: %s; %s",
			strerror(r < 0 ? -r : ENOSPC),
			r < 0 ? "until it can nobody is told of anything new"
			      : "alerting goes on, samples wait in memory");
	if (buf_error(&text) < 0 || text_equal(before, text.data ? text.data : ""))
		return;
	if (text.data)
		log_error("%s", text.data);
	else
		log_notice("the database can be written again");
	free(e->trouble);
	e->trouble = buf_take(&text);
	e->trouble_of_samples = r == 0;
	peers_tell_trouble(e);
}

/* All that was marked is durable, but for samples that wait for room. */
static void forget_committed(struct engine *e)
{
	alerting_committed(e->alerting);
	forget_events(e);
	forget_services(e);
	if (e->full)
		return;
	e->samples_total += e->pending_samples;
	moments_forget(e);
}

static int commit_changes(struct engine *e)
{
	struct alerting_changes changes;
	_cleanup_free_ int64_t *ids = NULL;
	int r = alerting_changes(e->alerting, &changes);

	if (r < 0)
		return r;
	ids = calloc(changes.notification_count + 1, sizeof(*ids));
	r = ids ? write_changes(e, &changes, ids) : -ENOMEM;
	report(e, r);
	if (r < 0)
		return r;
	deliveries_committed(e);
	adopt_notifications(e, &changes, ids);
	forget_committed(e);
	return 0;
}

int engine_commit(struct engine *e)
{
	int r = has_changes(e) ? commit_changes(e) : 0;

	if (r < 0)
		return r;
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
