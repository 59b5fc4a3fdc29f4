/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/grace.h"

#include "collectors/process/missing.h"
#include "collectors/process/scan.h"
#include "collectors/process/service.h"
#include "collectors/process/unit_search.h"

void grace_begin(struct service *s, usec_t since)
{
	s->stopped = true;
	s->stopped_at = since;
}

/* Whether it is expected may be for its units to say, which were not asked yet. */
bool grace_holds(const struct service *s, usec_t now)
{
	if (!s->stopped || s->mains > 0)
		return false;
	return !service_is_expected(s) || (s->match->expected_by_unit && !s->collector->units_known) ||
	       usec_since(now, s->stopped_at) < s->match->stop_grace;
}

/* When the process began that does not listen yet; 0 for none. */
static usec_t loading_since(struct service *s, usec_t now)
{
	const struct process *p = unit_search_silent(s);

	return p ? usec_since(now, scan_age(p)) : 0;
}

/* Why it is down is another thing by now than what began that. */
static void end(struct service *s)
{
	s->stopped = false;
	if (s->was_up && !s->missing &&
		(unit_search_silent(s) || units_are_moving(s) || units_run(s) || units_have_failed(s)))
		missing_tell(s);
}

void grace_check(struct service *s)
{
	usec_t now = clock_boot(), stop = units_stopped_since(s), load;

	if (s->mains > 0 || !s->collector->units_known)
		return;
	/* Stopped before it was up for the first time. */
	if (!s->stopped && !s->was_up && stop > 0 && usec_since(now, stop) < s->match->stop_grace)
		grace_begin(s, stop);
	if (!s->stopped)
		return;
	load = loading_since(s, now);
	if (stop > s->stopped_at)
		s->stopped_at = stop;
	if (load > s->stopped_at)
		s->stopped_at = load;
	if (!grace_holds(s, now))
		end(s);
}

/* What its units do not begin with the host is down, or over where nobody expects it. */
void grace_judge_reboot(struct service *s)
{
	bool rebooted = s->rebooted;

	s->rebooted = false;
	if (!rebooted || s->mains > 0 || !s->stopped)
		return;
	if (!service_is_expected(s)) {
		service_unexpect(s);
	} else if (!units_are_moving(s) && !units_run(s)) {
		s->stopped = false;
		missing_tell(s);
	}
}
