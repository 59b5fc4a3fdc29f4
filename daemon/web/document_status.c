/* SPDX-License-Identifier: Apache-2.0 */
/* The document of the first page and of /v1/status. */
#include "alerts/incident_json.h"
#include "daemon/base/cleanup.h"
#include "daemon/config/config.h"
#include "daemon/web/current_services.h"
#include "daemon/web/document_builders.h"
#include "daemon/web/facts_json.h"
#include "daemon/web/health.h"
#include "daemon/web/json_list.h"
#include "daemon/web/rows_json.h"

/* What the database says about services and roles, for one document. */
struct rows {
	struct current_services services;
	struct process_record *processes;
	struct role_record *roles;
	struct incident *incidents;
	size_t process_count, role_count, incident_count;
};

static void rows_done(struct rows *r)
{
	current_services_done(&r->services);
	process_list_free(r->processes, r->process_count);
	role_list_free(r->roles, r->role_count);
	incident_list_free(r->incidents, r->incident_count);
}

static int rows_read(struct documents *d, const struct document_request *q, struct rows *rows)
{
	int r = current_services_read(d, q, &rows->services);

	if (r == 0)
		r = reader_processes(d->reader, &rows->processes, &rows->process_count);
	if (r == 0)
		r = reader_roles(d->reader, &rows->roles, &rows->role_count);
	if (r == 0)
		r = reader_incidents(d->reader, INCIDENTS_OPEN, INCIDENTS_MAX, &rows->incidents,
			&rows->incident_count);
	return r;
}

/* True where S should be there, and nobody has known whether it is for longer than its collector needs
 * to begin. */
static bool is_missed(struct documents *d, const struct document_request *q,
	const struct current_services *all, const struct service_record *s)
{
	const struct section *section = config_find(d->config, SECTION_SERVICE, s->name);

	if (s->state != SERVICE_UNKNOWN || !section ||
		!section_bool(section, OPTION_SERVICE_EXPECTED) ||
		service_has_fact(all->facts, all->fact_count, s->name, SERVICE_ABSENCE,
			SERVICE_NOT_EXPECTED))
		return false;
	return s->since_ms > 0 ? health_is_late(s->since_ms, d->interval_ms, q->now_ms)
			       : health_is_late(0, d->interval_ms, q->running_ms);
}

static const char *rollup(struct documents *d, const struct document_request *q,
	const struct rows *rows, bool limited)
{
	const struct current_services *s = &rows->services;

	for (size_t i = 0; i < s->count && !limited; i++)
		limited = is_missed(d, q, s, &s->items[i]);
	return status_rollup(&(struct overview){
		.services = s->items,
		.service_count = s->count,
		.incidents = rows->incidents,
		.incident_count = rows->incident_count,
		.roles = rows->roles,
		.role_count = rows->role_count,
		.facts = s->facts,
		.fact_count = s->fact_count,
		.engine = q->engine,
		.limited = limited,
	});
}

int document_status(struct documents *d, const struct document_request *q, json_t **ret)
{
	_cleanup_(rows_done) struct rows rows = {0};
	json_t *services, *incidents, *roles, *webhooks = NULL, *configuration = NULL,
	       *systemd = NULL;
	bool limited;
	int r = rows_read(d, q, &rows);

	if (r == 0)
		r = document_facts(d, "doctor", webhooks_json, &webhooks);
	if (r == 0)
		r = document_facts(d, "doctor", configuration_json, &configuration);
	if (r == 0)
		r = document_systemd(d, q, &systemd);
	if (r == 0)
		r = document_incidents_detailed(d, rows.incidents, rows.incident_count, &incidents);
	if (r < 0) {
		json_decref(webhooks);
		json_decref(configuration);
		json_decref(systemd);
		return r;
	}
	services = json_array();
	roles = json_array();
	for (size_t i = 0; i < rows.services.count; i++)
		json_list_add(&services,
			service_json(&rows.services.items[i],
				current_services_absence(&rows.services, &rows.services.items[i]),
				rows.processes, rows.process_count, d->external_url));
	for (size_t i = 0; i < rows.role_count; i++)
		json_list_add(&roles, role_json(&rows.roles[i], q->engine));
	limited = rows.services.late || q->trouble || json_array_size(webhooks) > 0 ||
		  !json_is_null(configuration) || !json_is_null(systemd);
	return document_return(json_pack("{s:s,s:o,s:[],s:o,s:o,s:o,s:o,s:o,s:s?}", "status",
				       rollup(d, q, &rows, limited), "services", services,
				       "weights", "incidents", incidents, "roles", roles,
				       "webhooks", webhooks, "configuration", configuration,
				       "systemd", systemd, "trouble", q->trouble),
		ret);
}
