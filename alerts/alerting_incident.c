/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts to incidents: one service, one incident. */
#include <errno.h>
#include <string.h>

#include "alerts/alerting_state.h"
#include "daemon/base/text.h"

/* What an incident takes from the alert that gives it its severity. */
struct headline {
	char *title, *runbook;
};

static void headline_done(struct headline *h)
{
	free(h->title);
	free(h->runbook);
}

static int headline_make(const struct alert *alert, struct headline *ret)
{
	struct headline h = {
		.title = strdup(*alert->summary ? alert->summary : alert->rule),
		.runbook = strdup(alert->runbook),
	};

	if (!h.title || !h.runbook) {
		headline_done(&h);
		return -ENOMEM;
	}
	*ret = h;
	return 0;
}

static void incident_take_headline(struct incident_entry *inc, struct headline *h,
	enum severity severity)
{
	free(inc->incident.title);
	free(inc->incident.runbook);
	inc->incident.title = TAKE_POINTER(h->title);
	inc->incident.runbook = TAKE_POINTER(h->runbook);
	inc->incident.severity = severity;
}

int timeline_make(struct alerting *a, const struct incident_entry *inc, const char *type,
	const char *actor, const char *text, int64_t now_ms, struct timeline_entry *ret)
{
	struct timeline_entry t = {
		.incident = inc->incident.id,
		.time_ms = now_ms,
		.type = strdup(type),
		.actor = strdup(actor),
		.text = strdup(text),
	};
	void *list = a->timeline;
	int r = list_reserve(&list, &a->timeline_room, a->timeline_count + 2, sizeof(t));

	a->timeline = list;
	if (r < 0 || !t.type || !t.actor || !t.text) {
		timeline_entry_done(&t);
		return -ENOMEM;
	}
	text_truncate(t.text, TEXT_MAX);
	*ret = t;
	return 0;
}

void timeline_push(struct alerting *a, struct timeline_entry *t)
{
	a->timeline[a->timeline_count++] = *t;
	*t = (struct timeline_entry){0};
}

/* What nothing can stop any more. */
static void start_firing(struct alerting *a, struct incident_entry *inc, struct alert_entry *e,
	int64_t now_ms)
{
	e->alert.state = ALERT_FIRING;
	e->alert.incident = inc->incident.id;
	e->alert.started_ms = now_ms;
	e->alert.ended_ms = 0;
	inc->firing++;
	inc->moved_ms = now_ms;
	alert_mark_changed(a, e);
	incident_mark_changed(a, inc);
}

static int open_incident(struct alerting *a, const char *key, struct alert_entry *e, int64_t now_ms)
{
	_cleanup_(timeline_entry_done) struct timeline_entry turn = {0};
	_cleanup_(headline_done) struct headline headline = {0};
	char *service = strdup(incident_group_value(e));
	struct incident incident = {.opened_ms = now_ms, .service = service};
	struct incident_entry *inc;
	int r = service ? headline_make(&e->alert, &headline) : -ENOMEM;

	incident.id = a->next_incident;
	incident.severity = e->alert.severity;
	incident.title = headline.title;
	incident.runbook = headline.runbook;
	inc = r < 0 ? NULL : incident_entry_new(a, key, &incident);
	free(service);
	if (!inc)
		return -ENOMEM;
	r = timeline_make(a, inc, "opened", ACTOR_MODELWATCH, inc->incident.title, now_ms, &turn);
	if (r >= 0)
		r = incident_add_alert(a, inc, e);
	if (r < 0) {
		map_remove(a->incidents, &incident.id, sizeof(incident.id));
		incident_forget(a, inc);
		return r;
	}
	timeline_push(a, &turn);
	a->next_incident++;
	inc->incident.untold = ANNOUNCE_OPENED;
	start_firing(a, inc, e, now_ms);
	return 0;
}

/* Of this opening of the incident, not of one before. */
static bool is_recent(const struct incident_entry *inc, const struct alert *alert)
{
	return alert->state == ALERT_FIRING || alert->ended_ms >= inc->turned_ms;
}

/* The most severe of the alerts that fire, or, when none does, of those that did; the first of
 * several. */
static const struct alert *leading_alert(const struct incident_entry *inc)
{
	const struct alert *leading = NULL;
	const struct alert_entry *e;
	size_t position = 0;

	while ((e = map_next(inc->members, &position, NULL, NULL))) {
		const struct alert *alert = &e->alert;

		if (inc->firing > 0 ? alert->state != ALERT_FIRING : !is_recent(inc, alert))
			continue;
		if (!leading || alert->severity > leading->severity ||
			(alert->severity == leading->severity &&
				alert->started_ms < leading->started_ms))
			leading = alert;
	}
	return leading;
}

/* What people are called for is what fires now; an incident that is over was what it was at its worst. */
static int incident_renew_headline(struct alerting *a, struct incident_entry *inc)
{
	_cleanup_(headline_done) struct headline headline = {0};
	const struct alert *leading = inc->headline_stale ? leading_alert(inc) : NULL;
	int r = leading ? headline_make(leading, &headline) : 0;

	if (r < 0)
		return r;
	inc->headline_stale = false;
	if (!leading || (leading->severity == inc->incident.severity &&
				text_equal(headline.title, inc->incident.title)))
		return 0;
	incident_take_headline(inc, &headline, leading->severity);
	incident_mark_changed(a, inc);
	return 0;
}

/* The entry of one turn of many; those beyond LISTED_MAX have none. */
static int make_turn(struct alerting *a, const struct incident_entry *inc, const char *type,
	const char *text, int64_t now_ms, struct timeline_entry *ret)
{
	if (inc->listed > LISTED_MAX)
		return 0;
	if (inc->listed == LISTED_MAX)
		return timeline_make(a, inc, "alert", ACTOR_MODELWATCH,
			"more follows; it is not listed one by one", now_ms, ret);
	return timeline_make(a, inc, type, ACTOR_MODELWATCH, text, now_ms, ret);
}

static int make_alert_turn(struct alerting *a, const struct incident_entry *inc, const char *type,
	const struct alert *alert, int64_t now_ms, struct timeline_entry *ret)
{
	_cleanup_free_ char *text = NULL;

	if (asprintf(&text, "%s: %s", alert->rule, alert->summary) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return make_turn(a, inc, type, text, now_ms, ret);
}

static void push_turn(struct alerting *a, struct incident_entry *inc, struct timeline_entry *turn)
{
	if (turn->type)
		timeline_push(a, turn);
	inc->listed++;
}

/* True where the alert fired in this opening of the incident already. */
static bool was_member(const struct incident_entry *inc, const char *fingerprint)
{
	const struct alert_entry *e = map_get_string(inc->members, fingerprint);

	return e && is_recent(inc, &e->alert);
}

/* The gravest of the alerts that fire, this one with them: others may do after a person resolved it. */
static enum severity gravest(const struct incident_entry *inc, const struct alert *alert)
{
	enum severity severity = alert->severity;
	const struct alert_entry *e;
	size_t position = 0;

	while (inc->firing > 0 && (e = map_next(inc->members, &position, NULL, NULL)))
		if (e->alert.state == ALERT_FIRING && e->alert.severity > severity)
			severity = e->alert.severity;
	return severity;
}

static void reopen(struct incident_entry *inc, int64_t now_ms)
{
	inc->incident.state = INCIDENT_OPEN;
	inc->incident.resolved_ms = 0;
	inc->incident.reopened++;
	inc->turned_ms = now_ms;
	/* An end of which nobody has heard yet did not happen. */
	inc->incident.untold &= ~ANNOUNCE_RESOLVED;
	if (inc->incident.flapping)
		return;
	inc->listed = 0;
	inc->incident.acknowledged_ms = 0;
	free(inc->incident.acknowledged_by);
	inc->incident.acknowledged_by = NULL;
}

/* The alert fires in an incident that is there: it reopens it, joins it, or fires in it again while
 * another one holds it open. */
static int enter_incident(struct alerting *a, struct incident_entry *inc, struct alert_entry *e,
	int64_t now_ms)
{
	_cleanup_(timeline_entry_done) struct timeline_entry turn = {0}, flaps = {0};
	_cleanup_(headline_done) struct headline headline = {0};
	bool reopens = inc->incident.state == INCIDENT_RESOLVED;
	bool repeats = reopens || was_member(inc, e->alert.fingerprint);
	bool begins = repeats && incident_repeats_too_often(inc, now_ms);
	int r = headline_make(&e->alert, &headline);

	if (r >= 0)
		r = reopens ? make_turn(a, inc, "reopened", headline.title, now_ms, &turn)
			    : make_alert_turn(a, inc, repeats ? "repeated" : "alert", &e->alert,
				      now_ms, &turn);
	if (r >= 0 && begins)
		r = incident_make_flapping(a, inc, now_ms, &flaps);
	if (r >= 0)
		r = incident_add_alert(a, inc, e);
	if (r < 0)
		return r;
	push_turn(a, inc, &turn);
	if (reopens || e->alert.severity > inc->incident.severity)
		incident_take_headline(inc, &headline, gravest(inc, &e->alert));
	if (reopens)
		reopen(inc, now_ms);
	if (repeats)
		incident_count_repeat(inc, now_ms);
	if (begins)
		incident_begin_flapping(a, inc, &flaps);
	incident_mark_turn(inc, &e->alert, reopens ? ANNOUNCE_OPENED : ANNOUNCE_UPDATED);
	start_firing(a, inc, e, now_ms);
	return 0;
}

int incident_alert_fires(struct alerting *a, struct alert_entry *e, int64_t now_ms)
{
	_cleanup_free_ char *key = NULL;
	struct incident_entry *inc;
	int r = incident_group_key(incident_group_value(e), e->alert.rule, &key);

	if (r >= 0)
		r = alert_render(a, e);
	if (r < 0)
		return r;
	inc = incident_find(a, key, e->alert.fingerprint, now_ms);
	return inc ? enter_incident(a, inc, e, now_ms) : open_incident(a, key, e, now_ms);
}

/* Those of its alerts that fire; or only those of which more is known now than they say. */
static int renew_alerts(struct alerting *a, struct incident_entry *inc, bool all)
{
	struct alert_entry *e;
	size_t position = 0;
	int error = 0;

	while ((e = map_next(inc->members, &position, NULL, NULL)))
		if (e->alert.state == ALERT_FIRING && (all || alert_has_news(a, e)))
			keep_first(&error, alert_renew(a, e));
	return error;
}

int incident_refresh(struct alerting *a, struct incident_entry *inc)
{
	int r = renew_alerts(a, inc, true);

	return r < 0 || inc->firing == 0 ? r : incident_renew_headline(a, inc);
}

void incident_alert_ended(
	struct alerting *a, struct alert_entry *e, enum alert_end end, int64_t now_ms)
{
	e->end = end;
	e->alert.state = ALERT_RESOLVED;
	e->alert.ended_ms = now_ms;
	alert_mark_changed(a, e);
	alert_unlive(a, e);
	if (!e->incident)
		return;
	e->end_unlisted = true;
	e->incident->has_unlisted_ends = true;
	e->incident->headline_stale = true;
	e->incident->moved_ms = now_ms;
	e->incident->firing--;
}

static void set_resolved(struct alerting *a, struct incident_entry *inc, int64_t now_ms)
{
	inc->incident.state = INCIDENT_RESOLVED;
	inc->incident.resolved_ms = now_ms;
	inc->turned_ms = now_ms;
	inc->incident.untold &= ~(ANNOUNCE_UPDATED | ANNOUNCE_TO_NEW | ANNOUNCE_TO_LEFT |
				  ANNOUNCE_ACKNOWLEDGED);
	if (!inc->incident.flapping)
		inc->incident.untold |= ANNOUNCE_RESOLVED;
	incident_mark_changed(a, inc);
}

int incident_resolve(struct alerting *a, struct incident_entry *inc, const char *actor,
	const char *comment, int64_t now_ms)
{
	_cleanup_(timeline_entry_done) struct timeline_entry turn = {0};
	int r = timeline_make(a, inc, "resolved", actor, comment, now_ms, &turn);

	if (r < 0)
		return r;
	timeline_push(a, &turn);
	/* What a person ends has settled. */
	incident_end_flapping(inc, now_ms);
	set_resolved(a, inc, now_ms);
	return 0;
}

/* What is known of the end of its alerts: where nobody looks any more nobody knows that it is well. */
static int make_end_text(const struct incident_entry *inc, char **ret)
{
	const struct alert_entry *e;
	enum alert_end end = END_CLEARED;
	size_t position = 0;
	const char *service = inc->incident.service;

	while ((e = map_next(inc->members, &position, NULL, NULL)))
		if (e->end_unlisted && e->end > end)
			end = e->end;
	if (end == END_CLEARED)
		*ret = strdup("all its alerts have cleared");
	else if (end == END_RULE)
		*ret = strdup("the rule of an alert of it is gone");
	else if (asprintf(ret, "%s is no longer watched, or cannot be looked at any more",
			 *service ? service : "what it was about") < 0)
		*ret = NULL;
	return *ret ? 0 : -ENOMEM;
}

/* Nothing of it fires any more. */
static int resolve_cleared(struct alerting *a, struct incident_entry *inc, int64_t now_ms)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_(timeline_entry_done) struct timeline_entry turn = {0};
	int r = make_end_text(inc, &text);

	if (r >= 0)
		r = inc->incident.flapping
			    ? make_turn(a, inc, "resolved", text, now_ms, &turn)
			    : timeline_make(a, inc, "resolved", ACTOR_MODELWATCH, text, now_ms, &turn);

	if (r < 0)
		return r;
	push_turn(a, inc, &turn);
	set_resolved(a, inc, now_ms);
	return 0;
}

/* Tells the timeline which alerts ended, where others hold the incident open. */
static int list_cleared(struct alerting *a, struct incident_entry *inc, int64_t now_ms)
{
	bool open = inc->incident.state == INCIDENT_OPEN;
	struct alert_entry *e;
	size_t position = 0;

	while ((e = map_next(inc->members, &position, NULL, NULL))) {
		_cleanup_(timeline_entry_done) struct timeline_entry turn = {0};
		int r = e->end_unlisted && open ? make_alert_turn(a, inc, "cleared", &e->alert, now_ms, &turn)
					   : 0;

		if (r < 0)
			return r;
		if (e->end_unlisted && open)
			push_turn(a, inc, &turn);
		e->end_unlisted = false;
	}
	inc->has_unlisted_ends = false;
	return 0;
}

/* Its headline follows what fires. Who was told what was worse is told that it is over; of one that flaps
 * when it has settled. */
static int follow_ends(struct alerting *a, struct incident_entry *inc)
{
	enum severity before = inc->incident.severity;
	int r = incident_renew_headline(a, inc);

	if (r < 0 || inc->firing == 0 || inc->incident.flapping)
		return r;
	if (inc->incident.severity < before)
		inc->incident.untold |= ANNOUNCE_UPDATED;
	if (inc->has_unlisted_ends)
		inc->incident.untold |= ANNOUNCE_TO_LEFT;
	return 0;
}

static bool is_over(const struct alerting *a, const struct incident_entry *inc, int64_t now_ms)
{
	return inc->incident.state == INCIDENT_RESOLVED && inc->firing == 0 && !inc->incident.flapping &&
	       !inc->changed && inc->incident.untold == 0 &&
	       now_ms - inc->incident.resolved_ms >= a->reopen_ms;
}

int incidents_finish(struct alerting *a, int64_t now_ms)
{
	struct incident_entry *inc;
	size_t position = 0;
	bool news = a->has_news;
	int error = 0;

	while ((inc = map_next(a->incidents, &position, NULL, NULL))) {
		if (news)
			keep_first(&error, renew_alerts(a, inc, false));
		if (inc->incident.state == INCIDENT_OPEN)
			keep_first(&error, follow_ends(a, inc));
		if (inc->incident.state == INCIDENT_OPEN && inc->firing == 0)
			keep_first(&error, resolve_cleared(a, inc, now_ms));
		if (inc->has_unlisted_ends)
			keep_first(&error, list_cleared(a, inc, now_ms));
		if (!is_over(a, inc, now_ms))
			continue;
		map_remove(a->incidents, &inc->incident.id, sizeof(inc->incident.id));
		incident_forget(a, inc);
		position--;
	}
	a->has_news = news && error < 0;
	return error;
}
