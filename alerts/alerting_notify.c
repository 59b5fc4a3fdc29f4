/* SPDX-License-Identifier: Apache-2.0 */
/* Incidents to notifications: marks become rows of the outbox, complete. */
#include <errno.h>
#include <string.h>

#include "alerts/alerting_state.h"
#include "alerts/receivers/webhook.h"
#include "daemon/base/text.h"

#define BODY_ALERTS_MAX 64 /* alerts that a body lists */
#define ID_BYTES	16

static const struct telling {
	enum announcement mark;
	const char *type;
	bool to_matching; /* to the webhooks that it would be sent to; else to those who were told */
	unsigned covers;  /* marks that need nothing more then */
} tellings[] = {
	{ANNOUNCE_OPENED, "incident.opened", true, ANNOUNCE_UPDATED},
	{ANNOUNCE_FLAPPING, "incident.flapping", true, ANNOUNCE_UPDATED},
	{ANNOUNCE_UPDATED, "incident.updated", true, 0},
	{ANNOUNCE_ACKNOWLEDGED, "incident.acknowledged", false, 0},
	{ANNOUNCE_RESOLVED, "incident.resolved", false, 0},
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

static size_t find_told(const struct story *s, const char *webhook)
{
	size_t i = 0;

	while (i < s->told_count && !text_equal(s->told[i], webhook))
		i++;
	return i;
}

int story_tell(struct story *s, const char *webhook)
{
	char **told, *copy;

	s->told_known = true;
	if (find_told(s, webhook) < s->told_count)
		return 0;
	told = reallocarray(s->told, s->told_count + 1, sizeof(*told));
	if (!told)
		return -ENOMEM;
	s->told = told;
	copy = strdup(webhook);
	if (!copy)
		return -ENOMEM;
	s->told[s->told_count++] = copy;
	return 0;
}

void story_untell(struct story *s, const char *webhook)
{
	size_t i = find_told(s, webhook);

	s->told_known = true;
	if (i == s->told_count)
		return;
	free(s->told[i]);
	s->told[i] = s->told[--s->told_count];
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

/* True where the incident is for this route by an alert that fires (or, with ENDED, did). */
static bool route_takes(const struct route *route, const struct story *s, bool ended)
{
	const struct entry *e;
	size_t position = 0;

	if (s->incident.severity < route->severity)
		return false;
	while ((e = map_next(s->members, &position, NULL, NULL)))
		if ((ended || e->alert.state == ALERT_FIRING) &&
			route_takes_alert(route, &e->alert))
			return true;
	return false;
}

static bool was_told(const struct route *route, const struct story *s)
{
	if (!s->told_known)
		return route_takes(route, s, true);
	return find_told(s, route->webhook) < s->told_count;
}

/* The type that the route is told, or NULL. One that hears of it late hears that it was opened. */
static const char *choose_type(
	const struct telling *telling, const struct route *route, const struct story *s)
{
	if (telling->to_matching) {
		/* Told late, after its end, none of its alerts fires any more. */
		if (!route_takes(route, s, s->incident.state == INCIDENT_RESOLVED))
			return NULL;
		return telling->mark == ANNOUNCE_UPDATED && !was_told(route, s)
			       ? "incident.opened"
			       : telling->type;
	}
	if (!was_told(route, s))
		return NULL;
	return telling->mark == ANNOUNCE_RESOLVED && !route->send_resolved ? NULL : telling->type;
}

/* What a body lists: those that fire by their severity, then those that ended. */
static size_t choose_alerts(const struct story *s, const struct alert *ret[static BODY_ALERTS_MAX])
{
	size_t count = 0;

	for (int rank = SEVERITY_CRITICAL; rank >= -1; rank--) {
		const struct entry *e;
		size_t position = 0;

		while (count < BODY_ALERTS_MAX &&
			(e = map_next(s->members, &position, NULL, NULL))) {
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
static int make_rows(struct alerting *a, const struct story *s, const struct telling *telling,
	int64_t now_ms, size_t *ret_count)
{
	const struct alert *alerts[BODY_ALERTS_MAX];
	struct webhook_message m = make_message(a, now_ms);
	struct incident told = s->incident; /* shallow */

	/* An opening that is told late, after its end, says how it was. */
	if (telling->mark == ANNOUNCE_OPENED) {
		told.state = INCIDENT_OPEN;
		told.resolved_ms = 0;
	}
	m.incident = &told;
	m.alerts = alerts;
	m.alert_count = choose_alerts(s, alerts);
	m.more_alerts = map_size(s->members) - m.alert_count;
	for (size_t i = 0; i < a->route_count; i++) {
		int r;

		m.type = choose_type(telling, &a->routes[i], s);
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
	struct story *s, const struct telling *telling, const struct notification *list, size_t count)
{
	for (size_t i = 0; telling->to_matching && i < count; i++) {
		int r = story_tell(s, list[i].webhook);

		if (r < 0)
			return r;
	}
	return 0;
}

static int tell(struct alerting *a, struct story *s, const struct telling *telling, int64_t now_ms)
{
	size_t count = 0, before = a->notification_count;
	void *list = a->notifications;
	int r = list_reserve(&list, &a->notification_room, before + a->route_count,
		sizeof(struct notification));

	a->notifications = list;
	if (r >= 0)
		r = make_rows(a, s, telling, now_ms, &count);
	if (r >= 0 && count > 0)
		r = remember_told(s, telling, a->notifications + before, count);
	if (r < 0) {
		for (size_t i = 0; i < count; i++)
			notification_done(&a->notifications[before + i]);
		return r;
	}
	a->notification_count += count;
	s->announce &= ~((unsigned) telling->mark | telling->covers);
	s->told_known = true;
	/* Who was told of the end knows of nothing that is open. */
	while (telling->mark == ANNOUNCE_RESOLVED && s->told_count > 0)
		free(s->told[--s->told_count]);
	return 0;
}

static int announce_story(struct alerting *a, struct story *s, int64_t now_ms)
{
	for (size_t i = 0; i < ELEMENTS(tellings) && s->announce != 0; i++) {
		int r;

		if (!(s->announce & tellings[i].mark))
			continue;
		if (a->notification_count + a->route_count > NOTIFICATIONS_MAX)
			return 0;
		r = tell(a, s, &tellings[i], now_ms);
		if (r < 0)
			return r;
	}
	return 0;
}

int announce(struct alerting *a, int64_t now_ms)
{
	struct story *s;
	size_t position = 0;
	int error = 0;

	while ((s = map_next(a->stories, &position, NULL, NULL)))
		keep_first(&error, announce_story(a, s, now_ms));
	return error;
}

void alerting_not_told(struct alerting *a, int64_t incident, const char *webhook)
{
	struct story *s = story_get(a, incident);

	if (s)
		story_untell(s, webhook);
}

int alerting_test_notification(
	struct alerting *a, const char *webhook, int64_t now_ms, struct notification *ret)
{
	struct webhook_message m = make_message(a, now_ms);

	m.type = "test";
	return make_notification(a, &m, webhook, ret);
}
