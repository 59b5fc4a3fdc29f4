/* SPDX-License-Identifier: Apache-2.0 */
/* What comes and goes: who is told of it, what is held, and until when. */
#include "daemon/base/cleanup.h"
#include "tests/unit/alerting_world.h"

static void test_flapping(void **state)
{
	static const struct step steps[] = {
		{0, "up:a=0", "oncall opened 1; "},
		{10, "up:a=1", "oncall resolved 1; "},
		{20, "up:a=0", "oncall opened 1; "},
		{30, "up:a=1", "oncall resolved 1; "},
		{40, "up:a=0", "oncall opened 1; "},
		{50, "up:a=1", "oncall resolved 1; "},
		{60, "up:a=0", "oncall opened 1; "},
		{70, "up:a=1", "oncall resolved 1; "},
		{80, "up:a=0", "oncall opened 1; "},
		{90, "up:a=1", "oncall resolved 1; "},
		{100, "up:a=0", "oncall flapping 1; ", "1 open; "},
		{110, "up:a=1", "", "1 resolved; "},
		{120, "up:a=0", "", "1 open; "},
		{130, "ack:1", "oncall acknowledged 1; "},
		{140, "up:a=1", "", "1 resolved; "},
		{739, "up:a=1", "", "1 resolved; "},
		{740, "up:a=1", "oncall resolved 1; ", "1 resolved; "},
		{741, "up:a=1", ""},
		/* Over is over: the reopen time counts from its end. */
		{1000, "up:a=0", "oncall opened 2; "},
	};

	run_scenario(rules_down, route_oncall, steps, ELEMENTS(steps));
}

/* The first rule's alert comes and goes until it is told that it flaps, at 10 s. */
static void flap(struct world *w, const char *begin, const char *end)
{
	for (int i = 0; i <= 5; i++) {
		struct step turns[] = {{2 * i, begin, NULL}, {2 * i + 1, end, NULL}};

		world_run(w, turns, i < 5 ? 2 : 1);
	}
	assert_string_equal(w->notifications[w->notification_count - 1].type, "incident.flapping");
}

/* What a person ends has settled, whatever that person is called. */
static void test_person_ends_flapping(void **state)
{
	static const struct step steps[] = {
		{12, "kill up:a=1", "", "1 resolved; "},
		{13, "kill up:a=0", "oncall opened 1; ", "1 open; "},
		{14, "kill up:a=1", "oncall resolved 1; "},
	};
	struct world *w = world_begin(rules_down, route_oncall);

	flap(w, "up:a=0", "up:a=1");
	assert_int_equal(
		alerting_resolve(w->alerting, 1, ACTOR_MODELWATCH, "", BEGIN_MS + 11000), 0);
	world_commit(w);
	world_run(w, steps, ELEMENTS(steps));
	world_end(w);
}

/* The same with a kill before each step. */
static void test_flapping_survives(void **state)
{
	static const struct step steps[] = {
		{0, "kill up:a=0", "oncall opened 1; "},
		{10, "kill up:a=1", "oncall resolved 1; "},
		{20, "kill up:a=0", "oncall opened 1; "},
		{30, "kill up:a=1", "oncall resolved 1; "},
		{40, "kill up:a=0", "oncall opened 1; "},
		{50, "kill up:a=1", "oncall resolved 1; "},
		{60, "kill up:a=0", "oncall opened 1; "},
		{70, "kill up:a=1", "oncall resolved 1; "},
		{80, "kill up:a=0", "oncall opened 1; "},
		{90, "kill up:a=1", "oncall resolved 1; "},
		{100, "kill up:a=0", "oncall flapping 1; "},
		{110, "kill up:a=1", "", "1 resolved; "},
		{120, "kill up:a=0", "", "1 open; "},
		{719, "kill up:a=0", ""},
		{720, "kill up:a=0", "oncall updated 1; ", "1 open; "}, /* settled: it stays down */
		{721, "kill up:a=1", "oncall resolved 1; "},
		{722, "kill up:a=0", "oncall opened 1; "},
	};

	run_scenario(rules_down, route_oncall, steps, ELEMENTS(steps));
}

/* What comes and goes while something else holds the incident open flaps as well. */
static void test_crash_loop_flaps(void **state)
{
	static const struct step steps[] = {
		{0, "up:a=0", "oncall opened 1; "},
		{1, "up:a=1 restarts:a=1", "oncall resolved 1; "},
		{2, "up:a=0", "oncall opened 1; "},
		{3, "up:a=1 restarts:a=2", "oncall resolved 1; "},
		{4, "up:a=0", "oncall opened 1; "},
		{5, "restarts:a=3", "oncall updated 1; "},
		{5, "up:a=1", "oncall updated 1; ", "1 open; "},
		{6, "up:a=0", "oncall updated 1; "},
		{7, "up:a=1 restarts:a=4", "oncall updated 1; ", "1 open; "},
		{8, "up:a=0", "oncall updated 1; "},
		{9, "up:a=1 restarts:a=5", "oncall updated 1; "},
		{10, "up:a=0", "oncall flapping 1; "},
		{11, "up:a=1 restarts:a=6", ""},
		{12, "up:a=0", ""},
		{13, "up:a=1 restarts:a=7", ""},
		{14, "up:a=0", ""},
		{613, "up:a=0", ""},
		/* The loop gave up: what is left is told. */
		{614, "up:a=0", "oncall updated 1; ", "1 open; "},
		{700, "up:a=1 restarts:a=0", "oncall updated 1; ", "1 open; "},
		{1001, "up:a=1", "oncall resolved 1; ", "1 resolved; "},
	};
	struct world *w;

	run_scenario(rules_crash_loop, route_oncall, steps, ELEMENTS(steps));
	w = world_begin(rules_crash_loop, route_oncall);
	for (size_t i = 0; i < ELEMENTS(steps); i++) {
		char what[64];
		struct step step = steps[i];

		snprintf(what, sizeof(what), "kill %s", step.what);
		step.what = what;
		world_run(w, &step, 1);
	}
	world_end(w);
}

/* What is graver than all that was told is told at once, in an open incident and in one that opens again. */
static void test_graver_is_not_held(void **state)
{
	static const struct step steps[] = {
		{0, "latency:a=3 up:a=0", "all opened 1; urgent opened 1; "},
		{1, "latency:a=1 up:a=1", "all resolved 1; urgent resolved 1; "},
		{2, "latency:a=3", "all opened 1; "},
		{3, "latency:a=1", "all resolved 1; "},
		{4, "latency:a=3", "all opened 1; "},
		{5, "latency:a=1", "all resolved 1; "},
		{6, "latency:a=3", "all opened 1; "},
		{7, "latency:a=1", "all resolved 1; "},
		{8, "latency:a=3", "all opened 1; "},
		{9, "latency:a=1", "all resolved 1; "},
		{10, "latency:a=3", "all flapping 1; "},
		{11, "latency:a=1", "", "1 resolved; "},
		{12, "up:a=0", "all updated 1; urgent opened 1; ", "1 open; "},
		/* Once: as grave as that was told. */
		{13, "up:a=1", "", "1 resolved; "},
		{14, "latency:a=3", "", "1 open; "},
		{15, "up:a=0", "", "1 open; "},
		{16, "latency:a=1 up:a=1", "", "1 resolved; "},
		{17, "latency:a=3", ""},
		{18, "up:a=0", ""},
	};
	static const struct rule_spec rules[] = {
		{"Slow", "latency > 2", .severity = SEVERITY_WARNING, .summary = "slow"},
		{"Down", "up == 0", .severity = SEVERITY_CRITICAL, .summary = "down"},
		{0},
	};
	static const struct route_spec routes[] = {
		{.webhook = "all"}, {.webhook = "urgent", .severity = SEVERITY_CRITICAL}, {0}};

	run_scenario(rules, routes, steps, ELEMENTS(steps));
}

/* Who wants to be told of no ends knows of none that is open after one, also where nobody was there. */
static void test_who_is_told_of_no_ends(void **state)
{
	static const struct rule_spec rules[] = {
		{"Slow", "latency > 2", .severity = SEVERITY_CRITICAL, .summary = "slow"},
		{"Disk", "disk > 2", .severity = SEVERITY_WARNING, .summary = "full"},
		{0},
	};
	static const struct route_spec routes[] = {{.webhook = "all"},
		{.webhook = "dba", .match = "alertname=Disk", .quiet = true}, {0}};
	static const struct step steps[] = {
		{0, "latency:a=3 disk:a=3", "all opened 1; dba opened 1; "},
		{1, "latency:a=1 disk:a=1", "all resolved 1; "},
		{2, "kill disk:a=3", "all opened 1; dba opened 1; "},
		{3, "disk:a=1", "all resolved 1; "},
		{4, "latency:a=3", "all opened 1; "},
		{5, "latency:a=1", "all resolved 1; "},
		{6, "latency:a=3", "all opened 1; "},
		{7, "latency:a=1", "all resolved 1; "},
		{8, "latency:a=3", "all opened 1; "},
		{9, "latency:a=1", "all resolved 1; "},
		{10, "latency:a=3", "all flapping 1; "},
		{11, "kill disk:a=3", "dba opened 1; "},
		{12, "kill ack:1", "all acknowledged 1; dba acknowledged 1; "},
		{13, "kill disk:a=1", ""},
		{14, "kill disk:a=3", ""},
	};

	run_scenario(rules, routes, steps, ELEMENTS(steps));
}

/* Who was told of nothing is told at once, however grave it is, and once: also where it does not arrive. */
static void test_who_knows_nothing_is_told(void **state)
{
	static const struct rule_spec rules[] = {
		{"Slow", "latency > 2", .severity = SEVERITY_CRITICAL, .summary = "slow"},
		{"Disk", "disk > 2", .severity = SEVERITY_WARNING, .summary = "full"},
		{0},
	};
	static const struct route_spec routes[] = {
		{.webhook = "all"}, {.webhook = "dba", .match = "alertname=Disk"}, {0}};
	static const struct route_spec more[] = {
		{.webhook = "all"}, {.webhook = "dba", .match = "alertname=Disk"},
		{.webhook = "new"}, {0}};
	static const struct step steps[] = {
		{20, "disk:a=3", "dba opened 1; "},
		{21, "kill latency:a=1", ""},
		{22, "kill latency:a=3 disk:a=1", ""},
		{23, "kill disk:a=3", ""},
		{24, "latency:a=1", ""},
	};
	static const struct step steps_with_more[] = {
		{25, "latency:a=3", "new opened 1; "},
		{26, "latency:a=1", ""},
	};
	static const struct step steps_without_arrival[] = {
		{27, "latency:a=3", ""},
		{28, "kill latency:a=1", ""},
		{29, "kill latency:a=3", ""},
		{628, "kill latency:a=3", ""},
		{629, "kill latency:a=3", "all updated 1; dba updated 1; new opened 1; "},
	};
	struct world *w = world_begin(rules, routes);

	flap(w, "latency:a=3", "latency:a=1");
	world_run(w, steps, ELEMENTS(steps));
	w->routes = more;
	world_set_routes(w);
	world_run(w, steps_with_more, ELEMENTS(steps_with_more));
	alerting_not_told(w->alerting, 1, "new");
	w->notifications[w->notification_count - 1].state = NOTIFICATION_FAILED;
	world_run(w, steps_without_arrival, ELEMENTS(steps_without_arrival));
	world_end(w);
}

/* What was told is what it was when the evaluation was over, whichever alert came first in it. */
static void test_hold_begins_amid_a_handover(void **state)
{
	static const struct rule_spec orders[][3] = {
		{{"Slow", "latency > 2", .severity = SEVERITY_WARNING},
			{"Down", "up == 0", .severity = SEVERITY_CRITICAL}, {0}},
		{{"Down", "up == 0", .severity = SEVERITY_CRITICAL},
			{"Slow", "latency > 2", .severity = SEVERITY_WARNING}, {0}},
	};
	static const struct step steps[] = {
		{20, "up:a=0 latency:a=1", "oncall updated 1; ", "1 open; "},
		{21, "up:a=1 latency:a=3", "oncall flapping 1; ", "1 open; "},
		{22, "kill latency:a=1", "", "1 resolved; "},
		{60, "kill up:a=0", "oncall updated 1; ", "1 open; "},
		{61, "kill up:a=1", "", "1 resolved; "},
		{62, "kill up:a=0", "", "1 open; "},
	};

	for (size_t i = 0; i < ELEMENTS(orders); i++) {
		struct world *w = world_begin(orders[i], route_oncall);

		for (int turn = 0; turn < 5; turn++) {
			struct step turns[] = {{2 * turn, "latency:a=3", "oncall opened 1; "},
				{2 * turn + 1, "latency:a=1", "oncall resolved 1; "}};

			world_run(w, turns, turn < 4 ? 2 : 1);
		}
		world_run(w, steps, ELEMENTS(steps));
		world_end(w);
	}
}

/* Who was told that it flaps hears what is left of it, though it is less than that webhook takes. */
static void test_settles_below_what_it_takes(void **state)
{
	static const struct route_spec routes[] = {
		{.webhook = "all"}, {.webhook = "urgent", .severity = SEVERITY_CRITICAL}, {0}};
	static const struct step steps[] = {
		{11, "up:a=1 restarts:a=6", "", "1 open; "},
		{12, "kill up:a=1", ""},
		{611, "kill up:a=1", "all updated 1; urgent updated 1; ", "1 open; "},
		{612, "kill up:a=1 restarts:a=0", ""},
		{912, "kill up:a=1", "all resolved 1; urgent resolved 1; ", "1 resolved; "},
	};
	struct world *w = world_begin(rules_crash_loop, routes);

	flap(w, "up:a=0", "up:a=1");
	world_run(w, steps, ELEMENTS(steps));
	world_end(w);
}

/* What stands has settled, whatever less grave comes and goes beside it. */
static void test_settles_beside_what_moves(void **state)
{
	static const struct rule_spec rules[] = {
		{"Down", "up == 0", .severity = SEVERITY_CRITICAL, .summary = "down"},
		{"Note", "latency > 2", .severity = SEVERITY_INFO, .summary = "slow"},
		{0},
	};
	struct world *w = world_begin(rules, route_oncall);

	flap(w, "up:a=0", "up:a=1");
	for (int at = 100; at < 609; at += 100) {
		struct step turns[] = {{at, "latency:a=3", ""}, {at + 5, "latency:a=1", ""}};

		world_run(w, turns, 2);
	}
	world_run(w, &(struct step){610, "latency:a=3", "oncall updated 1; ", "1 open; "}, 1);
	world_end(w);
}

/* However long the loop goes on, its timeline and its outbox do not grow with it. */
static void test_crash_loop_is_bounded(void **state)
{
	struct world *w = world_begin(rules_crash_loop, route_oncall);

	for (int i = 0; i < 1000; i++) {
		char restarts[64];
		struct step turns[] = {{2 * i, "up:a=0", NULL}, {2 * i + 1, restarts, NULL}};

		snprintf(restarts, sizeof(restarts), "up:a=1 restarts:a=%d", i % 50 < 40 ? i : 0);
		world_run(w, turns, 2);
	}
	assert_true(w->timeline_count < 150);
	assert_true(w->notification_count < 16);
	world_end(w);
}

static void test_slow_turns_are_no_flapping(void **state)
{
	struct world *w = world_begin(rules_down, route_oncall);

	for (int i = 0; i < 12; i++) {
		struct step turns[] = {
			{i * 200, "up:a=0", "oncall opened 1; "},
			{i * 200 + 100, "up:a=1", "oncall resolved 1; "},
		};

		world_run(w, turns, 2);
	}
	assert_int_equal(w->incidents[0].reopened, 11);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flapping),
		cmocka_unit_test(test_person_ends_flapping),
		cmocka_unit_test(test_flapping_survives),
		cmocka_unit_test(test_crash_loop_flaps),
		cmocka_unit_test(test_crash_loop_is_bounded),
		cmocka_unit_test(test_graver_is_not_held),
		cmocka_unit_test(test_who_knows_nothing_is_told),
		cmocka_unit_test(test_who_is_told_of_no_ends),
		cmocka_unit_test(test_hold_begins_amid_a_handover),
		cmocka_unit_test(test_settles_beside_what_moves),
		cmocka_unit_test(test_settles_below_what_it_takes),
		cmocka_unit_test(test_slow_turns_are_no_flapping),
	};

	return cmocka_run_group_tests_name("flapping", tests, NULL, NULL);
}
