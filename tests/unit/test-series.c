/* SPDX-License-Identifier: Apache-2.0 */
/* Names, label sets, their text and their fingerprint. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "schema/series.h"

static void test_names(void **state)
{
	static const struct {
		const char *name;
		bool metric, label;
	} cases[] = {
		{"up", true, true},
		{"_x9", true, true},
		{"A", true, true},
		{"service:errors:ratio5m", true, false},
		{":", true, false},
		{"", false, false},
		{"9x", false, false},
		{"a-b", false, false},
		{"a b", false, false},
		{"\xc3\xbc", false, false},
	};
	char name[METRIC_NAME_MAX + 2];

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		assert_int_equal(series_metric_is_valid(cases[i].name), cases[i].metric);
		assert_int_equal(series_label_is_valid(cases[i].name), cases[i].label);
	}
	memset(name, 'a', sizeof(name));
	name[METRIC_NAME_MAX] = '\0';
	assert_true(series_metric_is_valid(name));
	name[METRIC_NAME_MAX] = 'a';
	name[METRIC_NAME_MAX + 1] = '\0';
	assert_false(series_metric_is_valid(name));
}

static void assert_text(const struct labels *l, const char *expected)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	labels_write(l, &b);
	assert_int_equal(buf_error(&b), 0);
	assert_string_equal(b.data, expected);
}

static void test_set_keeps_order(void **state)
{
	static const struct {
		const char *name, *value, *after;
	} steps[] = {
		{"m", "1", "{m=\"1\"}"},
		{"z", "2", "{m=\"1\",z=\"2\"}"},
		{"a", "3", "{a=\"3\",m=\"1\",z=\"2\"}"},
		{"m", "4", "{a=\"3\",m=\"4\",z=\"2\"}"},
		{"a", "", "{m=\"4\",z=\"2\"}"},
		{"q", "", "{m=\"4\",z=\"2\"}"},
		{"z", "", "{m=\"4\"}"},
		{"m", "", "{}"},
	};
	_cleanup_(labels_done) struct labels l = {0};

	for (size_t i = 0; i < ELEMENTS(steps); i++) {
		assert_int_equal(labels_set(&l, steps[i].name, steps[i].value), 0);
		assert_text(&l, steps[i].after);
	}
	assert_null(labels_get(&l, "m"));
}

static void test_set_refuses(void **state)
{
	_cleanup_(labels_done) struct labels l = {0};
	_cleanup_free_ char *value = malloc(LABEL_VALUE_MAX + 2);
	char name[16];

	assert_non_null(value);
	memset(value, 'x', LABEL_VALUE_MAX + 1);
	value[LABEL_VALUE_MAX + 1] = '\0';
	assert_int_equal(labels_set(&l, "a", value), -E2BIG);
	value[LABEL_VALUE_MAX] = '\0';
	assert_int_equal(labels_set(&l, "a", value), 0);
	assert_int_equal(labels_set(&l, "9", "x"), -EINVAL);
	assert_int_equal(labels_set(&l, "", "x"), -EINVAL);
	assert_int_equal(labels_set(&l, "a:b", "x"), -EINVAL);
	assert_int_equal(labels_set(&l, "b", "\xff"), -EINVAL);
	for (int i = 1; i < LABELS_MAX; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		assert_int_equal(labels_set(&l, name, "x"), 0);
	}
	assert_int_equal(labels_set(&l, "one_more", "x"), -E2BIG);
	assert_int_equal(labels_set(&l, "l1", "y"), 0);
	assert_int_equal(l.count, LABELS_MAX);
	assert_string_equal(labels_get(&l, "l1"), "y");
}

static void test_text_round_trip(void **state)
{
	static const char *const cases[] = {
		"{}",
		"{a=\"b\"}",
		"{a=\"b\",c=\"d\"}",
		"{a=\"\\\\ \\\" \\n\"}",
		"{a=\"gr\xc3\xbc\xc3\x9f, {x}=\"}",
		"{_=\"\t\"}",
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(labels_done) struct labels l = {0}, copy = {0};

		assert_int_equal(labels_parse(cases[i], &l), 0);
		assert_text(&l, cases[i]);
		assert_int_equal(labels_copy(&l, &copy), 0);
		assert_text(&copy, cases[i]);
		assert_int_equal(labels_compare(&l, &copy), 0);
	}
}

static void test_parse_refuses(void **state)
{
	static const char *const cases[] = {"", "{", "}", "{a}", "{a=}", "{a=b}", "{a=\"b}",
		"{a=\"b\"", "{a=\"b\"}}", "{a=\"b\"} ", "{a=\"b\",}", "{,a=\"b\"}", "{a=\"\"}",
		"{=\"b\"}", "{a=\"\\t\"}", "{a=\"\\", "{b=\"1\",a=\"2\"}", "{a=\"1\",a=\"2\"}",
		"{a=\"1\" ,b=\"2\"}", "{a:=\"1\"}", "{a=\"\xff\"}", "{a=\"\n\"}"};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct labels l = {0};

		if (labels_parse(cases[i], &l) != -EBADMSG)
			fail_msg("accepted: %s", cases[i]);
		assert_null(l.items);
	}
}

static void test_compare(void **state)
{
	static const char *const ascending[] = {"{}", "{a=\"1\"}", "{a=\"1\",b=\"1\"}",
		"{a=\"1\",b=\"2\"}", "{a=\"2\"}", "{b=\"0\"}"};

	for (size_t i = 0; i < ELEMENTS(ascending); i++)
		for (size_t j = 0; j < ELEMENTS(ascending); j++) {
			_cleanup_(labels_done) struct labels a = {0}, b = {0};
			int order;

			assert_int_equal(labels_parse(ascending[i], &a), 0);
			assert_int_equal(labels_parse(ascending[j], &b), 0);
			order = labels_compare(&a, &b);
			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
}

/* Values of prometheus/common, model: TestLabelsToSignature and an FNV-1a written apart. */
static void test_fingerprint(void **state)
{
	static const struct {
		const char *labels;
		uint64_t expected;
	} cases[] = {
		{"{}", UINT64_C(14695981039346656037)},
		{"{name=\"garland, briggs\",what=\"to be or not to be\"}",
			UINT64_C(2766170436456636937)},
		{"{fear=\"love is not enough\",name=\"garland, briggs\"}",
			UINT64_C(5799056148416392346)},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(labels_done) struct labels l = {0};

		assert_int_equal(labels_parse(cases[i].labels, &l), 0);
		assert_true(labels_fingerprint(&l) == cases[i].expected);
	}
}

/* The catalogue keeps Prometheus's conventions. */
static void test_metric_catalogue(void **state)
{
	static const struct {
		const char *name, *type, *unit, *help;
	} metrics[] = {
#define METRIC(name, type, unit, help) {#name, #type, #unit, help},
#include "schema/metrics.def"
#undef METRIC
	};

	for (size_t i = 0; i < ELEMENTS(metrics); i++) {
		bool counter = text_equal(metrics[i].type, "counter");
		char ending[64];

		assert_true(series_metric_is_valid(metrics[i].name));
		assert_non_null(text_after(metrics[i].name, "modelwatch_"));
		assert_true(counter || text_equal(metrics[i].type, "gauge"));
		snprintf(ending, sizeof(ending), "%s%s%s", metrics[i].unit[0] ? "_" : "",
			metrics[i].unit, counter ? "_total" : "");
		if (!text_ends_with(metrics[i].name, ending))
			fail_msg("%s does not end in %s", metrics[i].name, ending);
		assert_int_equal(counter, text_ends_with(metrics[i].name, "_total"));
		assert_true(text_ends_with(metrics[i].help, "."));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(metrics[i].name, metrics[j].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_set_keeps_order),
		cmocka_unit_test(test_set_refuses),
		cmocka_unit_test(test_text_round_trip),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_fingerprint),
		cmocka_unit_test(test_metric_catalogue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
