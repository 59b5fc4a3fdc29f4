/* SPDX-License-Identifier: Apache-2.0 */
/* Matchers and expressions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/promql/lexer.h"
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

static void test_evaluates(void **state)
{
	static const struct point points[] = {
		{"up", "{service=\"a\"}", 0},
		{"up", "{service=\"b\"}", 1},
		{"up", "{service=\"b2\",zone=\"x\"}", 0},
		{"load", "{}", 2.5},
		{"broken", "{}", __builtin_nan("")},
	};
	static const struct {
		const char *expr, *expected;
	} cases[] = {
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
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct points list = {points, ELEMENTS(points)};
		struct promql_source source = {select_points, &list};
		_cleanup_buf_ struct buf out = BUF_INIT;
		struct promql *p;
		char *why = NULL;

		assert_int_equal(promql_parse(cases[i].expr, &p, &why), 0);
		assert_int_equal(promql_evaluate(p, &source, 0, write_element, &out), 0);
		assert_string_equal(out.data ? out.data : "", cases[i].expected);
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
	static const struct point points[] = {{"up", "{a=\"1\"}", 0}, {"up", "{a=\"2\"}", 0}};
	struct points list = {points, ELEMENTS(points)};
	struct promql_source source = {select_points, &list};
	struct promql *p;
	int calls = 0;

	assert_int_equal(promql_parse("up == 0", &p, NULL), 0);
	assert_int_equal(promql_evaluate(p, &source, 0, stop, &calls), -ENOMEM);
	assert_int_equal(calls, 1);
	assert_true(promql_reads(p, "up"));
	assert_false(promql_reads(p, "down"));
	assert_string_equal(promql_metric(p, 0), "up");
	assert_null(promql_metric(p, 1));
	promql_free(p);
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		double value;
	} cases[] = {
		{"0", 0}, {"1.5", 1.5}, {".5", 0.5}, {"1.", 1}, {"1e3", 1000}, {"1E-2", 0.01},
		{"1e+2", 100}, {"0x1F", 31}, {"0Xff", 255}, {"017", 15}, {"08", 8}, {"1_000", 1000},
		{"0x_F_F", 255}, {"1_0.2_5", 10.25}, {"5m", 300}, {"1h30m", 5400}, {"1d", 86400},
		{"1w1d", 691200}, {"1y", 31536000}, {"250ms", 0.25}, {"1m5s7ms", 65.007},
		{"-5m", -300},
	};
	static const char *const bad[] = {
		"1__0", "_1", "1_", "1_e3", "1e", "0x", "0xg", "5q", "1s1h", "1m1m", "1.5h", "1_0s",
		"5ms3", "1.2.3", "1e400", "0xffffffffffffffff", "99999999999999999999y", "1e1e1",
		"12345678901234567890123456789012345678901234567890123456789012345", "0x1_",
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_free_ char *expr = NULL;
		struct promql *p;

		assert_true(asprintf(&expr, "a == %s", cases[i].text) > 0);
		assert_int_equal(promql_parse(expr, &p, NULL), 0);
		assert_true(promql_threshold(p) == cases[i].value);
		promql_free(p);
	}
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		_cleanup_free_ char *expr = NULL, *why = NULL;
		struct promql *p = NULL;

		assert_true(asprintf(&expr, "a == %s", bad[i]) > 0);
		assert_int_equal(promql_parse(expr, &p, &why), -EINVAL);
		assert_non_null(text_after(why, "position 6: "));
	}
}

static void test_refuses(void **state)
{
	static const struct {
		const char *expr, *why;
	} cases[] = {
		{"", "position 1: unexpected end"},
		{"up", "position 3: unexpected end"},
		{"up ==", "position 6: unexpected end"},
		{"rate(up[5m]) > 0",
			"position 1: functions and aggregations are not supported yet, only "
			"METRIC{MATCHERS} OP NUMBER"},
		{"sum by (a) (up) > 0", "position 1: aggregations are not supported"},
		{"up[5m] > 0", "position 3: range selectors"},
		{"(up) > 0", "position 1: parentheses"},
		{"{a=\"b\"} > 0", "position 1: selectors without a metric"},
		{"0 == up", "position 1: numbers on the left"},
		{"up == down", "position 7: a metric on the right"},
		{"up + 1 > 0", "position 4: arithmetic"},
		{"up atan2 1", "position 4: arithmetic"},
		{"up offset 5m > 0", "position 4: offset"},
		{"up @ 3 > 0", "position 4: the @ modifier"},
		{"up > bool 0", "position 6: the bool modifier"},
		{"up > on(a) 0", "position 6: vector matching"},
		{"up > 0 > 1", "position 8: more than one comparison"},
		{"up > 0 AND up < 1", "position 8: set operators"},
		{"up > 0 + 1", "position 8: arithmetic"},
		{"up > 0)", "position 7: unexpected here"},
		{"up > \"x\"", "position 6: strings"},
		{"up > --------------------1", "position 22: too many signs"},
		{"up = 0", "position 4: comparison expected"},
		{"up ! 0", "position 4: unexpected character"},
		{"up & 0", "position 4: unexpected character"},
		{"up{a} > 0", "position 5: =, !=, =~ or !~ expected"},
		{"up{a==\"b\"} > 0", "position 5: =, !=, =~ or !~ expected"},
		{"up{a=b} > 0", "position 6: quoted value expected"},
		{"up{,} > 0", "position 4: label name expected"},
		{"up{a=\"b\" c=\"d\"} > 0", "position 10: comma or } expected"},
		{"up{a=\"b\"", "position 9: comma or } expected"},
		{"up{a=\"b} > 0", "position 6: a string without its closing quote"},
		{"up{a=\"b\n\"} > 0", "position 6: a string without its closing quote"},
		{"up{a=\"ü\", b=\"\\q\"} > 0", "position 14: unknown escape"},
		{"up{a:b=\"c\"} > 0", "position 4: \"a:b\" is not a label name"},
		{"up{a=~\"(\"} > 0", "position 4: regular expression: missing ) at byte 2"},
		{"inf > 0", "position 1: numbers on the left"},
		{"\xff > 0", "position 1: the expression is not UTF-8"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_free_ char *why = NULL;
		struct promql *p = NULL;

		assert_int_equal(promql_parse(cases[i].expr, &p, &why), -EINVAL);
		if (!text_after(why, cases[i].why))
			fail_msg("%s: %s instead of %s", cases[i].expr, why, cases[i].why);
	}
}

static void test_refuses_what_is_too_large(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT, spaces = BUF_INIT;
	_cleanup_free_ char *why = NULL, *other = NULL;
	struct promql *p;

	buf_add_string(&b, "up{");
	for (int i = 0; i < 65; i++)
		buf_printf(&b, "l%d=\"\",", i);
	buf_add_string(&b, "} > 0");
	assert_int_equal(promql_parse(b.data, &p, &why), -EINVAL);
	assert_non_null(strstr(why, "too many matchers"));
	for (int i = 0; i < 16384; i++)
		buf_add_char(&spaces, ' ');
	buf_add_string(&spaces, "up > 0");
	assert_int_equal(promql_parse(spaces.data, &p, &other), -EINVAL);
	assert_non_null(strstr(other, "too long"));
}

static void test_strings(void **state)
{
	static const struct {
		const char *literal, *value;
	} cases[] = {
		{"\"\"", ""}, {"'it\\'s'", "it's"}, {"\"\\\"\"", "\""}, {"'\"'", "\""},
		{"`\\n\n`", "\\n\n"}, {"\"\\a\\b\\f\\n\\r\\t\\v\\\\\"", "\a\b\f\n\r\t\v\\"},
		{"\"\\x41\\101\"", "AA"}, {"\"\\u00fc\\U0001F600\"", "ü😀"}, {"\"\\u20ac\"", "€"},
		{"\"a#b\"", "a#b"},
	};
	static const char *const bad[] = {
		"\"\\'\"", "'\\\"'", "\"\\0\"", "\"\\000\"", "\"\\400\"", "\"\\xg0\"", "\"\\x4\"",
		"\"\\u12\"", "\"\\ud800\"", "\"\\U00110000\"", "\"\\x00\"", "\"\\9\"", "\"\\",
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;
		struct lexer l = {.text = cases[i].literal, .p = cases[i].literal};
		struct token t;

		assert_int_equal(lexer_next(&l, &t), 0);
		assert_int_equal(t.type, TOKEN_STRING);
		assert_int_equal(lexer_unquote(&l, &t, &out), 0);
		assert_string_equal(out.data ? out.data : "", cases[i].value);
	}
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;
		struct lexer l = {.text = bad[i], .p = bad[i]};
		struct token t;
		int r = lexer_next(&l, &t);

		assert_int_equal(r < 0 ? r : lexer_unquote(&l, &t, &out), -EINVAL);
	}
}

/* All of PromQL's tokens, though the parser takes few of them. */
static void test_tokens(void **state)
{
	static const enum token_type expected[] = {
		TOKEN_IDENTIFIER, TOKEN_LEFT_PAREN, TOKEN_IDENTIFIER, TOKEN_LEFT_BRACE,
		TOKEN_IDENTIFIER, TOKEN_MATCH, TOKEN_STRING, TOKEN_RIGHT_BRACE, TOKEN_LEFT_BRACKET,
		TOKEN_DURATION, TOKEN_COLON, TOKEN_DURATION, TOKEN_RIGHT_BRACKET, TOKEN_AT,
		TOKEN_NUMBER, TOKEN_RIGHT_PAREN, TOKEN_POWER, TOKEN_NUMBER, TOKEN_MODULO,
		TOKEN_IDENTIFIER, TOKEN_NOT_MATCH, TOKEN_ASSIGN, TOKEN_LESS_OR_EQUAL, TOKEN_COMMA,
		TOKEN_MULTIPLY, TOKEN_DIVIDE, TOKEN_END,
	};
	struct lexer l = {.text = "rate(job:x:sum{a=~\"b\"}[5m:30s] @ 1.5) ^ 0x2 % :y:z "
				  "!~ = <= , * / # end"};

	l.p = l.text;
	for (size_t i = 0; i < ELEMENTS(expected); i++) {
		struct token t;

		assert_int_equal(lexer_next(&l, &t), 0);
		assert_int_equal(t.type, expected[i]);
	}
}

static void test_matchers(void **state)
{
	static const struct {
		const char *matcher, *labels;
		bool matches;
	} cases[] = {
		{"service=llama", "{service=\"llama\"}", true},
		{"service=llama", "{service=\"llama2\"}", false},
		{" service = \"llama\" ", "{service=\"llama\"}", true},
		{"service=", "{}", true},
		{"service=\"\"", "{service=\"x\"}", false},
		{"service!=llama", "{}", true},
		{"service!=", "{}", false},
		{"service=~llama.*", "{service=\"llama-70b\"}", true},
		{"service=~llama", "{service=\"my-llama\"}", false},
		{"service=~a|b", "{service=\"ab\"}", false},
		{"service=~a|b", "{service=\"b\"}", true},
		{"service=~", "{}", true},
		{"service=~.+", "{}", false},
		{"service!~a|b", "{service=\"c\"}", true},
		{"service!~a|b", "{service=\"a\"}", false},
		{"text=~\"a.c\"", "{text=\"a\\nc\"}", true},
		{"text=\"a\\nc\"", "{text=\"a\\nc\"}", true},
		{"text=\"\\\"\\\\\"", "{text=\"\\\"\\\\\"}", true},
		{"text=a=b", "{text=\"a=b\"}", true},
		{"text=~x=~y", "{text=\"x=~y\"}", true},
		{"n=~[0-9]{3}", "{n=\"123\"}", true},
		{"n=~[0-9]{3}", "{n=\"12\"}", false},
		{"n=~[[:digit:]]+\\.[^.]", "{n=\"12.x\"}", true},
		{"n=~a+?b", "{n=\"aab\"}", true},
		{"n=~[]a]+", "{n=\"]a\"}", true},
		{"n=~(a|b(c|d)){2}", "{n=\"bca\"}", true},
		{"n=~(a*b|c)+", "{n=\"aabcb\"}", true},
		{"n=~(a*)?(b|)x", "{n=\"aax\"}", true},
		{"n=~(a+){0,3}", "{n=\"aa\"}", true},
		{"n=~((a+)+b)+", "{n=\"aabab\"}", true},
		{"n=~grün", "{n=\"grün\"}", true},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct labels labels;
		struct matcher m;
		char *why = NULL;

		if (matcher_parse(cases[i].matcher, &m, &why) != 0)
			fail_msg("%s: %s", cases[i].matcher, why);
		assert_int_equal(labels_parse(cases[i].labels, &labels), 0);
		if (matcher_matches(&m, &labels) != cases[i].matches)
			fail_msg("%s against %s", cases[i].matcher, cases[i].labels);
		labels_done(&labels);
		matcher_done(&m);
	}
}

/* What RE2 reads otherwise than POSIX, what neither takes, and what would grow too large. */
static void test_matchers_refused(void **state)
{
	static const char *const cases[] = {
		"", "service", "=x", "1a=x", "a b=x", "a=\"x", "a=x\"", "a=\"x\"y", "a=\"\\q\"",
		"a=\"\\\"", "a=~(", "a=~)", "a=~[a", "a=~\\d", "a=~\\w", "a=~\\1", "a=~(a)\\1",
		"a=~(?i)x", "a=~[\\d]", "a=~[ü]", "a=~[[.a.]]", "a=~[[=a=]]", "a=~*", "a=~|*",
		"a=~(+)", "a=~a**", "a=~a+{2}", "a=~a{", "a=~a{,5}", "a=~a{2,1}", "a=~a{1001}",
		"a=~a{99999999999}", "a=~((a{100}){100}){100}", "a=~x\\", "a=~\\<x", "a=~\\`x",
		"a=~(a*)*", "a=~(a|)+", "a=~((a?b*)(c?)){2,}", "a=~()*", "a=~(^)*", "a=~((a+)*)+",
		"a=~[[:foo:]]", "a=~[z-a]",
		"a=~(((((((((((((((((a)))))))))))))))))",
		"a=~((((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)",
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_free_ char *why = NULL;
		struct matcher m;

		if (matcher_parse(cases[i], &m, &why) != -EINVAL)
			fail_msg("%s is taken", cases[i]);
		assert_non_null(why);
	}
}

static void test_long_patterns(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	_cleanup_free_ char *why = NULL;
	struct matcher m;

	buf_add_string(&b, "a=~");
	for (int i = 0; i < 512; i++)
		buf_add_char(&b, 'x');
	assert_int_equal(matcher_parse(b.data, &m, NULL), 0);
	matcher_done(&m);
	buf_add_char(&b, 'x');
	assert_int_equal(matcher_parse(b.data, &m, &why), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_evaluates),
		cmocka_unit_test(test_an_error_stops),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_refuses_what_is_too_large),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_matchers),
		cmocka_unit_test(test_matchers_refused),
		cmocka_unit_test(test_long_patterns),
	};

	return cmocka_run_group_tests_name("promql", tests, NULL, NULL);
}
