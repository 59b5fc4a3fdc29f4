/* SPDX-License-Identifier: Apache-2.0 */
/* Units that systemd speaks of late, for several services, or not any more. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/file.h"
#include "daemon/base/text.h"
#include "tests/unit/said.h"

struct meanwhile {
	struct server *server;
	int signal;
	struct said said;
};

/* The connector is open by then, as the descriptor that outlives a restart of the daemon is. */
static void end_before(struct collector_fixture *f)
{
	const struct meanwhile *m = f->prepared_data;

	server_end(m->server, m->signal);
	say(f, m->said);
	collector_take_units(f->collector, true);
}

/* stopped on purpose while the daemon was restarted; the connector's descriptor tells the status. */
static void test_stopped_meanwhile_with_status(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	pid_t pid = s->pid;
	struct meanwhile m = {
		s, SIGTERM, {.exit_pid = pid, .exit_code = CLD_KILLED, .exit_status = SIGTERM}};
	char boot[64] = "", name[] = "llama", none[] = "";
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct known_process process = {.service = name,
		.pid = pid,
		.start = server_start_ticks(pid),
		.boot = boot,
		.command_line = none};
	struct known known = {.processes = &process, .process_count = 1};
	const struct told_event *e;

	assert_int_equal(file_read("/proc/sys/kernel/random/boot_id", 64, &text), 0);
	snprintf(boot, sizeof(boot), "%.36s", text.data);
	by_unit(f, "llama");
	f->prepared = end_before;
	f->prepared_data = &m;
	fixture_begin(f, &known);
	e = fixture_await(f, EXITED, "llama", 1);
	assert_string_equal(e->reason, "stopped");
	assert_true(event_value(f, e, STOPPED) == 1);
}

/* disabled after a crash, then enabled again: down, and said so again and again. */
static void test_enabled_again(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);
	unsigned before;

	f->matches[0].expected_by_unit = true;
	server_end(s, SIGKILL);
	fixture_await(f, EXITED, "llama", 1);
	say(f, (struct said){.active = "failed", .sub = "failed", .result = "signal"});
	say(f, (struct said){.file = "disabled"});
	fixture_ticks(f, 3);
	say(f, (struct said){.file = "enabled"});
	fixture_await(f, MISSING, "llama", 1);
	before = fixture_series(f, UP)->count;
	fixture_ticks(f, 5);
	assert_true(fixture_series(f, UP)->count >= before + 4);
}

/* a process of a service that has no unit, which is the main process of another service's unit: stopped. */
static void test_other_services_unit(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	const struct told_event *e;

	fixture_service(f, "llama");
	by_unit(f, "other");
	fixture_begin(f, NULL);
	say(f, (struct said){ACTIVE(s->pid)});
	collector_take_units(f->collector, true);
	assert_int_equal(fixture_await(f, STARTED, "llama", 1)->pid, s->pid);
	say(f, (struct said){ACTIVE(s->pid), .job = "stop"});
	server_end(s, SIGTERM);
	e = fixture_await(f, EXITED, "llama", 1);
	assert_true(text_equal(e->reason, "signalled") || event_has(f, e, STOPPED));
}

/* the process of a scope that is the systemd of a container. */
static void test_systemd_of_container(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s;
	char directory[128];
	_cleanup_buf_ struct buf command = BUF_INIT;
	static const char *const units[] = {"docker-1.scope"};
	struct service_match *m = by_unit(f, "llama");

	m->units = units;
	snprintf(directory, sizeof(directory), "%s/systemd", f->directory);
	assert_int_equal(mkdir(directory, 0700), 0);
	fixture_program(f, "served", "systemd/systemd");
	s = fixture_server(f, NULL);
	buf_printf(
		&command, "cd '%s' && mkdir -p v && echo %d >v/cgroup.procs", f->cgroups, s->pid);
	assert_int_equal(system(command.data), 0);
	fixture_begin(f, NULL);
	say(f, (struct said){.name = "docker-1.scope",
		       .active = "active",
		       .sub = "running",
		       .cgroup = "/v"});
	collector_take_units(f->collector, true);
	fixture_ticks(f, 5);
	assert_int_equal(fixture_events(f, STARTED, "llama"), 1);
}

/* a reboot: the number is another process's, which failed. */
static void test_other_boot(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	pid_t pid = s->pid;
	char boot[64] = "00000000-0000-0000-0000-000000000000", name[] = "llama", none[] = "";
	struct known_process process = {
		.service = name, .pid = pid, .start = 1, .boot = boot, .command_line = none};
	struct known known = {.processes = &process, .process_count = 1};
	struct meanwhile m = {s, SIGKILL,
		{.active = "failed",
			.sub = "failed",
			.result = "oom-kill",
			.exit_pid = pid,
			.exit_code = CLD_KILLED,
			.exit_status = SIGKILL}};
	const struct told_event *e;

	by_unit(f, "llama");
	f->prepared = end_before;
	f->prepared_data = &m;
	fixture_begin(f, &known);
	e = fixture_await(f, EXITED, "llama", 1);
	assert_string_equal(e->reason, "unobserved");
}

/* a failure to begin of a unit that two services have. */
static void test_unit_of_two(void **state)
{
	struct collector_fixture *f = *state;

	by_unit(f, "llama");
	by_unit(f, "other");
	fixture_begin(f, NULL);
	say(f, (struct said){.active = "activating", .sub = "start-pre", .job = "start"});
	collector_take_units(f->collector, true);
	say(f, (struct said){.active = "failed", .sub = "failed", .result = "exit-code"});
	fixture_ticks(f, 5);
	assert_int_equal(fixture_events(f, MISSING, "other"), 1);
}

/* unit forgotten, bus lost, collector freed while an end waits. */
static void test_forgotten_while_waiting(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	server_end(s, SIGKILL);
	sd_event_run(f->event, 0);
	sd_event_run(f->event, 0);
	say(f, (struct said){.load = ""});
	assert_int_equal(fixture_await(f, EXITED, "llama", 1)->pid > 0, 1);
	fixture_ticks(f, 8);
	assert_int_equal(fixture_events(f, EXITED, "llama"), 1);
}

static void test_freed_while_waiting(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	server_end(s, SIGKILL);
	sd_event_run(f->event, 0);
	sd_event_run(f->event, 0);
}

static void test_bus_lost_while_waiting(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	say(f, (struct said){ACTIVE(s->pid), .job = "stop"});
	server_end(s, SIGTERM);
	sd_event_run(f->event, 0);
	collector_take_units(f->collector, false);
	assert_string_equal(fixture_await(f, EXITED, "llama", 1)->reason, "stopped");
	fixture_ticks(f, 8);
	assert_int_equal(fixture_events(f, EXITED, "llama"), 1);
}

/* forking unit without a main process: its stop fails before the end of its process is seen. */
static void test_forking_stop_failed(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	_cleanup_buf_ struct buf command = BUF_INIT;

	buf_printf(
		&command, "cd '%s' && mkdir -p v && echo %d >v/cgroup.procs", f->cgroups, s->pid);
	assert_int_equal(system(command.data), 0);
	by_unit(f, "llama");
	fixture_begin(f, NULL);
	say(f, (struct said){.active = "active", .sub = "running", .cgroup = "/v"});
	collector_take_units(f->collector, true);
	fixture_await(f, STARTED, "llama", 1);
	say(f, (struct said){.active = "active", .sub = "running", .cgroup = "/v", .job = "stop"});
	server_end(s, SIGTERM);
	say(f, (struct said){.active = "failed", .sub = "failed", .result = "exit-code"});
	fixture_await(f, EXITED, "llama", 1);
	fixture_ticks(f, 3);
	assert_true(fixture_series(f, STOPPED)->value == 0);
}

/* an instance of a glob crashed, and systemd forgets it (systemd-run --collect, reset-failed): it is down
 * still. */
static void test_crashed_and_collected(void **state)
{
	static const char *const units[] = {"vllm*.service"};
	struct collector_fixture *f = *state;
	struct service_match *m;
	struct server *s = running(f);

	m = &f->matches[0];
	m->units = units;
	m->expected_by_unit = true;
	server_end(s, SIGKILL);
	fixture_await(f, EXITED, "llama", 1);
	say(f, (struct said){.active = "failed", .sub = "failed", .result = "signal"});
	say(f, (struct said){.load = ""});
	fixture_ticks(f, 3);
	assert_true(fixture_series(f, UP)->value == 0 && !fixture_series(f, UP)->stale);
}

/* not enabled, it left in order; then it is enabled, and is not there. */
static void test_enabled_after_quiet_end(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	struct service_match *m = by_unit(f, "llama");

	m->expected_by_unit = true;
	fixture_begin(f, NULL);
	say(f, (struct said){ACTIVE(s->pid), .file = "disabled"});
	collector_take_units(f->collector, true);
	fixture_await(f, STARTED, "llama", 1);
	server_say(s, "exit 0\n");
	server_end(s, 0);
	fixture_await(f, EXITED, "llama", 1);
	say(f, (struct said){.file = "disabled"});
	fixture_ticks(f, 3);
	say(f, (struct said){.file = "enabled"});
	fixture_ticks(f, 5);
	assert_true(!fixture_series(f, UP)->stale);
}

/* while a stop on purpose is under way (it takes its time), the role process is started anew: the end that
 * follows was asked for. */
static void test_resumed_in_a_stop(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	const struct told_event *e;

	by_unit(f, "llama");
	fixture_begin(f, NULL);
	say(f, (struct said){.active = "deactivating",
		       .sub = "stop-sigterm",
		       .job = "stop",
		       .main_pid = s->pid});
	collector_take_units(f->collector, true);
	fixture_ticks(f, 1);
	server_end(s, SIGTERM);
	e = fixture_await(f, EXITED, "llama", 1);
	assert_string_equal(e->reason, "stopped");
}

/* restarted at once after a crash, words coalesced; the new one cannot execute. */
static void test_next_run_fails(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);
	char directory[128];
	pid_t pid;

	snprintf(directory, sizeof(directory), "%s/systemd", f->directory);
	assert_int_equal(mkdir(directory, 0700), 0);
	server_end(s, SIGKILL);
	fixture_program(f, "served", "systemd/systemd");
	s = fixture_server(f, NULL);
	pid = s->pid;
	sd_event_run(f->event, 0);
	sd_event_run(f->event, 0);
	say(f, (struct said){ACTIVE(pid)});
	fixture_await(f, EXITED, "llama", 1);
	server_end(s, SIGKILL);
	say(f, (struct said){.active = "failed",
		       .sub = "failed",
		       .result = "exit-code",
		       .exit_pid = pid,
		       .exit_code = CLD_EXITED,
		       .exit_status = 203});
	fixture_ticks(f, 3);
	assert_int_equal(fixture_events(f, MISSING, "llama"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_stopped_meanwhile_with_status),
		WITHOUT(test_enabled_again),
		WITHOUT(test_other_services_unit),
		WITHOUT(test_systemd_of_container),
		WITHOUT(test_other_boot),
		WITHOUT(test_unit_of_two),
		BOTH(test_forgotten_while_waiting),
		BOTH(test_freed_while_waiting),
		BOTH(test_bus_lost_while_waiting),
		WITHOUT(test_forking_stop_failed),
		WITHOUT(test_next_run_fails),
		WITHOUT(test_crashed_and_collected),
		WITHOUT(test_enabled_after_quiet_end),
		BOTH(test_resumed_in_a_stop),
	};

	return cmocka_run_group_tests_name("collector-unit-words", tests, NULL, NULL);
}
