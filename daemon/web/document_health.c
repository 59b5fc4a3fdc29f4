/* SPDX-License-Identifier: Apache-2.0 */
/* The document of /healthz. */
#include "daemon/base/cleanup.h"
#include "daemon/web/collector_reports.h"
#include "daemon/web/document_builders.h"

int document_health(struct documents *d, const struct document_request *q, json_t **ret)
{
	_cleanup_(collector_reports_done) struct collector_reports reports = {.count = 0};
	struct role_record *roles = NULL;
	json_t *systemd = NULL;
	size_t count = 0;
	int r = reader_roles(d->reader, &roles, &count);

	if (r == 0)
		r = collector_reports_read(d->reader, &reports);
	if (r == 0)
		r = collector_reports_expect(&reports, roles, count);
	if (r == 0)
		r = document_systemd(d, q, &systemd);
	if (r == 0) {
		*ret = health_json(&(struct health){
			.roles = roles,
			.role_count = count,
			.collectors = reports.items,
			.collector_count = reports.count,
			.engine = q->engine,
			.trouble = q->trouble,
			.systemd = json_string_value(systemd),
			.interval_ms = d->interval_ms,
			.now_ms = q->now_ms,
		});
		r = *ret ? 0 : -ENOMEM;
	}
	json_decref(systemd);
	role_list_free(roles, count);
	return r;
}
