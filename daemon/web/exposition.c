/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/exposition.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/text.h"

/* Spelled as the catalogue spells them. */
enum metric_type { TYPE_counter, TYPE_gauge, TYPE_summary, TYPE_info, TYPE_unknown };

struct metric {
	const char *name;
	enum metric_type type;
	const char *unit; /* "" for none */
	const char *help;
};

static const struct metric metrics[] = {
#define METRIC(name, type, unit, help) {#name, TYPE_##type, #unit, help},
#include "schema/metrics.def"
#undef METRIC
};

/* The words of the two formats, and the suffix that a sample's name has and its OpenMetrics family
 * has not. */
static const struct {
	const char *prometheus, *openmetrics, *suffix;
} types[] = {
	[TYPE_counter] = {"counter", "counter", "_total"},
	[TYPE_gauge] = {"gauge", "gauge", ""},
	[TYPE_summary] = {"summary", "summary", ""},
	[TYPE_info] = {"gauge", "info", "_info"},
	[TYPE_unknown] = {"untyped", "unknown", ""},
};

void exposition_done(struct exposition *e)
{
	buf_done(&e->out);
	buf_done(&e->family);
}

static struct metric find_metric(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(metrics); i++)
		if (text_equal(metrics[i].name, name))
			return metrics[i];
	return (struct metric){.name = name, .type = TYPE_unknown, .unit = "", .help = ""};
}

/* Backslash, line feed and, where QUOTE, quotation mark. */
static void write_help(struct buf *out, const char *help, bool quote)
{
	for (; *help; help++) {
		if (*help == '\n')
			buf_add_string(out, "\\n");
		else if (*help == '\\' || (*help == '"' && quote))
			buf_printf(out, "\\%c", *help);
		else
			buf_add_char(out, *help);
	}
}

static void write_head(struct exposition *e, const char *name)
{
	struct metric m = find_metric(name);
	const char *suffix = types[m.type].suffix;
	int size = (int) strlen(name);

	if (e->format == EXPOSITION_PROMETHEUS) {
		if (*m.help) {
			buf_printf(&e->out, "# HELP %s ", name);
			write_help(&e->out, m.help, false);
			buf_add_char(&e->out, '\n');
		}
		buf_printf(&e->out, "# TYPE %s %s\n", name, types[m.type].prometheus);
		return;
	}
	/* A sample that lacks its type's suffix cannot be of that type. */
	if (!text_ends_with(name, suffix))
		m = (struct metric){.type = TYPE_unknown, .unit = "", .help = m.help};
	else
		size -= (int) strlen(suffix);
	buf_printf(&e->out, "# TYPE %.*s %s\n", size, name, types[m.type].openmetrics);
	if (*m.unit)
		buf_printf(&e->out, "# UNIT %.*s %s\n", size, name, m.unit);
	if (*m.help) {
		buf_printf(&e->out, "# HELP %.*s ", size, name);
		write_help(&e->out, m.help, true);
		buf_add_char(&e->out, '\n');
	}
}

static void write_value(struct buf *out, double value)
{
	if (isnan(value))
		buf_add_string(out, "NaN");
	else if (isinf(value))
		buf_add_string(out, value > 0 ? "+Inf" : "-Inf");
	else
		buf_add_double(out, value);
}

int exposition_add(struct exposition *e, const struct series *series, double value)
{
	if (!e->family.data || !text_equal(e->family.data, series->metric)) {
		buf_reset(&e->family);
		buf_add_string(&e->family, series->metric);
		if (buf_error(&e->family) < 0)
			return buf_error(&e->family);
		write_head(e, series->metric);
	}
	buf_add_string(&e->out, series->metric);
	if (series->labels.count > 0)
		labels_write(&series->labels, &e->out);
	buf_add_char(&e->out, ' ');
	write_value(&e->out, value);
	buf_add_char(&e->out, '\n');
	return buf_error(&e->out);
}

int exposition_end(struct exposition *e)
{
	if (e->format == EXPOSITION_OPENMETRICS)
		buf_add_string(&e->out, "# EOF\n");
	else
		buf_add_string(&e->out, "");
	return buf_error(&e->out);
}

const char *exposition_content_type(enum exposition_format format)
{
	return format == EXPOSITION_OPENMETRICS
		       ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		       : "text/plain; version=0.0.4; charset=utf-8";
}
