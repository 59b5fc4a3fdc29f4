/* SPDX-License-Identifier: Apache-2.0 */
/* How often each service restarted in the last ten minutes, by the counter that its collector keeps. */
#include <string.h>

#include "daemon/engine/engine.h"

#define RECENT_MS	 INT64_C(600000) /* restarts count as recent for ten minutes */
#define RECENT_MAX	 64		 /* of them are told apart */
#define RECENT_REPEAT_MS INT64_C(60000)	 /* the unchanged gauge is stored again */
#define RECENT_RESTARTS	 "modelwatch_service_recent_restarts"

/* Remembers that a restart was seen at TIME_MS. */
static int add_restart(struct service_entry *entry, int64_t time_ms)
{
	int64_t *restarts;

	if (entry->restart_count == RECENT_MAX) {
		memmove(entry->restarts, entry->restarts + 1,
			(RECENT_MAX - 1) * sizeof(*restarts));
		entry->restart_count--;
	}
	restarts = reallocarray(entry->restarts, entry->restart_count + 1, sizeof(*restarts));
	if (!restarts)
		return -ENOMEM;
	entry->restarts = restarts;
	entry->restarts[entry->restart_count++] = time_ms;
	return 0;
}

int restarts_measure(struct engine *e, struct service_entry *entry, int64_t now_ms)
{
	struct value *value;
	size_t old = 0;
	int r;

	while (old < entry->restart_count && now_ms - entry->restarts[old] > RECENT_MS)
		old++;
	if (old > 0) {
		entry->restart_count -= old;
		memmove(entry->restarts, entry->restarts + old,
			entry->restart_count * sizeof(*entry->restarts));
		/* It runs well again: how an earlier process ended explains nothing any more. */
		if (entry->restart_count == 0 && entry->record.state == SERVICE_UP)
			alerting_forget_evidence(e->alerting, entry->record.name);
	}
	r = values_find_simple(e->values, RECENT_RESTARTS, "service", entry->record.name, &value);
	if (r < 0)
		return r == -E2BIG || r == -EINVAL ? 0 : r;
	if (value->time_ms > 0 && value->current == (double) entry->restart_count &&
		now_ms - value->time_ms < RECENT_REPEAT_MS)
		return 0;
	return moments_add(e, value, now_ms, (double) entry->restart_count);
}

int restarts_take(struct engine *e, struct service_entry *entry, double total, int64_t time_ms)
{
	int64_t restarts;
	int r;

	if (!(total >= 0 && total < (double) (INT64_C(1) << 53)))
		return -EBADMSG;
	restarts = (int64_t) total;
	if (restarts == entry->record.restarts)
		return 0;
	if (restarts > entry->record.restarts) {
		r = add_restart(entry, time_ms);
		if (r == 0)
			r = restarts_measure(e, entry, time_ms);
		if (r < 0)
			return r;
		e->restarted = true;
	}
	entry->record.restarts = restarts;
	entry->changed = true;
	return 0;
}

const char *restarts_changed(struct engine *e)
{
	bool restarted = e->restarted;

	e->restarted = false;
	return restarted ? RECENT_RESTARTS : NULL;
}

/* Restarts of the last ten minutes, from the history of their counter. */
struct history {
	struct service_entry *entry;
	double last;
	bool first;
};

static int add_history(void *userdata, const struct series *series, int64_t time_ms, double number)
{
	struct history *h = userdata;
	bool rose = !h->first && number > h->last;

	if (sample_is_stale(number))
		return 0;
	h->first = false;
	h->last = number;
	return rose ? add_restart(h->entry, time_ms) : 0;
}

static int restore_history(struct engine *e, struct service_entry *entry)
{
	struct label label = {(char *) (uintptr_t) "service", entry->record.name};
	struct series series = {(char *) (uintptr_t) RESTARTS_TOTAL, {&label, 1}};
	struct history history = {.entry = entry, .first = true};
	int64_t now_ms = engine_now(e);
	int r = reader_range(store_reader(e->store), &series, now_ms - RECENT_MS, now_ms,
		add_history, &history);

	return r == -ENOENT ? 0 : r;
}

/* On a full disk its row was written and its samples were not. The collector goes on from the row; when
 * the restarts were of which there is no sample nobody knows, but not after its state last changed. */
static int restore_missing(struct engine *e, struct service_entry *entry)
{
	const struct service_record *record = &entry->record;
	struct value *value;
	int64_t missing;
	int r = values_find_simple(e->values, RESTARTS_TOTAL, "service", record->name, &value);

	if (r < 0)
		return r == -E2BIG || r == -EINVAL ? 0 : r;
	/* Also false where the series ended. */
	if (record->state == SERVICE_UNKNOWN ||
		!(value->current >= 0 && value->current < (double) record->restarts))
		return 0;
	missing = value->time_ms > 0 ? record->restarts - (int64_t) value->current : 0;
	for (int64_t i = 0; r == 0 && i < missing && i < RECENT_MAX; i++)
		r = add_restart(entry, record->since_ms);
	value->current = (double) record->restarts;
	value->time_ms = value_time(value, record->since_ms);
	return r;
}

int restarts_restore(struct engine *e, struct service_entry *entry)
{
	int r = restore_history(e, entry);

	return r < 0 ? r : restore_missing(e, entry);
}
