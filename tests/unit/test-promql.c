/* SPDX-License-Identifier: Apache-2.0 */
/* Matchers, and what of expressions is read and refused. */
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

static const struct {
	const char *expr, *why;
} refusals[] = {
	{"", "position 1: unexpected end"},
	{"up ==", "position 6: unexpected end"},
	{"rate(up[5m]) > 0",
		"position 1: functions and aggregations are not supported yet, only METRIC{MATCHERS}, "
		"compared with a number, joined by and, or, unless"},
	{"sum by (a) (up) > 0", "position 1: aggregations are not supported"},
	{"up[5m] > 0", "position 3: range selectors"},
	{"(up)[5m:] > 0", "position 5: range selectors"},
	{"{a=\"b\"} > 0", "position 1: selectors without a metric"},
	{"0 == up", "position 1: numbers on the left"},
	{"(0) == up", "position 1: numbers on the left"},
	{"0 == 0", "position 1: numbers on the left"},
	{"up and 0 < up", "position 8: numbers on the left"},
	{"1", "position 1: a number alone"},
	{"(-1)", "position 1: a number alone"},
	{"up == down", "position 7: a metric on the right"},
	{"up == (down > 1)", "position 7: a metric on the right"},
	{"up + 1 > 0", "position 4: arithmetic"},
	{"1 + 1", "position 3: arithmetic"},
	{"-up > 0", "position 1: arithmetic"},
	{"up > 1 and -(up)", "position 12: arithmetic"},
	{"up atan2 1", "position 4: arithmetic"},
	{"up offset 5m > 0", "position 4: offset"},
	{"up and up offset 5m", "position 11: offset"},
	{"up @ 3 > 0", "position 4: the @ modifier"},
	{"up > bool 0", "position 6: the bool modifier"},
	{"up and bool up", "position 8: the bool modifier"},
	{"up > on(a) 0", "position 6: vector matching"},
	{"on > 0", "position 1: vector matching"},
	{"up and on > 0", "position 11: ( expected"},
	{"up and group_left > 0", "position 8: and, or and unless take no group_left"},
	{"up and on(a) group_left() b", "position 14: and, or and unless take no group_left"},
	{"up or ignoring(a) GROUP_RIGHT b", "position 19: and, or and unless take no group_left"},
	{"up and on(__name__) b", "position 11: matching by the metric's name"},
	{"up and on(\"a\") b", "position 11: label name expected"},
	{"up and on(a:b) b", "position 11: not a label's name"},
	{"up and on(,) b", "position 11: label name expected"},
	{"up and on(a b) b", "position 13: comma or ) expected"},
	{"up and on(a", "position 12: comma or ) expected"},
	{"up and on a b", "position 11: ( expected"},
	{"up and on(a)", "position 13: unexpected end"},
	{"up and", "position 7: unexpected end"},
	{"up and or up", "position 11: operator expected"}, /* a metric may be called or */
	{"up or or or", "position 12: unexpected end"},
	{"up and == 1", "position 8: metric, number or ( expected"},
	{"up unless 1", "position 11: and, or and unless take no numbers"},
	{"1 or up", "position 1: and, or and unless take no numbers"},
	{"up > 0 or 1", "position 11: and, or and unless take no numbers"},
	{"up > 0 + 1", "position 8: arithmetic"},
	{"up > 0)", "position 7: a ) without its ("},
	{"(up > 0", "position 8: unexpected end"},
	{"(up 0)", "position 5: operator or ) expected"},
	{"()", "position 2: metric, number or ( expected"},
	{"(up,up)", "position 4: operator or ) expected"},
	{"up up", "position 4: operator expected: == != < <= > >= and or unless"},
	{"up > \"x\"", "position 6: strings"},
	{"up > --------------------1", "position 22: too many signs"},
	{"up{__name__=\"up\"}", "position 4: the metric's name"},
	{"up = 0", "position 4: operator expected"},
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

static void test_refuses(void **state)
{
	for (size_t i = 0; i < ELEMENTS(refusals); i++) {
		_cleanup_free_ char *why = NULL;
		struct promql *p = NULL;

		if (promql_parse(refusals[i].expr, &p, &why) != -EINVAL)
			fail_msg("%s is taken", refusals[i].expr);
		if (!text_after(why, refusals[i].why))
			fail_msg("%s: %s instead of %s", refusals[i].expr, why, refusals[i].why);
	}
}

/* COUNT times TEXT. */
static void repeat(struct buf *b, const char *text, size_t count)
{
	while (count-- > 0)
		buf_add_string(b, text);
}

static void test_refuses_what_is_too_large(void **state)
{
	static const struct {
		const char *before, *repeated;
		size_t most;
		const char *behind, *why;
	} cases[] = {
		{"up{", "a=\"\",", 64, "} > 0", "position 324: too many matchers"},
		{"up and on(", "a,", 64, ") up", "position 139: too many labels"},
		{"", " ", 16384 - 2, "up", "position 16384: the expression is too long"},
		{"up", " or up", 127, "", "position 769: the expression has too many parts"},
		{"up == 0", " or up == 0", 63, "", "position 705: the expression has too many parts"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_buf_ struct buf good = BUF_INIT, bad = BUF_INIT;
		_cleanup_free_ char *why = NULL;
		struct promql *p;

		buf_add_string(&good, cases[i].before);
		repeat(&good, cases[i].repeated, cases[i].most);
		buf_add_string(&good, cases[i].behind);
		assert_int_equal(promql_parse(good.data, &p, NULL), 0);
		promql_free(p);
		buf_add_string(&bad, cases[i].before);
		repeat(&bad, cases[i].repeated, cases[i].most + 1);
		buf_add_string(&bad, cases[i].behind);
		assert_int_equal(promql_parse(bad.data, &p, &why), -EINVAL);
		assert_string_equal(why, cases[i].why);
	}
}

static void test_nested_parentheses(void **state)
{
	for (size_t depth = 32; depth <= 33; depth++) {
		_cleanup_buf_ struct buf b = BUF_INIT;
		_cleanup_free_ char *why = NULL;
		struct promql *p = NULL;
		int r;

		repeat(&b, "up or (", depth);
		buf_add_string(&b, "up");
		repeat(&b, ")", depth);
		r = promql_parse(b.data, &p, &why);
		assert_int_equal(r, depth <= 32 ? 0 : -EINVAL);
		if (r < 0)
			assert_string_equal(why, "position 231: parentheses nested too deeply");
		promql_free(p);
	}
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
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_refuses_what_is_too_large),
		cmocka_unit_test(test_nested_parentheses),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_matchers),
		cmocka_unit_test(test_matchers_refused),
		cmocka_unit_test(test_long_patterns),
	};

	return cmocka_run_group_tests_name("promql", tests, NULL, NULL);
}
