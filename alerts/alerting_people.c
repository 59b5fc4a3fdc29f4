/* SPDX-License-Identifier: Apache-2.0 */
/* What persons do to incidents. */
#include <errno.h>
#include <string.h>

#include "alerts/alerting_state.h"

/* The incident, with everything that was restored in its place. */
static int find(struct alerting *a, int64_t incident, struct incident_entry **ret)
{
	int r = restored_link(a);

	if (r < 0)
		return r;
	*ret = incident_entry_get(a, incident);
	return *ret ? 0 : -ENOENT;
}

int alerting_acknowledge(struct alerting *a, int64_t incident, const char *actor,
	const char *comment, int64_t now_ms)
{
	_cleanup_(timeline_entry_done) struct timeline_entry turn = {0};
	struct incident_entry *inc;
	char *by;
	int r = find(a, incident, &inc);

	if (r < 0)
		return r;
	if (inc->incident.state == INCIDENT_RESOLVED || inc->incident.acknowledged_ms > 0)
		return -EALREADY;
	r = timeline_make(a, inc, "acknowledged", actor, comment, now_ms, &turn);
	if (r < 0)
		return r;
	by = strdup(actor);
	if (!by)
		return -ENOMEM;
	timeline_push(a, &turn);
	free(inc->incident.acknowledged_by);
	inc->incident.acknowledged_by = by;
	inc->incident.acknowledged_ms = now_ms;
	inc->incident.untold |= ANNOUNCE_ACKNOWLEDGED;
	incident_mark_changed(a, inc);
	announce(a, now_ms); /* without memory the mark stays for the next evaluation */
	return 0;
}

int alerting_resolve(struct alerting *a, int64_t incident, const char *actor, const char *comment,
	int64_t now_ms)
{
	struct incident_entry *inc;
	int r = find(a, incident, &inc);

	if (r < 0)
		return r;
	if (inc->incident.state == INCIDENT_RESOLVED)
		return -EALREADY;
	r = incident_resolve(a, inc, actor, comment, now_ms);
	if (r < 0)
		return r;
	announce(a, now_ms);
	return 0;
}

int alerting_note(struct alerting *a, int64_t incident, const char *actor, const char *comment,
	int64_t now_ms)
{
	_cleanup_(timeline_entry_done) struct timeline_entry turn = {0};
	struct incident_entry *inc;
	int r = find(a, incident, &inc);

	if (r >= 0)
		r = timeline_make(a, inc, "note", actor, comment, now_ms, &turn);
	if (r < 0)
		return r;
	timeline_push(a, &turn);
	return 0;
}
