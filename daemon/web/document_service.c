/* SPDX-License-Identifier: Apache-2.0 */
/* The document of one service: what is known of it, what it uses now, and its last hour. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alerts/incident_json.h"
#include "daemon/base/text.h"
#include "daemon/web/documents.h"
#include "daemon/web/figures.h"
#include "daemon/web/health.h"
#include "daemon/web/rows_json.h"
#include "daemon/web/sparkline.h"

#define CHART_MS   (60 * 60 * 1000) /* what a chart shows */
#define CURRENT_MS (5 * 60 * 1000)  /* a value older than this is no longer current */
#define GAP_MS     15000            /* without values for longer than this a line breaks... */
#define VALUES_MAX 500              /* series of a service that its page lists */

/* A chart's line: the values of a series, or how fast a counter grows each second. */
struct curve {
	struct sparkline line;
	bool rate;
	double last;
	int64_t last_ms; /* 0 before the first */
};

static int take_point(void *userdata, const struct series *series, int64_t time_ms, double value)
{
	struct curve *c = userdata;

	if (!c->rate)
		sparkline_add(&c->line, time_ms, value);
	else if (c->last_ms > 0 && time_ms > c->last_ms && value >= c->last)
		sparkline_add(&c->line, time_ms,
			(value - c->last) * 1000 / (double) (time_ms - c->last_ms));
	c->last = value;
	c->last_ms = time_ms;
	return 0;
}

/* Reads METRIC{service="SERVICE"}, with mode="MODE" where that is not NULL. */
static int read_curve(struct reader *r, const char *metric, const char *service, const char *mode,
	int64_t now_ms, struct curve *ret)
{
	struct label labels[2] = {0};
	_cleanup_free_ char *name = strdup(metric), *service_copy = strdup(service);
	_cleanup_free_ char *mode_copy = mode ? strdup(mode) : NULL;
	char service_label[] = "service", mode_label[] = "mode";
	struct series series = {.metric = name, .labels = {.items = labels}};
	int e;

	if (!name || !service_copy || (mode && !mode_copy))
		return -ENOMEM;
	/* In the order of the labels' names. */
	if (mode)
		labels[series.labels.count++] =
			(struct label){.name = mode_label, .value = mode_copy};
	labels[series.labels.count++] =
		(struct label){.name = service_label, .value = service_copy};
	ret->rate = text_ends_with(metric, "_total");
	ret->last_ms = 0;
	sparkline_init(&ret->line, now_ms - CHART_MS, now_ms);
	e = reader_range(r, &series, now_ms - CHART_MS, now_ms, take_point, ret);
	return e == -ENOENT ? 0 : e;
}

static void figure_cores(double value, char buffer[static FIGURE_MAX])
{
	snprintf(buffer, FIGURE_MAX, value < 10 ? "%.2f cores" : "%.0f cores", value);
}

static void figure_bytes(double value, char buffer[static FIGURE_MAX])
{
	figure_format("_bytes", value, buffer);
}

static void figure_up(double value, char buffer[static FIGURE_MAX])
{
	snprintf(buffer, FIGURE_MAX, "%s", value >= 1 ? "up" : (value > 0 ? "partly up" : "down"));
}

/* What is said under a chart. */
static json_t *extremes_json(const struct sparkline *line, double low, double high,
	void (*figure)(double value, char buffer[static FIGURE_MAX]))
{
	char least[FIGURE_MAX], most[FIGURE_MAX];

	figure(low, least);
	figure(high, most);
	return json_sprintf("between %s and %s", least, most);
}

static json_t *share_json(const struct sparkline *line, double low, double high,
	void (*figure)(double value, char buffer[static FIGURE_MAX]))
{
	/* Never rounded to 100 % where something was missing. */
	double share = floor(sparkline_mean(line) * 10000) / 100;

	return json_sprintf("%g %% of what was seen", share);
}

static const struct chart {
	const char *name, *title, *metric;
	const char *mode, *other_mode; /* summed; NULL for none */
	double high;                   /* of the scale at least; it begins at 0 */
	void (*figure)(double value, char buffer[static FIGURE_MAX]);
	json_t *(*range)(const struct sparkline *line, double low, double high,
		void (*figure)(double value, char buffer[static FIGURE_MAX]));
} charts[] = {
	{"up", "Availability", "modelwatch_service_up", NULL, NULL, 1, figure_up, share_json},
	{"cpu", "Processor", "modelwatch_service_cpu_seconds_total", "user", "system", 0.1,
		figure_cores, extremes_json},
	{"rss", "Memory", "modelwatch_service_resident_bytes", NULL, NULL, 1, figure_bytes,
		extremes_json},
};

/* null where there is nothing to draw; NULL without memory. A LATE line says nothing of now. */
static json_t *chart_json(
	const struct chart *chart, const struct sparkline *line, int64_t gap_ms, bool late)
{
	_cleanup_buf_ struct buf path = BUF_INIT, area = BUF_INIT;
	char now[FIGURE_MAX];
	double low, high, last;

	if (!sparkline_range(line, &low, &high, &last))
		return json_null();
	sparkline_write(line, 0, fmax(high, chart->high), gap_ms, &path, &area);
	if (buf_error(&path) < 0 || buf_error(&area) < 0)
		return NULL;
	if (late)
		snprintf(now, sizeof(now), "no value now");
	else
		chart->figure(last, now);
	return json_pack("{s:s,s:s,s:s,s:o,s:s,s:s}", "name", chart->name, "title", chart->title,
		"now", now, "range", chart->range(line, low, high, chart->figure), "line",
		path.data, "area", area.data);
}

static int add_charts(struct documents *d, const char *service, int64_t now_ms, json_t *list)
{
	int64_t gap_ms = 3 * d->interval_ms > GAP_MS ? 3 * d->interval_ms : GAP_MS;
	struct curve curve, other;
	json_t *json;
	int r;

	for (size_t i = 0; i < ELEMENTS(charts); i++) {
		r = read_curve(
			d->reader, charts[i].metric, service, charts[i].mode, now_ms, &curve);
		if (r == 0 && charts[i].other_mode) {
			r = read_curve(d->reader, charts[i].metric, service, charts[i].other_mode,
				now_ms, &other);
			if (r == 0)
				sparkline_sum(&curve.line, &other.line);
		}
		if (r < 0)
			return r;
		json = chart_json(&charts[i], &curve.line, gap_ms,
			health_is_late(curve.line.last_ms, d->interval_ms, now_ms));
		if (json_is_null(json))
			continue;
		if (json_array_append_new(list, json) < 0)
			return -ENOMEM;
	}
	return 0;
}

struct current {
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
	struct current *c = userdata;
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
	struct current c = {.service = service,
		.interval_ms = d->interval_ms,
		.now_ms = now_ms,
		.values = list};

	return reader_latest(d->reader, now_ms - CURRENT_MS, take_value, &c);
}

static int add_facts(struct documents *d, const char *service, json_t *list)
{
	struct fact *facts;
	size_t count;
	int r = reader_facts(d->reader, "service", &facts, &count);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		if (text_equal(facts[i].subject, service) &&
			json_array_append_new(list, json_pack("{s:s,s:s}", "key", facts[i].key,
							    "value", facts[i].value)) < 0)
			r = -ENOMEM;
	fact_list_free(facts, count);
	return r;
}

/* The service's own object, or -ENOENT. */
static int find_service(
	struct documents *d, const struct document_request *q, const char *name, json_t **ret)
{
	struct service_record *services = NULL;
	struct process_record *processes = NULL;
	size_t count = 0, process_count = 0;
	json_t *found = NULL;
	struct look look;
	int r = reader_services(d->reader, &services, &count);

	if (r == 0)
		r = reader_processes(d->reader, &processes, &process_count);
	if (r == 0)
		r = document_look(d, q, &look);
	for (size_t i = 0; i < count && r == 0 && !found; i++) {
		if (!text_equal(services[i].name, name))
			continue;
		if (look.services_late)
			r = service_mark_unknown(&services[i], look.services_ms);
		if (r == 0)
			found = service_json(
				&services[i], processes, process_count, d->external_url);
		r = found ? 0 : -ENOMEM;
	}
	service_list_free(services, count);
	process_list_free(processes, process_count);
	if (r == 0 && !found)
		r = -ENOENT;
	if (r == 0)
		*ret = found;
	return r;
}

int document_service(struct documents *d, const struct document_request *q, json_t **ret)
{
	json_t *service, *document, *incidents;
	json_t *facts = json_array(), *values = json_array(), *lines = json_array();
	int r = find_service(d, q, q->argument, &service);

	if (r < 0)
		service = NULL;
	document = json_pack("{s:o*,s:o,s:o,s:o}", "service", service, "facts", facts, "values",
		values, "charts", lines);
	if (r == 0 && !document)
		return -ENOMEM;
	if (r == 0)
		r = add_facts(d, q->argument, facts);
	if (r == 0)
		r = add_values(d, q->argument, q->now_ms, values);
	if (r == 0)
		r = add_charts(d, q->argument, q->now_ms, lines);
	if (r == 0)
		r = document_incident_list(d, INCIDENTS_ALL, q->argument, &incidents);
	if (r == 0 && json_object_set_new(document, "incidents", incidents) < 0)
		r = -ENOMEM;
	if (r < 0) {
		json_decref(document);
		return r;
	}
	*ret = document;
	return 0;
}
