/* SPDX-License-Identifier: Apache-2.0 */
/* What the database held: rows come one by one, and are put together before they are first needed. */
#include <errno.h>
#include <string.h>

#include "alerts/alerting_state.h"
#include "daemon/base/text.h"

static bool is_live(const struct alert *alert)
{
	return alert->state == ALERT_PENDING || alert->state == ALERT_FIRING;
}

static struct rule_entry *find_rule(struct alerting *a, const char *rule)
{
	for (size_t i = 0; i < a->rule_count; i++)
		if (text_equal(a->rules[i].rule->name, rule))
			return &a->rules[i];
	return &a->orphans;
}

/* What its service goes through is what the newest of its alerts carries. */
static int restore_evidence(struct alerting *a, struct alert_entry *e)
{
	const struct alert *alert = &e->alert;
	const char *service = labels_get(&alert->labels, "service");
	struct known_evidence *known = service ? map_get_string(a->evidence, service) : NULL;
	int r;

	if (!service || alert->evidence_count == 0 ||
		(known && known->started_ms > alert->started_ms))
		return 0;
	r = alerting_evidence(a, service, alert->evidence, alert->evidence_count);
	known = map_get_string(a->evidence, service);
	if (known) {
		known->started_ms = alert->started_ms;
		e->rendered_evidence = known->version;
	}
	return r;
}

int alerting_restore_alert(struct alerting *a, const struct alert *alert)
{
	_cleanup_(alert_entry_free_pointer) struct alert_entry *e = NULL;
	struct alert_entry *kept;

	if (alert->state == ALERT_INACTIVE || map_get_string(a->live, alert->fingerprint))
		return 0;
	e = calloc(1, sizeof(*e));
	if (!e || alert_copy(alert, &e->alert) < 0)
		return -ENOMEM;
	e->restored = true;
	e->value = alert->value;
	if (alert->state == ALERT_FIRING && restore_evidence(a, e) < 0)
		return -ENOMEM;
	if (is_live(alert)) {
		if (map_put_string(a->live, alert->fingerprint, e, NULL) < 0)
			return -ENOMEM;
		kept = TAKE_POINTER(e);
		kept->rule_entry = find_rule(a, alert->rule);
		kept->rendered_holds =
			kept->rule_entry->rule && alert_holds(kept->rule_entry->rule, &kept->alert);
		LIST_INSERT_HEAD(&kept->rule_entry->live, kept, siblings);
	} else {
		kept = TAKE_POINTER(e);
		LIST_INSERT_HEAD(&a->unlinked, kept, siblings);
	}
	a->restoring = true;
	return 0;
}

int alerting_restore_incident(struct alerting *a, const struct incident *incident)
{
	struct incident_entry *inc;

	if (incident_entry_get(a, incident->id))
		return 0;
	/* Where there is no service the rule groups: known when its alerts are. */
	inc = incident_entry_new(a, incident->service, incident);
	if (!inc)
		return -ENOMEM;
	if (incident->resolved_ms > 0)
		inc->turned_ms = incident->resolved_ms;
	if (incident->id >= a->next_incident)
		a->next_incident = incident->id + 1;
	a->restoring = true;
	return 0;
}

void alerting_set_next_incident(struct alerting *a, int64_t id)
{
	if (id > a->next_incident)
		a->next_incident = id;
}

int alerting_restore_timeline(struct alerting *a, const struct timeline_entry *t)
{
	struct incident_entry *inc = incident_entry_get(a, t->incident);
	bool reopened = text_equal(t->type, "reopened");

	if (!inc || (!reopened && !text_equal(t->type, "repeated")))
		return 0;
	if (reopened && t->time_ms > inc->turned_ms)
		inc->turned_ms = t->time_ms;
	if (reopened && (!inc->incident.flapping || t->time_ms <= inc->incident.flap_turned_ms))
		inc->told_since_ms = t->time_ms;
	if (t->time_ms >= inc->incident.flap_turned_ms)
		incident_count_repeat(inc, t->time_ms);
	return 0;
}

/* With the end of an incident whoever was told of it knows of nothing that is open, also who wants to be told
 * of no ends: no notification says so of those. */
static bool is_of_the_past(const struct incident_entry *inc, const struct notification *n)
{
	const struct incident *i = &inc->incident;

	if (i->untold & ANNOUNCE_RESOLVED)
		return false;
	return n->created_ms < inc->told_since_ms ||
	       (i->state == INCIDENT_RESOLVED && !i->flapping);
}

int alerting_restore_notification(struct alerting *a, const struct notification *n)
{
	struct incident_entry *inc = incident_entry_get(a, n->incident);

	if (!inc || is_of_the_past(inc, n))
		return 0;
	if (text_equal(n->type, "incident.resolved")) {
		incident_remove_told(inc, n->webhook);
		return 0;
	}
	/* Who takes nothing knows of nothing. */
	return incident_add_told(inc, n->webhook, n->state != NOTIFICATION_FAILED);
}

/* A firing alert whose incident is not known fires anew. */
static void start_again(struct alerting *a, struct alert_entry *e)
{
	e->alert.state = ALERT_PENDING;
	e->alert.incident = 0;
	alert_mark_changed(a, e);
}

/* Makes the alert a member of its incident; -ENOENT where that is not known. */
static int link_entry(struct alerting *a, struct alert_entry *e)
{
	struct incident_entry *inc = incident_entry_get(a, e->alert.incident);
	int64_t moved_ms;
	int r;

	if (!inc)
		return -ENOENT;
	r = *inc->incident.service ? 0 : incident_rekey(a, inc, e->alert.rule);
	if (r < 0)
		return r;
	/* An alert that fires takes the place of what it was before. */
	if (!is_live(&e->alert) && map_get_string(inc->members, e->alert.fingerprint))
		return -ENOENT;
	r = incident_add_alert(a, inc, e);
	if (r < 0)
		return r;
	if (e->alert.state == ALERT_FIRING)
		inc->firing++;
	moved_ms =
		e->alert.ended_ms > e->alert.started_ms ? e->alert.ended_ms : e->alert.started_ms;
	if (moved_ms > inc->moved_ms)
		inc->moved_ms = moved_ms;
	return 0;
}

static int link_live(struct alerting *a)
{
	struct alert_entry *e;
	size_t position = 0;

	while ((e = map_next(a->live, &position, NULL, NULL))) {
		int r;

		if (e->incident || e->alert.state != ALERT_FIRING)
			continue;
		r = link_entry(a, e);
		if (r == -ENOENT)
			start_again(a, e);
		else if (r < 0)
			return r;
	}
	return 0;
}

int restored_link(struct alerting *a)
{
	struct incident_entry *inc;
	struct alert_entry *e;
	size_t position = 0;
	int r;

	if (!a->restoring)
		return 0;
	r = link_live(a);
	if (r < 0)
		return r;
	while ((e = LIST_FIRST(&a->unlinked))) {
		r = link_entry(a, e);
		if (r < 0 && r != -ENOENT)
			return r;
		LIST_REMOVE(e, siblings);
		alert_release(a, e);
	}
	while ((inc = map_next(a->incidents, &position, NULL, NULL)))
		incident_restore_left(a, inc);
	a->restoring = false;
	return 0;
}
