/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/units/decide.h"

#include "daemon/base/text.h"
#include "schema/unit.h"

#define BACKOFF_FIRST (250 * USEC_PER_MSEC)
#define BACKOFF_LAST  (10 * USEC_PER_SEC)

/* systemd acts at once on what leaves, but does not always get to it at once. */
#define LEFT_BEFORE (5 * USEC_PER_SEC)

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

bool units_runs(const char *active)
{
	return !text_equal(active, "inactive") && !text_equal(active, "failed");
}

const char *units_job(const char *type, bool ran, const char *active)
{
	/* A job may be done before its type could be asked for. */
	if (!*type && (text_equal(active, "deactivating") || (ran && !units_runs(active))))
		return "stop";
	return type;
}

bool units_are_asked(const char *const *names, size_t count, const char *id)
{
	for (size_t i = 0; i < count; i++)
		if (unit_name_is_glob(names[i]) && unit_name_matches(names[i], id))
			return true;
	return false;
}

/* What left before it began did not stop it. */
usec_t units_left_since(usec_t began, usec_t now)
{
	usec_t since = now > LEFT_BEFORE ? now - LEFT_BEFORE : 1;

	return began > since ? began : since;
}

static bool left(const struct needs *n, usec_t since)
{
	return n->active_exit >= since || n->inactive_enter >= since;
}

static bool is(const struct needs *n, const char *active)
{
	return text_equal(n->active, active);
}

static bool rests(const struct needs *n)
{
	return is(n, "inactive") || is(n, "failed");
}

bool units_leaves(const struct needs *n, usec_t since)
{
	return n->has_job || is(n, "deactivating") || (rests(n) && left(n, since));
}

/* Who asks systemd to stop it gives it a job, which is there until it rests, and whose end is told before
 * that it rests. What is there again systemd began anew by itself: whoever asks for a restart asks for one of
 * what needs it, too. */
bool units_left_unasked(const struct needs *n, usec_t since, bool ended)
{
	if (!left(n, since))
		return false;
	if (is(n, "deactivating"))
		return !n->has_job;
	return !rests(n) || !ended;
}

void units_put_cause(const char *name, const char *active, struct buf *b)
{
	const char *what = text_ends_with(name, ".device") ? "is gone"
			   : text_equal(active, "failed")  ? "failed"
							   : "ended";

	buf_printf(b, "%s %s", name, what);
}
