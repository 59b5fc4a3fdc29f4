/* SPDX-License-Identifier: Apache-2.0 */
/* Rules to alerts: conditions, times, history, texts. */
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "tests/unit/alerting_world.h"

static void test_opens_and_resolves(void **state)
{
	static const struct step steps[] = {
		{0, "up:a=1", "", ""},
		{1, "up:a=0", "oncall opened 1; ", "1 open; ", "Down a firing 1; "},
		{2, "up:a=0", "", "1 open; "},
		{3, "up:a=1", "oncall resolved 1; ", "1 resolved; ", "Down a resolved 1; "},
		{4, "up:a=1", ""},
		/* Not known any more after the reopen time. */
		{604, "up:a=0", "oncall opened 2; ", "1 resolved; 2 open; ",
			"Down a resolved 1; Down a firing 2; "},
	};

	run_scenario(rules_down, route_oncall, steps, ELEMENTS(steps));
}

static void test_texts(void **state)
{
	static const struct step steps[] = {
		{1, "evidence:a=oom up:a=0 up:b=0", "oncall opened 1; oncall opened 2; "},
	};
	struct world *w = world_begin(rules_down, route_oncall);

	world_run(w, steps, ELEMENTS(steps));
	for (size_t i = 0; i < 2; i++) {
		bool is_a = text_equal(w->incidents[i].service, "a");

		assert_string_equal(w->incidents[i].title, is_a ? "a is down: oom" : "b is down");
		assert_int_equal(w->alerts[i].evidence_count, is_a ? 1 : 0);
		assert_non_null(strstr(w->notifications[i].body, w->incidents[i].title));
		assert_non_null(strstr(w->notifications[i].body, w->notifications[i].message_id));
	}
	world_end(w);
}

static void test_evidence_taken_back(void **state)
{
	static const struct step steps[] = {
		{1, "evidence:a=oom evidence:a=", ""},
		{2, "up:a=0", "oncall opened 1; "},
	};
	struct world *w = world_begin(rules_down, route_oncall);

	world_run(w, steps, ELEMENTS(steps));
	assert_string_equal(w->incidents[0].title, "a is down");
	world_end(w);
}

/* After a restart what the newest of its alerts carries is known, in whichever incident it is. */
static void test_evidence_restored(void **state)
{
	static const struct rule_spec rules[] = {
		{"Down", "up == 0", .severity = SEVERITY_CRITICAL, .summary = "down: {{ reason }}"},
		{"Zone", "zone == 1", .group_by = "zone", .summary = "zone: {{ reason }}"},
		{"Later", "later == 1", .summary = "later: {{ reason }}"},
		{0},
	};
	static const struct step steps[] = {
		{1, "evidence:a=oom up:a=0", "oncall opened 1; "},
		{2, "evidence:a=signalled zone:a=1", "oncall opened 2; "},
		{3, "kill later:a=1", "oncall updated 1; "},
	};
	struct world *w = world_begin(rules, route_oncall);

	world_run(w, steps, ELEMENTS(steps));
	assert_string_equal(w->alerts[2].summary, "later: signalled");
	world_end(w);
}

/* However many services come and go, and whatever is said of them: those with room are told of, and a
 * service that is over makes room. */
static void test_more_evidence_than_is_kept(void **state)
{
	enum { SERVICES = 5000, NAMES = 100 };
	static const struct step steps[] = {
		{1, "evidence:a=oom", ""},
		{2, "up:a=0 up:b=0", "oncall opened 1; oncall opened 2; "},
	};
	struct world *w = world_begin(rules_down, route_oncall);
	char service[32], name[32], text[] = "x";
	const struct evidence evidence = {name, text};

	for (unsigned i = 0; i < SERVICES; i++) {
		snprintf(service, sizeof(service), "s%u", i);
		snprintf(name, sizeof(name), "reason");
		assert_int_equal(alerting_evidence(w->alerting, service, &evidence, 1), 0);
	}
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "name%u", i);
		assert_int_equal(alerting_evidence(w->alerting, "s0", &evidence, 1), 0);
	}
	alerting_forget_evidence(w->alerting, "s0");
	alerting_forget_evidence(w->alerting, "never heard of");
	world_run(w, steps, ELEMENTS(steps));
	for (size_t i = 0; i < 2; i++)
		assert_string_equal(w->incidents[i].title,
			text_equal(w->incidents[i].service, "a") ? "a is down: oom" : "b is down");
	world_end(w);
}

static void test_for(void **state)
{
	static const struct step steps[] = {
		{0, "latency:a=3", "", "", "Slow a pending 0; "},
		{10, "latency:a=1", "", "", ""}, /* one miss and it begins again */
		{20, "latency:a=3", "", "", "Slow a pending 0; "},
		{49, "latency:a=3", "", "", "Slow a pending 0; "},
		{50, "latency:a=4", "oncall opened 1; ", "1 open; ", "Slow a firing 1; "},
		{51, "latency:a=1", "oncall resolved 1; "},
		/* Pending again: what it was in the incident stays as it ended. */
		{52, "latency:a=3", "", NULL, "Slow a resolved 1; Slow a pending 0; "},
		{60, "latency:a=1", "", NULL, "Slow a resolved 1; "},
	};

	run_scenario(rules_slow_and_down, route_oncall, steps, ELEMENTS(steps));
}

static void test_at_least(void **state)
{
	static const struct rule_spec rules[] = {
		{"Flaky", "up == 0", .at_least = 3, .of = 5, .severity = SEVERITY_WARNING}, {0}};
	static const struct step steps[] = {
		{1, "up:a=0", "", "", "Flaky a pending 0; "},
		{2, "up:a=1", ""},
		{3, "kill up:a=0", ""},
		{4, "up:a=1", ""},
		{5, "kill up:a=0", "oncall opened 1; "}, /* 10101 */
		{6, "up:a=0", ""},			 /* 01011 */
		{7, "up:a=1", ""},			 /* 10110 */
		{8, "up:a=1", "oncall resolved 1; "},	 /* 01100 */
		{20, "up:a=0", "", NULL, "Flaky a resolved 1; Flaky a pending 0; "},
		{21, "up:a=1", ""},
		{22, "up:a=1", ""},
		{23, "up:a=1", ""},
		{24, "up:a=1", ""},
		{25, "up:a=1", "", NULL, "Flaky a resolved 1; "},
	};
	struct world *w = world_begin(rules, route_oncall);

	world_run(w, steps, 5);
	/* Without a summary the rule's name is the title. */
	assert_string_equal(w->incidents[0].title, "Flaky");
	world_run(w, steps + 5, ELEMENTS(steps) - 5);
	world_end(w);
}

static void test_keep_firing(void **state)
{
	static const struct rule_spec rules[] = {
		{"Down", "up == 0", .keep_s = 60, .severity = SEVERITY_CRITICAL}, {0}};
	static const struct step steps[] = {
		{0, "up:a=0", "oncall opened 1; "},
		{100, "up:a=0", ""},
		{110, "up:a=1", ""},
		{159, "up:a=1", ""},
		{160, "up:a=1", "oncall resolved 1; "},
		{170, "up:a=0", "oncall opened 1; "},
		{180, "up:a=1", ""},
		{190, "kill up:a=1", "", "1 open; "},
		{200, "up:a=0", ""}, /* holds again: the time begins anew */
		{259, "up:a=1", ""},
		{260, "up:a=1", "oncall resolved 1; "},
		{270, "up:a=0", "oncall opened 1; "},
		/* The end of a series is the end, whatever else would be kept. */
		{280, "up:a=-", "oncall resolved 1; "},
	};

	run_scenario(rules, route_oncall, steps, ELEMENTS(steps));
}

/* What an alert says and its value are of one moment, and true when somebody is told; between that they are
 * renewed at an event, or now and then. */
static void test_texts_and_value_agree(void **state)
{
	static const struct rule_spec rules[] = {
		{"Restarting", "restarts >= 3", .keep_s = 300,
			.summary = "{{#holds}}now{{/holds}}{{^holds}}lately{{/holds}} {{ value }}"
				   "{{#reason}}, last {{ reason }}{{/reason}}"},
		{0},
	};
	static const struct {
		struct step step;
		const char *summary;
		double value;
	} cases[] = {
		{{0, "restarts:a=3", "oncall opened 1; "}, "now 3", 3},
		{{1, "restarts:a=4", ""}, "now 3", 3},
		{{2, "restarts:a=5 only:restarts", ""}, "now 5", 5},
		{{3, "restarts:a=6", ""}, "now 5", 5},
		{{4, "ack:1", "oncall acknowledged 1; "}, "now 6", 6},
		{{5, "evidence:a=oom only:up", ""}, "now 6, last oom", 6},
		{{64, "restarts:a=9", ""}, "now 9, last oom", 9},
		{{65, "kill restarts:a=10", ""}, "now 10, last oom", 10},
		{{66, "restarts:a=11", ""}, "now 10, last oom", 10},
		{{67, "restarts:a=0", ""}, "lately 11, last oom", 11},
		{{68, "kill restarts:a=0", ""}, "lately 11, last oom", 11},
		{{69, "evidence:a=killed", ""}, "lately 11, last killed", 11},
		{{70, "restarts:a=3", ""}, "now 3, last killed", 3},
		{{71, "restarts:a=4", ""}, "now 3, last killed", 3},
		{{72, "resolve:1", "oncall resolved 1; "}, "now 4, last killed", 4},
	};
	struct world *w = world_begin(rules, route_oncall);

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		const struct alert *alert = w->alerts;
		const char *title;

		world_run(w, &cases[i].step, 1);
		title = strstr(w->notifications[w->notification_count - 1].body, alert->summary);
		if (!text_equal(alert->summary, cases[i].summary) || alert->value != cases[i].value ||
			!text_equal(w->incidents[0].title, alert->summary) ||
			(*cases[i].step.told && !title))
			fail_msg("%d s: %s, %g; %s", cases[i].step.at_s, alert->summary,
				alert->value, w->incidents[0].title);
	}
	world_end(w);
}

static void test_clear(void **state)
{
	static const struct rule_spec rules[] = {
		{"Hot", "temp > 85", .clear = "temp < 75", .severity = SEVERITY_WARNING}, {0}};
	static const struct step steps[] = {
		{1, "temp:a=80 temp:b=80", "", ""},
		{2, "temp:a=86", "oncall opened 1; "},
		{3, "temp:a=80", ""}, /* between the two */
		{4, "kill temp:a=76", "", "1 open; "},
		{5, "temp:a=74", "oncall resolved 1; "},
		{6, "temp:a=80", ""},
		{7, "temp:a=90 temp:b=90", NULL, "1 open; 2 open; "},
		{8, "temp:a=-", "oncall resolved 1; ", "1 resolved; 2 open; "},
	};

	run_scenario(rules, route_oncall, steps, ELEMENTS(steps));
}

static const struct rule_spec rules_down_unless_stopped[] = {
	{"Down", "up == 0 unless stopped == 1", .severity = SEVERITY_CRITICAL, .summary = "down"}, {0}};

/* The right side alone decides, at once; what is not known of it holds nothing back. */
static void test_unless(void **state)
{
	static const struct step steps[] = {
		{1, "up:a=0 stopped:a=1 up:b=1", "", ""},
		{2, "only:stopped stopped:a=0", "oncall opened 1; ", "1 open; ", "Down a firing 1; "},
		{3, "only:latency stopped:a=1", "", "1 open; "},
		{4, "only:stopped", "oncall resolved 1; ", "1 resolved; "},
		{1004, "stopped:a=-", "oncall opened 2; "},
		{1005, "only:stopped stopped:a=0", "", "1 resolved; 2 open; "},
		{1006, "only:stopped stopped:a=-", "", "1 resolved; 2 open; "},
		{1007, "only:stopped stopped:a=1", "oncall resolved 2; "},
		{2008, "stopped:a=0 stopped:b=0", "oncall opened 3; "},
		{2009, "kill", "", "1 resolved; 2 resolved; 3 open; "},
		{9999, "", "", "1 resolved; 2 resolved; 3 open; "}, /* silence of both sides */
		{10000, "only:up up:a=1", "oncall resolved 3; "},
		{20000, "only:up up:b=0 stopped:b=1", ""},
		{20001, "only:stopped stopped:b=0", "oncall opened 4; "},
		{20002, "only:up up:b=-", "oncall resolved 4; "},
	};

	run_scenario(rules_down_unless_stopped, route_oncall, steps, ELEMENTS(steps));
}

static void test_unless_while_it_waits(void **state)
{
	static const struct rule_spec rules[] = {{"Down", "up == 0 unless stopped == 1", .wait_s = 30,
		.severity = SEVERITY_CRITICAL, .summary = "down"}, {0}};
	static const struct step steps[] = {
		{0, "up:a=0", "", "", "Down a pending 0; "},
		{20, "only:stopped stopped:a=1", "", "", ""},
		{21, "only:stopped stopped:a=0", "", "", "Down a pending 0; "},
		{50, "", "", ""},
		{51, "", "oncall opened 1; "},
	};

	run_scenario(rules, route_oncall, steps, ELEMENTS(steps));
}

static void test_and(void **state)
{
	static const struct rule_spec rules[] = {{"Idle", "load < 1 and on(service) up == 1",
		.severity = SEVERITY_WARNING, .summary = "{{ value }}"}, {0}};
	static const struct step steps[] = {
		{1, "load:a=0.5 up:a=0", ""},
		{2, "only:up up:a=1", "oncall opened 1; "},
		{3, "only:up up:a=0", "oncall resolved 1; "},
		{1000, "only:up up:a=1", "oncall opened 2; "},
		{1001, "only:up up:a=-", "oncall resolved 2; "},
	};

	run_scenario(rules, route_oncall, steps, ELEMENTS(steps));
}

/* One alert, whichever side holds. */
static void test_or(void **state)
{
	static const struct rule_spec rules[] = {{"Bad", "up == 0 or latency > 2",
		.severity = SEVERITY_WARNING, .summary = "{{ value }}"}, {0}};
	static const struct step steps[] = {
		{1, "up:a=1 latency:a=1 latency:b=3", "oncall opened 1; ", "1 open; ", "Bad b firing 1; "},
		{2, "only:latency latency:b=1", "oncall resolved 1; "},
		{3, "up:a=0 latency:a=3", "oncall opened 2; "},
		{4, "only:up up:a=1", "", "1 resolved; 2 open; "},
		{5, "only:up up:a=-", "", "1 resolved; 2 open; "},
		{6, "up:a=0 latency:a=1", "", "1 resolved; 2 open; "},
		{7, "only:up up:a=1", "oncall resolved 2; "},
	};

	run_scenario(rules, route_oncall, steps, ELEMENTS(steps));
}

static void test_clear_by_sets(void **state)
{
	static const struct rule_spec rules[] = {{"Down", "up == 0 unless stopped == 1",
		.clear = "up == 1 or stopped == 1", .severity = SEVERITY_CRITICAL, .summary = "down"}, {0}};
	static const struct step steps[] = {
		{1, "up:a=0 stopped:a=0", "oncall opened 1; "},
		{2, "only:up up:a=0.5", "", "1 open; "}, /* between the two */
		{3, "only:stopped stopped:a=1", "oncall resolved 1; "},
		{4, "only:stopped stopped:a=0", "", "1 resolved; "},
		{1005, "only:up up:a=0", "oncall opened 2; "},
		{1006, "only:stopped stopped:a=-", "", "1 resolved; 2 open; "},
		{1007, "only:up up:a=1", "oncall resolved 2; "},
	};

	run_scenario(rules, route_oncall, steps, ELEMENTS(steps));
}

/* What nobody looks at any more did not clear. */
static void test_end_says_what_is_known(void **state)
{
	static const struct {
		const struct rule_spec *rules;
		struct step step;
		const char *text;
	} cases[] = {
		{rules_down, {2, "up:a=1", "oncall resolved 1; "}, "all its alerts have cleared"},
		{rules_down, {2, "up:a=-", "oncall resolved 1; "},
			"a is no longer watched, or cannot be looked at any more"},
		{rules_down, {2, "norules", "oncall resolved 1; "}, "the rule of an alert of it is gone"},
		{rules_down_unless_stopped, {2, "stopped:a=1", "oncall resolved 1; "},
			"all its alerts have cleared"},
		{rules_down_unless_stopped, {2, "up:a=- stopped:a=1", "oncall resolved 1; "},
			"a is no longer watched, or cannot be looked at any more"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct world *w = world_begin(cases[i].rules, route_oncall);
		static const struct step down = {1, "up:a=0", "oncall opened 1; "};

		world_run(w, &down, 1);
		world_run(w, &cases[i].step, 1);
		assert_string_equal(w->timeline[w->timeline_count - 1].text, cases[i].text);
		world_end(w);
	}
}

static void test_series_that_ended(void **state)
{
	static const struct step steps[] = {
		{1, "up:a=0 latency:a=3", "oncall opened 1; "},
		{2, "up:a=- latency:a=-", "oncall resolved 1; ", "1 resolved; ",
			"Down a resolved 1; "},
	};

	run_scenario(rules_slow_and_down, route_oncall, steps, ELEMENTS(steps));
}

static void test_rules_that_are_gone(void **state)
{
	static const struct step steps[] = {
		{1, "up:a=0 latency:a=3", "oncall opened 1; "},
		{2, "norules", "oncall resolved 1; ", "1 resolved; ", "Down a resolved 1; "},
	};

	run_scenario(rules_slow_and_down, route_oncall, steps, ELEMENTS(steps));
}

static void test_rules_set_again(void **state)
{
	static const struct step steps[] = {
		{0, "latency:a=3 up:b=0", "oncall opened 1; "},
		{30, "latency:a=3 up:b=0", "oncall opened 2; ", "1 open; 2 open; "},
	};
	struct world *w = world_begin(rules_slow_and_down, route_oncall);

	world_run(w, steps, 1);
	world_set_rules(w);
	world_set_rules(w);
	world_run(w, steps + 1, 1);
	world_end(w);
}

static void test_only_one_metric(void **state)
{
	static const struct step steps[] = {
		{1, "up:a=0 only:latency", "", ""},
		{2, "up:a=0 only:up", "oncall opened 1; "},
		{3, "up:a=1 only:latency", "", "1 open; "},
		{4, "up:a=1 only:up", "oncall resolved 1; "},
	};

	run_scenario(rules_slow_and_down, route_oncall, steps, ELEMENTS(steps));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opens_and_resolves),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_evidence_taken_back),
		cmocka_unit_test(test_evidence_restored),
		cmocka_unit_test(test_more_evidence_than_is_kept),
		cmocka_unit_test(test_for),
		cmocka_unit_test(test_at_least),
		cmocka_unit_test(test_keep_firing),
		cmocka_unit_test(test_texts_and_value_agree),
		cmocka_unit_test(test_clear),
		cmocka_unit_test(test_unless),
		cmocka_unit_test(test_unless_while_it_waits),
		cmocka_unit_test(test_and),
		cmocka_unit_test(test_or),
		cmocka_unit_test(test_clear_by_sets),
		cmocka_unit_test(test_series_that_ended),
		cmocka_unit_test(test_end_says_what_is_known),
		cmocka_unit_test(test_rules_that_are_gone),
		cmocka_unit_test(test_rules_set_again),
		cmocka_unit_test(test_only_one_metric),
	};

	return cmocka_run_group_tests_name("alerting", tests, NULL, NULL);
}
