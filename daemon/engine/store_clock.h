/* SPDX-License-Identifier: Apache-2.0 */
/* Store time: wall time that never goes back.
 *
 * Layer: daemon; the engine. Pure. After a step back of the wall clock, store time goes on with the
 * monotonic clock until wall time has caught up. */
#pragma once

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
