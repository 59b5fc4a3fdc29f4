/* SPDX-License-Identifier: Apache-2.0 */
/* Life, settings and changes. */
#include <errno.h>
#include <string.h>

#include <sys/random.h>

#include "alerts/alerting_state.h"

DEFINE_CLEANUP(struct alerting *, alerting_free);

static int random_bytes(void *userdata, void *bytes, size_t size)
{
	return getrandom(bytes, size, 0) == (ssize_t) size ? 0 : -EIO;
}

void route_done(struct route *r)
{
	free(r->webhook);
	for (size_t i = 0; i < r->matcher_count; i++)
		matcher_done(&r->matchers[i]);
	free(r->matchers);
	*r = (struct route){0};
}

static void free_routes(struct route *routes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		route_done(&routes[i]);
	free(routes);
}

static void free_rules(struct rule **rules, size_t count)
{
	for (size_t i = 0; i < count; i++)
		rule_free(rules[i]);
	free(rules);
}

struct alerting *alerting_new(void)
{
	_cleanup_(alerting_free_pointer) struct alerting *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	TAILQ_INIT(&a->changed_alerts);
	TAILQ_INIT(&a->changed_incidents);
	a->random = random_bytes;
	a->reopen_ms = FLAP_MS;
	a->next_incident = 1;
	a->host_name = strdup("");
	a->host_id = strdup("");
	a->external_url = strdup("");
	a->live = map_new();
	a->incidents = map_new();
	a->keys = map_new();
	a->evidence = map_new();
	if (!a->host_name || !a->host_id || !a->external_url || !a->live || !a->incidents ||
		!a->keys || !a->evidence)
		return NULL;
	return TAKE_POINTER(a);
}

struct alert_entry *alert_entry_free(struct alert_entry *e)
{
	if (!e)
		return NULL;
	alert_done(&e->alert);
	free(e);
	return NULL;
}

/* Every entry is live, a member, restored or to be stored: all hang in the first list then. */
static void free_entries(struct alerting *a)
{
	struct alert_entry *e, *next;
	struct incident_entry *inc;
	size_t position = 0;

	while (a->live && (e = map_next(a->live, &position, NULL, NULL)))
		alert_mark_changed(a, e);
	position = 0;
	while (a->incidents && (inc = map_next(a->incidents, &position, NULL, NULL))) {
		size_t member = 0;

		while ((e = map_next(inc->members, &member, NULL, NULL)))
			alert_mark_changed(a, e);
	}
	LIST_FOREACH(e, &a->unlinked, siblings)
		alert_mark_changed(a, e);
	for (e = TAILQ_FIRST(&a->changed_alerts); e; e = next) {
		next = TAILQ_NEXT(e, changes);
		alert_entry_free(e);
	}
}

static void free_incident(void *entry)
{
	incident_entry_free(entry);
}

struct alerting *alerting_free(struct alerting *a)
{
	if (!a)
		return NULL;
	free_entries(a);
	map_free(a->live, NULL);
	map_free(a->keys, NULL);
	map_free(a->incidents, free_incident);
	map_free(a->evidence, known_evidence_free);
	for (size_t i = 0; i < a->rule_count; i++)
		rule_free(a->rules[i].rule);
	free(a->rules);
	free_routes(a->routes, a->route_count);
	timeline_list_free(a->timeline, a->timeline_count);
	notification_list_free(a->notifications, a->notification_count);
	free(a->given_alerts);
	free(a->given_removed);
	free(a->given_incidents);
	free(a->host_name);
	free(a->host_id);
	free(a->external_url);
	free(a);
	return NULL;
}

void alerting_set_random(struct alerting *a, alerting_random_fn fn, void *userdata)
{
	a->random = fn;
	a->random_userdata = userdata;
}

int alerting_set_host(struct alerting *a, const struct alerting_host *host)
{
	_cleanup_free_ char *name = strdup(host->name), *id = strdup(host->id);
	_cleanup_free_ char *url = strdup(host->external_url);

	if (!name || !id || !url)
		return -ENOMEM;
	free(a->host_name);
	free(a->host_id);
	free(a->external_url);
	a->host_name = TAKE_POINTER(name);
	a->host_id = TAKE_POINTER(id);
	a->external_url = TAKE_POINTER(url);
	return 0;
}

void alerting_set_reopen(struct alerting *a, usec_t reopen)
{
	a->reopen_ms = usec_to_ms(reopen);
}

/* Moves the live entries of one rule to the same rule in A, or to the orphans. */
static void rebind(struct alerting *a, struct rule_entry *from)
{
	struct alert_entry *e;

	while ((e = LIST_FIRST(&from->live))) {
		struct rule_entry *to = &a->orphans;

		for (size_t i = 0; i < a->rule_count && to == &a->orphans; i++)
			if (strcmp(a->rules[i].rule->name, e->alert.rule) == 0)
				to = &a->rules[i];
		LIST_REMOVE(e, siblings);
		LIST_INSERT_HEAD(&to->live, e, siblings);
		e->rule_entry = to;
		if (to->rule)
			e->alert.threshold = promql_threshold(to->rule->expr);
	}
}

int alerting_set_rules(struct alerting *a, struct rule **rules, size_t count)
{
	struct rule_entry *entries = calloc(count + 1, sizeof(*entries)), *old = a->rules;
	struct rule_entry orphans = {.rule = NULL};
	size_t old_count = a->rule_count;

	if (!entries) {
		free_rules(rules, count);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++)
		entries[i].rule = rules[i];
	free(rules);
	a->rules = entries;
	a->rule_count = count;
	/* Orphans may have their rule again; they pass through a list of their own. */
	while (!LIST_EMPTY(&a->orphans.live)) {
		struct alert_entry *e = LIST_FIRST(&a->orphans.live);

		LIST_REMOVE(e, siblings);
		LIST_INSERT_HEAD(&orphans.live, e, siblings);
	}
	rebind(a, &orphans);
	for (size_t i = 0; i < old_count; i++) {
		rebind(a, &old[i]);
		rule_free(old[i].rule);
	}
	free(old);
	return 0;
}

void alerting_set_routes(struct alerting *a, struct route *routes, size_t count)
{
	free_routes(a->routes, a->route_count);
	a->routes = routes;
	a->route_count = count;
}

void alert_mark_changed(struct alerting *a, struct alert_entry *e)
{
	if (e->changed)
		return;
	e->changed = true;
	TAILQ_INSERT_TAIL(&a->changed_alerts, e, changes);
}

void incident_mark_changed(struct alerting *a, struct incident_entry *inc)
{
	if (inc->changed)
		return;
	inc->changed = true;
	TAILQ_INSERT_TAIL(&a->changed_incidents, inc, changes);
}

void alert_release(struct alerting *a, struct alert_entry *e)
{
	if (!e->rule_entry && !e->incident && !e->changed)
		alert_entry_free(e);
}

void alert_unlive(struct alerting *a, struct alert_entry *e)
{
	map_remove_string(a->live, e->alert.fingerprint);
	LIST_REMOVE(e, siblings);
	e->rule_entry = NULL;
}

int list_reserve(void **list, size_t *allocated, size_t wanted, size_t size)
{
	size_t room = *allocated > 0 ? *allocated : 8;
	void *grown;

	if (wanted <= *allocated)
		return 0;
	while (room < wanted)
		room *= 2;
	grown = reallocarray(*list, room, size);
	if (!grown)
		return -ENOMEM;
	*list = grown;
	*allocated = room;
	return 0;
}

static int collect_alerts(struct alerting *a, struct alerting_changes *ret)
{
	struct alert_entry *e;
	size_t count = 1;

	TAILQ_FOREACH(e, &a->changed_alerts, changes)
		count++;
	free(a->given_alerts);
	free(a->given_removed);
	a->given_alerts = calloc(count, sizeof(*a->given_alerts));
	a->given_removed = calloc(count, sizeof(*a->given_removed));
	if (!a->given_alerts || !a->given_removed)
		return -ENOMEM;
	TAILQ_FOREACH(e, &a->changed_alerts, changes)
		if (e->alert.state == ALERT_INACTIVE)
			a->given_removed[ret->removed_count++] = e->alert.fingerprint;
		else
			a->given_alerts[ret->alert_count++] = &e->alert;
	ret->alerts = a->given_alerts;
	ret->removed = a->given_removed;
	return 0;
}

static int collect_incidents(struct alerting *a, struct alerting_changes *ret)
{
	struct incident_entry *inc;
	size_t count = 1;

	TAILQ_FOREACH(inc, &a->changed_incidents, changes)
		count++;
	free(a->given_incidents);
	a->given_incidents = calloc(count, sizeof(*a->given_incidents));
	if (!a->given_incidents)
		return -ENOMEM;
	TAILQ_FOREACH(inc, &a->changed_incidents, changes)
		a->given_incidents[ret->incident_count++] = &inc->incident;
	ret->incidents = a->given_incidents;
	return 0;
}

int alerting_changes(struct alerting *a, struct alerting_changes *ret)
{
	struct alerting_changes changes = {
		.timeline = a->timeline,
		.timeline_count = a->timeline_count,
		.notifications = a->notifications,
		.notification_count = a->notification_count,
	};
	int r = collect_alerts(a, &changes);

	if (r >= 0)
		r = collect_incidents(a, &changes);
	if (r >= 0)
		*ret = changes;
	return r;
}

void alerting_committed(struct alerting *a)
{
	struct alert_entry *e;
	struct incident_entry *inc;

	while ((e = TAILQ_FIRST(&a->changed_alerts))) {
		TAILQ_REMOVE(&a->changed_alerts, e, changes);
		e->changed = false;
		alert_release(a, e);
	}
	while ((inc = TAILQ_FIRST(&a->changed_incidents))) {
		TAILQ_REMOVE(&a->changed_incidents, inc, changes);
		inc->changed = false;
	}
	for (size_t i = 0; i < a->timeline_count; i++)
		timeline_entry_done(&a->timeline[i]);
	for (size_t i = 0; i < a->notification_count; i++)
		notification_done(&a->notifications[i]);
	a->timeline_count = a->notification_count = 0;
}

bool alerting_has_changes(const struct alerting *a)
{
	return !TAILQ_EMPTY(&a->changed_alerts) || !TAILQ_EMPTY(&a->changed_incidents) ||
	       a->timeline_count > 0 || a->notification_count > 0;
}

uint64_t alerting_refused(const struct alerting *a)
{
	return a->refused;
}
