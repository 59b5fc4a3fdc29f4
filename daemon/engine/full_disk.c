/* SPDX-License-Identifier: Apache-2.0 */
/* Life on a full disk: the reserve is given up, and what it frees is for what people must be told of.
 * Samples, which are nearly all that is written, wait in memory until there is room again. */
#include <errno.h>

#include "daemon/engine/engine.h"
#include "schema/reserve.h"

#define ROOM_EVERY (5 * USEC_PER_SEC) /* looks for room */

int full_disk_keep_reserve(struct engine *e)
{
	int r = reserve_make(e->database);

	if (r >= 0)
		facts_doctor_retract(e, "reserve");
	else if (!e->full) /* that is said already, and leaves no room for words */
		facts_doctor(e, "reserve", CHECK_LIMITED,
			"There is no room for the reserve beside the database: once its disk is full,"
			" nobody is told of anything new.",
			"Make room on the file system of the state directory.");
	return r;
}

void full_disk_begins(struct engine *e)
{
	e->full = true;
	reserve_release(e->database);
}

void full_disk_look_for_room(struct engine *e)
{
	usec_t now = clock_monotonic();

	if (!e->full || usec_since(now, e->last_room) < ROOM_EVERY)
		return;
	e->last_room = now;
	e->full = full_disk_keep_reserve(e) == -ENOSPC;
}
