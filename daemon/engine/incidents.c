/* SPDX-License-Identifier: Apache-2.0 */
/* What alerting decided, to the database and back: it goes on where it was when the daemon ended. */
#include "daemon/engine/engine.h"

#define OPEN_MAX     10000 /* open incidents that are gone on with */
#define RESOLVED_MAX 10000 /* of those that may still reopen */

static int take_alerts(struct engine *e, struct alert *list, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = alerting_restore_alert(e->alerting, &list[i]);
	alert_list_free(list, count);
	return r;
}

static int restore_alerts(struct engine *e, int64_t incident)
{
	struct alert *list;
	size_t count;
	int r = reader_alerts(store_reader(e->store), incident, &list, &count);

	return r < 0 ? r : take_alerts(e, list, count);
}

/* Those that are pending belong to no incident yet. */
static int restore_live_alerts(struct engine *e)
{
	struct alert *list;
	size_t count;
	int r = reader_live_alerts(store_reader(e->store), &list, &count);

	return r < 0 ? r : take_alerts(e, list, count);
}

static int restore_timeline(struct engine *e, int64_t incident)
{
	struct timeline_entry *list;
	size_t count;
	int r = reader_timeline(store_reader(e->store), incident, &list, &count);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count && r == 0; i++)
		r = alerting_restore_timeline(e->alerting, &list[i]);
	timeline_list_free(list, count);
	return r;
}

static int restore_notifications(struct engine *e, int64_t incident)
{
	struct notification *list;
	size_t count;
	int r = reader_told(store_reader(e->store), incident, &list, &count);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count && r == 0; i++)
		r = alerting_restore_notification(e->alerting, &list[i]);
	notification_list_free(list, count);
	return r;
}

static int restore_incident(struct engine *e, const struct incident *incident)
{
	int r = alerting_restore_incident(e->alerting, incident);

	turns_remember(e, incident);
	if (r == 0)
		r = restore_alerts(e, incident->id);
	if (r == 0)
		r = restore_timeline(e, incident->id);
	if (r == 0)
		r = restore_notifications(e, incident->id);
	return r;
}

static int take_incidents(struct engine *e, struct incident *list, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = restore_incident(e, &list[i]);
	incident_list_free(list, count);
	return r;
}

static int restore_open(struct engine *e)
{
	struct incident *list;
	size_t count;
	int r = reader_incidents(
		store_reader(e->store), INCIDENTS_OPEN, OPEN_MAX, &list, &count);

	return r < 0 ? r : take_incidents(e, list, count);
}

static int restore_recent(struct engine *e)
{
	const struct section *daemon = config_find(role_config(e->role), SECTION_DAEMON, "");
	usec_t reopen = section_duration(daemon, OPTION_DAEMON_REOPEN);
	usec_t flap = FLAP_MINUTES * USEC_PER_MIN;
	int64_t since_ms = engine_now(e) - usec_to_ms(reopen > flap ? reopen : flap);
	struct incident *list;
	size_t count;
	int r = reader_recent_incidents(
		store_reader(e->store), since_ms, RESOLVED_MAX, &list, &count);

	return r < 0 ? r : take_incidents(e, list, count);
}

int incidents_restore(struct engine *e)
{
	int64_t next;
	int r = store_next_incident(e->store, &next);

	if (r < 0)
		return r;
	alerting_set_next_incident(e->alerting, next);
	r = restore_open(e);
	if (r == 0)
		r = restore_recent(e);
	return r < 0 ? r : restore_live_alerts(e);
}

int incidents_recall(struct engine *e, int64_t id)
{
	struct incident incident;
	int r = reader_incident(store_reader(e->store), id, &incident);

	if (r < 0)
		return r;
	r = restore_incident(e, &incident);
	incident_done(&incident);
	return r;
}

int incidents_write(struct engine *e, const struct alerting_changes *c, int64_t *ret_ids)
{
	int r = 0;

	for (size_t i = 0; i < c->incident_count && r >= 0; i++)
		r = store_put_incident(e->store, c->incidents[i]);
	for (size_t i = 0; i < c->removed_count && r >= 0; i++)
		r = store_remove_alert(e->store, c->removed[i]);
	for (size_t i = 0; i < c->alert_count && r >= 0; i++)
		r = store_put_alert(e->store, c->alerts[i]);
	for (size_t i = 0; i < c->timeline_count && r >= 0; i++)
		r = store_add_timeline(e->store, &c->timeline[i]);
	for (size_t i = 0; i < c->notification_count && r >= 0; i++)
		r = store_put_notification(e->store, &c->notifications[i], &ret_ids[i]);
	return r < 0 ? r : 0;
}
