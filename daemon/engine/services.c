/* SPDX-License-Identifier: Apache-2.0 */
/* What the page calls a service: derived from the values, events and facts of the collectors. */
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/engine/engine.h"
#include "daemon/journal.h"

#define UP "modelwatch_service_up"

static void free_entry(void *p)
{
	struct service_entry *entry = p;

	service_record_done(&entry->record);
	free(entry->restarts);
	free(entry);
}

void services_done(struct engine *e)
{
	map_free(e->services, free_entry);
}

/* Configured services are no more than the sections that there may be: they always have room. */
static bool has_room(struct engine *e, const char *name)
{
	if (map_size(e->services) < SERVICES_MAX ||
		config_find(role_config(e->role), SECTION_SERVICE, name))
		return true;
	if (!e->told_services)
		journal_write(JOURNAL_LIMIT, NULL, "more than %d services: %s and others are not kept",
			SERVICES_MAX, name);
	e->told_services = true;
	return false;
}

/* What takes back what was said of a service makes none. */
static bool is_known(struct engine *e, const char *name)
{
	return map_get_string(e->services, name);
}

/* The service, made if new; NULL where there are too many: what is said of it is ignored. */
static int find(struct engine *e, const char *name, struct service_entry **ret)
{
	struct service_entry *entry = map_get_string(e->services, name);
	int r;

	if (entry || !has_room(e, name)) {
		*ret = entry;
		return 0;
	}
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->record.name = strdup(name);
	entry->record.reason = strdup("");
	entry->record.url = strdup("");
	entry->record.since_ms = engine_now(e);
	entry->changed = true;
	r = entry->record.name && entry->record.reason && entry->record.url
		    ? map_put_string(e->services, name, entry, NULL)
		    : -ENOMEM;
	if (r < 0) {
		free_entry(entry);
		return r;
	}
	*ret = entry;
	return 0;
}

static int set_state(struct service_entry *entry, enum service_state state, int64_t time_ms)
{
	if (entry->record.state == state)
		return 0;
	entry->record.state = state;
	entry->record.since_ms = time_ms;
	entry->changed = true;
	return state == SERVICE_DOWN ? 0 : text_replace(&entry->record.reason, "");
}

/* Ends series of a service that is no longer there, or down. */
struct ending {
	struct engine *engine;
	const char *service;
	int64_t time_ms;
	bool (*ends)(const char *metric);
};

static bool every_series(const char *metric)
{
	return true;
}

/* What says how its processes are: none of them is left. */
static bool process_gauge(const char *metric)
{
	static const char *const names[] = {"start_time_seconds", "resident_bytes",
		"proportional_bytes", "swap_bytes", "threads", "open_fds", "max_fds"};
	const char *name = text_after(metric, "modelwatch_service_");

	for (size_t i = 0; name && i < ELEMENTS(names); i++)
		if (text_equal(name, names[i]))
			return true;
	return false;
}

static int end_one(void *userdata, struct value *value)
{
	const struct ending *ending = userdata;
	const char *service = labels_get(&value->series.labels, "service");

	if (!service || !text_equal(service, ending->service) || value->time_ms == 0 ||
		sample_is_stale(value->current) || !ending->ends(value->series.metric))
		return 0;
	return moments_add(ending->engine, value, ending->time_ms, sample_stale());
}

/* A collector that began after the end does not know which gauges there were. And where no end was told
 * since it was up, what is known is of an earlier one. */
static int set_down(struct engine *e, struct service_entry *entry, int64_t time_ms)
{
	struct ending ending = {e, entry->record.name, engine_now(e), process_gauge};
	int r;

	if (entry->record.state == SERVICE_DOWN)
		return 0;
	r = values_each(e->values, end_one, &ending);
	if (!*entry->record.reason)
		alerting_forget_evidence(e->alerting, entry->record.name);
	return r < 0 ? r : set_state(entry, SERVICE_DOWN, time_ms);
}

/* The end of one of several main processes is no reason of what comes later. */
static int set_up(struct service_entry *entry, int64_t time_ms)
{
	if (entry->record.state == SERVICE_UP && *entry->record.reason) {
		entry->changed = true;
		return text_replace(&entry->record.reason, "");
	}
	return set_state(entry, SERVICE_UP, time_ms);
}

int services_value(struct engine *e, const struct value *value, int64_t time_ms)
{
	bool up = text_equal(value->series.metric, UP);
	bool restarts = text_equal(value->series.metric, RESTARTS_TOTAL);
	const char *name = labels_get(&value->series.labels, "service");
	struct service_entry *entry;
	int r;

	if (!name || (!up && !restarts))
		return 0;
	if (sample_is_stale(value->current) && !is_known(e, name))
		return 0;
	r = find(e, name, &entry);
	if (r < 0 || !entry)
		return r;
	if (restarts)
		return sample_is_stale(value->current)
			       ? 0
			       : restarts_take(e, entry, value->current, time_ms);
	if (sample_is_stale(value->current))
		return set_state(entry, SERVICE_UNKNOWN, time_ms);
	return value->current > 0 ? set_up(entry, time_ms)
				  : set_down(e, entry, time_ms);
}

static int end_service(struct engine *e, struct service_entry *entry)
{
	struct ending ending = {e, entry->record.name, engine_now(e), every_series};
	int r = values_each(e->values, end_one, &ending);

	if (r == 0)
		r = processes_forget(e, entry->record.name);
	entry->removed = true;
	return r;
}

int services_event(struct engine *e, const struct event *event, int64_t time_ms)
{
	struct service_entry *entry;
	int r;

	if (!*event->service)
		return 0;
	r = find(e, event->service, &entry);
	if (r < 0 || !entry)
		return r;
	if (text_equal(event->type, EVENT_SERVICE_ENDED)) {
		r = set_state(entry, SERVICE_UNKNOWN, time_ms);
		if (r == 0 && entry->configured)
			return processes_forget(e, entry->record.name);
		return r < 0 ? r : end_service(e, entry);
	}
	entry->removed = false;
	for (size_t i = 0; i < event->evidence_count; i++)
		if (text_equal(event->evidence[i].name, "reason")) {
			entry->changed = true;
			return text_replace(&entry->record.reason, event->evidence[i].text);
		}
	return 0;
}

int services_tick(struct engine *e, int64_t now_ms)
{
	struct service_entry *entry;
	size_t position = 0;

	while ((entry = map_next(e->services, &position, NULL, NULL))) {
		int r = entry->removed ? 0 : restarts_measure(e, entry, now_ms);

		if (r < 0)
			return r;
	}
	return 0;
}

int services_configure(struct engine *e)
{
	const struct config *c = role_config(e->role);
	bool discovery =
		section_bool(config_find(c, SECTION_DAEMON, ""), OPTION_DAEMON_DISCOVERY);
	const struct section *s = NULL;
	struct service_entry *entry;
	size_t position = 0;
	int r;

	while ((entry = map_next(e->services, &position, NULL, NULL)))
		entry->configured = false;
	while ((s = config_next(c, SECTION_SERVICE, s))) {
		r = find(e, section_name(s), &entry);
		if (r < 0)
			return r;
		entry->configured = true;
		entry->removed = false;
		if (entry->record.discovered)
			entry->changed = true;
		entry->record.discovered = false;
	}
	position = 0;
	while ((entry = map_next(e->services, &position, NULL, NULL))) {
		if (entry->configured || (entry->record.discovered && discovery))
			continue;
		r = end_service(e, entry);
		if (r < 0)
			return r;
	}
	return 0;
}

/* On a full disk its row was written and its samples were not: the row is what is true. */
static int restore_up(struct engine *e, const struct service_entry *entry)
{
	struct value *value;
	int r = values_find_simple(e->values, UP, "service", entry->record.name, &value);

	if (r < 0)
		return r == -E2BIG || r == -EINVAL ? 0 : r;
	if (entry->record.state == SERVICE_UNKNOWN)
		value->current = sample_stale();
	else {
		value->current = entry->record.state == SERVICE_UP;
		value->time_ms = value_time(value, entry->record.since_ms);
	}
	return 0;
}

/* Nothing may have been told of it yet. */
static int restore_reason(struct engine *e, const struct service_entry *entry)
{
	char name[] = "reason";
	const struct evidence reason = {name, entry->record.reason};

	if (entry->record.state != SERVICE_DOWN)
		return 0;
	return alerting_evidence(e->alerting, entry->record.name, &reason, 1);
}

static int restore_service(struct engine *e, const struct service_record *from)
{
	struct service_entry *entry;
	int r = find(e, from->name, &entry);

	if (r < 0 || !entry)
		return r;
	entry->record.state = from->state;
	entry->record.discovered = from->discovered;
	entry->record.since_ms = from->since_ms;
	entry->record.restarts = from->restarts;
	entry->changed = false;
	r = text_replace(&entry->record.reason, from->reason);
	if (r == 0)
		r = text_replace(&entry->record.url, from->url);
	if (r == 0)
		r = restore_up(e, entry);
	if (r == 0)
		r = restore_reason(e, entry);
	return r < 0 ? r : restarts_restore(e, entry);
}

int services_restore(struct engine *e)
{
	struct service_record *services = NULL;
	size_t count = 0;
	int r = reader_services(store_reader(e->store), &services, &count);

	for (size_t i = 0; r == 0 && i < count; i++)
		r = restore_service(e, &services[i]);
	service_list_free(services, count);
	return r;
}

void services_restored(struct engine *e)
{
	struct service_entry *entry;
	size_t position = 0;

	while ((entry = map_next(e->services, &position, NULL, NULL)))
		if (entry->restart_count == 0 && !*entry->record.reason)
			alerting_forget_evidence(e->alerting, entry->record.name);
}

int services_fact(struct engine *e, const char *service, const char *key, const char *value)
{
	bool discovered = text_equal(key, "discovered"), url = text_equal(key, "url");
	struct service_entry *entry;
	int r;

	if ((!discovered && !url) || (!*value && !is_known(e, service)))
		return 0;
	r = find(e, service, &entry);
	if (r < 0 || !entry)
		return r;
	entry->changed = true;
	if (url)
		return text_replace(&entry->record.url, value);
	entry->record.discovered = text_equal(value, "yes") && !entry->configured;
	if (entry->record.discovered)
		entry->removed = false;
	return 0;
}

bool services_changed(const struct engine *e)
{
	const struct service_entry *entry;
	size_t position = 0;

	while ((entry = map_next(e->services, &position, NULL, NULL)))
		if (entry->changed || entry->removed)
			return true;
	return false;
}

int services_write(struct engine *e)
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
	return r < 0 ? r : 0;
}

void services_committed(struct engine *e)
{
	struct service_entry *entry;
	size_t position = 0;

	while ((entry = map_next(e->services, &position, NULL, NULL))) {
		entry->changed = false;
		if (!entry->removed)
			continue;
		map_remove_string(e->services, entry->record.name);
		alerting_forget_evidence(e->alerting, entry->record.name);
		free_entry(entry);
		position--;
	}
}
