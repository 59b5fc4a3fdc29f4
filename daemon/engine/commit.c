/* SPDX-License-Identifier: Apache-2.0 */
/* From memory to the database: everything that is marked, in one transaction.
 *
 * Where the disk is full the reserve is given up, and what it frees is for what people must be told of:
 * samples, which are nearly all that is written, wait in memory until there is room again. */
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/engine/engine.h"
#include "schema/reserve.h"

#define ROOM_EVERY (5 * USEC_PER_SEC) /* looks for room on a full disk */

/* What has rows of its own, in the order in which they are written. */
static const struct {
	bool (*changed)(const struct engine *e);
	int (*write)(struct engine *e);
	void (*committed)(struct engine *e);
} parts[] = {
	{events_changed, events_write, events_committed},
	{processes_changed, processes_write, processes_committed},
	{services_changed, services_write, services_committed},
	{role_states_changed, role_states_write, role_states_committed},
	{facts_changed, facts_write, facts_committed},
};

static bool has_changes(const struct engine *e)
{
	for (size_t i = 0; i < ELEMENTS(parts); i++)
		if (parts[i].changed(e))
			return true;
	return moments_changed(e) || deliveries_changed(e) || alerting_has_changes(e->alerting);
}

/* Everything; or, on a full disk, everything but the samples. */
static int write_all(struct engine *e, const struct alerting_changes *changes, int64_t *ids)
{
	int r = store_begin(e->store);

	if (r == 0 && !e->full)
		r = moments_write(e);
	for (size_t i = 0; r == 0 && i < ELEMENTS(parts); i++)
		r = parts[i].write(e);
	if (r == 0)
		r = incidents_write(e, changes, ids);
	if (r == 0)
		r = deliveries_write(e);
	if (r == 0)
		r = store_commit(e->store);
	if (r < 0) {
		store_rollback(e->store);
		moments_rolled_back(e);
		e->store_errors++;
	}
	return r;
}

static int write_changes(struct engine *e, const struct alerting_changes *changes, int64_t *ids)
{
	int r = write_all(e, changes, ids);

	if (r != -ENOSPC || e->full)
		return r;
	e->full = true;
	reserve_release(e->database);
	return write_all(e, changes, ids);
}

int engine_keep_reserve(struct engine *e)
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

void engine_look_for_room(struct engine *e)
{
	usec_t now = clock_monotonic();

	if (!e->full || usec_since(now, e->last_room) < ROOM_EVERY)
		return;
	e->last_room = now;
	e->full = engine_keep_reserve(e) == -ENOSPC;
}

static void adopt_notifications(
	struct engine *e, const struct alerting_changes *c, const int64_t *ids)
{
	for (size_t i = 0; i < c->notification_count; i++) {
		struct notification n = c->notifications[i];

		n.id = ids[i];
		deliveries_add(e, &n, 0, NULL);
	}
}

/* What R, of the last commit, says of the database; said when it changes. */
static void report(struct engine *e, int r)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	const char *before = e->trouble ? e->trouble : "";

	if (r < 0 || e->full)
		buf_printf(&text, "the database cannot be written: %s; %s",
			strerror(r < 0 ? -r : ENOSPC),
			r < 0 ? "until it can nobody is told of anything new"
			      : "alerting goes on, samples wait in memory");
	if (buf_error(&text) < 0 || text_equal(before, text.data ? text.data : ""))
		return;
	if (text.data)
		log_error("%s", text.data);
	else
		log_notice("the database can be written again");
	free(e->trouble);
	e->trouble = buf_take(&text);
	e->trouble_of_samples = r == 0;
	peers_tell_trouble(e);
}

static int commit_changes(struct engine *e)
{
	struct alerting_changes changes;
	_cleanup_free_ int64_t *ids = NULL;
	int r = alerting_changes(e->alerting, &changes);

	if (r < 0)
		return r;
	ids = calloc(changes.notification_count + 1, sizeof(*ids));
	r = ids ? write_changes(e, &changes, ids) : -ENOMEM;
	report(e, r);
	if (r < 0)
		return r;
	/* In this order: what is settled makes room, and the changes hold until alerting forgets them. */
	deliveries_committed(e);
	adopt_notifications(e, &changes, ids);
	alerting_committed(e->alerting);
	for (size_t i = 0; i < ELEMENTS(parts); i++)
		parts[i].committed(e);
	if (!e->full)
		moments_committed(e);
	return 0;
}

int engine_commit(struct engine *e)
{
	int r = has_changes(e) ? commit_changes(e) : 0;

	if (r < 0)
		return r;
	peers_acknowledge(e);
	deliveries_send(e);
	commands_answer(e);
	return 0;
}

static int on_soon(sd_event_source *source, void *userdata)
{
	engine_commit(userdata);
	return 0;
}

void engine_commit_soon(struct engine *e)
{
	int r;

	if (!e->soon) {
		r = sd_event_add_defer(role_event(e->role), &e->soon, on_soon, e);
		if (r >= 0)
			r = sd_event_source_set_priority(e->soon, SD_EVENT_PRIORITY_NORMAL + 1);
	} else
		r = sd_event_source_set_enabled(e->soon, SD_EVENT_ONESHOT);
	if (r < 0)
		engine_commit(e);
}
