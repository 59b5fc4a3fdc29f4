/* SPDX-License-Identifier: Apache-2.0 */
/* The document of the first page and of /v1/status. */
#include "alerts/incident_json.h"
#include "daemon/base/cleanup.h"
#include "daemon/config/config.h"
#include "daemon/web/document_builders.h"
#include "daemon/web/facts_json.h"
#include "daemon/web/freshness.h"
#include "daemon/web/health.h"
#include "daemon/web/json_list.h"
#include "daemon/web/rows_json.h"

/* What the database says about services and roles, for one document. */
struct rows {
	struct service_record *services;
	struct process_record *processes;
	struct role_record *roles;
	struct incident *incidents;
	struct fact *facts; /* of services */
	size_t service_count, process_count, role_count, incident_count, fact_count;
};

static void rows_done(struct rows *r)
{
	service_list_free(r->services, r->service_count);
	process_list_free(r->processes, r->process_count);
	role_list_free(r->roles, r->role_count);
	incident_list_free(r->incidents, r->incident_count);
	fact_list_free(r->facts, r->fact_count);
}

static int rows_read(struct reader *reader, struct rows *rows)
{
	int r = reader_services(reader, &rows->services, &rows->service_count);

	if (r == 0)
		r = reader_processes(reader, &rows->processes, &rows->process_count);
	if (r == 0)
		r = reader_roles(reader, &rows->roles, &rows->role_count);
	if (r == 0)
		r = reader_incidents(reader, INCIDENTS_OPEN, INCIDENTS_MAX, &rows->incidents,
			&rows->incident_count);
	if (r == 0)
		r = reader_facts(reader, "service", &rows->facts, &rows->fact_count);
	return r;
}

/* True where S should be there, and nobody has known whether it is for longer than its collector needs
 * to begin. */
static bool is_missed(struct documents *d, const struct document_request *q, const struct overview *o,
	const struct service_record *s)
{
	const struct section *section = config_find(d->config, SECTION_SERVICE, s->name);

	if (s->state != SERVICE_UNKNOWN || !section ||
		!section_bool(section, OPTION_SERVICE_EXPECTED) ||
		service_has_fact(o, s->name, SERVICE_ABSENCE, SERVICE_NOT_EXPECTED))
		return false;
	return s->since_ms > 0 ? health_is_late(s->since_ms, d->interval_ms, q->now_ms)
			       : health_is_late(0, d->interval_ms, q->running_ms);
}

static const char *rollup(struct documents *d, const struct document_request *q,
	const struct rows *rows, bool limited)
{
	struct overview overview = {
		.services = rows->services,
		.service_count = rows->service_count,
		.incidents = rows->incidents,
		.incident_count = rows->incident_count,
		.roles = rows->roles,
		.role_count = rows->role_count,
		.facts = rows->facts,
		.fact_count = rows->fact_count,
		.engine = q->engine,
		.limited = limited,
	};

	for (size_t i = 0; i < rows->service_count && !overview.limited; i++)
		overview.limited = is_missed(d, q, &overview, &rows->services[i]);
	return status_rollup(&overview);
}

int document_status(struct documents *d, const struct document_request *q, json_t **ret)
{
	_cleanup_(rows_done) struct rows rows = {0};
	json_t *services, *incidents, *roles, *webhooks = NULL, *configuration = NULL;
	struct freshness freshness;
	bool limited;
	int r = rows_read(d->reader, &rows);

	if (r == 0)
		r = freshness_read(d, q, &freshness);
	for (size_t i = 0; i < rows.service_count && r == 0 && freshness.services_late; i++)
		r = service_mark_unknown(&rows.services[i], freshness.services_last_ms);
	if (r == 0)
		r = document_facts(d, "doctor", webhooks_json, &webhooks);
	if (r == 0)
		r = document_facts(d, "doctor", configuration_json, &configuration);
	if (r == 0)
		r = document_incidents_detailed(d, rows.incidents, rows.incident_count, &incidents);
	if (r < 0) {
		json_decref(webhooks);
		json_decref(configuration);
		return r;
	}
	services = json_array();
	roles = json_array();
	for (size_t i = 0; i < rows.service_count; i++)
		json_list_add(&services, service_json(&rows.services[i], rows.processes,
						 rows.process_count, d->external_url));
	for (size_t i = 0; i < rows.role_count; i++)
		json_list_add(&roles, role_json(&rows.roles[i], q->engine));
	limited = freshness.collector_late || q->trouble || json_array_size(webhooks) > 0 ||
		  !json_is_null(configuration);
	return document_return(json_pack("{s:s,s:o,s:[],s:o,s:o,s:o,s:o,s:s?}", "status",
				       rollup(d, q, &rows, limited), "services", services,
				       "weights", "incidents", incidents, "roles", roles,
				       "webhooks", webhooks, "configuration", configuration,
				       "trouble", q->trouble),
		ret);
}
