/* SPDX-License-Identifier: Apache-2.0 */
/* Failed commits, restarts, crowds and sources that fail. */
#include <errno.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "tests/unit/alerting_world.h"

static void test_failed_commits(void **state)
{
	static const struct step steps[] = {
		{1, "up:a=0 fail", "", ""},
		{2, "up:a=0 fail", "", ""},
		{3, "up:a=0", "oncall opened 1; ", "1 open; ", "Down a firing 1; "},
		{4, "up:a=1 fail", "", "1 open; "},
		{5, "up:a=0 fail", "", "1 open; "},
		{6, "up:a=1", "oncall resolved 1; oncall opened 1; oncall resolved 1; ",
			"1 resolved; ", "Down a resolved 1; "},
	};

	run_scenario(rules_down, route_oncall, steps, ELEMENTS(steps));
}

/* The ids of what could not be committed are the same at the next try. */
static void test_ids_stay(void **state)
{
	struct step failing = {1, "up:a=0 fail", "", NULL, NULL};
	struct world *w = world_begin(rules_down, route_oncall);
	struct alerting_changes c;
	_cleanup_free_ char *id = NULL;

	world_run(w, &failing, 1);
	assert_int_equal(alerting_changes(w->alerting, &c), 0);
	assert_int_equal(c.notification_count, 1);
	id = strdup(c.notifications[0].message_id);
	assert_int_equal(strlen(id), 32);
	assert_null(strchr(id, '.'));
	assert_true(c.notifications[0].due_ms == c.notifications[0].created_ms);
	failing.at_s = 2;
	world_run(w, &failing, 1);
	world_commit(w);
	assert_int_equal(w->notification_count, 1);
	assert_string_equal(w->notifications[0].message_id, id);
	world_end(w);
}

static void test_restart(void **state)
{
	static const struct step steps[] = {
		{0, "latency:a=3", "", "", "Slow a pending 0; "},
		{20, "kill latency:a=3", "", "", "Slow a pending 0; "},
		{30, "kill latency:a=3", "oncall opened 1; ", "1 open; ", "Slow a firing 1; "},
		{31, "kill latency:a=3", "", "1 open; ", "Slow a firing 1; "},
		{32, "kill latency:a=1", "oncall resolved 1; ", "1 resolved; "},
		{33, "kill latency:a=3", "", "1 resolved; "},
		{63, "kill latency:a=3", "oncall opened 1; ", "1 open; ", "Slow a firing 1; "},
		{64, "kill ack:1", "oncall acknowledged 1; "},
		{65, "kill resolve:1", "oncall resolved 1; "},
	};

	run_scenario(rules_slow_and_down, route_oncall, steps, ELEMENTS(steps));
}

/* What fired and was not committed before a kill fires again, once. */
static void test_killed_before_the_commit(void **state)
{
	static const struct step steps[] = {
		{1, "up:a=0 fail", "", ""},
		{2, "kill up:a=0", "oncall opened 1; ", "1 open; "},
		{3, "up:a=1 fail", "", "1 open; "},
		{4, "kill up:a=1", "oncall resolved 1; ", "1 resolved; "},
	};

	run_scenario(rules_down, route_oncall, steps, ELEMENTS(steps));
}

/* Who was told of nothing hears, after a restart, too, that it was opened, and not of its end alone. */
static void test_restart_without_notifications(void **state)
{
	static const struct route_spec nobody[] = {{0}}, urgent[] = {
		{.webhook = "urgent", .severity = SEVERITY_CRITICAL}, {0}};
	static const struct step ends[] = {
		{1, "up:a=0", "", "1 open; "},
		{2, "kill up:a=1", "", "1 resolved; "},
		{3, "kill up:a=0", "oncall opened 1; ", "1 open; "},
		{4, "kill up:a=1", "oncall resolved 1; ", "1 resolved; "},
	};
	static const struct step joins[] = {
		{0, "latency:a=3", ""},
		{30, "latency:a=3", "", "1 open; "},
		{31, "kill up:a=0", "urgent opened 1; ", "1 open; "},
	};
	struct world *w = world_begin(rules_down, nobody);

	world_run(w, ends, 1);
	w->routes = route_oncall;
	world_run(w, ends + 1, ELEMENTS(ends) - 1);
	world_end(w);
	run_scenario(rules_slow_and_down, urgent, joins, ELEMENTS(joins));
}

/* A source of many series: one service each, or one service for all. */
struct crowd {
	size_t count;
	double value;
	bool one_service;
	size_t calls;
};

static int select_crowd(void *userdata, const char *metric, int64_t time_ms, promql_series_fn fn,
	void *fn_userdata)
{
	struct crowd *c = userdata;
	char name[] = "up", service[] = "service", index[] = "index", one[] = "one";
	int r = 0;

	for (size_t i = 0; i < c->count && r == 0; i++) {
		char number[32];
		struct label labels[] = {{index, number}, {service, c->one_service ? one : number}};
		struct series series = {name, {labels, 2}};

		snprintf(number, sizeof(number), "s%zu", i);
		c->calls++;
		r = fn(fn_userdata, &series, c->value);
	}
	return r;
}

static void evaluate_crowd(struct world *w, struct crowd *c, int64_t now_ms)
{
	struct promql_source source = {select_crowd, c};

	c->calls = 0;
	assert_int_equal(alerting_evaluate(w->alerting, &source, NULL, now_ms), 0);
	assert_int_equal(c->calls, c->count);
}

static void test_ten_thousand_services(void **state)
{
	struct crowd crowd = {.count = 10000};
	struct world *w = world_begin(rules_down, route_oncall);
	struct alerting_changes c;

	evaluate_crowd(w, &crowd, BEGIN_MS);
	assert_int_equal(alerting_changes(w->alerting, &c), 0);
	assert_int_equal(c.alert_count, 10000);
	assert_int_equal(c.incident_count, 10000);
	assert_int_equal(c.notification_count, 10000);
	/* Nothing more while it cannot be committed; what is due is kept as a mark. */
	crowd.value = 1;
	evaluate_crowd(w, &crowd, BEGIN_MS + 1000);
	assert_int_equal(alerting_changes(w->alerting, &c), 0);
	assert_int_equal(c.notification_count, 10000);
	alerting_committed(w->alerting);
	evaluate_crowd(w, &crowd, BEGIN_MS + 2000);
	assert_int_equal(alerting_changes(w->alerting, &c), 0);
	assert_int_equal(c.notification_count, 10000);
	assert_string_equal(c.notifications[0].type, "incident.resolved");
	alerting_committed(w->alerting);
	evaluate_crowd(w, &crowd, BEGIN_MS + 3000);
	assert_false(alerting_has_changes(w->alerting));
	world_end(w);
}

static void test_ten_thousand_of_one_service(void **state)
{
	struct crowd crowd = {.count = 10000, .one_service = true};
	struct world *w = world_begin(rules_down, route_oncall);
	struct alerting_changes c;

	evaluate_crowd(w, &crowd, BEGIN_MS);
	assert_int_equal(alerting_changes(w->alerting, &c), 0);
	assert_int_equal(c.alert_count, 10000);
	assert_int_equal(c.incident_count, 1);
	assert_int_equal(c.notification_count, 1);
	assert_true(strlen(c.notifications[0].body) <= 65536);
	assert_non_null(strstr(c.notifications[0].body, "9936 more alerts"));
	assert_true(c.timeline_count < 110);
	alerting_committed(w->alerting);
	crowd.value = 1;
	evaluate_crowd(w, &crowd, BEGIN_MS + 1000);
	alerting_committed(w->alerting);
	/* All of them reopen it together. */
	crowd.value = 0;
	evaluate_crowd(w, &crowd, BEGIN_MS + 2000);
	assert_int_equal(alerting_changes(w->alerting, &c), 0);
	assert_int_equal(c.incident_count, 1);
	assert_int_equal(c.notification_count, 1);
	assert_string_equal(c.notifications[0].type, "incident.opened");
	world_end(w);
}

static void test_too_many(void **state)
{
	struct crowd crowd = {.count = 20010, .one_service = true};
	struct world *w = world_begin(rules_down, route_oncall);

	evaluate_crowd(w, &crowd, BEGIN_MS);
	assert_int_equal(alerting_refused(w->alerting), 10);
	world_end(w);
}

static int refuse_to_select(void *userdata, const char *metric, int64_t time_ms,
	promql_series_fn fn, void *fn_userdata)
{
	return -EIO;
}

/* What cannot be read has not ended. */
static void test_source_that_fails(void **state)
{
	static const struct step steps[] = {{1, "up:a=0", "oncall opened 1; "}};
	struct promql_source broken = {refuse_to_select, NULL};
	struct world *w = world_begin(rules_down, route_oncall);

	world_run(w, steps, 1);
	assert_int_equal(alerting_evaluate(w->alerting, &broken, NULL, BEGIN_MS + 5000), -EIO);
	assert_false(alerting_has_changes(w->alerting));
	world_end(w);
}

static int no_random(void *userdata, void *bytes, size_t size)
{
	return -EIO;
}

/* Who could not be told is told at the next evaluation. */
static void test_telling_that_fails(void **state)
{
	struct crowd crowd = {.count = 1};
	struct promql_source source = {select_crowd, &crowd};
	struct world *w = world_begin(rules_down, route_oncall);
	struct alerting_changes c;

	alerting_set_random(w->alerting, no_random, NULL);
	assert_int_equal(alerting_evaluate(w->alerting, &source, NULL, BEGIN_MS), -EIO);
	assert_int_equal(alerting_changes(w->alerting, &c), 0);
	assert_int_equal(c.incident_count, 1);
	assert_int_equal(c.notification_count, 0);
	alerting_committed(w->alerting);
	alerting_set_random(w->alerting, world_random, w);
	evaluate_crowd(w, &crowd, BEGIN_MS + 1000);
	assert_int_equal(alerting_changes(w->alerting, &c), 0);
	assert_int_equal(c.notification_count, 1);
	assert_string_equal(c.notifications[0].type, "incident.opened");
	world_end(w);
}

/* Also when the daemon ends in between. */
static void test_telling_that_fails_survives(void **state)
{
	static const struct step told[] = {{2, "kill up:a=0", "oncall opened 1; ", "1 open; "}};
	struct world *w = world_begin(rules_down, route_oncall);
	struct promql_source source = world_source(w);

	w->points[0] = (struct point){"up", "a", 0};
	w->point_count = 1;
	alerting_set_random(w->alerting, no_random, NULL);
	assert_int_equal(
		alerting_evaluate(w->alerting, &source, NULL, BEGIN_MS + 1000), -EIO);
	world_commit(w);
	assert_int_equal(w->incident_count, 1);
	assert_int_equal(w->notification_count, 0);
	world_run(w, told, 1);
	world_end(w);
}

/* Nobody could be told before it was over: then both are told, in order, each as it was. */
static void test_telling_after_the_end(void **state)
{
	struct crowd crowd = {.count = 1};
	struct promql_source source = {select_crowd, &crowd};
	struct world *w = world_begin(rules_down, route_oncall);
	struct alerting_changes c;

	alerting_set_random(w->alerting, no_random, NULL);
	assert_int_equal(alerting_evaluate(w->alerting, &source, NULL, BEGIN_MS), -EIO);
	alerting_set_random(w->alerting, world_random, w);
	crowd.value = 1;
	evaluate_crowd(w, &crowd, BEGIN_MS + 1000);
	assert_int_equal(alerting_changes(w->alerting, &c), 0);
	assert_int_equal(c.notification_count, 2);
	assert_string_equal(c.notifications[0].type, "incident.opened");
	assert_non_null(strstr(c.notifications[0].body, "\"state\":\"open\""));
	assert_string_equal(c.notifications[1].type, "incident.resolved");
	assert_non_null(strstr(c.notifications[1].body, "\"state\":\"resolved\""));
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failed_commits),
		cmocka_unit_test(test_ids_stay),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_killed_before_the_commit),
		cmocka_unit_test(test_restart_without_notifications),
		cmocka_unit_test(test_ten_thousand_services),
		cmocka_unit_test(test_ten_thousand_of_one_service),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_source_that_fails),
		cmocka_unit_test(test_telling_that_fails),
		cmocka_unit_test(test_telling_that_fails_survives),
		cmocka_unit_test(test_telling_after_the_end),
	};

	return cmocka_run_group_tests_name("alerting-faults", tests, NULL, NULL);
}
