/* SPDX-License-Identifier: Apache-2.0 */
/* What comes and goes too often is told once, and then held until it has settled. */
#include "alerts/alerting_state.h"

/* What repeats together counts once. */
static bool is_counted(const struct incident_entry *inc, int64_t now_ms)
{
	return inc->repeated > 0 && inc->repeated_ms[(inc->repeated - 1) % FLAP_TURNS] == now_ms;
}

/* The oldest of the last FLAP_TURNS is the next slot of the ring. */
bool incident_repeats_too_often(const struct incident_entry *inc, int64_t now_ms)
{
	return !inc->incident.flapping && inc->repeated + 1 >= FLAP_TURNS &&
	       !is_counted(inc, now_ms) &&
	       now_ms - inc->repeated_ms[(inc->repeated + 1) % FLAP_TURNS] <= FLAP_MS;
}

void incident_count_repeat(struct incident_entry *inc, int64_t now_ms)
{
	if (!is_counted(inc, now_ms))
		inc->repeated_ms[inc->repeated++ % FLAP_TURNS] = now_ms;
}

int incident_make_flapping(struct alerting *a, const struct incident_entry *inc, int64_t now_ms,
	struct timeline_entry *ret)
{
	return timeline_make(a, inc, "flapping", ACTOR_MODELWATCH,
		"it comes and goes: nobody is told again until it was quiet for "
		STRINGIFY(FLAP_MINUTES) " minutes",
		now_ms, ret);
}

void incident_begin_flapping(struct alerting *a, struct incident_entry *inc,
	struct timeline_entry *turn)
{
	inc->incident.flapping = true;
	inc->incident.flap_turned_ms = turn->time_ms;
	inc->incident.held = SEVERITY_INFO; /* until it is told */
	inc->listed = 0;
	inc->incident.untold |= ANNOUNCE_FLAPPING;
	timeline_push(a, turn);
}

void incident_mark_turn(
	struct incident_entry *inc, const struct alert *alert, enum announcement mark)
{
	if (inc->incident.flapping)
		mark = alert->severity > inc->incident.held ? ANNOUNCE_UPDATED : ANNOUNCE_TO_NEW;
	inc->incident.untold |= mark;
}

void incident_end_flapping(struct incident_entry *inc, int64_t now_ms)
{
	inc->incident.flapping = false;
	inc->incident.flap_turned_ms = now_ms;
	inc->repeated = 0;
}

/* One of what was told, and no less grave, stands since then. */
static bool is_steady(const struct incident_entry *inc, int64_t now_ms)
{
	const struct alert_entry *e;
	size_t position = 0;

	while ((e = map_next(inc->members, &position, NULL, NULL)))
		if (e->alert.state == ALERT_FIRING && e->alert.severity >= inc->incident.held &&
			e->alert.started_ms >= inc->incident.flap_turned_ms &&
			now_ms - e->alert.started_ms >= FLAP_MS)
			return true;
	return false;
}

static bool is_quiet(const struct incident_entry *inc, int64_t now_ms)
{
	return now_ms - inc->turned_ms >= FLAP_MS && now_ms - inc->moved_ms >= FLAP_MS;
}

/* Those who were told that it flaps hear what became of it. */
static int settle(struct alerting *a, struct incident_entry *inc, int64_t now_ms)
{
	_cleanup_(timeline_entry_done) struct timeline_entry turn = {0};
	int r = timeline_make(a, inc, "settled", ACTOR_MODELWATCH,
		"it stands as it is for " STRINGIFY(FLAP_MINUTES) " minutes", now_ms, &turn);

	if (r < 0)
		return r;
	timeline_push(a, &turn);
	incident_end_flapping(inc, now_ms);
	inc->incident.untold |=
		inc->incident.state == INCIDENT_OPEN ? ANNOUNCE_UPDATED | ANNOUNCE_TO_LEFT
						     : ANNOUNCE_RESOLVED;
	incident_mark_changed(a, inc);
	return 0;
}

int incidents_settle(struct alerting *a, int64_t now_ms)
{
	struct incident_entry *inc;
	size_t position = 0;
	int error = 0;

	while ((inc = map_next(a->incidents, &position, NULL, NULL)))
		if (inc->incident.flapping && (is_quiet(inc, now_ms) || is_steady(inc, now_ms)))
			keep_first(&error, settle(a, inc, now_ms));
	return error;
}
