/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/service_charts.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/web/figures.h"
#include "daemon/web/health.h"
#include "daemon/web/sparkline.h"

#define CHART_MS (60 * 60 * 1000) /* what a chart shows */
#define GAP_MS   15000 /* without values for longer than this and 3 intervals a line breaks */

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
	ret->last = NAN;
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

enum { CHART_UP, CHART_CPU, CHART_RSS };

static const struct chart {
	const char *name, *title, *metric;
	const char *mode, *other_mode; /* summed; NULL for none */
	double high;                   /* of the scale at least; it begins at 0 */
	void (*figure)(double value, char buffer[static FIGURE_MAX]);
	json_t *(*range)(const struct sparkline *line, double low, double high,
		void (*figure)(double value, char buffer[static FIGURE_MAX]));
} charts[] = {
	[CHART_UP] = {"up", "Availability", "modelwatch_service_up", NULL, NULL, 1, figure_up,
		share_json},
	[CHART_CPU] = {"cpu", "Processor", "modelwatch_service_cpu_seconds_total", "user", "system",
		0.1, figure_cores, extremes_json},
	[CHART_RSS] = {"rss", "Memory", "modelwatch_service_resident_bytes", NULL, NULL, 1,
		figure_bytes, extremes_json},
};

/* null where there is nothing to draw; NULL without memory. An ENDED line says nothing of now. */
static json_t *chart_json(
	const struct chart *chart, const struct sparkline *line, int64_t gap_ms, bool ended)
{
	_cleanup_(sparkline_paths_done) struct sparkline_paths paths = {0};
	char now[FIGURE_MAX];
	double low, high, last;

	if (!sparkline_range(line, &low, &high, &last))
		return json_null();
	if (sparkline_write(line, 0, fmax(high, chart->high), gap_ms, &paths) < 0)
		return NULL;
	if (ended)
		snprintf(now, sizeof(now), "no value now");
	else
		chart->figure(last, now);
	return json_pack("{s:s,s:s,s:s,s:o,s:s,s:s,s:s}", "name", chart->name, "title",
		chart->title, "now", now, "range", chart->range(line, low, high, chart->figure),
		"line", paths.line.data, "area", paths.area.data, "end", paths.end.data);
}

static int read_chart(struct reader *r, const struct chart *chart, const char *service,
	int64_t now_ms, struct curve *ret)
{
	struct curve other;
	int e = read_curve(r, chart->metric, service, chart->mode, now_ms, ret);

	if (e < 0 || !chart->other_mode)
		return e;
	e = read_curve(r, chart->metric, service, chart->other_mode, now_ms, &other);
	if (e == 0)
		sparkline_sum(&ret->line, &other.line);
	return e;
}

int service_charts_add(struct reader *reader, const char *service, int64_t interval_ms,
	int64_t now_ms, json_t *list)
{
	int64_t gap_ms = 3 * interval_ms > GAP_MS ? 3 * interval_ms : GAP_MS;
	int64_t down_ms = 0; /* since then no process is there of which a figure could tell */
	struct curve curve;
	json_t *json;
	int r;

	for (size_t i = 0; i < ELEMENTS(charts); i++) {
		r = read_chart(reader, &charts[i], service, now_ms, &curve);
		if (r < 0)
			return r;
		if (i == CHART_UP && curve.last <= 0)
			down_ms = curve.line.last_ms;
		json = chart_json(&charts[i], &curve.line, gap_ms,
			curve.line.last_ms < down_ms ||
				health_is_late(curve.line.last_ms, interval_ms, now_ms));
		if (json_is_null(json))
			continue;
		if (json_array_append_new(list, json) < 0)
			return -ENOMEM;
	}
	return 0;
}
