/* SPDX-License-Identifier: Apache-2.0 */
/* What persons do to incidents. */
#include <errno.h>
#include <string.h>

#include "alerts/alerting_state.h"

/* The incident, with everything that was restored in its place. */
static int find(struct alerting *a, int64_t incident, struct story **ret)
{
	int r = restored_link(a);

	if (r < 0)
		return r;
	*ret = story_get(a, incident);
	return *ret ? 0 : -ENOENT;
}

int alerting_acknowledge(struct alerting *a, int64_t incident, const char *actor,
	const char *comment, int64_t now_ms)
{
	_cleanup_(timeline_entry_done) struct timeline_entry turn = {0};
	struct story *s;
	char *by;
	int r = find(a, incident, &s);

	if (r < 0)
		return r;
	if (s->incident.state == INCIDENT_RESOLVED || s->incident.acknowledged_ms > 0)
		return -EALREADY;
	r = timeline_make(a, s, "acknowledged", actor, comment, now_ms, &turn);
	if (r < 0)
		return r;
	by = strdup(actor);
	if (!by)
		return -ENOMEM;
	timeline_push(a, &turn);
	free(s->incident.acknowledged_by);
	s->incident.acknowledged_by = by;
	s->incident.acknowledged_ms = now_ms;
	s->announce |= ANNOUNCE_ACKNOWLEDGED;
	story_mark(a, s);
	announce(a, now_ms); /* without memory the mark stays for the next evaluation */
	return 0;
}

int alerting_resolve(struct alerting *a, int64_t incident, const char *actor, const char *comment,
	int64_t now_ms)
{
	struct story *s;
	int r = find(a, incident, &s);

	if (r < 0)
		return r;
	if (s->incident.state == INCIDENT_RESOLVED)
		return -EALREADY;
	r = story_resolve(a, s, actor, comment, now_ms);
	if (r < 0)
		return r;
	announce(a, now_ms);
	return 0;
}

int alerting_note(struct alerting *a, int64_t incident, const char *actor, const char *comment,
	int64_t now_ms)
{
	_cleanup_(timeline_entry_done) struct timeline_entry turn = {0};
	struct story *s;
	int r = find(a, incident, &s);

	if (r >= 0)
		r = timeline_make(a, s, "note", actor, comment, now_ms, &turn);
	if (r < 0)
		return r;
	timeline_push(a, &turn);
	return 0;
}
