/* SPDX-License-Identifier: Apache-2.0 */
/* /metrics in both formats, which of them a client gets, and the small charts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/base/cleanup.h"
#include "daemon/web/content_negotiation.h"
#include "daemon/web/exposition.h"
#include "daemon/web/figures.h"
#include "daemon/web/sparkline.h"

static void test_negotiation(void **state)
{
	static const struct {
		const char *accept;
		enum exposition_format format;
	} cases[] = {
		{NULL, EXPOSITION_PROMETHEUS},
		{"", EXPOSITION_PROMETHEUS},
		{"*/*", EXPOSITION_PROMETHEUS},
		{"text/html", EXPOSITION_PROMETHEUS},
		{"application/openmetrics-text", EXPOSITION_OPENMETRICS},
		{"Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8",
			EXPOSITION_OPENMETRICS},
		{"application/openmetrics-text; version=0.0.1", EXPOSITION_PROMETHEUS},
		{"application/openmetrics-text;version=1.0.0;q=0", EXPOSITION_PROMETHEUS},
		{"application/openmetrics-text;q=0.4, text/plain;q=0.5", EXPOSITION_PROMETHEUS},
		{"text/plain;q=0.5,application/openmetrics-text", EXPOSITION_OPENMETRICS},
		{"text/plain, application/openmetrics-text", EXPOSITION_PROMETHEUS},
		{"application/openmetrics-text;q=x, text/plain;q=0.1", EXPOSITION_PROMETHEUS},
		{"application/openmetrics-text;q=9, */*;q=0.1", EXPOSITION_PROMETHEUS},
		{",,; ;,=;q,application/openmetrics-text ; q=0.1", EXPOSITION_OPENMETRICS},
		/* What Prometheus 3 asks with. */
		{"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
		 "application/openmetrics-text;version=0.0.1;q=0.4,"
		 "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
		 "text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
			EXPOSITION_OPENMETRICS},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		print_message("%s\n", cases[i].accept ? cases[i].accept : "(none)");
		assert_int_equal(negotiate_exposition_format(cases[i].accept), cases[i].format);
	}
}

static const struct {
	const char *metric, *labels;
	double value;
} samples[] = {
	{"foreign_total", "{}", 1},
	{"modelwatch_service_cpu_seconds_total", "{mode=\"user\",service=\"a\"}", 0.1},
	{"modelwatch_service_cpu_seconds_total", "{mode=\"user\",service=\"q\\\"b\\\\s\\nl\"}",
		12345678901.5},
	{"modelwatch_service_resident_bytes", "{service=\"a\"}", 1e300},
	{"modelwatch_service_up", "{service=\"a\"}", NAN},
	{"modelwatch_service_up", "{service=\"b\"}", -INFINITY},
	{"modelwatch_service_up", "{service=\"c\"}", 1},
};

static void expose(enum exposition_format format, struct exposition *e)
{
	*e = (struct exposition){.format = format};
	for (size_t i = 0; i < ELEMENTS(samples); i++) {
		struct series s = {.metric = strdup(samples[i].metric)};

		assert_int_equal(labels_parse(samples[i].labels, &s.labels), 0);
		assert_int_equal(exposition_add(e, &s, samples[i].value), 0);
		series_done(&s);
	}
	assert_int_equal(exposition_end(e), 0);
}

/* Removes the help, whose words are the catalogue's affair. */
static void cut_help(char *text)
{
	char *help;

	while ((help = strstr(text, "# HELP "))) {
		char *end = strchr(help, '\n');

		assert_non_null(end);
		memmove(help, end + 1, strlen(end));
	}
}

static void test_prometheus(void **state)
{
	struct exposition e;

	expose(EXPOSITION_PROMETHEUS, &e);
	assert_non_null(strstr(e.out.data, "# HELP modelwatch_service_up "));
	assert_null(strstr(e.out.data, "# HELP foreign"));
	cut_help(e.out.data);
	assert_string_equal(e.out.data,
		"# TYPE foreign_total untyped\n"
		"foreign_total 1\n"
		"# TYPE modelwatch_service_cpu_seconds_total counter\n"
		"modelwatch_service_cpu_seconds_total{mode=\"user\",service=\"a\"} 0.1\n"
		"modelwatch_service_cpu_seconds_total{mode=\"user\",service=\"q\\\"b\\\\s\\nl\"} "
		"12345678901.5\n"
		"# TYPE modelwatch_service_resident_bytes gauge\n"
		"modelwatch_service_resident_bytes{service=\"a\"} 1e+300\n"
		"# TYPE modelwatch_service_up gauge\n"
		"modelwatch_service_up{service=\"a\"} NaN\n"
		"modelwatch_service_up{service=\"b\"} -Inf\n"
		"modelwatch_service_up{service=\"c\"} 1\n");
	exposition_done(&e);
}

static void test_openmetrics(void **state)
{
	struct exposition e;

	expose(EXPOSITION_OPENMETRICS, &e);
	cut_help(e.out.data);
	assert_string_equal(e.out.data,
		"# TYPE foreign_total unknown\n"
		"foreign_total 1\n"
		"# TYPE modelwatch_service_cpu_seconds counter\n"
		"# UNIT modelwatch_service_cpu_seconds seconds\n"
		"modelwatch_service_cpu_seconds_total{mode=\"user\",service=\"a\"} 0.1\n"
		"modelwatch_service_cpu_seconds_total{mode=\"user\",service=\"q\\\"b\\\\s\\nl\"} "
		"12345678901.5\n"
		"# TYPE modelwatch_service_resident_bytes gauge\n"
		"# UNIT modelwatch_service_resident_bytes bytes\n"
		"modelwatch_service_resident_bytes{service=\"a\"} 1e+300\n"
		"# TYPE modelwatch_service_up gauge\n"
		"modelwatch_service_up{service=\"a\"} NaN\n"
		"modelwatch_service_up{service=\"b\"} -Inf\n"
		"modelwatch_service_up{service=\"c\"} 1\n"
		"# EOF\n");
	exposition_done(&e);
}

/* OpenMetrics: a family is named by no other, a unit ends its name, a counter has its suffix. */
static void test_catalogue(void **state)
{
	static const struct {
		const char *name, *type, *unit, *help;
	} metrics[] = {
#define METRIC(name, type, unit, help) {#name, #type, #unit, help},
#include "schema/metrics.def"
#undef METRIC
	};

	for (size_t i = 0; i < ELEMENTS(metrics); i++) {
		size_t size = strlen(metrics[i].name), unit = strlen(metrics[i].unit);
		bool counter = strcmp(metrics[i].type, "counter") == 0;

		print_message("%s\n", metrics[i].name);
		if (counter) {
			assert_true(size > 6);
			assert_string_equal(metrics[i].name + size - 6, "_total");
			size -= 6;
		}
		if (unit > 0) {
			assert_true(size > unit + 1);
			assert_int_equal(metrics[i].name[size - unit - 1], '_');
			assert_int_equal(
				strncmp(metrics[i].name + size - unit, metrics[i].unit, unit), 0);
		}
		assert_true(strlen(metrics[i].help) > 10);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(metrics[i].name, metrics[j].name);
	}
}

static void test_sparkline(void **state)
{
	_cleanup_(sparkline_paths_done) struct sparkline_paths p = {0};
	double low, high, last;
	struct sparkline s;

	sparkline_init(&s, 0, SPARKLINE_COLUMNS * 1000);
	assert_false(sparkline_range(&s, &low, &high, &last));
	assert_true(isnan(sparkline_mean(&s)));
	assert_int_equal(sparkline_write(&s, 0, 1, 1000, &p), 0);
	assert_int_equal(p.line.size + p.area.size + p.end.size, 0);

	sparkline_add(&s, -1, 5);
	sparkline_add(&s, SPARKLINE_COLUMNS * 1000 + 1, 5);
	sparkline_add(&s, 10, NAN);
	assert_false(sparkline_range(&s, &low, &high, &last));

	/* Two in one column, a neighbour, a gap, and one alone at the very end. */
	sparkline_add(&s, 0, 1);
	sparkline_add(&s, 999, 3);
	sparkline_add(&s, 1000, 4);
	sparkline_add(&s, SPARKLINE_COLUMNS * 1000, 0);
	assert_true(sparkline_range(&s, &low, &high, &last));
	assert_true(low == 0 && high == 4 && last == 0);
	sparkline_add(&s, SPARKLINE_COLUMNS * 1000, 6);
	assert_true(sparkline_range(&s, &low, &high, &last));
	assert_true(high == 4 && last == 6);
	s.sum[SPARKLINE_COLUMNS - 1] = 0;
	s.count[SPARKLINE_COLUMNS - 1] = 1;
	assert_true(sparkline_mean(&s) == 2);
	assert_int_equal(sparkline_write(&s, 0, 4, 1000, &p), 0);
	assert_string_equal(p.line.data, "M1.0 24.0h0L3.0 2.0M359.0 46.0h0");
	assert_string_equal(p.end.data, "M359.0 46.0h0");
	assert_string_equal(
		p.area.data, "M1.0 24.0L3.0 2.0L3.0 48L1.0 48ZM359.0 46.0L359.0 48L359.0 48Z");
}

static void test_sparkline_sum(void **state)
{
	double low, high, last;
	struct sparkline a, b;

	sparkline_init(&a, 0, 1000);
	sparkline_init(&b, 0, 1000);
	sparkline_add(&a, 0, 1);
	sparkline_add(&b, 0, 2);
	sparkline_add(&a, 500, 100);
	sparkline_sum(&a, &b);
	assert_true(sparkline_range(&a, &low, &high, &last));
	assert_true(low == 3 && high == 3 && last == 3);
	/* A range of no length is a range all the same. */
	sparkline_init(&a, 5, 5);
	sparkline_add(&a, 5, 1);
	assert_true(sparkline_range(&a, &low, &high, &last));
}

static void test_figures(void **state)
{
	static const struct {
		const char *metric;
		double value;
		const char *expected;
	} cases[] = {
		{"x_bytes", 0, "0 B"},
		{"x_bytes", 1023, "1023 B"},
		{"x_bytes", 1536, "1.5 KiB"},
		{"x_bytes_total", 3221225472, "3.0 GiB"},
		{"x_bytes", 85899345920, "80 GiB"},
		{"x_start_time_seconds", 1769853792, "2026-01-31 10:03:12 UTC"},
		{"x_stop_time_seconds", 1769853792, "2026-01-31 10:03:12 UTC"},
		{"x_seconds_total", 125, "2min 5s"},
		{"x_seconds", -1, "-1"},
		{"x_timestamp_seconds", 1e18, "1e+18"},
		{"x", 42, "42"},
		{"x", 0.12345, "0.1235"},
		{"x", 123456789, "123456789"},
	};
	char text[FIGURE_MAX];

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		assert_string_equal(
			figure_format(cases[i].metric, cases[i].value, text), cases[i].expected);
	assert_non_null(figure_format("x", NAN, text));
	assert_non_null(figure_format("x_bytes", INFINITY, text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_negotiation),
		cmocka_unit_test(test_prometheus),
		cmocka_unit_test(test_openmetrics),
		cmocka_unit_test(test_catalogue),
		cmocka_unit_test(test_sparkline),
		cmocka_unit_test(test_sparkline_sum),
		cmocka_unit_test(test_figures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
