/* SPDX-License-Identifier: Apache-2.0 */
/* Incidents by what groups their alerts: the service, or the rule where there is none. */
#include <errno.h>
#include <string.h>

#include "alerts/alerting_state.h"
#include "daemon/base/text.h"

#define NO_SERVICE "\n" /* begins the key of what has no service: no service is called so */

DEFINE_CLEANUP(struct incident_entry *, incident_entry_free);

struct incident_entry *incident_entry_free(struct incident_entry *inc)
{
	if (!inc)
		return NULL;
	incident_done(&inc->incident);
	map_free(inc->members, NULL);
	for (size_t i = 0; i < inc->told_count; i++)
		free(inc->told[i].name);
	free(inc->told);
	free(inc->key);
	free(inc);
	return NULL;
}

struct incident_entry *incident_entry_get(const struct alerting *a, int64_t incident)
{
	return map_get(a->incidents, &incident, sizeof(incident));
}

/* Incidents of one key stand in a chain, the newest first, whatever the order in which they come. -ENOMEM
 * changes nothing; it cannot happen where the key has a chain. */
static int incident_enter_key(struct alerting *a, const char *key, struct incident_entry *inc)
{
	struct incident_entry *at = map_get_string(a->keys, key);

	if (!at || at->incident.id < inc->incident.id) {
		int r = map_put_string(a->keys, key, inc, NULL);

		if (r >= 0)
			inc->older = at;
		return r;
	}
	while (at->older && at->older->incident.id > inc->incident.id)
		at = at->older;
	inc->older = at->older;
	at->older = inc;
	return 0;
}

struct incident_entry *incident_entry_new(struct alerting *a, const char *key,
	const struct incident *incident)
{
	_cleanup_(incident_entry_free_pointer) struct incident_entry *inc = calloc(1, sizeof(*inc));

	if (!inc || incident_copy(incident, &inc->incident) < 0)
		return NULL;
	inc->members = map_new();
	inc->key = strdup(key);
	inc->turned_ms = incident->opened_ms;
	if (!inc->members || !inc->key)
		return NULL;
	if (map_put(a->incidents, &inc->incident.id, sizeof(inc->incident.id), inc, NULL) < 0)
		return NULL;
	if (incident_enter_key(a, key, inc) < 0) {
		map_remove(a->incidents, &inc->incident.id, sizeof(inc->incident.id));
		return NULL;
	}
	return TAKE_POINTER(inc);
}

static void incident_leave_key(struct alerting *a, struct incident_entry *inc)
{
	struct incident_entry *newest = map_get_string(a->keys, inc->key), *at = newest;

	if (newest == inc) {
		/* Replacing the value of a key that is there takes no memory. */
		if (inc->older)
			map_put_string(a->keys, inc->key, inc->older, NULL);
		else
			map_remove_string(a->keys, inc->key);
		return;
	}
	while (at->older != inc)
		at = at->older;
	at->older = inc->older;
}

void incident_forget(struct alerting *a, struct incident_entry *inc)
{
	struct alert_entry *e;
	size_t position = 0;

	incident_leave_key(a, inc);
	while ((e = map_next(inc->members, &position, NULL, NULL))) {
		e->incident = NULL;
		alert_release(a, e);
	}
	incident_entry_free(inc);
}

int incident_add_alert(struct alerting *a, struct incident_entry *inc, struct alert_entry *e)
{
	void *old;
	int r = map_put_string(inc->members, e->alert.fingerprint, e, &old);
	struct alert_entry *older = old;

	if (r < 0)
		return r;
	if (older && older != e) {
		older->incident = NULL;
		/* Its row becomes that of the newer one. */
		if (older->changed) {
			TAILQ_REMOVE(&a->changed_alerts, older, changes);
			older->changed = false;
		}
		alert_release(a, older);
	}
	e->incident = inc;
	return 0;
}

const char *incident_group_value(const struct alert_entry *e)
{
	const struct rule *rule = e->rule_entry ? e->rule_entry->rule : NULL;
	const char *value = labels_get(&e->alert.labels, rule ? rule->group_by : "service");

	return value ? value : "";
}

int incident_group_key(const char *value, const char *rule, char **ret)
{
	*ret = NULL;
	if (*value)
		*ret = strdup(value);
	else if (asprintf(ret, NO_SERVICE "%s", rule) < 0)
		*ret = NULL;
	return *ret ? 0 : -ENOMEM;
}

int incident_rekey(struct alerting *a, struct incident_entry *inc, const char *rule)
{
	char *key;
	int r = incident_group_key("", rule, &key);

	if (r < 0 || text_equal(key, inc->key)) {
		free(key);
		return r;
	}
	/* What may fail comes before it leaves its chain. */
	if (!map_get_string(a->keys, key))
		r = map_put_string(a->keys, key, inc, NULL);
	if (r < 0) {
		free(key);
		return r;
	}
	incident_leave_key(a, inc);
	free(inc->key);
	inc->key = key;
	inc->older = NULL;
	if (map_get_string(a->keys, key) != inc)
		incident_enter_key(a, key, inc);
	return 0;
}

/* The time in which it reopens; while it flaps at least so long as it takes to settle. */
static int64_t reopen_ms(const struct alerting *a, const struct incident_entry *inc)
{
	return inc->incident.flapping && a->reopen_ms < FLAP_MS ? FLAP_MS : a->reopen_ms;
}

static bool incident_takes(
	const struct alerting *a, const struct incident_entry *inc, const char *fingerprint,
	int64_t now_ms)
{
	if (inc->incident.state == INCIDENT_OPEN)
		return true;
	return now_ms - inc->incident.resolved_ms < reopen_ms(a, inc) &&
	       (map_size(inc->members) == 0 || map_get_string(inc->members, fingerprint));
}

struct incident_entry *incident_find(
	const struct alerting *a, const char *key, const char *fingerprint, int64_t now_ms)
{
	struct incident_entry *found = NULL;

	for (struct incident_entry *inc = map_get_string(a->keys, key); inc; inc = inc->older) {
		if (inc->incident.state == INCIDENT_OPEN)
			return inc;
		if (!found && incident_takes(a, inc, fingerprint, now_ms))
			found = inc;
	}
	return found;
}
