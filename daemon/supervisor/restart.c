/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/supervisor/restart.h"

#define AT_ONCE	     3		       /* failures that cost no waiting */
#define LONG_ENOUGH  (60 * USEC_PER_SEC) /* a run of this length was no failed start */
#define FIRST_DELAY  (USEC_PER_SEC / 2)
#define LONGEST_DELAY USEC_PER_MIN

#define HUNG_AFTER   (15 * USEC_PER_SEC) /* without a heartbeat, or a sign that it started */
#define ENGINE_START (10 * USEC_PER_MIN) /* a large database is checked, migrated and read first */
#define LEAVE_AFTER  (2 * USEC_PER_SEC)

usec_t restart_delay(struct restart *r, usec_t started, usec_t now)
{
	usec_t delay = FIRST_DELAY;

	if (usec_since(now, started) >= LONG_ENOUGH)
		r->failures = 0;
	r->failures++;
	if (r->failures <= AT_ONCE)
		return 0;
	for (unsigned i = AT_ONCE + 1; i < r->failures && delay < LONGEST_DELAY; i++)
		delay *= 2;
	return delay < LONGEST_DELAY ? delay : LONGEST_DELAY;
}

usec_t restart_patience(enum instance_state state, bool engine)
{
	const usec_t patience[] = {
		[INSTANCE_STARTING] = engine ? ENGINE_START : HUNG_AFTER,
		[INSTANCE_RUNNING] = HUNG_AFTER,
		[INSTANCE_HUNG] = USEC_INFINITY, /* it was killed: no more can be done */
		[INSTANCE_STOPPING] = LEAVE_AFTER,
	};

	return patience[state];
}

bool restart_stood_still(usec_t due, usec_t period, usec_t now)
{
	return usec_since(now, due) > 2 * period;
}
