/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/documents.h"

#include <stdio.h>
#include <string.h>

#include "build-config.h"

#include "alerts/incident_json.h"
#include "daemon/base/num.h"
#include "daemon/base/text.h"
#include "daemon/config/config.h"
#include "daemon/web/facts_json.h"
#include "daemon/web/figures.h"
#include "daemon/web/json_list.h"
#include "daemon/web/rows_json.h"

#define INCIDENTS_MAX 500             /* of one list */
#define LATEST_MS     (5 * 60 * 1000) /* a value older than this is no longer current */

/* What the database says about services and roles, for one document. */
struct rows {
	struct service_record *services;
	struct process_record *processes;
	struct role_record *roles;
	struct incident *incidents;
	size_t service_count, process_count, role_count, incident_count;
};

static void rows_done(struct rows *r)
{
	service_list_free(r->services, r->service_count);
	process_list_free(r->processes, r->process_count);
	role_list_free(r->roles, r->role_count);
	incident_list_free(r->incidents, r->incident_count);
}

int documents_init(struct documents *d, const char *state_directory, const char *host,
	const char *external_url, int64_t interval_ms, const struct config *config)
{
	*d = (struct documents){.host = host,
		.external_url = external_url,
		.interval_ms = interval_ms,
		.config = config};
	if (asprintf(&d->path, "%s/modelwatch.db", state_directory) < 0) {
		d->path = NULL;
		return -ENOMEM;
	}
	return 0;
}

void documents_done(struct documents *d)
{
	d->reader = reader_close(d->reader);
	free(d->path);
	d->path = NULL;
}

/* Opens the database where it is not open, or where its file is another one now. */
static int documents_open(struct documents *d)
{
	struct stat st;
	int r;

	if (stat(d->path, &st) < 0) {
		r = -errno;
		d->reader = reader_close(d->reader);
		return r == -ENOENT ? -EAGAIN : r;
	}
	if (d->reader && (st.st_ino != d->opened.st_ino || st.st_dev != d->opened.st_dev))
		d->reader = reader_close(d->reader);
	if (d->reader)
		return 0;
	r = reader_open(d->path, &d->reader);
	if (r < 0)
		return r == -ENOENT ? -EAGAIN : r;
	d->opened = st;
	return 0;
}

/* Takes JSON that could not be made for what it is. */
static int give(json_t *json, json_t **ret)
{
	if (!json)
		return -ENOMEM;
	*ret = json;
	return 0;
}

/* Adds what belongs to an incident: alerts, timeline, notifications. */
static int add_story(struct reader *reader, int64_t id, json_t *incident)
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
		r = reader_notifications(reader, id, &sent, &sent_count);
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
static int story_json(struct documents *d, const struct incident *incident, json_t **ret)
{
	json_t *json = incident_json(incident, d->external_url);
	int r = json ? add_story(d->reader, incident->id, json) : -ENOMEM;

	if (r < 0) {
		json_decref(json);
		return r;
	}
	*ret = json;
	return 0;
}

static int stories_json(
	struct documents *d, const struct incident *incidents, size_t count, json_t **ret)
{
	json_t *list = json_array(), *story;
	int r = list ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && r == 0; i++) {
		r = story_json(d, &incidents[i], &story);
		if (r == 0 && json_array_append_new(list, story) < 0)
			r = -ENOMEM;
	}
	if (r < 0) {
		json_decref(list);
		return r;
	}
	*ret = list;
	return 0;
}

static int facts_document(struct documents *d, const char *topic,
	json_t *(*make)(const struct fact *, size_t), json_t **ret)
{
	struct fact *facts;
	json_t *json;
	size_t count;
	int r = reader_facts(d->reader, topic, &facts, &count);

	if (r < 0)
		return r;
	json = make(facts, count);
	fact_list_free(facts, count);
	return give(json, ret);
}

static int document_status(struct documents *d, const struct document_request *q, json_t **ret)
{
	_cleanup_(rows_done) struct rows rows = {0};
	struct reader *reader = d->reader;
	json_t *services, *incidents, *roles, *webhooks = NULL;
	struct look look;
	int r;

	r = reader_services(reader, &rows.services, &rows.service_count);
	if (r == 0)
		r = reader_processes(reader, &rows.processes, &rows.process_count);
	if (r == 0)
		r = reader_roles(reader, &rows.roles, &rows.role_count);
	if (r == 0)
		r = reader_incidents(reader, INCIDENTS_OPEN, INCIDENTS_MAX, &rows.incidents,
			&rows.incident_count);
	if (r == 0)
		r = document_look(d, q, &look);
	for (size_t i = 0; i < rows.service_count && r == 0 && look.services_late; i++)
		r = service_mark_unknown(&rows.services[i], look.services_ms);
	if (r == 0)
		r = facts_document(d, "doctor", webhooks_json, &webhooks);
	if (r == 0)
		r = stories_json(d, rows.incidents, rows.incident_count, &incidents);
	if (r < 0) {
		json_decref(webhooks);
		return r;
	}
	services = json_array();
	roles = json_array();
	for (size_t i = 0; i < rows.service_count; i++)
		json_list_add(&services, service_json(&rows.services[i], rows.processes,
						 rows.process_count, d->external_url));
	for (size_t i = 0; i < rows.role_count; i++)
		json_list_add(&roles, role_json(&rows.roles[i], q->engine));
	return give(
		json_pack("{s:s,s:o,s:[],s:o,s:o,s:o,s:s?}", "status",
			status_rollup(rows.incidents, rows.incident_count, rows.roles,
				rows.role_count, q->engine,
				look.late || q->trouble || json_array_size(webhooks) > 0),
			"services", services, "weights", "incidents", incidents, "roles", roles,
			"webhooks", webhooks, "trouble", q->trouble),
		ret);
}

int document_incident_list(
	struct documents *d, enum incident_filter filter, const char *service, json_t **ret)
{
	struct incident *incidents;
	json_t *list;
	size_t count;
	int r = reader_incidents(d->reader, filter, INCIDENTS_MAX, &incidents, &count);

	if (r < 0)
		return r;
	if (!service)
		r = stories_json(d, incidents, count, &list);
	else
		list = json_array();
	for (size_t i = 0; service && i < count; i++)
		if (text_equal(incidents[i].service, service))
			json_list_add(&list, incident_json(&incidents[i], d->external_url));
	incident_list_free(incidents, count);
	return r < 0 ? r : give(list, ret);
}

static int document_incidents(struct documents *d, const struct document_request *q, json_t **ret)
{
	static const char *const names[] = {
		[INCIDENTS_OPEN] = "open",
		[INCIDENTS_RESOLVED] = "resolved",
		[INCIDENTS_ALL] = "all",
	};
	size_t filter = 0;
	json_t *list;
	int r;

	while (*q->query && filter < ELEMENTS(names) && !text_equal(names[filter], q->query))
		filter++;
	if (filter == ELEMENTS(names))
		return -EINVAL;
	r = document_incident_list(d, (enum incident_filter) filter, NULL, &list);
	return r < 0 ? r : give(json_pack("{s:o}", "incidents", list), ret);
}

static int document_incident(struct documents *d, const struct document_request *q, json_t **ret)
{
	struct incident incident;
	int64_t id;
	int r;

	if (num_parse_i64(q->argument, &id) < 0 || id <= 0)
		return -ENOENT;
	r = reader_incident(d->reader, id, &incident);
	if (r < 0)
		return r;
	r = story_json(d, &incident, ret);
	incident_done(&incident);
	return r;
}

/* A rule as its section says it, with how many alerts it has pending and firing. */
static json_t *rule_json(const struct section *s, const struct alert *alerts, size_t count)
{
	json_int_t pending = 0, firing = 0;

	for (size_t i = 0; i < count; i++)
		if (text_equal(alerts[i].rule, section_name(s))) {
			pending += alerts[i].state == ALERT_PENDING;
			firing += alerts[i].state == ALERT_FIRING;
		}
	return json_pack("{s:s,s:s,s:s,s:s,s:I,s:I}", "name", section_name(s), "expr",
		section_string(s, OPTION_ALERT_EXPR), "severity",
		section_string(s, OPTION_ALERT_SEVERITY), "state",
		firing > 0 ? "firing" : (pending > 0 ? "pending" : "inactive"), "pending", pending,
		"firing", firing);
}

static int document_alerts(struct documents *d, const struct document_request *q, json_t **ret)
{
	json_t *rules = json_array(), *list = json_array();
	const struct section *s = NULL;
	struct alert *alerts = NULL;
	size_t count = 0;
	int r = reader_alerts(d->reader, 0, &alerts, &count);

	while (r == 0 && (s = config_next(d->config, SECTION_ALERT, s)))
		json_list_add(&rules, rule_json(s, alerts, count));
	for (size_t i = 0; i < count; i++) {
		json_t *alert = alert_json(&alerts[i]);

		if (alerts[i].incident > 0)
			json_object_set_new(alert, "incident", json_integer(alerts[i].incident));
		json_list_add(&list, alert);
	}
	alert_list_free(alerts, count);
	if (r == 0)
		return give(json_pack("{s:o,s:o}", "rules", rules, "alerts", list), ret);
	json_decref(rules);
	json_decref(list);
	return r;
}

static int document_discover(struct documents *d, const struct document_request *q, json_t **ret)
{
	return facts_document(d, "service", discover_json, ret);
}

static int document_doctor(struct documents *d, const struct document_request *q, json_t **ret)
{
	int r = facts_document(d, "doctor", doctor_json, ret);

	if (r == 0 && q->trouble)
		json_array_insert_new(json_object_get(*ret, "checks"), 0,
			json_pack("{s:s, s:s, s:s, s:s}", "subject", "database", "state",
				check_state_name(CHECK_FAILING), "text", q->trouble, "remedy",
				"Make room on the disk, or make it writable again."));
	return r;
}

static int document_about(struct documents *d, const struct document_request *q, json_t **ret)
{
	_cleanup_free_ char *id = NULL;
	char size[FIGURE_MAX];
	struct stat st;
	json_t *about;
	int r = document_doctor(d, q, &about);

	if (r == 0 && reader_host_id(d->reader, &id) == 0)
		json_object_set_new(about, "host_id", json_string(id));
	if (r == 0 && stat(d->path, &st) == 0)
		json_object_set_new(about, "database_size",
			json_string(figure_format("_bytes", (double) st.st_size, size)));
	if (r < 0)
		return r;
	json_object_set_new(about, "version", json_string(PACKAGE_VERSION));
	json_object_set_new(about, "database", json_string(d->path));
	return give(about, ret);
}

static int (*const builders[])(
	struct documents *d, const struct document_request *q, json_t **ret) = {
	[DOCUMENT_STATUS] = document_status,
	[DOCUMENT_SERVICE] = document_service,
	[DOCUMENT_INCIDENTS] = document_incidents,
	[DOCUMENT_INCIDENT] = document_incident,
	[DOCUMENT_ALERTS] = document_alerts,
	[DOCUMENT_ABOUT] = document_about,
	[DOCUMENT_HEALTH] = document_health,
	[DOCUMENT_DISCOVER] = document_discover,
	[DOCUMENT_DOCTOR] = document_doctor,
};

/* What went wrong with the database closes it: the next request opens it anew. */
static int finish(struct documents *d, int r)
{
	reader_end(d->reader);
	if (r < 0 && r != -ENOENT && r != -EINVAL && r != -ENOMEM)
		d->reader = reader_close(d->reader);
	return r;
}

int documents_get(struct documents *d, const struct document_request *q, json_t **ret)
{
	int r = documents_open(d);

	if (r == 0)
		r = reader_begin(d->reader);
	if (r < 0)
		return r == -ENOENT ? -EAGAIN : r;
	return finish(d, builders[q->document](d, q, ret));
}

static int add_sample(void *userdata, const struct series *series, int64_t time_ms, double value)
{
	return exposition_add(userdata, series, value);
}

int documents_metrics(
	struct documents *d, int64_t now_ms, enum exposition_format format, struct buf *ret)
{
	_cleanup_(exposition_done) struct exposition e = {.format = format};
	int r = documents_open(d);

	if (r == 0)
		r = reader_latest(d->reader, now_ms - LATEST_MS, add_sample, &e);
	if (r == 0)
		r = exposition_end(&e);
	if (r < 0) {
		if (r != -ENOMEM)
			d->reader = reader_close(d->reader);
		return r;
	}
	*ret = e.out;
	e.out = BUF_INIT;
	return 0;
}
