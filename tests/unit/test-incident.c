/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts to incidents, persons and webhooks. */
#include <errno.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "tests/unit/alerting_world.h"

static void test_joins_and_raises(void **state)
{
	static const struct step steps[] = {
		{0, "latency:a=3 latency:b=3", ""},
		{30, "latency:a=3", "oncall opened 1; oncall opened 2; "},
		{31, "up:a=0", "oncall updated 1; ", "1 open; 2 open; "},
		{32, "latency:a=1", "", "1 open; 2 open; "},
		{33, "up:a=1", "oncall resolved 1; ", "1 resolved; 2 open; "},
	};
	struct world *w = world_begin(rules_slow_and_down, route_oncall);
	const struct incident *i = &w->incidents[0];

	world_run(w, steps, 2);
	assert_int_equal(i->severity, SEVERITY_WARNING);
	assert_string_equal(i->title, "a takes 3 s, more than 2");
	world_run(w, steps + 2, 2);
	assert_int_equal(i->severity, SEVERITY_CRITICAL);
	assert_string_equal(i->title, "a is down");
	world_run(w, steps + 4, 1);
	/* What it was at its worst. */
	assert_int_equal(i->severity, SEVERITY_CRITICAL);
	world_expect_timeline(w, "opened opened alert cleared resolved ");
	world_end(w);
}

/* People see what is wrong now, and who was told what was worse is told that it is over. */
static void test_headline_follows_what_fires(void **state)
{
	static const struct rule_spec rules[] = {
		{"Down", "up == 0", .severity = SEVERITY_CRITICAL, .summary = "down"},
		{"Restarting", "restarts >= 3", .severity = SEVERITY_WARNING,
			.summary = "restarting"},
		{0},
	};
	static const struct route_spec routes[] = {
		{.webhook = "all"}, {.webhook = "urgent", .severity = SEVERITY_CRITICAL}, {0}};
	static const struct {
		struct step step;
		enum severity severity;
		const char *title;
	} turns[] = {
		{{1, "up:a=0 restarts:a=2", "all opened 1; urgent opened 1; "},
			SEVERITY_CRITICAL, "down"},
		{{2, "restarts:a=3", "all updated 1; urgent updated 1; "}, SEVERITY_CRITICAL,
			"down"},
		{{3, "up:a=1", "all updated 1; urgent updated 1; "}, SEVERITY_WARNING, "restarting"},
		{{4, "kill", "", "1 open; "}, SEVERITY_WARNING, "restarting"},
		{{5, "up:a=0", "all updated 1; urgent updated 1; "}, SEVERITY_CRITICAL, "down"},
		{{6, "up:a=1", "all updated 1; urgent updated 1; "}, SEVERITY_WARNING, "restarting"},
		/* Over, it is what it was at its worst; who was told hears of the end. */
		{{7, "restarts:a=0", "all resolved 1; urgent resolved 1; ", "1 resolved; "},
			SEVERITY_CRITICAL, "down"},
		/* Open again, with less. */
		{{8, "restarts:a=3", "all opened 1; "}, SEVERITY_WARNING, "restarting"},
		{{9, "restarts:a=0", "all resolved 1; "}, SEVERITY_WARNING, "restarting"},
	};
	struct world *w = world_begin(rules, routes);

	for (size_t i = 0; i < ELEMENTS(turns); i++) {
		world_run(w, &turns[i].step, 1);
		assert_string_equal(w->incidents[0].title, turns[i].title);
		assert_int_equal(w->incidents[0].severity, turns[i].severity);
	}
	world_expect_timeline(w, "opened alert cleared repeated cleared resolved reopened resolved ");
	world_end(w);
}

/* Of the rest of an incident of which nothing is for them any more they hear once. */
static void test_who_takes_it_no_longer(void **state)
{
	static const struct rule_spec rules[] = {
		{"Down", "up == 0", .severity = SEVERITY_CRITICAL},
		{"Fault", "fault == 1", .severity = SEVERITY_CRITICAL},
		{"Slow", "latency > 2", .severity = SEVERITY_WARNING},
		{"Note", "hint == 1", .severity = SEVERITY_INFO},
		{0},
	};
	static const struct route_spec routes[] = {
		{.webhook = "urgent", .severity = SEVERITY_CRITICAL},
		{.webhook = "starts", .severity = SEVERITY_CRITICAL, .quiet = true},
		{.webhook = "gpu", .match = "alertname=Fault"},
		{0},
	};
	static const struct step steps[] = {
		{1, "up:a=0", "urgent opened 1; starts opened 1; "},
		{2, "fault:a=1", "urgent updated 1; starts updated 1; gpu opened 1; "},
		{3, "fault:a=0", "gpu updated 1; "},
		{4, "kill latency:a=3", "urgent updated 1; starts updated 1; "},
		{5, "up:a=1", "urgent updated 1; ", "1 open; "},
		{6, "kill hint:a=1", ""},
		{7, "latency:a=1", "", "1 open; "},
		{8, "kill fault:a=1", "urgent updated 1; starts updated 1; gpu updated 1; "},
		/* What fails to be stored is told later. */
		{9, "kill fault:a=0 fail", ""},
		{10, "kill", "urgent updated 1; gpu updated 1; ", "1 open; "},
		{11, "kill", "", "1 open; "},
		{12, "hint:a=0", "urgent resolved 1; gpu resolved 1; ", "1 resolved; "},
	};

	run_scenario(rules, routes, steps, ELEMENTS(steps));
}

/* One rule's alert clears and another's fires in one evaluation: one incident goes on. */
static void test_hands_over(void **state)
{
	static const struct step steps[] = {
		{0, "latency:a=3", ""},
		{30, "latency:a=3", "oncall opened 1; "},
		{31, "latency:a=1 up:a=0", "oncall updated 1; ", "1 open; "},
	};

	run_scenario(rules_slow_and_down, route_oncall, steps, ELEMENTS(steps));
}

static void test_all_at_once_is_one_page(void **state)
{
	static const struct rule_spec rules[] = {
		{"A", "up == 0", .severity = SEVERITY_WARNING, .summary = "first"},
		{"B", "up < 1", .severity = SEVERITY_CRITICAL, .summary = "worst"},
		{"C", "up != 1", .severity = SEVERITY_CRITICAL, .summary = "later"},
		{0},
	};
	static const struct step steps[] = {{1, "up:a=0", "oncall opened 1; ", "1 open; "}};
	struct world *w = world_begin(rules, route_oncall);

	world_run(w, steps, ELEMENTS(steps));
	assert_string_equal(w->incidents[0].title, "worst");
	assert_int_equal(w->alert_count, 3);
	world_expect_timeline(w, "opened alert alert ");
	world_end(w);
}

static void test_reopens(void **state)
{
	static const struct step steps[] = {
		{1, "up:a=0", "oncall opened 1; "},
		{2, "ack:1", "oncall acknowledged 1; "},
		{3, "up:a=1", "oncall resolved 1; "},
		{602, "evidence:a=signalled up:a=0", "oncall opened 1; ", "1 open; ",
			"Down a firing 1; "},
		{603, "up:a=1", "oncall resolved 1; "},
		{1203, "up:a=0", "oncall opened 2; ", "1 resolved; 2 open; "},
	};
	struct world *w = world_begin(rules_down, route_oncall);
	const struct incident *i = &w->incidents[0];

	world_run(w, steps, 3);
	assert_string_equal(i->acknowledged_by, "alice");
	world_run(w, steps + 3, 1);
	assert_null(i->acknowledged_by);
	assert_int_equal(i->acknowledged_ms, 0);
	assert_int_equal(i->resolved_ms, 0);
	assert_int_equal(i->reopened, 1);
	assert_string_equal(i->title, "a is down: signalled");
	world_run(w, steps + 4, 2);
	world_expect_timeline(w, "opened acknowledged resolved reopened resolved opened ");
	world_end(w);
}

/* Another rule's alert has no part in the incident that is over. */
static void test_another_alert_opens_another(void **state)
{
	static const struct step steps[] = {
		{1, "up:a=0", "oncall opened 1; "},
		{2, "up:a=1 latency:a=3", "oncall resolved 1; "},
		{32, "latency:a=3", "oncall opened 2; "},
		/* The old one's alert joins what is open. */
		{33, "up:a=0", "oncall updated 2; ", "1 resolved; 2 open; "},
	};

	run_scenario(rules_slow_and_down, route_oncall, steps, ELEMENTS(steps));
}

/* The newest of several that may reopen does, also after a kill. */
static void test_the_newest_reopens(void **state)
{
	static const struct step steps[] = {
		{1, "up:a=0", "oncall opened 1; "},
		{2, "resolve:1", "oncall resolved 1; "},
		{3, "latency:a=3", ""},
		{33, "latency:a=3", "oncall opened 2; "},
		{34, "up:a=1", "", "1 resolved; 2 open; "},
		{35, "up:a=0", "oncall updated 2; "},
		{36, "up:a=1 latency:a=1", "oncall resolved 2; ", "1 resolved; 2 resolved; "},
		{37, "kill up:a=0", "oncall opened 2; ", "1 resolved; 2 open; "},
	};

	run_scenario(rules_slow_and_down, route_oncall, steps, ELEMENTS(steps));
}

/* Who is told hears how it is now, not how it was when the alert began. */
static void test_texts_follow_the_value(void **state)
{
	static const struct step steps[] = {
		{1, "evidence:a=oom up:a=1 restarts:a=3", "oncall opened 1; "},
		{2, "evidence:a=signalled restarts:a=20", ""},
		{3, "up:a=0", "oncall updated 1; "},
		{4, "up:a=1", "oncall updated 1; "},
		{100, "restarts:a=30", ""},
		/* It fires on for a while: what it is then is not what it was for. */
		{200, "restarts:a=0", ""},
	};
	struct world *w = world_begin(rules_crash_loop, route_oncall);

	world_run(w, steps, 1);
	assert_string_equal(w->incidents[0].title, "3 restarts, last oom");
	world_run(w, steps + 1, 1);
	assert_string_equal(w->incidents[0].title, "20 restarts, last signalled");
	world_run(w, steps + 2, 1);
	assert_non_null(strstr(w->notifications[1].body, "20 restarts, last signalled"));
	world_run(w, steps + 3, 1);
	assert_string_equal(w->incidents[0].title, "20 restarts, last signalled");
	world_run(w, steps + 4, 1);
	assert_string_equal(w->incidents[0].title, "30 restarts, last signalled");
	world_run(w, steps + 5, 1);
	assert_string_equal(w->incidents[0].title, "30 restarts, last signalled");
	world_end(w);
}

static void test_person_resolves(void **state)
{
	static const struct step steps[] = {
		{1, "up:a=0", "oncall opened 1; "},
		{2, "resolve:1", "oncall resolved 1; ", "1 resolved; ", "Down a firing 1; "},
		{3, "up:a=0", "", "1 resolved; "},
		{4, "kill up:a=0", "", "1 resolved; ", "Down a firing 1; "},
		{700, "up:a=0", "", "1 resolved; "},
		{701, "up:a=1", "", "1 resolved; ", "Down a resolved 1; "},
		{702, "up:a=0", "oncall opened 2; ", "1 resolved; 2 open; "},
		{703, "resolve:2", "oncall resolved 2; "},
		{704, "up:a=1", ""},
		{705, "up:a=0", "oncall opened 2; ", "1 resolved; 2 open; "},
	};

	run_scenario(rules_down, route_oncall, steps, ELEMENTS(steps));
}

static void test_person_errors(void **state)
{
	static const struct step steps[] = {
		{1, "up:a=0", "oncall opened 1; "},
		{2, "note:1 ack:1", "oncall acknowledged 1; "},
		{3, "up:a=1", "oncall resolved 1; "},
		{4, "note:1", ""},
	};
	struct world *w = world_begin(rules_down, route_oncall);
	int64_t now_ms = BEGIN_MS + 5000;

	world_run(w, steps, 2);
	assert_int_equal(alerting_acknowledge(w->alerting, 1, "bob", "", now_ms), -EALREADY);
	assert_int_equal(alerting_acknowledge(w->alerting, 9, "bob", "", now_ms), -ENOENT);
	assert_int_equal(alerting_resolve(w->alerting, 9, "bob", "", now_ms), -ENOENT);
	assert_int_equal(alerting_note(w->alerting, 9, "bob", "", now_ms), -ENOENT);
	world_run(w, steps + 2, 2);
	assert_int_equal(alerting_resolve(w->alerting, 1, "bob", "", now_ms), -EALREADY);
	assert_int_equal(alerting_acknowledge(w->alerting, 1, "bob", "", now_ms), -EALREADY);
	assert_false(alerting_has_changes(w->alerting));
	world_expect_timeline(w, "opened note acknowledged resolved note ");
	assert_string_equal(w->timeline[1].actor, "alice");
	assert_string_equal(w->timeline[1].text, "words");
	assert_string_equal(w->timeline[0].actor, "modelwatch");
	world_end(w);
}

static void test_routes(void **state)
{
	static const struct route_spec routes[] = {
		{"all", SEVERITY_INFO},
		{"critical", SEVERITY_CRITICAL},
		{"only-b", SEVERITY_INFO, "service=b"},
		{"downs", SEVERITY_INFO, "alertname=~Do.*"},
		{"warnings", SEVERITY_INFO, "severity=warning"},
		{"quiet", SEVERITY_INFO, .quiet = true},
		{0},
	};
	static const struct step steps[] = {
		{0, "latency:a=3", ""},
		{30, "latency:a=3", "all opened 1; warnings opened 1; quiet opened 1; "},
		/* Who hears of it late hears that it was opened. */
		{31, "up:a=0",
			"all updated 1; critical opened 1; downs opened 1; warnings updated 1; "
			"quiet updated 1; "},
		{32, "latency:a=1", "warnings updated 1; "},
		{33, "ack:1",
			"all acknowledged 1; critical acknowledged 1; downs acknowledged 1; "
			"warnings acknowledged 1; quiet acknowledged 1; "},
		/* Who was told of it is told of its end, whatever matches now. */
		{34, "kill up:a=1",
			"all resolved 1; critical resolved 1; downs resolved 1; "
			"warnings resolved 1; "},
		{35, "up:b=0",
			"all opened 2; critical opened 2; only-b opened 2; downs opened 2; "
			"quiet opened 2; "},
	};

	run_scenario(rules_slow_and_down, routes, steps, ELEMENTS(steps));
}

/* A webhook that was configured after the incident opened does not hear of its end alone. */
static void test_new_route(void **state)
{
	static const struct route_spec more[] = {{.webhook = "oncall"}, {.webhook = "new"}, {0}};
	static const struct step steps[] = {
		{1, "up:a=0", "oncall opened 1; "},
		{2, "up:a=1", "oncall resolved 1; "},
		{3, "up:a=0", "oncall opened 1; new opened 1; "},
	};
	struct world *w = world_begin(rules_down, route_oncall);

	world_run(w, steps, 1);
	w->routes = more;
	world_set_routes(w);
	world_run(w, steps + 1, 2);
	world_end(w);
}

static void test_no_service(void **state)
{
	static const struct rule_spec rules[] = {
		{"StoreFull", "store == 1", .severity = SEVERITY_WARNING, .summary = "full"},
		{"Fault", "fault == 1", .severity = SEVERITY_WARNING, .summary = "fault"},
		{0},
	};
	static const struct step steps[] = {
		{1, "store:=1", "oncall opened 1; "},
		{2, "fault:=1", "oncall opened 2; ", "1 open; 2 open; "}, /* not one story */
		{3, "kill store:=0 fault:=1", "oncall resolved 1; "},
		{4, "kill store:=1", "oncall opened 1; ", "1 open; 2 open; "},
	};

	run_scenario(rules, route_oncall, steps, ELEMENTS(steps));
}

static void test_test_notification(void **state)
{
	struct world *w = world_begin(rules_down, route_oncall);
	struct notification n;

	assert_int_equal(alerting_test_notification(w->alerting, "oncall", BEGIN_MS, &n), 0);
	assert_string_equal(n.type, "test");
	assert_string_equal(n.webhook, "oncall");
	assert_int_equal(n.incident, 0);
	assert_non_null(strstr(n.body, "\"name\":\"gpu7\""));
	assert_false(alerting_has_changes(w->alerting));
	notification_done(&n);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_joins_and_raises),
		cmocka_unit_test(test_headline_follows_what_fires),
		cmocka_unit_test(test_who_takes_it_no_longer),
		cmocka_unit_test(test_hands_over),
		cmocka_unit_test(test_all_at_once_is_one_page),
		cmocka_unit_test(test_reopens),
		cmocka_unit_test(test_another_alert_opens_another),
		cmocka_unit_test(test_texts_follow_the_value),
		cmocka_unit_test(test_the_newest_reopens),
		cmocka_unit_test(test_person_resolves),
		cmocka_unit_test(test_person_errors),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_new_route),
		cmocka_unit_test(test_no_service),
		cmocka_unit_test(test_test_notification),
	};

	return cmocka_run_group_tests_name("incident", tests, NULL, NULL);
}
