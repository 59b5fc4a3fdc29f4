/* SPDX-License-Identifier: Apache-2.0 */
/* Services that are systemd units: real processes, and what systemd would say of them. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "daemon/base/file.h"
#include "daemon/base/text.h"
#include "tests/unit/said.h"

static void test_main_process(void **state)
{
	struct collector_fixture *f = *state;
	struct server *other = fixture_server(f, NULL), *s = running(f);
	const struct told_event *e = fixture_await(f, STARTED, "llama", 1);

	assert_int_equal(e->pid, s->pid);
	assert_true(event_value(f, e, UP) == 1 && event_value(f, e, STOPPED) == 0);
	fixture_ticks(f, 2);
	assert_true(fixture_series(f, PROCESSES)->value == 1);
	server_end(other, SIGKILL);
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, EXITED, NULL), 0);
	kill(s->pid, SIGKILL);
	e = fixture_await(f, EXITED, "llama", 1);
	assert_string_equal(e->reason, "signalled");
	assert_true(event_value(f, e, UP) == 0 && event_value(f, e, STOPPED) == 0);
	assert_int_equal(fixture_events(f, MISSING, NULL), 0);
}

/* It is neither up nor missing before systemd was asked. */
static void test_unknown_at_first(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);

	by_unit(f, "llama");
	fixture_begin(f, NULL);
	fixture_ticks(f, 3);
	assert_int_equal(f->event_count, 0);
	assert_false(fixture_series(f, UP)->any);
	say(f, (struct said){0});
	fixture_ticks(f, 2);
	assert_int_equal(f->event_count, 0);
	collector_take_units(f->collector, true);
	assert_non_null(strstr(fixture_await(f, MISSING, "llama", 1)->evidence,
		"reason=vllm.service is inactive (dead)\n"));
	say(f, (struct said){ACTIVE(s->pid)});
	assert_int_equal(fixture_await(f, STARTED, "llama", 1)->pid, s->pid);
}

/* All other keys hold, too. */
static void test_other_keys(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	struct service_match *m = by_unit(f, "llama");

	fixture_command_line(f, m, "other");
	fixture_begin(f, NULL);
	say(f, (struct said){ACTIVE(s->pid)});
	collector_take_units(f->collector, true);
	assert_non_null(strstr(fixture_await(f, MISSING, "llama", 1)->evidence,
		"reason=vllm.service is active (running), but no process of it matches\n"));
	assert_int_equal(fixture_events(f, STARTED, NULL), 0);
}

static void test_restart_by_systemd(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f), *next;
	const struct told_event *e;

	server_end(s, SIGKILL);
	fixture_await(f, EXITED, "llama", 1);
	say(f, (struct said){.active = "activating", .sub = "auto-restart", .result = "signal"});
	next = fixture_server(f, NULL);
	say(f, (struct said){ACTIVE(next->pid), .restarts = 1});
	e = fixture_await(f, STARTED, "llama", 1 + 1);
	assert_int_equal(e->pid, next->pid);
	assert_true(event_value(f, e, RESTARTS) == 1);
	assert_int_equal(fixture_events(f, MISSING, NULL), 0);
}

/* The job is known before the end, in most cases. */
static void test_stop(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE};
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	for (unsigned i = 0; i < ELEMENTS(signals); i++) {
		const struct told_event *e;

		say(f, (struct said){ACTIVE(s->pid), .job = i % 2 ? "restart" : "stop"});
		server_end(s, signals[i]);
		e = fixture_await(f, EXITED, "llama", i + 1);
		assert_string_equal(e->reason, "stopped");
		assert_true(event_value(f, e, UP) == 0 && event_value(f, e, STOPPED) == 1);
		assert_true(event_value(f, e, EXITS "stopped") == i + 1);
		say(f, (struct said){0});
		fixture_ticks(f, 2);
		assert_true(fixture_series(f, STOPPED)->value == 1);
		assert_string_equal(fixture_fact(f, ABSENCE), "asked for");
		s = fixture_server(f, NULL);
		say(f, (struct said){ACTIVE(s->pid)});
		assert_true(fixture_series(f, STOPPED)->value == 0);
		assert_string_equal(fixture_fact(f, ABSENCE), "");
	}
	assert_int_equal(fixture_events(f, MISSING, NULL), 0);
	assert_true(fixture_series(f, RESTARTS)->value == 0);
}

/* ...and sometimes after it, or with its end alone. */
static void test_stop_told_late(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);
	const struct told_event *e;

	server_say(s, "exit 0\n");
	server_end(s, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_true(sd_event_run(f->event, USEC_PER_MSEC) >= 0);
	say(f, (struct said){.active = "deactivating", .sub = "stop-sigterm", .job = "stop"});
	e = fixture_await(f, EXITED, "llama", 1);
	assert_string_equal(e->reason, "stopped");
	assert_true(event_value(f, e, STOPPED) == 1);
}

static void test_no_stop(void **state)
{
	static const struct {
		const char *say;
		int signal;
		bool job;
		const char *reason;
	} cases[] = {
		{"exit 0\n", 0, false, "exited"},
		{NULL, SIGTERM, false, "signalled"},
		{"exit 1\n", 0, true, "exited"},
		{NULL, SIGKILL, true, "signalled"},
	};
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	for (unsigned i = 0; i < ELEMENTS(cases); i++) {
		const struct told_event *e;

		if (cases[i].job)
			say(f, (struct said){ACTIVE(s->pid), .job = "stop"});
		if (cases[i].say)
			server_say(s, cases[i].say);
		server_end(s, cases[i].signal);
		e = fixture_await(f, EXITED, "llama", i + 1);
		assert_string_equal(e->reason, cases[i].reason);
		assert_true(event_value(f, e, UP) == 0 && event_value(f, e, STOPPED) == 0);
		say(f, (struct said){0});
		s = fixture_server(f, NULL);
		say(f, (struct said){ACTIVE(s->pid)});
	}
}

/* A worker was killed for memory, and systemd stops the rest: it says so before the end, or after it. */
static void test_stop_for_memory(void **state)
{
	static const struct {
		const char *say;
		int signal;
		bool late;
	} cases[] = {
		{NULL, SIGTERM, false},
		{"exit 0\n", 0, false},
		{"exit 1\n", 0, false},
		{NULL, SIGTERM, true},
	};
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	for (unsigned i = 0; i < ELEMENTS(cases); i++) {
		const struct said word = {.active = "deactivating", .sub = "stop-sigterm",
			.result = "oom-kill", .main_pid = cases[i].late ? 0 : s->pid};
		const struct told_event *e;

		if (!cases[i].late)
			say(f, word);
		if (cases[i].say)
			server_say(s, cases[i].say);
		server_end(s, cases[i].signal);
		for (unsigned n = 0; cases[i].late && n < 3; n++)
			assert_true(sd_event_run(f->event, USEC_PER_MSEC) >= 0);
		if (cases[i].late)
			say(f, word);
		e = fixture_await(f, EXITED, "llama", i + 1);
		assert_string_equal(e->reason, "oom");
		assert_true(event_value(f, e, UP) == 0 && event_value(f, e, STOPPED) == 0);
		say(f, (struct said){.active = "failed", .sub = "failed", .result = "oom-kill"});
		s = fixture_server(f, NULL);
		say(f, (struct said){ACTIVE(s->pid)});
	}
}

/* A stop that was called off is none. */
static void test_stop_called_off(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	say(f, (struct said){ACTIVE(s->pid), .job = "stop"});
	say(f, (struct said){ACTIVE(s->pid)});
	server_end(s, SIGTERM);
	assert_string_equal(fixture_await(f, EXITED, "llama", 1)->reason, "signalled");
}

static void test_grace(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	f->matches[0].stop_grace = 5 * INTERVAL;
	say(f, (struct said){ACTIVE(s->pid), .job = "stop"});
	server_end(s, SIGTERM);
	assert_true(event_value(f, fixture_await(f, EXITED, "llama", 1), STOPPED) == 1);
	fixture_await_value(f, STOPPED, 0);
	assert_true(fixture_series(f, UP)->value == 0);
	fixture_await_fact(f, ABSENCE, "");
}

/* Nobody waits for one that is not enabled. */
static void test_not_enabled(void **state)
{
	static const char *const files[] = {"disabled", "masked"};
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	struct service_match *m = by_unit(f, "llama");

	m->expected_by_unit = true;
	m->stop_grace = 1;
	fixture_begin(f, NULL);
	say(f, (struct said){.file = files[0]});
	collector_take_units(f->collector, true);
	fixture_ticks(f, 3);
	assert_string_equal(fixture_fact(f, ABSENCE), "not expected");
	say(f, (struct said){.file = files[1]});
	fixture_ticks(f, 3);
	assert_int_equal(f->event_count, 0);
	say(f, (struct said){ACTIVE(s->pid), .file = files[0]});
	say(f, (struct said){ACTIVE(s->pid), .file = files[0], .job = "stop"});
	server_end(s, SIGTERM);
	fixture_await(f, EXITED, "llama", 1);
	say(f, (struct said){.file = files[0]});
	fixture_ticks(f, 3);
	assert_true(fixture_series(f, STOPPED)->value == 1);
	/* It is enabled later: then its absence counts. */
	say(f, (struct said){0});
	fixture_await_value(f, STOPPED, 0);
}

static void test_expected_by_file(void **state)
{
	static const char *const files[] = {"static", "generated", "transient", "enabled-runtime", ""};

	for (size_t i = 0; i < ELEMENTS(files); i++) {
		struct collector_fixture *f;

		assert_int_equal(collector_fixture_open(state), 0);
		f = *state;
		by_unit(f, "llama")->expected_by_unit = true;
		fixture_begin(f, NULL);
		say(f, (struct said){.file = files[i], .load = *files[i] ? "loaded" : "not-found"});
		collector_take_units(f->collector, true);
		fixture_await(f, MISSING, "llama", 1);
		assert_int_equal(collector_fixture_close(state), 0);
	}
}

/* What is about to begin is not missing; what could not, is at once. */
static void test_failure_at_start(void **state)
{
	struct collector_fixture *f = *state;
	const struct told_event *e;

	by_unit(f, "llama");
	fixture_begin(f, NULL);
	say(f, (struct said){.active = "activating", .sub = "start", .job = "start"});
	collector_take_units(f->collector, true);
	fixture_ticks(f, 3);
	assert_int_equal(f->event_count, 0);
	say(f, (struct said){.active = "failed", .sub = "failed", .result = "exit-code",
		.exit_code = CLD_EXITED, .exit_status = 203});
	assert_int_equal(fixture_events(f, MISSING, "llama"), 1);
	e = fixture_await(f, MISSING, "llama", 1);
	assert_non_null(strstr(
		e->evidence, "reason=vllm.service failed: exit-code, status 203/EXEC\n"));
	assert_true(event_value(f, e, UP) == 0);
	fixture_ticks(f, 3);
	assert_int_equal(fixture_events(f, MISSING, "llama"), 1);
}

/* It may be over before systemd is asked how it is; and nobody need have expected it. */
static void test_failure_at_once(void **state)
{
	struct collector_fixture *f = *state;

	by_unit(f, "llama")->expected_by_unit = true;
	fixture_begin(f, NULL);
	say(f, (struct said){.file = "disabled"});
	collector_take_units(f->collector, true);
	say(f, (struct said){.file = "disabled", .active = "failed", .sub = "failed", .result = "exit-code"});
	assert_non_null(strstr(fixture_await(f, MISSING, "llama", 1)->evidence,
		"reason=vllm.service failed: exit-code\n"));
	/* Systemd forgets the failure (systemctl reset-failed); the next one is another. */
	say(f, (struct said){.file = "disabled"});
	say(f, (struct said){.file = "disabled", .active = "failed", .sub = "failed", .result = "timeout"});
	assert_non_null(strstr(fixture_await(f, MISSING, "llama", 2)->evidence,
		"reason=vllm.service failed: timeout\n"));
}

/* A crash is told once, however often systemd says so. */
static void test_crash_told_once(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	server_end(s, SIGKILL);
	fixture_await(f, EXITED, "llama", 1);
	say(f, (struct said){.active = "activating", .sub = "auto-restart", .result = "signal",
		.exit_code = CLD_KILLED, .exit_status = SIGKILL});
	say(f, (struct said){.active = "activating", .sub = "auto-restart", .result = "signal",
		.exit_code = CLD_KILLED, .exit_status = SIGKILL, .restarts = 1});
	fixture_ticks(f, 3);
	assert_int_equal(f->event_count, 2);
	/* Its successor fails before it has a process. */
	say(f, (struct said){.active = "activating", .sub = "start-pre", .restarts = 1});
	say(f, (struct said){.active = "activating", .sub = "auto-restart", .result = "timeout",
		.restarts = 2});
	assert_non_null(strstr(fixture_await(f, MISSING, "llama", 1)->evidence,
		"reason=vllm.service failed: timeout\n"));
	say(f, (struct said){.active = "failed", .sub = "failed", .result = "timeout", .restarts = 2});
	fixture_ticks(f, 3);
	assert_int_equal(fixture_events(f, MISSING, "llama"), 1);
}

/* A scope, or a service that forks without a pid file. */
static void test_control_group(void **state)
{
	static const char group[] = "/system.slice/vllm.service";
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	_cleanup_buf_ struct buf command = BUF_INIT;
	pid_t child;

	server_say(s, "fork\n");
	child = server_hear(s);
	buf_printf(&command, "cd '%s' && mkdir -p .%s/inner && cd .%s && echo %d >cgroup.procs && "
			     "echo %d >inner/cgroup.procs",
		f->cgroups, group, group, child, s->pid);
	assert_int_equal(system(command.data), 0);
	by_unit(f, "llama");
	fixture_begin(f, NULL);
	say(f, (struct said){.active = "active", .sub = "running", .cgroup = group});
	collector_take_units(f->collector, true);
	assert_int_equal(fixture_await(f, STARTED, "llama", 1)->pid, s->pid);
	fixture_ticks(f, 2);
	assert_true(fixture_series(f, PROCESSES)->value == 2);
	assert_int_equal(fixture_events(f, STARTED, "llama"), 1);
	say(f, (struct said){.active = "deactivating", .sub = "stop-sigterm", .job = "stop"});
	server_end(s, SIGTERM);
	assert_string_equal(fixture_await(f, EXITED, "llama", 1)->reason, "stopped");
}

static void test_facts(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	assert_string_equal(fixture_fact(f, "service llama unit-state"), "active (running)");
	assert_string_equal(fixture_fact(f, "service llama unit-file"), "enabled");
	assert_string_equal(fixture_fact(f, "service llama unit-restarts"), "0");
	assert_string_equal(fixture_fact(f, "service llama unit-result"), "success");
	say(f, (struct said){ACTIVE(s->pid), .restarts = 3, .job = "stop", .file = "disabled"});
	assert_string_equal(fixture_fact(f, "service llama unit-state"), "active (running), stop");
	assert_string_equal(fixture_fact(f, "service llama unit-file"), "disabled");
	assert_string_equal(fixture_fact(f, "service llama unit-restarts"), "3");
	say(f, (struct said){.load = ""});
	assert_string_equal(fixture_fact(f, "service llama unit-state"), "");
}

/* Another process is the main one from now on, and the service was never down. */
static void test_main_process_changes(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);
	const struct told_event *e;
	pid_t child;

	server_say(s, "fork\n");
	child = server_hear(s);
	fixture_ticks(f, 3);
	say(f, (struct said){ACTIVE(child)});
	assert_int_equal(fixture_await(f, STARTED, "llama", 2)->pid, child);
	e = fixture_await(f, RELEASED, "llama", 1);
	assert_int_equal(e->pid, s->pid);
	assert_true(event_value(f, e, UP) == 1);
	fixture_ticks(f, 2);
	assert_true(fixture_series(f, UP)->value == 1 && !fixture_series(f, UP)->stale);
	kill(child, SIGKILL);
	assert_int_equal(fixture_await(f, EXITED, "llama", 1)->pid, child);
}

/* What the engine remembers is watched on before systemd is asked, and judged then. */
static void test_known(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	char boot[64] = "", name[] = "llama", none[] = "";
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct known_process process = {.service = name, .pid = s->pid,
		.start = server_start_ticks(s->pid), .boot = boot, .command_line = none};
	struct known known = {.processes = &process, .process_count = 1};

	assert_int_equal(file_read("/proc/sys/kernel/random/boot_id", 64, &text), 0);
	snprintf(boot, sizeof(boot), "%.36s", text.data);
	by_unit(f, "llama");
	fixture_begin(f, &known);
	fixture_ticks(f, 2);
	assert_true(fixture_series(f, UP)->value == 1);
	say(f, (struct said){ACTIVE(s->pid)});
	collector_take_units(f->collector, true);
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, RELEASED, NULL), 0);
	/* The bus is gone: an end is told still. */
	collector_take_units(f->collector, false);
	kill(s->pid, SIGTERM);
	assert_string_equal(fixture_await(f, EXITED, "llama", 1)->reason, "signalled");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_main_process),
		WITHOUT(test_unknown_at_first),
		WITHOUT(test_other_keys),
		BOTH(test_restart_by_systemd),
		BOTH(test_stop),
		BOTH(test_stop_told_late),
		BOTH(test_no_stop),
		BOTH(test_stop_for_memory),
		WITHOUT(test_stop_called_off),
		WITHOUT(test_grace),
		WITHOUT(test_not_enabled),
		cmocka_unit_test(test_expected_by_file),
		WITHOUT(test_failure_at_start),
		WITHOUT(test_failure_at_once),
		BOTH(test_crash_told_once),
		WITHOUT(test_control_group),
		WITHOUT(test_facts),
		BOTH(test_main_process_changes),
		WITHOUT(test_known),
	};

	return cmocka_run_group_tests_name("collector-units", tests, NULL, NULL);
}
