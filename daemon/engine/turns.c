/* SPDX-License-Identifier: Apache-2.0 */
/* The turns of incidents in the log, once they are durable. */
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/engine/engine.h"
#include "daemon/journal.h"

/* In a storm the log names so many turns and counts the rest: what else the daemon has to say is not to
 * drown, nor to be dropped by the journal's own limit (journald.conf(5), RateLimitBurst). */
#define TURNS_MAX    200
#define TURNS_WITHIN (30 * USEC_PER_SEC)

#define TITLE_MAX 256 /* bytes of a title in the log */

/* The turns of a timeline that are logged. */
static const struct {
	const char *type;
	enum journal_entry entry;
	const char *text;
	bool by_people; /* it may be said by whom */
	bool begins;	/* it is as grave as its severity */
} turns[] = {
	{"opened", JOURNAL_INCIDENT_OPENED, "opened", false, true},
	{"reopened", JOURNAL_INCIDENT_REOPENED, "opened again", false, true},
	{"acknowledged", JOURNAL_INCIDENT_ACKNOWLEDGED, "acknowledged", true, false},
	{"resolved", JOURNAL_INCIDENT_RESOLVED, "resolved", true, false},
};

/* True where one more turn may be logged; else it is counted. */
static bool may_log(struct engine *e)
{
	usec_t now = clock_monotonic();

	if (e->turns_since == 0 || usec_since(now, e->turns_since) >= TURNS_WITHIN) {
		turns_tick(e);
		e->turns_since = now;
		e->turns_logged = 0;
	}
	if (e->turns_logged < TURNS_MAX) {
		e->turns_logged++;
		return true;
	}
	e->turns_left_out++;
	return false;
}

static const char *state_of(const struct incident *i)
{
	return i->state == INCIDENT_OPEN && i->acknowledged_ms > 0 ? "acknowledged"
								     : incident_state_name(i->state);
}

/* ACTOR is NULL where nobody needs to be named. */
static void log_turn(enum journal_entry entry, const struct incident *i, bool begins, const char *text,
	const char *actor)
{
	_cleanup_free_ char *title = strndup(i->title, TITLE_MAX + 1);
	bool grave = begins && i->severity == SEVERITY_CRITICAL;

	if (title)
		text_truncate(title, TITLE_MAX);
	journal_write(entry,
		WITH(.level = grave ? LOG_WARNING : 0, .incident = i->id, .service = i->service,
			.severity = severity_name(i->severity), .state = state_of(i)),
		"incident %" PRIi64 " (%s) %s%s%s: %s", i->id, severity_name(i->severity), text,
		actor ? " by " : "", actor ? actor : "", title ? title : "");
}

static const struct incident *find_incident(const struct alerting_changes *c, int64_t id)
{
	for (size_t i = 0; i < c->incident_count; i++)
		if (c->incidents[i]->id == id)
			return c->incidents[i];
	return NULL;
}

static void take_entry(struct engine *e, const struct alerting_changes *c, const struct timeline_entry *t)
{
	size_t n = 0;
	const struct incident *incident;

	while (n < ELEMENTS(turns) && !text_equal(turns[n].type, t->type))
		n++;
	if (n == ELEMENTS(turns) || !may_log(e))
		return;
	incident = find_incident(c, t->incident);
	if (incident)
		log_turn(turns[n].entry, incident, turns[n].begins, turns[n].text,
			turns[n].by_people && !text_equal(t->actor, ACTOR_MODELWATCH) ? t->actor : NULL);
}

/* The severity as a map's value, which is never NULL. */
static void *severity_value(enum severity severity)
{
	return (void *) ((uintptr_t) severity + 1);
}

void turns_remember(struct engine *e, const struct incident *i)
{
	/* Without memory the next change of its severity is not logged. */
	if (i->state == INCIDENT_RESOLVED ||
		map_put(e->severities, &i->id, sizeof(i->id), severity_value(i->severity), NULL) < 0)
		map_remove(e->severities, &i->id, sizeof(i->id));
}

/* The timeline has no entry for it. */
static void look_at_severity(struct engine *e, const struct incident *i)
{
	const void *known = map_get(e->severities, &i->id, sizeof(i->id));

	if (known && i->state == INCIDENT_OPEN && known != severity_value(i->severity) && may_log(e))
		log_turn(JOURNAL_INCIDENT_CHANGED, i, known < severity_value(i->severity),
			"changed its severity", NULL);
	turns_remember(e, i);
}

void turns_committed(struct engine *e, const struct alerting_changes *c)
{
	for (size_t i = 0; i < c->timeline_count; i++)
		take_entry(e, c, &c->timeline[i]);
	for (size_t i = 0; i < c->incident_count; i++)
		look_at_severity(e, c->incidents[i]);
}

void turns_tick(struct engine *e)
{
	if (e->turns_left_out == 0 || usec_since(clock_monotonic(), e->turns_since) < TURNS_WITHIN)
		return;
	journal_write(JOURNAL_INCIDENTS_UNLISTED, NULL,
		"%" PRIu64 " more turns of incidents within %d s are not in the log", e->turns_left_out,
		(int) (TURNS_WITHIN / USEC_PER_SEC));
	e->turns_left_out = 0;
}
