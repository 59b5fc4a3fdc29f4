/* SPDX-License-Identifier: Apache-2.0 */
/* Store time: wall time that never goes back; and the time by which the old is removed.
 *
 * Layer: daemon; the engine. Pure. After a step back of the wall clock, store time goes on with the
 * monotonic clock until wall time has caught up.
 *
 * A step forward moves store time at once but retention only after a day: a wrong clock must not delete
 * history. A wall clock that leaves the monotonic one by more
 * than an hour, or the newest sample at start by as much, is believed after it stood so for a day of
 * running; until then retention goes on as if it had not. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/clock.h"

struct store_clock {
	int64_t last_ms;  /* what was given last */
	usec_t monotonic; /* when */
};

/* The store's time for these two clocks, in milliseconds. */
static inline int64_t store_clock_read(struct store_clock *c, usec_t wall, usec_t monotonic)
{
	int64_t now = usec_to_ms(wall);

	if (now < c->last_ms) {
		int64_t elapsed = usec_to_ms(usec_since(monotonic, c->monotonic));

		/* The rest of a millisecond is not lost: it counts from here next time. */
		c->monotonic += usec_from_ms(elapsed);
		c->last_ms += elapsed;
		return c->last_ms;
	}
	c->last_ms = now;
	c->monotonic = monotonic;
	return now;
}

#define RETENTION_STEP_MS  INT64_C(3600000) /* a wall clock further ahead is doubted ... */
#define RETENTION_DOUBT	   USEC_PER_DAY	    /* ... for so long */

struct retention_clock {
	int64_t trusted_ms; /* what wall time was, or would be without the step; 0 before any */
	usec_t monotonic;   /* when */
	bool doubted;	    /* since: */
	usec_t since;	    /* monotonic */
};

/* The time to count retention back from, in milliseconds. */
static inline int64_t retention_clock_read(
	struct retention_clock *c, int64_t wall_ms, usec_t monotonic)
{
	int64_t elapsed = usec_to_ms(usec_since(monotonic, c->monotonic));
	bool ahead = c->trusted_ms > 0 && wall_ms - c->trusted_ms - elapsed > RETENTION_STEP_MS;

	if (ahead && !c->doubted)
		c->since = monotonic;
	c->doubted = ahead && usec_since(monotonic, c->since) < RETENTION_DOUBT;
	c->trusted_ms = c->doubted ? c->trusted_ms + elapsed : wall_ms;
	c->monotonic = c->doubted ? c->monotonic + usec_from_ms(elapsed) : monotonic;
	return c->trusted_ms;
}
