/* SPDX-License-Identifier: Apache-2.0 */
/* How long a service may be down while systemd is at work on it, and whether anybody waits for it. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "daemon/base/cleanup.h"
#include "tests/unit/said.h"

#define STOP_TIME GAUGE("stop_time_seconds")

/* A reboot; the unit began before us (Type=simple, Type=exec): it runs. No page is due. */
static void test_rebooted_runs(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	const struct said said = {ACTIVE(s->pid)};
	const struct told_event *e;

	by_unit(f, "llama");
	begin_known(f, "another boot", 1 << 22, 1, &said);
	e = fixture_await(f, EXITED, "llama", 1);
	assert_int_equal(fixture_events(f, STARTED, "llama"), 1);
	/* ServiceDown: up == 0 unless stopped == 1, for 0s, judged with this event. */
	assert_false(event_value(f, e, UP) == 0 && event_value(f, e, STOPPED) == 0);
}

/* The same, and its process loads: it does not listen yet. */
static void test_rebooted_loads(void **state)
{
	static const uint16_t ports[] = {1};
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	const struct said said = {ACTIVE(s->pid)};
	struct service_match *m = by_unit(f, "llama");

	m->ports = ports;
	m->port_count = 1;
	begin_known(f, "another boot", 1 << 22, 1, &said);
	fixture_await(f, EXITED, "llama", 1);
	fixture_ticks(f, 5);
	assert_true(fixture_series(f, UP)->value == 0);
	assert_true(fixture_series(f, STOPPED)->value == 1);
}

/* A reboot; the unit is not enabled and was begun by hand: nobody expects it any more. */
static void test_rebooted_not_enabled(void **state)
{
	struct collector_fixture *f = *state;
	const struct said said = {.file = "disabled"};

	by_unit(f, "llama")->expected_by_unit = true;
	begin_known(f, "another boot", 1 << 22, 1, &said);
	fixture_await(f, EXITED, "llama", 1);
	fixture_ticks(f, 10);
	assert_string_equal(fixture_fact(f, ABSENCE), "not expected");
	assert_false(!fixture_series(f, UP)->stale && fixture_series(f, UP)->value == 0 &&
		     fixture_series(f, STOPPED)->value == 0);
}

/* A reboot; systemd is slow to answer, longer than we wait for it. Then its unit begins. */
static void test_rebooted_word_late(void **state)
{
	struct collector_fixture *f = *state;

	by_unit(f, "llama");
	begin_known(f, "another boot", 1 << 22, 1, NULL);
	fixture_await(f, EXITED, "llama", 1);
	say(f, (struct said){.active = "activating", .sub = "start-pre", .job = "start"});
	collector_take_units(f->collector, true);
	fixture_ticks(f, 3);
	assert_true(fixture_series(f, STOPPED)->value == 1);
}

/* Stopped on purpose and started again: it loads, for which it has as long as for the stop. */
static void test_loads_after_stop(void **state)
{
	static const uint16_t ports[] = {1};
	struct collector_fixture *f = *state;
	struct server *s = running(f);
	double stopped;

	/* What starts next does not listen; the first one did. */
	f->matches[0].ports = ports;
	f->matches[0].port_count = 1;
	say(f, (struct said){ACTIVE(s->pid), .job = "stop"});
	server_end(s, SIGTERM);
	say(f, (struct said){0});
	fixture_await(f, EXITED, "llama", 1);
	stopped = fixture_series(f, STOP_TIME)->value;
	fixture_ticks(f, 75); /* longer than a time may seem to move by */
	assert_true(fixture_series(f, STOP_TIME)->value == stopped);
	s = fixture_server(f, NULL);
	say(f, (struct said){ACTIVE(s->pid)});
	fixture_ticks(f, 2);
	assert_true(fixture_series(f, STOPPED)->value == 1);
	assert_true(fixture_series(f, STOP_TIME)->value >= stopped + 1);
}

/* Its first start ever, and somebody stops it while it loads. */
static void test_stopped_while_loading(void **state)
{
	static const uint16_t ports[] = {1};
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	struct service_match *m = by_unit(f, "llama");
	pid_t pid = s->pid;

	m->ports = ports;
	m->port_count = 1;
	fixture_begin(f, NULL);
	say(f, (struct said){ACTIVE(pid)});
	collector_take_units(f->collector, true);
	fixture_ticks(f, 3);
	assert_int_equal(fixture_events(f, MISSING, "llama"), 0);
	say(f, (struct said){ACTIVE(pid), .job = "stop"});
	server_end(s, SIGTERM);
	say(f, (struct said){.exit_pid = pid, .exit_code = CLD_KILLED, .exit_status = SIGTERM});
	fixture_ticks(f, 5);
	assert_true(fixture_events(f, MISSING, "llama") == 0 || fixture_series(f, STOPPED)->value == 1);
}

/* The same before it has a main process. */
static void test_stopped_while_starting(void **state)
{
	struct collector_fixture *f = *state;

	by_unit(f, "llama");
	fixture_begin(f, NULL);
	say(f, (struct said){.active = "activating", .sub = "start-pre", .job = "start"});
	collector_take_units(f->collector, true);
	fixture_ticks(f, 3);
	say(f, (struct said){.active = "deactivating", .sub = "stop-post", .job = "stop"});
	say(f, (struct said){0});
	fixture_ticks(f, 5);
	assert_true(fixture_events(f, MISSING, "llama") == 0 || fixture_series(f, STOPPED)->value == 1);
}

/* Stopped, then disabled: nobody says any more that, or since when, it is stopped. */
static void test_stop_time_ends(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	f->matches[0].expected_by_unit = true;
	say(f, (struct said){ACTIVE(s->pid), .job = "stop"});
	server_end(s, SIGTERM);
	say(f, (struct said){0});
	fixture_await(f, EXITED, "llama", 1);
	fixture_ticks(f, 2);
	say(f, (struct said){.file = "disabled"});
	fixture_ticks(f, 5);
	assert_true(fixture_series(f, UP)->stale);
	assert_true(fixture_series(f, STOP_TIME)->stale);
}

/* It survived a stop (KillMode=none) that somebody asked for while the daemon was restarted. */
static void test_survivor_over_restart(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	const struct said said = {.exit_pid = s->pid};
	char boot[64];

	this_boot(boot);
	by_unit(f, "llama");
	begin_known(f, boot, s->pid, server_start_ticks(s->pid), &said);
	fixture_await(f, RELEASED, "llama", 1);
	fixture_ticks(f, 5);
	assert_true(fixture_series(f, STOPPED)->value == 1);
}

/* It crashed and pages; its unit is disabled while the daemon is not there (as before a reboot). */
static void test_disabled_meanwhile(void **state)
{
	struct collector_fixture *f = *state;
	const struct said said = {.file = "disabled"};
	struct known_value values[] = {{.value = 0}, {.value = 1}};
	struct known known = {.values = values, .value_count = 2};

	values[0].series.metric = strdup("modelwatch_service_up");
	values[1].series.metric = strdup("modelwatch_service_expected");
	for (size_t i = 0; i < ELEMENTS(values); i++)
		assert_int_equal(labels_set(&values[i].series.labels, "service", "llama"), 0);
	by_unit(f, "llama")->expected_by_unit = true;
	f->prepared = say_before;
	f->prepared_data = &said;
	fixture_begin(f, &known);
	for (size_t i = 0; i < ELEMENTS(values); i++)
		series_done(&values[i].series);
	fixture_ticks(f, 10);
	assert_true(fixture_series(f, UP)->stale || fixture_series(f, STOPPED)->value == 1);
}

/* It was restarted on purpose and loads; what its unit is bound to fails: nobody asked for that stop. */
static void test_bound_while_loading(void **state)
{
	static const uint16_t ports[] = {1};
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	f->matches[0].ports = ports;
	f->matches[0].port_count = 1;
	say(f, (struct said){ACTIVE(s->pid), .job = "restart"});
	server_end(s, SIGTERM);
	fixture_await(f, EXITED, "llama", 1);
	s = fixture_server(f, NULL);
	say(f, (struct said){ACTIVE(s->pid)});
	fixture_ticks(f, 3);
	assert_true(fixture_series(f, STOPPED)->value == 1);
	say(f, (struct said){ACTIVE(s->pid), .job = "stop", .cause = "gpu.service failed"});
	server_end(s, SIGTERM);
	say(f, (struct said){.cause = "gpu.service failed"});
	fixture_ticks(f, 5);
	assert_true(fixture_series(f, STOPPED)->value == 0);
}

/* It never was up, and its unit hangs in ExecStartPre= (or its job waits) for longer than stop-grace. */
static void test_begins_for_ever(void **state)
{
	struct collector_fixture *f = *state;

	by_unit(f, "llama")->stop_grace = 200 * USEC_PER_MSEC;
	fixture_begin(f, NULL);
	say(f, (struct said){.active = "activating", .sub = "start-pre", .job = "start"});
	collector_take_units(f->collector, true);
	fixture_ticks(f, 50);
	assert_int_equal(fixture_events(f, MISSING, "llama"), 1);
}

/* Restarted on purpose; the new one runs and never listens: when stop-grace is over the page says that it
 * was stopped, and nothing of the process that does not listen. */
static void test_restart_never_listens(void **state)
{
	static const uint16_t ports[] = {1};
	struct collector_fixture *f = *state;
	struct server *s = running(f);
	bool said = false;

	f->matches[0].ports = ports;
	f->matches[0].port_count = 1;
	f->matches[0].stop_grace = 500 * USEC_PER_MSEC;
	say(f, (struct said){ACTIVE(s->pid), .job = "restart"});
	server_end(s, SIGTERM);
	fixture_await(f, EXITED, "llama", 1);
	s = fixture_server(f, NULL);
	say(f, (struct said){ACTIVE(s->pid)});
	fixture_ticks(f, 60);
	assert_true(fixture_series(f, STOPPED)->value == 0);
	for (size_t i = 0; i < f->event_count; i++)
		said |= strstr(f->events[i].evidence, "does not listen") != NULL;
	assert_true(said);
}

/* A reboot; the unit failed to begin before we did: the page says nothing of that. */
static void test_rebooted_failed_before(void **state)
{
	struct collector_fixture *f = *state;
	const struct said said = {.active = "failed",
		.sub = "failed",
		.result = "exit-code",
		.exit_pid = 4000000,
		.exit_code = CLD_EXITED,
		.exit_status = 203};
	bool told = false;

	by_unit(f, "llama");
	begin_known(f, "another boot", 1 << 22, 1, &said);
	fixture_await(f, EXITED, "llama", 1);
	fixture_ticks(f, 5);
	for (size_t i = 0; i < f->event_count; i++)
		told |= strstr(f->events[i].evidence, "203/EXEC") != NULL;
	assert_true(told);
}

/* A transient instance of a glob crashed, and systemd forgets it, but knows another one that is not
 * enabled: the page of the crash ends by itself. */
static void test_collected_beside_disabled(void **state)
{
	static const char *const units[] = {"vllm*.service"};
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	f->matches[0].units = units;
	f->matches[0].expected_by_unit = true;
	say(f, (struct said){.name = "vllm-old.service", .file = "disabled"});
	say(f, (struct said){ACTIVE(s->pid), .file = "transient"});
	server_end(s, SIGKILL);
	fixture_await(f, EXITED, "llama", 1);
	say(f, (struct said){.active = "failed", .sub = "failed", .result = "signal", .file = "transient"});
	say(f, (struct said){.load = ""});
	fixture_ticks(f, 3);
	assert_true(fixture_series(f, UP)->value == 0 && !fixture_series(f, UP)->stale);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITHOUT(test_rebooted_runs),
		WITHOUT(test_rebooted_loads),
		WITHOUT(test_rebooted_not_enabled),
		WITHOUT(test_rebooted_word_late),
		WITHOUT(test_loads_after_stop),
		WITHOUT(test_stopped_while_loading),
		WITHOUT(test_stopped_while_starting),
		WITHOUT(test_stop_time_ends),
		WITHOUT(test_survivor_over_restart),
		WITHOUT(test_disabled_meanwhile),
		WITHOUT(test_bound_while_loading),
		WITHOUT(test_begins_for_ever),
		WITHOUT(test_restart_never_listens),
		WITHOUT(test_rebooted_failed_before),
		WITHOUT(test_collected_beside_disabled),
	};

	return cmocka_run_group_tests_name("collector-unit-holds", tests, NULL, NULL);
}
