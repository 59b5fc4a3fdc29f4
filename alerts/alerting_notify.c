/* SPDX-License-Identifier: Apache-2.0 */
/* Incidents to notifications: marks become rows of the outbox, complete. */
#include <errno.h>
#include <string.h>

#include "alerts/alerting_state.h"
#include "alerts/receivers/webhook.h"
#include "daemon/base/text.h"

#define BODY_ALERTS_MAX 64 /* alerts that a body lists */
#define ID_BYTES	16

/* To the webhooks that it would be sent to; of these to whom nothing was to be told yet; to those who
 * heard of what they take when that is over; or to all who heard of it. */
enum audience { TO_MATCHING, TO_NEW, TO_LEFT, TO_TOLD };

static const struct telling {
	enum announcement mark;
	const char *type;
	enum audience audience;
	unsigned covers;  /* marks that need nothing more then */
	bool is_end; /* not for who wants to be told of no ends */
} tellings[] = {
	{ANNOUNCE_OPENED, "incident.opened", TO_MATCHING, ANNOUNCE_UPDATED | ANNOUNCE_TO_NEW,
		false},
	{ANNOUNCE_FLAPPING, "incident.flapping", TO_MATCHING,
		ANNOUNCE_UPDATED | ANNOUNCE_TO_NEW | ANNOUNCE_TO_LEFT, false},
	{ANNOUNCE_UPDATED, "incident.updated", TO_MATCHING, ANNOUNCE_TO_NEW, false},
	{ANNOUNCE_TO_NEW, "incident.opened", TO_NEW, 0, false},
	{ANNOUNCE_TO_LEFT, "incident.updated", TO_LEFT, 0, true},
	{ANNOUNCE_ACKNOWLEDGED, "incident.acknowledged", TO_TOLD, 0, false},
	{ANNOUNCE_RESOLVED, "incident.resolved", TO_TOLD, 0, true},
};

static int make_id(struct alerting *a, char ret[static 2 * ID_BYTES + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[ID_BYTES];
	int r = a->random(a->random_userdata, bytes, sizeof(bytes));

	if (r < 0)
		return r;
	for (size_t i = 0; i < ID_BYTES; i++) {
		ret[2 * i] = digits[bytes[i] >> 4];
		ret[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret[2 * ID_BYTES] = '\0';
	return 0;
}

static size_t find_told(const struct incident_entry *inc, const char *webhook)
{
	size_t i = 0;

	while (i < inc->told_count && !text_equal(inc->told[i].name, webhook))
		i++;
	return i;
}

int incident_add_told(struct incident_entry *inc, const char *webhook, bool heard)
{
	size_t i = find_told(inc, webhook);
	struct told_webhook *told;
	char *copy;

	if (i < inc->told_count) {
		inc->told[i].heard |= heard;
		return 0;
	}
	told = reallocarray(inc->told, inc->told_count + 1, sizeof(*told));
	if (!told)
		return -ENOMEM;
	inc->told = told;
	copy = strdup(webhook);
	if (!copy)
		return -ENOMEM;
	inc->told[inc->told_count++] = (struct told_webhook){copy, heard, false};
	return 0;
}

void incident_remove_told(struct incident_entry *inc, const char *webhook)
{
	size_t i = find_told(inc, webhook);

	if (i == inc->told_count)
		return;
	free(inc->told[i].name);
	inc->told[i] = inc->told[--inc->told_count];
}

/* A matcher sees the alert's labels, and as labels its rule and its severity. */
static bool matches(const struct matcher *m, const struct alert *alert)
{
	char rule_label[] = "alertname", severity_label[] = "severity", severity[16];
	struct label own = {.name = rule_label, .value = alert->rule};
	const struct labels labels = {.items = &own, .count = 1};

	if (text_equal(m->name, severity_label)) {
		snprintf(severity, sizeof(severity), "%s", severity_name(alert->severity));
		own = (struct label){.name = severity_label, .value = severity};
	} else if (!text_equal(m->name, rule_label)) {
		return matcher_matches(m, &alert->labels);
	}
	return matcher_matches(m, &labels);
}

static bool route_takes_alert(const struct route *route, const struct alert *alert)
{
	for (size_t i = 0; i < route->matcher_count; i++)
		if (!matches(&route->matchers[i], alert))
			return false;
	return true;
}

/* True where the incident is for this route by an alert that fires, or, told late, after its end, did. */
static bool route_takes(const struct route *route, const struct incident_entry *inc)
{
	bool ended = inc->incident.state == INCIDENT_RESOLVED;
	const struct alert_entry *e;
	size_t position = 0;

	if (inc->incident.severity < route->severity)
		return false;
	while ((e = map_next(inc->members, &position, NULL, NULL)))
		if ((ended || e->alert.state == ALERT_FIRING) &&
			route_takes_alert(route, &e->alert))
			return true;
	return false;
}

static bool was_told(const struct route *route, const struct incident_entry *inc)
{
	size_t i = find_told(inc, route->webhook);

	return i < inc->told_count && inc->told[i].heard;
}

/* What it heard of is over, though the incident goes on, and it was not told so yet. */
static bool is_left(const struct route *route, const struct incident_entry *inc)
{
	return was_told(route, inc) && !inc->told[find_told(inc, route->webhook)].left &&
	       !route_takes(route, inc);
}

void incident_restore_left(struct alerting *a, struct incident_entry *inc)
{
	bool waits = inc->incident.flapping || (inc->incident.untold & ANNOUNCE_TO_LEFT);

	for (size_t i = 0; i < a->route_count && !waits; i++)
		if (is_left(&a->routes[i], inc))
			inc->told[find_told(inc, a->routes[i].webhook)].left = true;
}

/* The type that the route is told, or NULL. One that hears of it late hears that it was opened. */
static const char *choose_type(
	const struct telling *telling, const struct route *route, const struct incident_entry *inc)
{
	bool told = was_told(route, inc);

	if (telling->is_end && !route->send_resolved)
		return NULL;
	if (telling->audience == TO_TOLD)
		return told ? telling->type : NULL;
	if (telling->audience == TO_LEFT)
		return is_left(route, inc) ? telling->type : NULL;
	if (telling->audience == TO_NEW && find_told(inc, route->webhook) < inc->told_count)
		return NULL;
	if (!route_takes(route, inc))
		return NULL;
	return telling->mark == ANNOUNCE_UPDATED && !told ? "incident.opened" : telling->type;
}

/* What a body lists: those that fire by their severity, then those that ended. */
static size_t choose_alerts(const struct incident_entry *inc,
	const struct alert *ret[static BODY_ALERTS_MAX])
{
	size_t count = 0;

	for (int rank = SEVERITY_CRITICAL; rank >= -1; rank--) {
		const struct alert_entry *e;
		size_t position = 0;

		while (count < BODY_ALERTS_MAX &&
			(e = map_next(inc->members, &position, NULL, NULL))) {
			bool firing = e->alert.state == ALERT_FIRING;

			if (rank >= 0 ? firing && (int) e->alert.severity == rank : !firing)
				ret[count++] = &e->alert;
		}
	}
	return count;
}

static int make_notification(struct alerting *a, const struct webhook_message *message,
	const char *webhook, struct notification *ret)
{
	struct webhook_message m = *message;
	char id[2 * ID_BYTES + 1];
	struct notification n = {
		.incident = m.incident ? m.incident->id : 0,
		.webhook = strdup(webhook),
		.type = strdup(m.type),
		.state = NOTIFICATION_PENDING,
		.created_ms = m.time_ms,
		.due_ms = m.time_ms,
		.last_error = strdup(""),
	};
	int r = n.webhook && n.type && n.last_error ? make_id(a, id) : -ENOMEM;

	if (r >= 0) {
		m.id = id;
		n.message_id = strdup(id);
		r = n.message_id ? webhook_body(&m, &n.body) : -ENOMEM;
	}
	if (r < 0) {
		notification_done(&n);
		return r;
	}
	*ret = n;
	return 0;
}

static struct webhook_message make_message(const struct alerting *a, int64_t now_ms)
{
	return (struct webhook_message){
		.time_ms = now_ms,
		.host_name = a->host_name,
		.host_id = a->host_id,
		.external_url = a->external_url,
	};
}

/* Makes the rows of one mark behind those that are there, and says how many. */
static int make_rows(struct alerting *a, const struct incident_entry *inc,
	const struct telling *telling, int64_t now_ms, size_t *ret_count)
{
	const struct alert *alerts[BODY_ALERTS_MAX];
	struct webhook_message m = make_message(a, now_ms);
	struct incident told = inc->incident; /* shallow */

	/* An opening that is told late, after its end, says how it was. */
	if (telling->mark == ANNOUNCE_OPENED) {
		told.state = INCIDENT_OPEN;
		told.resolved_ms = 0;
	}
	m.incident = &told;
	m.alerts = alerts;
	m.alert_count = choose_alerts(inc, alerts);
	m.more_alerts = map_size(inc->members) - m.alert_count;
	for (size_t i = 0; i < a->route_count; i++) {
		int r;

		m.type = choose_type(telling, &a->routes[i], inc);
		if (!m.type)
			continue;
		r = make_notification(a, &m, a->routes[i].webhook,
			&a->notifications[a->notification_count + *ret_count]);
		if (r < 0)
			return r;
		++*ret_count;
	}
	return 0;
}

static int remember_told(
	struct incident_entry *inc, const struct telling *telling, const struct notification *list,
	size_t count)
{
	for (size_t i = 0; telling->audience != TO_TOLD && i < count; i++) {
		int r = incident_add_told(inc, list[i].webhook, true);

		if (r < 0)
			return r;
		inc->told[find_told(inc, list[i].webhook)].left = telling->audience == TO_LEFT;
	}
	return 0;
}

static int tell(struct alerting *a, struct incident_entry *inc, const struct telling *telling,
	int64_t now_ms)
{
	size_t count = 0, before = a->notification_count;
	void *list = a->notifications;
	int r = list_reserve(&list, &a->notification_room, before + a->route_count,
		sizeof(struct notification));

	a->notifications = list;
	if (r >= 0)
		r = make_rows(a, inc, telling, now_ms, &count);
	if (r >= 0 && count > 0)
		r = remember_told(inc, telling, a->notifications + before, count);
	if (r < 0) {
		for (size_t i = 0; i < count; i++)
			notification_done(&a->notifications[before + i]);
		return r;
	}
	a->notification_count += count;
	inc->incident.untold &= ~(int64_t) (telling->mark | telling->covers);
	if (telling->audience == TO_MATCHING && inc->incident.severity > inc->incident.held)
		inc->incident.held = inc->incident.severity;
	incident_mark_changed(a, inc);
	/* Who was told of the end knows of nothing that is open. */
	while (telling->mark == ANNOUNCE_RESOLVED && inc->told_count > 0)
		free(inc->told[--inc->told_count].name);
	return 0;
}

static int announce_incident(struct alerting *a, struct incident_entry *inc, int64_t now_ms)
{
	int r = inc->incident.untold ? incident_refresh(a, inc) : 0;

	for (size_t i = 0; r >= 0 && i < ELEMENTS(tellings) && inc->incident.untold != 0; i++) {
		if (!(inc->incident.untold & tellings[i].mark))
			continue;
		if (a->notification_count + a->route_count > NOTIFICATIONS_MAX)
			return 0;
		r = tell(a, inc, &tellings[i], now_ms);
	}
	return r;
}

int announce(struct alerting *a, int64_t now_ms)
{
	struct incident_entry *inc;
	size_t position = 0;
	int error = 0;

	while ((inc = map_next(a->incidents, &position, NULL, NULL)))
		keep_first(&error, announce_incident(a, inc, now_ms));
	return error;
}

void alerting_not_told(struct alerting *a, int64_t incident, const char *webhook)
{
	struct incident_entry *inc = incident_entry_get(a, incident);
	size_t i = inc ? find_told(inc, webhook) : 0;

	if (inc && i < inc->told_count)
		inc->told[i].heard = false;
}

int alerting_test_notification(
	struct alerting *a, const char *webhook, int64_t now_ms, struct notification *ret)
{
	struct webhook_message m = make_message(a, now_ms);

	m.type = "test";
	return make_notification(a, &m, webhook, ret);
}
