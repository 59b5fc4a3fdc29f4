/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/freshness.h"

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/web/collector_reports.h"
#include "daemon/web/health.h"

#define SERVICES_COLLECTOR "process" /* whose word it is that a service is up */

int freshness_read(struct documents *d, const struct document_request *q, struct freshness *ret)
{
	_cleanup_(collector_reports_done) struct collector_reports reports = {.count = 0};
	struct freshness freshness = {.services_late = true};
	int r = collector_reports_read(d->reader, &reports);

	for (size_t i = 0; i < reports.count; i++) {
		int64_t last_ms = reports.items[i].last_ms;
		bool late = health_is_late(last_ms, d->interval_ms, q->now_ms);

		freshness.collector_late |= late;
		if (text_equal(reports.items[i].name, SERVICES_COLLECTOR)) {
			freshness.services_late = late && !q->trouble_of_samples;
			freshness.services_last_ms = last_ms;
		}
	}
	if (r == 0)
		*ret = freshness;
	return r;
}
