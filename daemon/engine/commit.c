/* SPDX-License-Identifier: Apache-2.0 */
/* From memory to the database: everything that is marked, in one transaction. */
#include "daemon/engine/engine.h"

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
	full_disk_begins(e);
	return write_all(e, changes, ids);
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

static int commit_changes(struct engine *e)
{
	struct alerting_changes changes;
	_cleanup_free_ int64_t *ids = NULL;
	int r = alerting_changes(e->alerting, &changes);

	if (r < 0)
		return r;
	ids = calloc(changes.notification_count + 1, sizeof(*ids));
	r = ids ? write_changes(e, &changes, ids) : -ENOMEM;
	trouble_report(e, r);
	if (r < 0)
		return r;
	/* In this order: what is settled makes room, and the changes hold until alerting forgets them. */
	deliveries_committed(e);
	adopt_notifications(e, &changes, ids);
	turns_committed(e, &changes);
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
