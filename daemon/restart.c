/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/restart.h"

#define AT_ONCE	     3		       /* failures that cost no waiting */
#define LONG_ENOUGH  (60 * USEC_PER_SEC) /* a run of this length was no failed start */
#define FIRST_DELAY  (USEC_PER_SEC / 2)
#define LONGEST_DELAY USEC_PER_MIN

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
