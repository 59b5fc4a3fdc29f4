/* SPDX-License-Identifier: Apache-2.0 */
/* The documents of incidents: lists, and one with everything that belongs to it. */
#include "alerts/incident_json.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/num.h"
#include "daemon/base/text.h"
#include "daemon/web/document_builders.h"
#include "daemon/web/json_list.h"
#include "daemon/web/rows_json.h"

/* Adds what belongs to an incident: alerts, timeline, notifications. */
static int add_incident_details(struct reader *reader, int64_t id, json_t *incident)
{
	json_t *alerts = json_array(), *timeline = json_array(), *notifications = json_array();
	struct timeline_entry *entries = NULL;
	struct notification *sent = NULL;
	struct alert *list = NULL;
	size_t list_count = 0, entry_count = 0, sent_count = 0;
	int r;

	r = reader_alerts(reader, id, &list, &list_count);
	if (r == 0)
		r = reader_timeline(reader, id, &entries, &entry_count);
	if (r == 0)
		r = reader_notifications(reader, id, NULL, &sent, &sent_count);
	for (size_t i = 0; i < list_count; i++)
		json_list_add(&alerts, alert_json(&list[i]));
	for (size_t i = 0; i < entry_count; i++)
		json_list_add(&timeline, timeline_entry_json(&entries[i]));
	for (size_t i = 0; i < sent_count; i++)
		json_list_add(&notifications, notification_json(&sent[i]));
	alert_list_free(list, list_count);
	timeline_list_free(entries, entry_count);
	notification_list_free(sent, sent_count);
	if (json_object_set_new(incident, "alerts", alerts) < 0)
		r = -ENOMEM;
	if (json_object_set_new(incident, "timeline", timeline) < 0)
		r = -ENOMEM;
	if (json_object_set_new(incident, "notifications", notifications) < 0)
		r = -ENOMEM;
	return r;
}

/* An incident with everything that belongs to it. */
static int detailed_incident_json(
	struct documents *d, const struct incident *incident, json_t **ret)
{
	json_t *json = incident_json(incident, d->external_url);
	int r = json ? add_incident_details(d->reader, incident->id, json) : -ENOMEM;

	if (r < 0) {
		json_decref(json);
		return r;
	}
	*ret = json;
	return 0;
}

int document_incidents_detailed(
	struct documents *d, const struct incident *incidents, size_t count, json_t **ret)
{
	json_t *list = json_array(), *incident;
	int r = list ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && r == 0; i++) {
		r = detailed_incident_json(d, &incidents[i], &incident);
		if (r == 0 && json_array_append_new(list, incident) < 0)
			r = -ENOMEM;
	}
	if (r < 0) {
		json_decref(list);
		return r;
	}
	*ret = list;
	return 0;
}

/* True where an alert of INCIDENT fires, among the ALERTS that do. */
static bool is_firing(const struct incident *incident, const struct alert *alerts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (alerts[i].incident == incident->id && alerts[i].state == ALERT_FIRING)
			return true;
	return false;
}

static int add_of_service(struct documents *d, const char *service,
	const struct incident *incidents, size_t count, json_t **list)
{
	struct alert *alerts = NULL;
	size_t alert_count = 0;
	int r = reader_live_alerts(d->reader, &alerts, &alert_count);

	for (size_t i = 0; i < count && r == 0; i++) {
		json_t *json = NULL;

		if (!text_equal(incidents[i].service, service))
			continue;
		if (is_firing(&incidents[i], alerts, alert_count))
			r = detailed_incident_json(d, &incidents[i], &json);
		else
			json = incident_json(&incidents[i], d->external_url);
		if (r == 0)
			json_list_add(list, json);
	}
	alert_list_free(alerts, alert_count);
	return r;
}

int document_incidents_of_service(struct documents *d, const char *service, json_t **ret)
{
	json_t *list = json_array();
	struct incident *incidents = NULL;
	size_t count = 0;
	int r = reader_incidents(d->reader, INCIDENTS_ALL, INCIDENTS_MAX, &incidents, &count);

	if (r == 0)
		r = add_of_service(d, service, incidents, count, &list);
	incident_list_free(incidents, count);
	if (r == 0)
		return document_return(list, ret);
	json_decref(list);
	return r;
}

int document_incidents(struct documents *d, const struct document_request *q, json_t **ret)
{
	static const char *const names[] = {
		[INCIDENTS_OPEN] = "open",
		[INCIDENTS_RESOLVED] = "resolved",
		[INCIDENTS_ALL] = "all",
	};
	struct incident *incidents;
	size_t filter = 0, count;
	json_t *list;
	int r;

	while (*q->query && filter < ELEMENTS(names) && !text_equal(names[filter], q->query))
		filter++;
	if (filter == ELEMENTS(names))
		return -EINVAL;
	r = reader_incidents(
		d->reader, (enum incident_filter) filter, INCIDENTS_MAX, &incidents, &count);
	if (r < 0)
		return r;
	r = document_incidents_detailed(d, incidents, count, &list);
	incident_list_free(incidents, count);
	return r < 0 ? r : document_return(json_pack("{s:o}", "incidents", list), ret);
}

int document_incident(struct documents *d, const struct document_request *q, json_t **ret)
{
	struct incident incident;
	int64_t id;
	int r;

	if (num_parse_i64(q->argument, &id) < 0 || id <= 0)
		return -ENOENT;
	r = reader_incident(d->reader, id, &incident);
	if (r < 0)
		return r;
	r = detailed_incident_json(d, &incident, ret);
	incident_done(&incident);
	return r;
}
