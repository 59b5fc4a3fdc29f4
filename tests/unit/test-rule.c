/* SPDX-License-Identifier: Apache-2.0 */
/* Rules from their configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/rule.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

static struct rule_source plain(void)
{
	return (struct rule_source){
		.name = "R",
		.expr = "up == 0",
		.clear = "",
		.at_least = 1,
		.of = 1,
		.severity = SEVERITY_CRITICAL,
		.group_by = "service",
		.summary = "{{ service }} is down{{#reason}}: {{ reason }}{{/reason}}",
		.description = "",
		.runbook = "man:modelwatch-rules(7)",
	};
}

static void test_compiles(void **state)
{
	static const char *const labels[] = {"team=ml", "empty=", "a=x=y"};
	struct rule_source source = plain();
	struct rule *rule;

	source.labels = labels;
	source.label_count = ELEMENTS(labels);
	source.clear = "up == 1";
	source.group_by = "";
	assert_int_equal(rule_new(&source, &rule, NULL), 0);
	assert_string_equal(rule->group_by, "service");
	assert_string_equal(labels_get(&rule->labels, "team"), "ml");
	assert_string_equal(labels_get(&rule->labels, "a"), "x=y");
	assert_null(labels_get(&rule->labels, "empty"));
	assert_non_null(rule->clear);
	assert_non_null(rule->summary);
	assert_null(rule_free(rule));
}

static void expect_refused(const struct rule_source *source, const char *why)
{
	_cleanup_free_ char *said = NULL;
	struct rule *rule = NULL;

	assert_int_equal(rule_new(source, &rule, &said), -EINVAL);
	if (!text_after(said, why))
		fail_msg("\"%s\" instead of \"%s\"", said, why);
}

static void test_refuses(void **state)
{
	static const char *const no_value[] = {"team"}, *const bad_name[] = {"1=x"};
	struct rule_source cases[11];

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		cases[i] = plain();
	cases[0].name = "";
	expect_refused(&cases[0], "the name is empty");
	cases[1].expr = "rate(up[5m]) > 0";
	expect_refused(&cases[1], "expr: position 1: functions");
	cases[2].clear = "up ==";
	expect_refused(&cases[2], "clear: position 6: ");
	cases[3].labels = no_value;
	cases[3].label_count = 1;
	expect_refused(&cases[3], "label: \"team\" is not NAME=VALUE");
	cases[4].labels = bad_name;
	cases[4].label_count = 1;
	expect_refused(&cases[4], "label: \"1=x\" is not a valid label");
	cases[5].group_by = "a b";
	expect_refused(&cases[5], "group-by: \"a b\" is not a label name");
	cases[6].summary = "\xff";
	expect_refused(&cases[6], "summary: too long or not UTF-8");
	cases[7].summary = "{{#a}}";
	expect_refused(&cases[7], "summary: ");
	cases[8].description = "{{";
	expect_refused(&cases[8], "description: ");
	cases[9].runbook = "{{/x}}";
	expect_refused(&cases[9], "runbook: ");
	cases[10].at_least = 2;
	expect_refused(&cases[10], "at-least: ");
}

static void test_runbooks(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{"", true},
		{"man:modelwatch-rules(7)", true},
		{"http://wiki/down", true},
		{"https://wiki/{{ service }}/down", true},
		{"{{ runbooks }}/down", true},
		{"wiki/down", false},
		{"wiki/{{ service }}", false},
		{"see https://wiki/down", false},
		{"https://wiki/when down", false},
		{"ftp://wiki/down", false},
		{"javascript:alert(1)", false},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct rule_source source = plain();
		_cleanup_free_ char *why = NULL;
		struct rule *rule = NULL;

		source.runbook = cases[i].text;
		assert_int_equal(rule_new(&source, &rule, &why), cases[i].good ? 0 : -EINVAL);
		rule_free(rule);
		assert_true(cases[i].good || text_after(why, "runbook: expects a URL"));
	}
}

static void test_at_least(void **state)
{
	static const struct {
		const char *text;
		unsigned at_least, of;
	} cases[] = {{"3 of 5", 3, 5}, {"1 of 1", 1, 1}, {"64 of 64", 64, 64}};
	static const char *const bad[] = {"", "3", "0 of 5", "6 of 5", "1 of 65", "3 of", "of 5",
		"3 of  5", "3  of 5", " 3 of 5", "3 of 5 ", "-1 of 5", "x of y", "3of5"};
	unsigned at_least, of;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		assert_int_equal(rule_parse_at_least(cases[i].text, &at_least, &of), 0);
		assert_int_equal(at_least, cases[i].at_least);
		assert_int_equal(of, cases[i].of);
	}
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		assert_int_equal(rule_parse_at_least(bad[i], &at_least, &of), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compiles),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_runbooks),
		cmocka_unit_test(test_at_least),
	};

	return cmocka_run_group_tests_name("rule", tests, NULL, NULL);
}
