/* SPDX-License-Identifier: Apache-2.0 */
/* The document of one service: what is known of it, what it uses now, and its last hour. */
#include <math.h>

#include "alerts/incident_json.h"
#include "daemon/base/text.h"
#include "daemon/web/current_services.h"
#include "daemon/web/document_builders.h"
#include "daemon/web/figures.h"
#include "daemon/web/health.h"
#include "daemon/web/rows_json.h"
#include "daemon/web/service_charts.h"

#define CURRENT_MS (5 * 60 * 1000) /* a value older than this is no longer current */
#define VALUES_MAX 500             /* series of a service that its page lists */

struct current_values {
	const char *service;
	int64_t interval_ms, now_ms; /* what is late for them is told with its time */
	json_t *values;
};

/* The labels but for the service, as text; "" without any. */
static int write_other_labels(const struct labels *labels, struct buf *b)
{
	struct labels others;
	int r = labels_copy(labels, &others);

	if (r < 0)
		return r;
	r = labels_set(&others, "service", "");
	if (r == 0 && others.count > 0)
		labels_write(&others, b);
	labels_done(&others);
	buf_add_string(b, "");
	return r < 0 ? r : buf_error(b);
}

static int take_value(void *userdata, const struct series *series, int64_t time_ms, double value)
{
	const char *service = labels_get(&series->labels, "service");
	_cleanup_buf_ struct buf labels = BUF_INIT;
	struct current_values *c = userdata;
	char text[FIGURE_MAX];
	json_t *json;

	if (!service || !text_equal(service, c->service) ||
		json_array_size(c->values) == VALUES_MAX)
		return 0;
	if (write_other_labels(&series->labels, &labels) < 0)
		return -ENOMEM;
	json = json_pack("{s:s,s:s,s:o,s:s,s:o}", "metric", series->metric, "labels", labels.data,
		"value", isfinite(value) ? json_real(value) : json_null(), "text",
		figure_format(series->metric, value, text), "time",
		health_is_late(time_ms, c->interval_ms, c->now_ms) ? time_json(time_ms)
								   : json_null());
	return json_array_append_new(c->values, json) < 0 ? -ENOMEM : 0;
}

static int add_values(struct documents *d, const char *service, int64_t now_ms, json_t *list)
{
	struct current_values c = {.service = service,
		.interval_ms = d->interval_ms,
		.now_ms = now_ms,
		.values = list};

	return reader_latest(d->reader, now_ms - CURRENT_MS, take_value, &c);
}

static int add_facts(const struct current_services *all, const char *service, json_t *list)
{
	for (size_t i = 0; i < all->fact_count; i++)
		if (text_equal(all->facts[i].subject, service) &&
			json_array_append_new(list, json_pack("{s:s,s:s}", "key", all->facts[i].key,
							    "value", all->facts[i].value)) < 0)
			return -ENOMEM;
	return 0;
}

/* The service's own object, or -ENOENT. */
static int find_service(struct documents *d, const struct current_services *all, const char *name,
	json_t **ret)
{
	struct process_record *processes = NULL;
	json_t *found = NULL;
	size_t count = 0, i = 0;
	int r;

	while (i < all->count && !text_equal(all->items[i].name, name))
		i++;
	if (i == all->count)
		return -ENOENT;
	r = reader_processes(d->reader, &processes, &count);
	if (r == 0)
		found = service_json(&all->items[i], current_services_absence(all, &all->items[i]),
			processes, count, d->external_url);
	process_list_free(processes, count);
	return r < 0 ? r : document_return(found, ret);
}

int document_service(struct documents *d, const struct document_request *q, json_t **ret)
{
	_cleanup_(current_services_done) struct current_services all;
	json_t *service = NULL, *document, *incidents;
	json_t *facts = json_array(), *values = json_array(), *charts = json_array();
	int r = current_services_read(d, q, &all);

	if (r == 0)
		r = find_service(d, &all, q->argument, &service);
	document = json_pack("{s:o*,s:o,s:o,s:o}", "service", service, "facts", facts, "values",
		values, "charts", charts);
	if (r == 0 && !document)
		return -ENOMEM;
	if (r == 0)
		r = add_facts(&all, q->argument, facts);
	if (r == 0)
		r = add_values(d, q->argument, q->now_ms, values);
	if (r == 0)
		r = service_charts_add(d->reader, q->argument, d->interval_ms, q->now_ms, charts);
	if (r == 0)
		r = document_incidents_of_service(d, q->argument, &incidents);
	if (r == 0 && json_object_set_new(document, "incidents", incidents) < 0)
		r = -ENOMEM;
	if (r < 0) {
		json_decref(document);
		return r;
	}
	*ret = document;
	return 0;
}
