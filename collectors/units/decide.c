/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/units/decide.h"

#include "daemon/base/text.h"
#include "schema/unit.h"

#define BACKOFF_FIRST (250 * USEC_PER_MSEC)
#define BACKOFF_LAST  (10 * USEC_PER_SEC)

usec_t units_backoff(unsigned failures)
{
	usec_t wait = BACKOFF_FIRST;

	while (failures-- > 0 && wait < BACKOFF_LAST)
		wait *= 2;
	return wait < BACKOFF_LAST ? wait : BACKOFF_LAST;
}

bool units_restart_themselves(const char *sub)
{
	/* Since systemd 254 also "auto-restart-queued". */
	return text_after(sub, "auto-restart") != NULL;
}

const char *units_job(const char *type, const char *active)
{
	/* A job may be done before its type could be asked for. */
	return !*type && text_equal(active, "deactivating") ? "stop" : type;
}

bool units_are_asked(const char *const *names, size_t count, const char *id)
{
	for (size_t i = 0; i < count; i++)
		if (unit_name_is_glob(names[i]) && unit_name_matches(names[i], id))
			return true;
	return false;
}
