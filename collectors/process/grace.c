/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/grace.h"

#include <math.h>

#include "collectors/process/missing.h"
#include "collectors/process/scan.h"
#include "collectors/process/service.h"
#include "collectors/process/unit_search.h"

#define SAME_STOP 1.0 /* seconds that a stop may seem to move by, as the wall clock is slewed */

void grace_begin(struct service *s, usec_t since)
{
	if (!s->grace.held)
		s->grace.first = since;
	s->grace.held = true;
	s->grace.since = since;
	s->grace.loaded = false;
	s->grace.begins_at = 0;
}

/* Whether it is expected may be for its units to say, which were not asked yet. */
bool grace_holds(const struct service *s, usec_t now)
{
	const struct collector *c = s->collector;
	usec_t since = s->grace.since;

	if (!s->grace.held || s->mains > 0)
		return false;
	if (!service_is_expected(s))
		return true;
	if (s->expectation == EXPECTATION_UNKNOWN && s->match->expected_by_unit && !c->units_known &&
		c->units_unknown > since)
		since = c->units_unknown;
	return usec_since(now, since) < s->match->stop_grace;
}

/* When the process began that does not listen yet; 0 for none. */
static usec_t loading_since(struct service *s, usec_t now)
{
	const struct process *p = unit_search_silent(s);

	return p ? usec_since(now, scan_age(p)) : 0;
}

/* Why it is down may be another thing by now than what began that. */
static void end(struct service *s)
{
	bool another = s->grace.loaded || unit_search_silent(s) || units_are_moving(s) || units_run(s) ||
		       units_have_failed(s);

	s->grace.held = false;
	if (s->was_up && another)
		missing_tell(s);
}

/* Systemd was asked for something, or a process began, AT that time. That may happen again and again, and
 * nobody is served by it: the last that counts comes within stop-grace of the first. */
static void prolong(struct service *s, usec_t at)
{
	if (at > s->grace.since && usec_since(at, s->grace.first) < s->match->stop_grace)
		s->grace.since = at;
}

/* What loaded ended before it listened, in order, though nobody asked for that; and nothing follows. */
static bool has_left(struct service *s, usec_t stop, usec_t load)
{
	return s->grace.loaded && stop == 0 && load == 0 && units_rest(s);
}

void grace_check(struct service *s)
{
	usec_t now = clock_boot(), stop = units_stopped_since(s), load;

	if (s->mains > 0 || !s->collector->units_known)
		return;
	/* Stopped before it was up for the first time. */
	if (!s->grace.held && !s->was_up && service_is_expected(s) && stop > 0 &&
		usec_since(now, stop) < s->match->stop_grace)
		grace_begin(s, stop);
	if (!s->grace.held)
		return;
	load = loading_since(s, now);
	s->grace.loaded |= load > 0;
	prolong(s, stop);
	prolong(s, load);
	if (!grace_holds(s, now) || has_left(s, stop, load))
		end(s);
}

/* What its units do not begin with the host is down, or over where nobody expects it. */
void grace_judge_reboot(struct service *s)
{
	bool rebooted = s->grace.rebooted;

	s->grace.rebooted = false;
	if (!rebooted || s->mains > 0 || !s->grace.held)
		return;
	if (!service_is_expected(s)) {
		service_unexpect(s);
	} else if (!units_are_moving(s) && !units_run(s)) {
		s->grace.held = false;
		missing_tell(s);
	}
}

/* A wall clock that is set, or a host that sleeps, changes not how long ago that was. */
double grace_time(struct service *s)
{
	usec_t ago = usec_since(clock_boot(), s->grace.since);
	double time = ((double) clock_wall() - (double) ago) / (double) USEC_PER_SEC;

	if (fabs(time - s->grace.told) > SAME_STOP)
		s->grace.told = round(time * 10) / 10;
	return s->grace.told;
}

/* Of a stop before the host started, it counts from then: a host that is off stops nobody. And one that is
 * still to come was told by a clock that was set back since. */
void grace_resume(struct service *s, double time)
{
	double now = (double) clock_wall() / (double) USEC_PER_SEC;
	double up = (double) clock_boot() / (double) USEC_PER_SEC;
	double ago = fmin(fmax(now - time, 0), up);

	s->grace.since = s->grace.first = (usec_t) ((up - ago) * (double) USEC_PER_SEC);
	s->live[SERIES_STOP_TIME] = true;
}
