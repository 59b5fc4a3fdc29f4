/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts to incidents: one service, one story. */
#include <errno.h>
#include <string.h>

#include "alerts/alerting_state.h"
#include "daemon/base/text.h"

#define NO_SERVICE "\n" /* begins the key of what has no service: no service is called so */

DEFINE_CLEANUP(struct story *, story_free);

/* What an incident takes from the alert that gives it its severity. */
struct face {
	char *title, *runbook;
};

static void face_done(struct face *f)
{
	free(f->title);
	free(f->runbook);
}

static int face_make(const struct alert *alert, struct face *ret)
{
	struct face f = {
		.title = strdup(*alert->summary ? alert->summary : alert->rule),
		.runbook = strdup(alert->runbook),
	};

	if (!f.title || !f.runbook) {
		face_done(&f);
		return -ENOMEM;
	}
	*ret = f;
	return 0;
}

static void story_put_on(struct story *s, struct face *f, enum severity severity)
{
	free(s->incident.title);
	free(s->incident.runbook);
	s->incident.title = TAKE_POINTER(f->title);
	s->incident.runbook = TAKE_POINTER(f->runbook);
	s->incident.severity = severity;
}

struct story *story_free(struct story *s)
{
	if (!s)
		return NULL;
	incident_done(&s->incident);
	map_free(s->members, NULL);
	for (size_t i = 0; i < s->told_count; i++)
		free(s->told[i]);
	free(s->told);
	free(s->key);
	free(s);
	return NULL;
}

struct story *story_get(const struct alerting *a, int64_t incident)
{
	return map_get(a->stories, &incident, sizeof(incident));
}

static int story_enter_key(struct alerting *a, struct story *s)
{
	void *older;
	int r = map_put_string(a->keys, s->key, s, &older);

	if (r >= 0)
		s->older = older;
	return r;
}

struct story *story_new(struct alerting *a, const char *key, const struct incident *incident)
{
	_cleanup_(story_free_pointer) struct story *s = calloc(1, sizeof(*s));

	if (!s || incident_copy(incident, &s->incident) < 0)
		return NULL;
	s->members = map_new();
	s->key = strdup(key);
	s->turned_ms = incident->opened_ms;
	if (!s->members || !s->key)
		return NULL;
	if (map_put(a->stories, &s->incident.id, sizeof(s->incident.id), s, NULL) < 0)
		return NULL;
	if (story_enter_key(a, s) < 0) {
		map_remove(a->stories, &s->incident.id, sizeof(s->incident.id));
		return NULL;
	}
	return TAKE_POINTER(s);
}

static void story_leave_key(struct alerting *a, struct story *s)
{
	struct story *newest = map_get_string(a->keys, s->key), *at = newest;

	if (newest == s) {
		/* Replacing the value of a key that is there takes no memory. */
		if (s->older)
			map_put_string(a->keys, s->key, s->older, NULL);
		else
			map_remove_string(a->keys, s->key);
		return;
	}
	while (at->older != s)
		at = at->older;
	at->older = s->older;
}

/* The caller removes it from the map of stories. */
static void story_forget(struct alerting *a, struct story *s)
{
	struct entry *e;
	size_t position = 0;

	story_leave_key(a, s);
	while ((e = map_next(s->members, &position, NULL, NULL))) {
		e->story = NULL;
		entry_release(a, e);
	}
	story_free(s);
}

int story_add_member(struct alerting *a, struct story *s, struct entry *e)
{
	void *old;
	int r = map_put_string(s->members, e->alert.fingerprint, e, &old);
	struct entry *older = old;

	if (r < 0)
		return r;
	if (older && older != e) {
		older->story = NULL;
		/* Its row becomes that of the newer one. */
		if (older->changed) {
			TAILQ_REMOVE(&a->changed_alerts, older, changes);
			older->changed = false;
		}
		entry_release(a, older);
	}
	e->story = s;
	return 0;
}

static const char *group_value(const struct entry *e)
{
	const struct rule *rule = e->watch ? e->watch->rule : NULL;
	const char *value = labels_get(&e->alert.labels, rule ? rule->group_by : "service");

	return value ? value : "";
}

/* What groups the alert's incidents, in *RET (free() it). */
static int group_key(const char *value, const char *rule, char **ret)
{
	*ret = NULL;
	if (*value)
		*ret = strdup(value);
	else if (asprintf(ret, NO_SERVICE "%s", rule) < 0)
		*ret = NULL;
	return *ret ? 0 : -ENOMEM;
}

int story_rekey(struct alerting *a, struct story *s, const char *rule)
{
	char *key;
	void *older;
	int r = group_key("", rule, &key);

	if (r >= 0 && text_equal(key, s->key)) {
		free(key);
		return 0;
	}
	if (r >= 0)
		r = map_put_string(a->keys, key, s, &older);
	if (r < 0) {
		free(key);
		return r;
	}
	story_leave_key(a, s);
	free(s->key);
	s->key = key;
	s->older = older;
	return 0;
}

/* The time in which it reopens; while it flaps at least so long as it takes to settle. */
static int64_t reopen_ms(const struct alerting *a, const struct story *s)
{
	return s->flapping && a->reopen_ms < FLAP_MS ? FLAP_MS : a->reopen_ms;
}

static bool story_takes(
	const struct alerting *a, const struct story *s, const char *fingerprint, int64_t now_ms)
{
	if (s->incident.state == INCIDENT_OPEN)
		return true;
	return now_ms - s->incident.resolved_ms < reopen_ms(a, s) &&
	       (map_size(s->members) == 0 || map_get_string(s->members, fingerprint));
}

/* The incident that is open, else one of the alert that reopens, else NULL. */
static struct story *find_story(
	const struct alerting *a, const char *key, const char *fingerprint, int64_t now_ms)
{
	struct story *found = NULL;

	for (struct story *s = map_get_string(a->keys, key); s; s = s->older) {
		if (s->incident.state == INCIDENT_OPEN)
			return s;
		if (!found && story_takes(a, s, fingerprint, now_ms))
			found = s;
	}
	return found;
}

int timeline_make(struct alerting *a, const struct story *s, const char *type, const char *actor,
	const char *text, int64_t now_ms, struct timeline_entry *ret)
{
	struct timeline_entry t = {
		.incident = s->incident.id,
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
static void start_firing(struct alerting *a, struct story *s, struct entry *e, int64_t now_ms)
{
	e->alert.state = ALERT_FIRING;
	e->alert.incident = s->incident.id;
	e->alert.started_ms = now_ms;
	e->alert.ended_ms = 0;
	s->firing++;
	entry_mark(a, e);
	story_mark(a, s);
}

static int open_incident(struct alerting *a, const char *key, struct entry *e, int64_t now_ms)
{
	_cleanup_(timeline_entry_done) struct timeline_entry turn = {0};
	_cleanup_(face_done) struct face face = {0};
	char *service = strdup(group_value(e));
	struct incident incident = {.opened_ms = now_ms, .service = service};
	struct story *s;
	int r = service ? face_make(&e->alert, &face) : -ENOMEM;

	incident.id = a->next_incident;
	incident.severity = e->alert.severity;
	incident.title = face.title;
	incident.runbook = face.runbook;
	s = r < 0 ? NULL : story_new(a, key, &incident);
	free(service);
	if (!s)
		return -ENOMEM;
	r = timeline_make(a, s, "opened", MODELWATCH, s->incident.title, now_ms, &turn);
	if (r >= 0)
		r = story_add_member(a, s, e);
	if (r < 0) {
		map_remove(a->stories, &incident.id, sizeof(incident.id));
		story_forget(a, s);
		return r;
	}
	timeline_push(a, &turn);
	a->next_incident++;
	s->told_known = true;
	s->announce = ANNOUNCE_OPENED;
	start_firing(a, s, e, now_ms);
	return 0;
}

/* Of this opening of the incident, not of one before. */
static bool is_recent(const struct story *s, const struct alert *alert)
{
	return alert->state == ALERT_FIRING || alert->ended_ms >= s->turned_ms;
}

/* The most severe of the alerts that fire, or, when none does, of those that did; the first of
 * several. */
static const struct alert *leading_alert(const struct story *s)
{
	const struct alert *leading = NULL;
	const struct entry *e;
	size_t position = 0;

	while ((e = map_next(s->members, &position, NULL, NULL))) {
		const struct alert *alert = &e->alert;

		if (s->firing > 0 ? alert->state != ALERT_FIRING : !is_recent(s, alert))
			continue;
		if (!leading || alert->severity > leading->severity ||
			(alert->severity == leading->severity &&
				alert->started_ms < leading->started_ms))
			leading = alert;
	}
	return leading;
}

/* What people are called for is what fires now; an incident that is over was what it was at its worst. */
static int story_fade(struct alerting *a, struct story *s)
{
	_cleanup_(face_done) struct face face = {0};
	const struct alert *leading = s->faded ? leading_alert(s) : NULL;
	int r = leading ? face_make(leading, &face) : 0;

	if (r < 0)
		return r;
	s->faded = false;
	if (!leading || (leading->severity == s->incident.severity &&
				text_equal(face.title, s->incident.title)))
		return 0;
	story_put_on(s, &face, leading->severity);
	story_mark(a, s);
	return 0;
}

/* True where none of its alerts was so severe since it opened. */
static bool is_worse_than_ever(const struct story *s, const struct alert *alert)
{
	const struct entry *e;
	size_t position = 0;

	while ((e = map_next(s->members, &position, NULL, NULL)))
		if (is_recent(s, &e->alert) && e->alert.severity >= alert->severity)
			return false;
	return true;
}

/* The entry of an alert that joins; those beyond JOINED_MAX have none. */
static int make_joined(struct alerting *a, const struct story *s, const struct alert *alert,
	int64_t now_ms, struct timeline_entry *ret)
{
	_cleanup_free_ char *text = NULL;

	if (s->joined > JOINED_MAX)
		return 0;
	if (s->joined == JOINED_MAX)
		return timeline_make(a, s, "alert", MODELWATCH,
			"more alerts join; they are not listed one by one", now_ms, ret);
	if (asprintf(&text, "%s: %s", alert->rule, alert->summary) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return timeline_make(a, s, "alert", MODELWATCH, text, now_ms, ret);
}

static int join_incident(struct alerting *a, struct story *s, struct entry *e, int64_t now_ms)
{
	_cleanup_(timeline_entry_done) struct timeline_entry turn = {0};
	_cleanup_(face_done) struct face face = {0};
	bool raises = e->alert.severity > s->incident.severity;
	bool worse = is_worse_than_ever(s, &e->alert);
	int r = make_joined(a, s, &e->alert, now_ms, &turn);

	if (r >= 0 && raises)
		r = face_make(&e->alert, &face);
	if (r >= 0)
		r = story_add_member(a, s, e);
	if (r < 0)
		return r;
	if (turn.type)
		timeline_push(a, &turn);
	s->joined++;
	if (raises)
		story_put_on(s, &face, e->alert.severity);
	if (worse || !s->flapping)
		s->announce |= ANNOUNCE_UPDATED;
	start_firing(a, s, e, now_ms);
	return 0;
}

void story_count_reopening(struct story *s, int64_t now_ms)
{
	s->reopened_ms[s->reopened++ % FLAP_TURNS] = now_ms;
	s->turned_ms = now_ms;
}

static bool reopens_too_often(const struct story *s, int64_t now_ms)
{
	/* Counts the reopening that is about to happen: with it, the oldest of the last FLAP_TURNS
	 * is the next slot of the ring. */
	return s->reopened + 1 >= FLAP_TURNS &&
	       now_ms - s->reopened_ms[(s->reopened + 1) % FLAP_TURNS] <= FLAP_MS;
}

/* The highest of the alerts that fire still, after a person resolved the incident, and this one. */
static enum severity reopened_severity(const struct story *s, const struct alert *alert)
{
	enum severity severity = alert->severity;
	const struct entry *e;
	size_t position = 0;

	while (s->firing > 0 && (e = map_next(s->members, &position, NULL, NULL)))
		if (e->alert.state == ALERT_FIRING && e->alert.severity > severity)
			severity = e->alert.severity;
	return severity;
}

static void reopen(struct story *s, bool begins_to_flap, int64_t now_ms)
{
	s->incident.state = INCIDENT_OPEN;
	s->incident.resolved_ms = 0;
	s->incident.reopened++;
	story_count_reopening(s, now_ms);
	/* An end of which nobody has heard yet did not happen. */
	s->announce &= ~(unsigned) ANNOUNCE_RESOLVED;
	if (s->flapping)
		return;
	s->incident.acknowledged_ms = 0;
	free(s->incident.acknowledged_by);
	s->incident.acknowledged_by = NULL;
	s->flapping = begins_to_flap;
	s->announce |= begins_to_flap ? ANNOUNCE_FLAPPING : ANNOUNCE_OPENED;
}

static int reopen_incident(struct alerting *a, struct story *s, struct entry *e, int64_t now_ms)
{
	_cleanup_(timeline_entry_done) struct timeline_entry turn = {0}, flaps = {0};
	_cleanup_(face_done) struct face face = {0};
	bool begins = !s->flapping && reopens_too_often(s, now_ms);
	int r = face_make(&e->alert, &face);

	if (r >= 0)
		r = timeline_make(a, s, "reopened", MODELWATCH, face.title, now_ms, &turn);
	if (r >= 0 && begins)
		r = timeline_make(a, s, "flapping", MODELWATCH,
			"it comes and goes: nobody is told again until it was quiet for "
			STRINGIFY(FLAP_MINUTES) " minutes",
			now_ms, &flaps);
	if (r >= 0)
		r = story_add_member(a, s, e);
	if (r < 0)
		return r;
	timeline_push(a, &turn);
	if (begins)
		timeline_push(a, &flaps);
	story_put_on(s, &face, reopened_severity(s, &e->alert));
	s->joined = 0;
	reopen(s, begins, now_ms);
	start_firing(a, s, e, now_ms);
	return 0;
}

int story_fire(struct alerting *a, struct entry *e, int64_t now_ms)
{
	_cleanup_free_ char *key = NULL;
	struct story *s;
	int r = group_key(group_value(e), e->alert.rule, &key);

	if (r >= 0)
		r = alert_render(a, e->watch->rule, &e->alert);
	if (r < 0)
		return r;
	s = find_story(a, key, e->alert.fingerprint, now_ms);
	if (!s)
		return open_incident(a, key, e, now_ms);
	return s->incident.state == INCIDENT_OPEN ? join_incident(a, s, e, now_ms)
						  : reopen_incident(a, s, e, now_ms);
}

void story_end(struct alerting *a, struct entry *e, int64_t now_ms)
{
	e->alert.state = ALERT_RESOLVED;
	e->alert.ended_ms = now_ms;
	entry_mark(a, e);
	entry_unlive(a, e);
	if (!e->story)
		return;
	e->story->firing--;
	e->story->faded = true;
}

int story_resolve(struct alerting *a, struct story *s, const char *actor, const char *comment,
	int64_t now_ms)
{
	_cleanup_(timeline_entry_done) struct timeline_entry turn = {0};
	bool person = strcmp(actor, MODELWATCH) != 0;
	int r = timeline_make(a, s, "resolved", actor, comment, now_ms, &turn);

	if (r < 0)
		return r;
	timeline_push(a, &turn);
	s->incident.state = INCIDENT_RESOLVED;
	s->incident.resolved_ms = now_ms;
	s->turned_ms = now_ms;
	/* What a person ends has settled. */
	if (person) {
		s->flapping = false;
		s->reopened = 0;
	}
	s->announce &= ~(unsigned) (ANNOUNCE_UPDATED | ANNOUNCE_ACKNOWLEDGED);
	if (!s->flapping)
		s->announce |= ANNOUNCE_RESOLVED;
	story_mark(a, s);
	return 0;
}

void stories_settle(struct alerting *a, int64_t now_ms)
{
	struct story *s;
	size_t position = 0;

	while ((s = map_next(a->stories, &position, NULL, NULL))) {
		if (!s->flapping || now_ms - s->turned_ms < FLAP_MS)
			continue;
		s->flapping = false;
		s->reopened = 0;
		if (s->incident.state == INCIDENT_RESOLVED)
			s->announce |= ANNOUNCE_RESOLVED;
	}
}

static bool is_over(const struct alerting *a, const struct story *s, int64_t now_ms)
{
	return s->incident.state == INCIDENT_RESOLVED && s->firing == 0 && !s->flapping &&
	       !s->changed && s->announce == 0 &&
	       now_ms - s->incident.resolved_ms >= a->reopen_ms;
}

int stories_finish(struct alerting *a, int64_t now_ms)
{
	struct story *s;
	size_t position = 0;
	int error = 0;

	while ((s = map_next(a->stories, &position, NULL, NULL))) {
		if (s->incident.state == INCIDENT_OPEN)
			keep_first(&error, story_fade(a, s));
		if (s->incident.state == INCIDENT_OPEN && s->firing == 0)
			keep_first(&error,
				story_resolve(a, s, MODELWATCH, "all its alerts have cleared",
					now_ms));
		if (!is_over(a, s, now_ms))
			continue;
		map_remove(a->stories, &s->incident.id, sizeof(s->incident.id));
		story_forget(a, s);
		position--;
	}
	return error;
}
