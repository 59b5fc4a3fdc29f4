/* SPDX-License-Identifier: Apache-2.0 */
/* What alerting decided, to the database and back: it goes on where it was when the daemon ended. */
#include "daemon/base/log.h"
#include "daemon/engine/engine.h"

#define OPEN_MAX     10000 /* open incidents that are gone on with */
#define RESOLVED_MAX 200   /* of the newest resolved ones, those that may still reopen */

static int restore_alerts(struct engine *e, int64_t incident)
{
	struct alert *list;
	size_t count;
	int r = reader_alerts(store_reader(e->store), incident, &list, &count);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count && r == 0; i++)
		r = alerting_restore_alert(e->alerting, &list[i]);
	alert_list_free(list, count);
	return r;
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
	int r = reader_notifications(store_reader(e->store), incident, &list, &count);

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

	if (r == 0)
		r = restore_alerts(e, incident->id);
	if (r == 0)
		r = restore_timeline(e, incident->id);
	if (r == 0)
		r = restore_notifications(e, incident->id);
	return r;
}

static int restore_list(struct engine *e, enum incident_filter filter, size_t limit)
{
	struct incident *list;
	size_t count;
	int r = reader_incidents(store_reader(e->store), filter, limit, &list, &count);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count && r == 0; i++)
		r = restore_incident(e, &list[i]);
	incident_list_free(list, count);
	return r;
}

int incidents_restore(struct engine *e)
{
	int64_t next;
	int r = store_next_incident(e->store, &next);

	if (r < 0)
		return r;
	alerting_set_next_incident(e->alerting, next);
	r = restore_list(e, INCIDENTS_OPEN, OPEN_MAX);
	if (r == 0)
		r = restore_list(e, INCIDENTS_RESOLVED, RESOLVED_MAX);
	/* Alerts that are pending belong to no incident yet. */
	return r < 0 ? r : restore_alerts(e, 0);
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
