/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a unit while nobody looked: systemd did. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/file.h"
#include "tests/unit/said.h"

static void begin_gone_of(struct collector_fixture *f, const char *boot, pid_t pid, struct said said)
{
	char name[] = "llama", none[] = "";
	struct known_process process = {.service = name,
		.pid = pid,
		.start = 1,
		.boot = (char *) (uintptr_t) boot,
		.command_line = none};
	struct known known = {.processes = &process, .process_count = 1};

	by_unit(f, "llama");
	f->prepared = say_before;
	f->prepared_data = &said;
	fixture_begin(f, &known);
}

static void begin_gone(struct collector_fixture *f, pid_t pid, struct said said)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	char boot[64];

	assert_int_equal(file_read("/proc/sys/kernel/random/boot_id", 64, &text), 0);
	snprintf(boot, sizeof(boot), "%.36s", text.data);
	begin_gone_of(f, boot, pid, said);
}

/* What ended while nobody looked: systemd was there. */
static void test_ended_meanwhile(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	pid_t pid = s->pid;

	server_end(s, SIGKILL);
	begin_gone(f, pid,
		(struct said){.active = "failed",
			.sub = "failed",
			.result = "signal",
			.exit_pid = pid,
			.exit_code = CLD_KILLED,
			.exit_status = SIGKILL});
	assert_non_null(strstr(
		fixture_await(f, EXITED, "llama", 1)->evidence, "reason=killed by SIGKILL\n"));
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, MISSING, NULL), 0);
}

static void test_stopped_meanwhile(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	pid_t pid = s->pid;
	const struct told_event *e;

	server_end(s, SIGKILL);
	begin_gone(f, pid,
		(struct said){.exit_pid = pid, .exit_code = CLD_KILLED, .exit_status = SIGTERM});
	e = fixture_await(f, EXITED, "llama", 1);
	assert_string_equal(e->reason, "stopped");
	assert_true(event_value(f, e, STOPPED) == 1);
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, MISSING, NULL), 0);
}

/* A server that leaves in order, by itself or because it was asked to, leaves the same record. */
static void test_left_meanwhile(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	pid_t pid = s->pid;
	const struct told_event *e;

	server_end(s, SIGKILL);
	begin_gone(f, pid, (struct said){.exit_pid = pid, .exit_code = CLD_EXITED});
	e = fixture_await(f, EXITED, "llama", 1);
	assert_string_equal(e->reason, "stopped");
	assert_non_null(strstr(e->evidence, "reason=ended in order while nobody was looking (status 0)\n"));
	assert_true(event_value(f, e, STOPPED) == 1);
}

/* Gone with the boot that it was of. Its unit begins with this one: it may take as long as a restart. */
static void test_rebooted(void **state)
{
	struct collector_fixture *f = *state;
	const struct told_event *e;
	struct server *s;

	begin_gone_of(f, "another boot", 1 << 22,
		(struct said){.active = "activating", .sub = "start-pre", .job = "start"});
	e = fixture_await(f, EXITED, "llama", 1);
	assert_string_equal(e->reason, "unobserved");
	assert_non_null(strstr(
		e->evidence, "reason=gone while nobody was looking: the host was rebooted\n"));
	assert_true(event_value(f, e, UP) == 0);
	assert_true(event_value(f, e, STOPPED) == 1);
	s = fixture_server(f, NULL);
	say(f, (struct said){ACTIVE(s->pid)});
	fixture_await(f, STARTED, "llama", 1);
	assert_true(fixture_series(f, STOPPED)->value == 0);
}

/* One that fails then is down. */
static void test_rebooted_and_failed(void **state)
{
	struct collector_fixture *f = *state;

	begin_gone_of(f, "another boot", 1 << 22,
		(struct said){.active = "activating", .sub = "start-pre", .job = "start"});
	fixture_await(f, EXITED, "llama", 1);
	say(f, (struct said){.active = "failed", .sub = "failed", .result = "exit-code"});
	fixture_await(f, MISSING, "llama", 1);
	assert_true(fixture_series(f, STOPPED)->value == 0);
}

/* And one that does not begin with the host is, too. */
static void test_rebooted_for_good(void **state)
{
	struct collector_fixture *f = *state;
	const struct told_event *e;

	begin_gone_of(f, "another boot", 1 << 22, (struct said){0});
	e = fixture_await(f, MISSING, "llama", 1);
	assert_non_null(strstr(e->evidence, "reason=vllm.service is inactive (dead)\n"));
	assert_true(event_value(f, e, STOPPED) == 0);
}

/* Of another process than the one that ran it says nothing. */
static void test_replaced_meanwhile(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL), *next = fixture_server(f, NULL);
	pid_t pid = s->pid;

	server_end(s, SIGKILL);
	begin_gone(f, pid, (struct said){ACTIVE(next->pid), .exit_pid = next->pid});
	assert_string_equal(fixture_await(f, EXITED, "llama", 1)->reason, "unobserved");
	assert_int_equal(fixture_await(f, STARTED, "llama", 1)->pid, next->pid);
}

/* It was killed, and what systemd says is older than that. */
static void test_old_word_of_killed(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	pid_t pid = s->pid;

	server_end(s, SIGKILL);
	begin_gone(f, pid, (struct said){ACTIVE(pid)});
	fixture_await(f, EXITED, "llama", 1);
	say(f, (struct said){.active = "failed", .sub = "failed", .result = "signal"});
	fixture_ticks(f, 2);
	assert_true(fixture_series(f, UP)->value == 0 && fixture_series(f, STOPPED)->value == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITHOUT(test_ended_meanwhile),
		WITHOUT(test_stopped_meanwhile),
		WITHOUT(test_left_meanwhile),
		WITHOUT(test_rebooted),
		WITHOUT(test_rebooted_and_failed),
		WITHOUT(test_rebooted_for_good),
		WITHOUT(test_replaced_meanwhile),
		WITHOUT(test_old_word_of_killed),
	};

	return cmocka_run_group_tests_name("collector-unit-missed", tests, NULL, NULL);
}
