/* SPDX-License-Identifier: Apache-2.0 */
/* What expressions evaluate to. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/promql/promql.h"
#include "daemon/base/text.h"

/* One series of a fake source. */
struct point {
	const char *metric, *labels;
	double value;
};

struct points {
	const struct point *list;
	size_t count;
};

static int select_points(void *userdata, const char *metric, int64_t time_ms, promql_series_fn fn,
	void *fn_userdata)
{
	const struct points *points = userdata;
	int r = 0;

	for (size_t i = 0; i < points->count && r == 0; i++) {
		struct series series = {.metric = strdup(points->list[i].metric)};

		assert_int_equal(labels_parse(points->list[i].labels, &series.labels), 0);
		if (!metric || text_equal(metric, series.metric))
			r = fn(fn_userdata, &series, points->list[i].value);
		series_done(&series);
	}
	return r;
}

/* Writes the elements as "{...}=VALUE ". */
static int write_element(void *userdata, const struct labels *labels, double value)
{
	labels_write(labels, userdata);
	buf_printf(userdata, "=%g ", value);
	return 0;
}

static const struct point points[] = {
	{"up", "{service=\"a\"}", 0},
	{"up", "{service=\"b\"}", 1},
	{"up", "{service=\"b2\",zone=\"x\"}", 0},
	{"load", "{}", 2.5},
	{"broken", "{}", __builtin_nan("")},
	{"stopped", "{service=\"a\"}", 1},
	{"stopped", "{service=\"b\"}", 1},
	{"stopped", "{service=\"b2\"}", 1},
	{"stopped", "{service=\"c\"}", 0},
	{"outage", "{zone=\"x\"}", 1},
	{"outage", "{zone=\"y\"}", 1},
	{"on_call", "{}", 1},
	{"and", "{service=\"a\"}", 7},
};

#define A  "{service=\"a\"}"
#define B  "{service=\"b\"}"
#define B2 "{service=\"b2\"}"
#define X  "{service=\"b2\",zone=\"x\"}"
#define C  "{service=\"c\"}"

/* Checked against Prometheus, too. */
static const struct {
	const char *expr, *expected;
} evaluations[] = {
	{"up == 0", "{service=\"a\"}=0 {service=\"b2\",zone=\"x\"}=0 "},
	{"up{} != 0", "{service=\"b\"}=1 "},
	{"up{service=\"a\"} == 0", "{service=\"a\"}=0 "},
	{"up{service=\"a\",} == 0 # the comma, a comment", "{service=\"a\"}=0 "},
	{"up{service!='a'} < 1", "{service=\"b2\",zone=\"x\"}=0 "},
	{"up{service=~`b.*`} >= 0",
		"{service=\"b\"}=1 {service=\"b2\",zone=\"x\"}=0 "},
	{"up{service=~\"b\"} >= 0", "{service=\"b\"}=1 "},
	{"up{service!~\"a|b\"} <= 5", "{service=\"b2\",zone=\"x\"}=0 "},
	{"up{zone=\"\"} >= 0", "{service=\"a\"}=0 {service=\"b\"}=1 "},
	{"up{zone!=\"\"} >= 0", "{service=\"b2\",zone=\"x\"}=0 "},
	{"up{zone=\"\",service=\"b\"} > 0", "{service=\"b\"}=1 "},
	{"load > 2.5", ""},
	{"load >= 2.5", "{}=2.5 "},
	{"load > -1", "{}=2.5 "},
	{"load > +-+1", "{}=2.5 "},
	{"load < Inf", "{}=2.5 "},
	{"load > -inf", "{}=2.5 "},
	{"load == NaN", ""},
	{"load != nan", "{}=2.5 "},
	{"broken == 0", ""},
	{"broken != 0", "{}=nan "},
	{"load < 2s500ms", ""},
	{"load <= 2s500ms", "{}=2.5 "},
	{"nothing == 0", ""},
	{"\n up\t==\r\n0 ", "{service=\"a\"}=0 {service=\"b2\",zone=\"x\"}=0 "},
	{"up", A "=0 " B "=1 " X "=0 "},
	{"(up)", A "=0 " B "=1 " X "=0 "},
	{"((up) == (0))", A "=0 " X "=0 "},
	{"up >= 0 == 0", A "=0 " X "=0 "}, /* to the left, and both filter */
	{"(up == 0) < -(-1)", A "=0 " X "=0 "},
	{"(up == 0 or stopped) == 1", B "=1 " B2 "=1 "},

	{"up == 0 unless stopped == 1", X "=0 "},
	{"up == 0 unless on(service) stopped == 1", ""},
	{"up == 0 unless on(service) stopped == 0", A "=0 " X "=0 "},
	{"up UNLESS stopped", X "=0 "},
	{"up unless nothing", A "=0 " B "=1 " X "=0 "},
	{"nothing unless up", ""},
	{"up unless on() on_call == 1", ""},
	{"up unless on() on_call == 0", A "=0 " B "=1 " X "=0 "},
	{"up unless on() up == 7", A "=0 " B "=1 " X "=0 "},
	{"up unless on(zone) outage", A "=0 " B "=1 "},
	{"up unless on(zone) stopped", X "=0 "}, /* no zone is one, too */
	{"up unless ignoring(service) outage", A "=0 " B "=1 "},
	{"up unless ignoring(zone) stopped == 1", ""},
	{"up unless ignoring() stopped", X "=0 "},
	{"up unless ignoring(nothing, __name__) stopped", X "=0 "},
	{"up unless ON(service,zone,) stopped", X "=0 "},
	{"up unless on(service, service) stopped > 0", ""},

	{"up and stopped", A "=0 " B "=1 "},
	{"up == 0 and stopped == 1", A "=0 "},
	{"stopped and up", A "=1 " B "=1 "},
	{"stopped and on(service) up == 0", A "=1 " B2 "=1 "},
	{"up and on() load > 2", A "=0 " B "=1 " X "=0 "},
	{"up and on() load > 3", ""},
	{"up and nothing", ""},
	{"nothing and up", ""},
	{"up and on() broken", A "=0 " B "=1 " X "=0 "},
	{"up and on(zone) outage", X "=0 "},
	{"up and load", ""},
	{"load and broken", "{}=2.5 "},
	{"and and and", A "=7 "},
	{"and > 0 and up == 0", A "=7 "},

	{"up or stopped", A "=0 " B "=1 " X "=0 " B2 "=1 " C "=0 "},
	{"up == 1 or stopped == 1", A "=1 " B "=1 " B2 "=1 "},
	{"up == 1 or on(service) stopped == 1", A "=1 " B "=1 " B2 "=1 "},
	{"up == 0 or on(service) stopped", A "=0 " B "=1 " X "=0 " C "=0 "},
	{"up == 0 or ignoring(zone) stopped", A "=0 " B "=1 " X "=0 " C "=0 "},
	{"up == 0 or on() stopped", A "=0 " X "=0 "},
	{"up == 7 or on() stopped", A "=1 " B "=1 " B2 "=1 " C "=0 "},
	{"nothing or up", A "=0 " B "=1 " X "=0 "},
	{"up or nothing", A "=0 " B "=1 " X "=0 "},
	{"nothing or nothing", ""},
	{"up == 0 or up == 1", A "=0 " B "=1 " X "=0 "},
	{"up > 1 or up == 1 or up < 1", A "=0 " B "=1 " X "=0 "},

	/* and, unless before or; all to the left */
	{"up or stopped and nothing", A "=0 " B "=1 " X "=0 "},
	{"(up or stopped) and nothing", ""},
	{"nothing and up or stopped == 0", C "=0 "},
	{"nothing and (up or stopped == 0)", ""},
	{"up or stopped unless stopped", A "=0 " B "=1 " X "=0 "},
	{"(up or stopped) unless stopped", X "=0 "},
	{"up unless stopped unless up", ""},
	{"up unless (stopped unless up)", A "=0 " B "=1 " X "=0 "},
	{"up unless stopped == 0 and up == 1", B "=1 "},
	{"up unless (stopped == 0 and up == 1)", A "=0 " B "=1 " X "=0 "},
	{"up and stopped unless stopped == 1", ""},
	{"up unless up == 1 or stopped == 0", A "=0 " X "=0 " C "=0 "},
	{"up unless (up == 1 or stopped == 0)", A "=0 " X "=0 "},
};

static void test_evaluates(void **state)
{
	for (size_t i = 0; i < ELEMENTS(evaluations); i++) {
		struct points list = {points, ELEMENTS(points)};
		struct promql_source source = {select_points, &list};
		_cleanup_buf_ struct buf out = BUF_INIT;
		struct promql *p;
		char *why = NULL;

		if (promql_parse(evaluations[i].expr, &p, &why) != 0)
			fail_msg("%s: %s", evaluations[i].expr, why);
		assert_int_equal(promql_evaluate(p, &source, 0, write_element, &out), 0);
		if (!text_equal(out.data ? out.data : "", evaluations[i].expected))
			fail_msg("%s: %s", evaluations[i].expr, out.data);
		promql_free(p);
	}
}

static int write_subject(void *userdata, const struct labels *labels, double value, bool holds)
{
	labels_write(labels, userdata);
	buf_printf(userdata, holds ? "=%g " : "=(%g) ", value);
	return 0;
}

/* What does not hold stands in parentheses. */
static void test_subjects(void **state)
{
	static const struct {
		const char *expr, *expected;
	} cases[] = {
		{"up", A "=0 " B "=1 " X "=0 "},
		{"up == 0", A "=0 " B "=(1) " X "=0 "},
		{"up{service=\"b\"} == 0", B "=(1) "},
		{"nothing == 0", ""},
		{"up == 0 unless stopped == 1", A "=(0) " B "=(1) " X "=0 "},
		{"up == 0 and stopped == 1", A "=0 " B "=(1) " X "=(0) "},
		{"up == 0 and nothing", A "=(0) " B "=(1) " X "=(0) "},
		{"nothing == 0 and up", ""},
		{"nothing == 0 unless up", ""},
		{"up == 0 or stopped == 0", A "=0 " B "=(1) " X "=0 " B2 "=(1) " C "=0 "},
		{"up == 1 or stopped == 1", A "=1 " B "=1 " X "=(0) " B2 "=1 " C "=(0) "},
		/* a partner on the left, though not of the same labels */
		{"up == 0 or on(service) stopped == 1", A "=0 " B "=1 " X "=0 " B2 "=(1) " C "=(0) "},
		{"(up == 0 unless stopped == 1) >= 0", A "=(0) " B "=(1) " X "=0 "},
		{"(up == 0 unless stopped == 1) or load > 9", A "=(0) " B "=(1) " X "=0 {}=(2.5) "},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct points list = {points, ELEMENTS(points)};
		struct promql_source source = {select_points, &list};
		_cleanup_buf_ struct buf out = BUF_INIT;
		struct promql *p;

		assert_int_equal(promql_parse(cases[i].expr, &p, NULL), 0);
		assert_int_equal(promql_subjects(p, &source, 0, write_subject, &out), 0);
		if (!text_equal(out.data ? out.data : "", cases[i].expected))
			fail_msg("%s: %s", cases[i].expr, out.data);
		promql_free(p);
	}
}

static void test_thresholds_and_metrics(void **state)
{
	static const struct {
		const char *expr;
		double threshold; /* NaN: none */
		const char *metrics;
	} cases[] = {
		{"up", NAN, "up "},
		{"up == 0", 0, "up "},
		{"up == 0 unless stopped == 1", 0, "up stopped "},
		{"a > 1 or b > 2", 1, "a b "},
		{"a or b > 2", NAN, "a b "},
		{"a > 1 > 2", 2, "a "},
		{"(a > 1 and b > 2) > 3", 3, "a b "},
		{"((a > 1 and b > 2) unless c > 3) or a > 4", 1, "a b c "},
		{"a > 1 and a < 2 or b > 3 or a > 4", 1, "a b "},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;
		const char *metric;
		struct promql *p;
		double threshold;

		assert_int_equal(promql_parse(cases[i].expr, &p, NULL), 0);
		threshold = promql_threshold(p);
		assert_true(isnan(cases[i].threshold) ? isnan(threshold)
						      : threshold == cases[i].threshold);
		for (size_t j = 0; (metric = promql_metric(p, j)); j++) {
			assert_true(promql_reads(p, metric));
			buf_printf(&out, "%s ", metric);
		}
		assert_string_equal(out.data, cases[i].metrics);
		assert_false(promql_reads(p, "down"));
		promql_free(p);
	}
}

static int stop(void *userdata, const struct labels *labels, double value)
{
	++*(int *) userdata;
	return -ENOMEM;
}

static void test_an_error_stops(void **state)
{
	static const char *const cases[] = {
		"up == 0", "up and up", "up unless load", "nothing or up", "(up or stopped) < 2",
	};
	struct points list = {points, ELEMENTS(points)};
	struct promql_source source = {select_points, &list};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct promql *p;
		int calls = 0;

		assert_int_equal(promql_parse(cases[i], &p, NULL), 0);
		assert_int_equal(promql_evaluate(p, &source, 0, stop, &calls), -ENOMEM);
		assert_int_equal(calls, 1);
		promql_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_evaluates),
		cmocka_unit_test(test_subjects),
		cmocka_unit_test(test_thresholds_and_metrics),
		cmocka_unit_test(test_an_error_stops),
	};

	return cmocka_run_group_tests_name("promql-evaluate", tests, NULL, NULL);
}
