/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a unit, run after run, in every order that systemd and the kernel may tell it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/file.h"
#include "tests/unit/said.h"

/* systemd fails a start that never was "activating" (start-limit-hit; resources: EnvironmentFile=
 * missing): after a restart that was asked for. */
static void test_start_refused_after_restart(void **state)
{
	static const char *const results[] = {"start-limit-hit", "resources"};

	for (size_t i = 0; i < ELEMENTS(results); i++) {
		struct collector_fixture *f;
		struct server *s;

		assert_int_equal(collector_fixture_open(state), 0);
		f = *state;
		s = running(f);
		say(f, (struct said){ACTIVE(s->pid), .job = "restart"});
		server_end(s, SIGTERM);
		assert_string_equal(fixture_await(f, EXITED, "llama", 1)->reason, "stopped");
		say(f, (struct said){.job = "restart"});
		say(f, (struct said){.active = "failed", .sub = "failed", .result = results[i]});
		fixture_ticks(f, 3);
		if (fixture_events(f, MISSING, "llama") != 1 ||
			fixture_series(f, STOPPED)->value != 0)
			fail_msg("%s: %zu missing, stopped %g", results[i],
				fixture_events(f, MISSING, "llama"),
				fixture_series(f, STOPPED)->value);
		assert_int_equal(collector_fixture_close(state), 0);
	}
}

/* The main process ends as asked, but the unit fails (ExecStopPost=, or its other processes were killed
 * after TimeoutStopSec=): it did not end with success. */
static void test_stop_fails_after_main(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	say(f, (struct said){ACTIVE(s->pid), .job = "stop"});
	server_end(s, SIGTERM);
	fixture_await(f, EXITED, "llama", 1);
	say(f, (struct said){.active = "failed", .sub = "failed", .result = "timeout"});
	fixture_ticks(f, 3);
	assert_true(fixture_series(f, STOPPED)->value == 0);
}

/* Enabled, and started at once (systemctl enable --now): decided to be missing in between, it is told to
 * be so at the next tick, though it begins by then. */
static void test_enabled_then_started(void **state)
{
	struct collector_fixture *f = *state;
	struct service_match *m = by_unit(f, "llama");

	m->expected_by_unit = true;
	fixture_begin(f, NULL);
	say(f, (struct said){.file = "disabled"});
	collector_take_units(f->collector, true);
	fixture_ticks(f, 2);
	say(f, (struct said){.file = "enabled"});
	say(f, (struct said){.file = "enabled", .job = "start"});
	say(f, (struct said){.file = "enabled",
		       .active = "activating",
		       .sub = "start-pre",
		       .job = "start"});
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, MISSING, "llama"), 0);
}

/* Missed, and then disabled: nobody waits for it any more. */
static void test_disabled_after_missing(void **state)
{
	struct collector_fixture *f = *state;
	struct service_match *m = by_unit(f, "llama");

	m->expected_by_unit = true;
	fixture_begin(f, NULL);
	say(f, (struct said){.file = "enabled"});
	collector_take_units(f->collector, true);
	fixture_await(f, MISSING, "llama", 1);
	say(f, (struct said){.file = "disabled"});
	fixture_ticks(f, 3);
	assert_true(fixture_series(f, UP)->stale || fixture_series(f, STOPPED)->value == 1);
}

static struct known_value value(const char *metric, double v)
{
	struct known_value known = {.value = v};

	known.series.metric = strdup(metric);
	assert_int_equal(labels_set(&known.series.labels, "service", "llama"), 0);
	return known;
}

static void begin_stopped(struct collector_fixture *f, bool expected)
{
	struct known_value values[] = {value("modelwatch_service_up", 0),
		value("modelwatch_service_stopped", 1),
		value("modelwatch_service_expected", expected)};
	struct known known = {.values = values, .value_count = ELEMENTS(values)};

	fixture_begin(f, &known);
	for (size_t i = 0; i < ELEMENTS(values); i++)
		series_done(&values[i].series);
}

/* It was stopped on purpose; while nobody looked it was started, and failed. */
static void test_failed_meanwhile(void **state)
{
	struct collector_fixture *f = *state;

	by_unit(f, "llama");
	begin_stopped(f, true);
	say(f, (struct said){.active = "failed",
		       .sub = "failed",
		       .result = "signal",
		       .exit_code = CLD_KILLED,
		       .exit_status = SIGKILL});
	collector_take_units(f->collector, true);
	fixture_ticks(f, 3);
	assert_true(fixture_series(f, STOPPED)->value == 0);
}

/* Not enabled and stopped, with stop-grace = 0s: a restart of the daemon says that it is down and was not
 * asked for, until systemd is asked. */
static void test_not_enabled_after_restart(void **state)
{
	struct collector_fixture *f = *state;
	struct service_match *m = by_unit(f, "llama");

	m->expected_by_unit = true;
	m->stop_grace = 0;
	begin_stopped(f, false);
	fixture_ticks(f, 1);
	assert_true(fixture_series(f, STOPPED)->value == 1);
	say(f, (struct said){.file = "disabled"});
	collector_take_units(f->collector, true);
	fixture_ticks(f, 1);
	assert_true(fixture_series(f, STOPPED)->value == 1);
}

/* One instance could not begin while another one runs; a restart of that is asked for. */
static void test_other_instance_failed(void **state)
{
	static const char *const units[] = {"llama@*.service"};
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	struct service_match *m = by_unit(f, "llama");

	m->units = units;
	fixture_begin(f, NULL);
	say(f, (struct said){.name = "llama@1.service", ACTIVE(s->pid)});
	say(f, (struct said){.name = "llama@2.service"});
	collector_take_units(f->collector, true);
	say(f, (struct said){
		       .name = "llama@2.service", .active = "activating", .sub = "start-pre"});
	say(f, (struct said){.name = "llama@2.service",
		       .active = "failed",
		       .sub = "failed",
		       .result = "exit-code"});
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, MISSING, "llama"), 0);
	say(f, (struct said){.name = "llama@1.service", ACTIVE(s->pid), .job = "restart"});
	server_end(s, SIGTERM);
	assert_string_equal(fixture_await(f, EXITED, "llama", 1)->reason, "stopped");
	say(f, (struct said){.name = "llama@1.service", .job = "restart"});
	s = fixture_server(f, NULL);
	say(f, (struct said){.name = "llama@1.service", ACTIVE(s->pid)});
	assert_int_equal(fixture_events(f, MISSING, "llama"), 0);
}

/* Two units without a main process: that one was stopped does not mean that the other one was. */
static void test_other_scope_was_stopped(void **state)
{
	static const char *const units[] = {"a.scope", "b.scope"};
	struct collector_fixture *f = *state;
	struct server *a = fixture_server(f, NULL), *b = fixture_server(f, NULL);
	struct service_match *m = by_unit(f, "llama");
	_cleanup_buf_ struct buf command = BUF_INIT;

	m->units = units;
	m->unit_count = 2;
	buf_printf(&command,
		"cd '%s' && mkdir -p a.scope b.scope && echo %d >a.scope/cgroup.procs && "
		"echo %d >b.scope/cgroup.procs",
		f->cgroups, a->pid, b->pid);
	assert_int_equal(system(command.data), 0);
	fixture_begin(f, NULL);
	say(f, (struct said){.name = "a.scope",
		       .active = "active",
		       .sub = "running",
		       .cgroup = "/a.scope"});
	say(f, (struct said){.name = "b.scope",
		       .active = "active",
		       .sub = "running",
		       .cgroup = "/b.scope"});
	collector_take_units(f->collector, true);
	fixture_await(f, STARTED, "llama", 2);
	say(f, (struct said){.name = "b.scope",
		       .active = "active",
		       .sub = "running",
		       .cgroup = "/b.scope",
		       .job = "stop"});
	server_end(b, SIGTERM);
	assert_string_equal(fixture_await(f, EXITED, "llama", 1)->reason, "stopped");
	say(f, (struct said){.name = "b.scope"});
	fixture_ticks(f, 2);
	server_end(a, SIGTERM);
	assert_string_equal(fixture_await(f, EXITED, "llama", 2)->reason, "signalled");
}

/* unit and pid-file must both hold. */
static void test_pid_file_too(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	struct service_match *m = by_unit(f, "llama");
	char path[128];
	const char *paths[] = {path};
	FILE *file;

	snprintf(path, sizeof(path), "%s/pid", f->directory);
	file = fopen(path, "w");
	fprintf(file, "%d\n", (int) getpid());
	fclose(file);
	m->pid_files = paths;
	m->pid_file_count = 1;
	fixture_begin(f, NULL);
	say(f, (struct said){ACTIVE(s->pid)});
	collector_take_units(f->collector, true);
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, STARTED, "llama"), 0);
}

/* What an engine passes on of units while the bus is away (no UNITS follows) is old: the control group
 * tells. */
static void test_old_word_after_restart(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL), *dead = fixture_server(f, NULL);
	_cleanup_buf_ struct buf command = BUF_INIT;
	pid_t gone = dead->pid;

	server_end(dead, SIGKILL);
	by_unit(f, "llama");
	buf_printf(
		&command, "cd '%s' && mkdir -p v && echo %d >v/cgroup.procs", f->cgroups, s->pid);
	assert_int_equal(system(command.data), 0);
	fixture_begin(f, NULL);
	say(f, (struct said){ACTIVE(gone), .cgroup = "/v"});
	fixture_ticks(f, 3);
	assert_int_equal(fixture_events(f, STARTED, "llama"), 1);
}

/* systemd calls an end a success that SuccessExitStatus= names, as 143 of servers in Java. */
static void test_success_exit_status(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);
	pid_t pid = s->pid;

	say(f, (struct said){ACTIVE(s->pid), .job = "stop"});
	server_say(s, "exit 143\n");
	server_end(s, 0);
	say(f, (struct said){.exit_pid = pid, .exit_code = CLD_EXITED, .exit_status = 143});
	assert_string_equal(fixture_await(f, EXITED, "llama", 1)->reason, "stopped");
}

/* ...and another one a failure, though it was asked for. */
static void test_other_exit_status(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);
	pid_t pid = s->pid;
	const struct told_event *e;

	say(f, (struct said){ACTIVE(s->pid), .job = "stop"});
	server_say(s, "exit 143\n");
	server_end(s, 0);
	say(f, (struct said){.active = "failed",
		       .result = "exit-code",
		       .exit_pid = pid,
		       .exit_code = CLD_EXITED,
		       .exit_status = 143});
	e = fixture_await(f, EXITED, "llama", 1);
	assert_string_equal(e->reason, "exited");
	assert_non_null(strstr(e->evidence, "reason=exited with status 143 when asked to stop\n"));
	assert_non_null(strstr(e->evidence, "unit=vllm.service\n"));
	assert_true(event_value(f, e, STOPPED) == 0);
	assert_int_equal(fixture_events(f, MISSING, NULL), 0);
}

/* What systemd stops because something else went away nobody asked for, however it ends, and whether or not
 * anybody expects it. */
static void test_stopped_for_a_cause(void **state)
{
	static const struct {
		const char *order, *reason, *evidence;
		int signal;
	} cases[] = {
		{"", "signalled", "reason=killed by SIGTERM (by systemd: gpu.service failed)\n", SIGTERM},
		{"exit 0\n", "exited", "reason=exited with status 0 (by systemd: gpu.service failed)\n", 0},
	};

	for (size_t i = 0; i < 2 * ELEMENTS(cases); i++) {
		const char *file = i % 2 ? "disabled" : "enabled", *cause = "gpu.service failed";
		struct collector_fixture *f;
		const struct told_event *e;
		struct server *s;

		assert_int_equal(collector_fixture_open(state), 0);
		f = *state;
		s = running(f);
		f->matches[0].expected_by_unit = true;
		say(f, (struct said){ACTIVE(s->pid), .file = file, .job = "stop", .cause = cause});
		server_say(s, cases[i / 2].order);
		server_end(s, cases[i / 2].signal);
		say(f, (struct said){.file = file, .cause = cause});
		e = fixture_await(f, EXITED, "llama", 1);
		assert_string_equal(e->reason, cases[i / 2].reason);
		assert_non_null(strstr(e->evidence, cases[i / 2].evidence));
		assert_true(event_value(f, e, STOPPED) == 0 && event_value(f, e, UP) == 0);
		fixture_ticks(f, 2);
		assert_int_equal(fixture_events(f, MISSING, NULL), 0);
		assert_int_equal(collector_fixture_close(state), 0);
	}
}

/* What systemd kills for a reason of its own shows that by its unit's result, before or after it. */
static void test_killed_by_systemd(void **state)
{
	static const struct {
		const char *result, *reason;
		int signal;
		bool before;
	} cases[] = {
		{"watchdog", "killed by SIGKILL (by systemd: watchdog timeout)", SIGKILL, false},
		{"watchdog", "killed by SIGKILL (by systemd: watchdog timeout)", SIGKILL, true},
		{"timeout", "killed by SIGKILL (by systemd: timeout)", SIGKILL, false},
		{"timeout", "killed by SIGTERM (by systemd: timeout)", SIGTERM, true},
		{"signal", "killed by SIGKILL", SIGKILL, false},
	};
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	for (unsigned i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_buf_ struct buf expected = BUF_INIT;
		pid_t pid = s->pid;

		if (cases[i].before)
			say(f, (struct said){.active = "deactivating",
				       .sub = "stop-watchdog",
				       .main_pid = pid,
				       .result = cases[i].result});
		server_end(s, cases[i].signal);
		say(f, (struct said){.active = "failed",
			       .sub = "failed",
			       .result = cases[i].result,
			       .exit_pid = pid,
			       .exit_code = CLD_KILLED,
			       .exit_status = cases[i].signal});
		buf_printf(&expected, "reason=%s\n", cases[i].reason);
		assert_non_null(
			strstr(fixture_await(f, EXITED, "llama", i + 1)->evidence, expected.data));
		s = fixture_server(f, NULL);
		say(f, (struct said){ACTIVE(s->pid)});
	}
	assert_int_equal(fixture_events(f, MISSING, NULL), 0);
}

/* It says no more of an end that others saw, and systemd did not: nobody waits for ever. */
static void test_no_word(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	server_end(s, SIGKILL);
	assert_string_equal(fixture_await(f, EXITED, "llama", 1)->reason, "signalled");
}

/* A crash between the words of a start, which come in two parts, is told by its end alone, whatever systemd
 * says BETWEEN that and the failure. */
static void check_told_once(struct collector_fixture *f, struct said between)
{
	struct server *s = fixture_server(f, NULL);

	if (between.main_pid)
		between.main_pid = s->pid;
	by_unit(f, "llama");
	fixture_begin(f, NULL);
	say(f, (struct said){.job = "start"});
	collector_take_units(f->collector, true);
	say(f, (struct said){.main_pid = s->pid, .job = "start"});
	fixture_await(f, STARTED, "llama", 1);
	server_end(s, SIGKILL);
	assert_string_equal(fixture_await(f, EXITED, "llama", 1)->reason, "signalled");
	say(f, between);
	say(f, (struct said){.active = "failed", .sub = "failed", .result = "signal"});
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, MISSING, "llama"), 0);
}

static void test_told_once_between_signals(void **state)
{
	check_told_once(*state, (struct said){ACTIVE(1)});
}

/* "active" is never told, since both were over by then. */
static void test_told_once_without_active(void **state)
{
	check_told_once(*state, (struct said){.result = "signal"});
}

/* A main process that lives on when its unit was stopped (KillMode=none, or it is stuck): asked for all
 * the same. */
static void test_survives_a_stop(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	say(f, (struct said){ACTIVE(s->pid), .job = "stop"});
	say(f, (struct said){.active = "deactivating",
		       .sub = "stop-sigterm",
		       .job = "stop",
		       .main_pid = s->pid});
	say(f, (struct said){0});
	fixture_await(f, RELEASED, "llama", 1);
	fixture_ticks(f, 3);
	assert_int_equal(fixture_events(f, MISSING, "llama"), 0);
	assert_true(fixture_series(f, UP)->value == 0 && !fixture_series(f, UP)->stale);
	assert_true(fixture_series(f, STOPPED)->value == 1);
	f->matches[0].stop_grace = 1;
	fixture_ticks(f, 2);
	assert_true(fixture_series(f, UP)->value == 0 && !fixture_series(f, UP)->stale);
	assert_true(fixture_series(f, STOPPED)->value == 0);
}

/* A unit's main process that does not listen yet loads, for as long as a restart may take. */
static void test_loads(void **state)
{
	struct collector_fixture *f = *state;
	const uint16_t port = free_port(f);
	struct service_match *m = by_unit(f, "llama");
	struct server *s = fixture_server(f, NULL);
	const struct told_event *e;

	m->ports = &port;
	m->port_count = 1;
	m->expected = true;
	fixture_begin(f, NULL);
	say(f, (struct said){ACTIVE(s->pid)});
	collector_take_units(f->collector, true);
	fixture_ticks(f, 3);
	assert_int_equal(fixture_events(f, MISSING, "llama") + fixture_events(f, STARTED, "llama"), 0);
	f->matches[0].stop_grace = 1;
	e = fixture_await(f, MISSING, "llama", 1);
	assert_non_null(strstr(e->evidence, "but does not listen to its port"));
	s = listening_server(f, port);
	say(f, (struct said){ACTIVE(s->pid)});
	assert_int_equal(fixture_await(f, STARTED, "llama", 1)->pid, s->pid);
}

/* A service that was up and crashed, then is disabled: nobody expects it, and nothing can be done about it
 * but to start it. */
static void test_disabled_after_crash(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	f->matches[0].expected_by_unit = true;
	server_end(s, SIGKILL);
	fixture_await(f, EXITED, "llama", 1);
	say(f, (struct said){.active = "failed", .sub = "failed", .result = "signal"});
	say(f, (struct said){.file = "disabled"}); /* systemctl disable, reset-failed */
	fixture_ticks(f, 3);
	assert_true(fixture_series(f, UP)->stale || fixture_series(f, STOPPED)->value == 1);
}

/* A forking unit without a main process: what ExecReload= runs for a moment is no main process. */
static void test_control_process(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL), *control = fixture_server(f, NULL);
	_cleanup_buf_ struct buf command = BUF_INIT;

	buf_printf(
		&command, "cd '%s' && mkdir -p v && echo %d >v/cgroup.procs", f->cgroups, s->pid);
	assert_int_equal(system(command.data), 0);
	by_unit(f, "llama");
	fixture_begin(f, NULL);
	say(f, (struct said){.active = "active", .sub = "running", .cgroup = "/v"});
	collector_take_units(f->collector, true);
	fixture_await(f, STARTED, "llama", 1);
	buf_reset(&command);
	buf_printf(&command, "echo %d >>'%s/v/cgroup.procs'", control->pid, f->cgroups);
	assert_int_equal(system(command.data), 0);
	say(f, (struct said){
		       .active = "reloading", .sub = "reload", .cgroup = "/v", .job = "reload"});
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, STARTED, "llama"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start_refused_after_restart),
		WITHOUT(test_stop_fails_after_main),
		WITHOUT(test_enabled_then_started),
		WITHOUT(test_disabled_after_missing),
		WITHOUT(test_failed_meanwhile),
		WITHOUT(test_not_enabled_after_restart),
		WITHOUT(test_other_instance_failed),
		WITHOUT(test_other_scope_was_stopped),
		WITHOUT(test_pid_file_too),
		WITHOUT(test_old_word_after_restart),
		WITHOUT(test_success_exit_status),
		WITHOUT(test_other_exit_status),
		cmocka_unit_test(test_stopped_for_a_cause),
		BOTH(test_killed_by_systemd),
		BOTH(test_no_word),
		WITHOUT(test_told_once_between_signals),
		WITHOUT(test_told_once_without_active),
		WITHOUT(test_survives_a_stop),
		WITHOUT(test_loads),
		WITHOUT(test_disabled_after_crash),
		WITHOUT(test_control_process),
	};

	return cmocka_run_group_tests_name("collector-unit-runs", tests, NULL, NULL);
}
