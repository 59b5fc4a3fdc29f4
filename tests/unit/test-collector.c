/* SPDX-License-Identifier: Apache-2.0 */
/* Configured services: real processes begin and end under the real collector. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/base/text.h"
#include "tests/unit/collector-fixture.h"

static void test_start(void **state)
{
	static const char *const gauges[] = {GAUGE("resident_bytes"), GAUGE("threads"),
		GAUGE("open_fds"), GAUGE("max_fds"), GAUGE("start_time_seconds")};
	struct collector_fixture *f = *state;
	struct server *s = fixture_running(f);
	const struct told_event *e = fixture_await(f, STARTED, "llama", 1);

	assert_int_equal(e->pid, s->pid);
	assert_int_equal(e->start, server_start_ticks(s->pid));
	assert_true(event_value(f, e, UP) == 1);
	assert_true(event_value(f, e, PROCESSES) == 1);
	assert_true(event_value(f, e, RESTARTS) == 0);
	assert_non_null(strstr(e->evidence, f->program));
	fixture_ticks(f, 1);
	for (size_t i = 0; i < ELEMENTS(gauges); i++)
		if (!(fixture_series(f, gauges[i])->value > 0))
			fail_msg("%s has no value", gauges[i]);
	assert_true(fixture_series(f, GAUGE("swap_bytes"))->any);
	assert_int_equal(fixture_events(f, STARTED, NULL), 1);
	assert_int_equal(fixture_events(f, EXITED, NULL), 0);
	assert_int_equal(fixture_events(f, MISSING, NULL), 0);
}

static void test_start_later(void **state)
{
	struct collector_fixture *f = *state;
	const struct told_event *e;
	struct server *s;

	fixture_service(f, "llama")->expected = false;
	fixture_begin(f, NULL);
	fixture_ticks(f, 2);
	assert_int_equal(f->event_count, 0);
	s = fixture_server(f, NULL);
	e = fixture_await(f, STARTED, "llama", 1);
	assert_int_equal(e->pid, s->pid);
}

static void test_kill(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_running(f);
	pid_t pid = s->pid;
	uint64_t start = server_start_ticks(pid);
	const struct told_event *e;

	fixture_ticks(f, 2);
	kill(pid, SIGKILL);
	e = fixture_await(f, EXITED, "llama", 1);
	assert_int_equal(e->pid, pid);
	assert_int_equal(e->start, start);
	assert_string_equal(e->reason, "signalled");
	assert_non_null(strstr(e->evidence, "reason=killed by SIGKILL\n"));
	assert_non_null(strstr(e->evidence, f->program));
	assert_true(event_value(f, e, UP) == 0);
	assert_true(event_value(f, e, PROCESSES) == 0);
	assert_true(event_value(f, e, EXITS "signalled") == 1);
	fixture_ticks(f, 3);
	assert_true(fixture_series(f, UP)->value == 0 && !fixture_series(f, UP)->stale);
	assert_true(fixture_series(f, GAUGE("resident_bytes"))->stale);
	assert_true(fixture_series(f, GAUGE("start_time_seconds"))->stale);
	assert_true(fixture_series(f, GAUGE("max_fds"))->stale);
	assert_true(fixture_series(f, GAUGE("swap_bytes"))->stale);
	assert_int_equal(fixture_events(f, EXITED, NULL), 1);
	assert_int_equal(fixture_events(f, STARTED, NULL), 1);
}

/* Another program is executed: what the kernel tells of all is looked at some time later only. */
static void make_glance_pending(struct collector_fixture *f)
{
	assert_int_equal(system("true"), 0);
	assert_true(sd_event_run(f->event, 0) >= 0);
}

static bool is_over(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

/* The kernel tells of the first thread's end before the memory is given back, and this is told on at
 * once. How long giving back takes is the machine's: one of several tries is enough. */
static void test_kill_of_a_large_one(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_running(f);
	bool early = false;

	for (unsigned i = 1; i <= 10 && !early; i++) {
		_cleanup_close_ int pidfd = (int) syscall(SYS_pidfd_open, s->pid, 0);

		server_say(s, "grow 256\n");
		assert_true(server_hear(s) > 0);
		fixture_ticks(f, 2);
		make_glance_pending(f);
		kill(s->pid, SIGKILL);
		fixture_await(f, EXITED, "llama", i);
		early = !is_over(pidfd);
		/* While it dies nobody takes it for a new one. */
		fixture_ticks(f, 2);
		assert_int_equal(fixture_events(f, STARTED, "llama"), i);
		server_end(s, 0);
		s = fixture_server(f, NULL);
		fixture_await(f, STARTED, "llama", i + 1);
	}
	assert_true(early);
}

static void test_exit_codes(void **state)
{
	static const int codes[] = {0, 1, 3, 137, 255};
	struct collector_fixture *f = *state;
	struct server *s = fixture_running(f);

	for (unsigned i = 0; i < ELEMENTS(codes); i++) {
		const struct told_event *e;
		char line[32], phrase[64];

		snprintf(line, sizeof(line), "exit %d\n", codes[i]);
		snprintf(phrase, sizeof(phrase), "reason=exited with status %d\n", codes[i]);
		server_say(s, line);
		e = fixture_await(f, EXITED, "llama", i + 1);
		assert_string_equal(e->reason, "exited");
		assert_non_null(strstr(e->evidence, phrase));
		assert_true(event_value(f, e, EXITS "exited") == i + 1);
		assert_true(event_value(f, e, UP) == 0);
		server_end(s, 0);
		s = fixture_server(f, NULL);
		e = fixture_await(f, STARTED, "llama", i + 2);
		assert_true(event_value(f, e, RESTARTS) == i + 1);
	}
}

/* Its first thread ends alone, by itself or by seccomp, and is all that the kernel shows of it; whether it
 * was seen before. */
static void check_left_by_its_first(void **state, const char *how, bool before, int number)
{
	struct collector_fixture *f = *state;
	struct server *s = before ? fixture_running(f) : fixture_server(f, NULL);
	const struct told_event *e;
	char line[8];

	server_say(s, how);
	assert_int_equal(read(s->output, line, 5), 5);
	if (!before) {
		fixture_service(f, "llama");
		fixture_begin(f, NULL);
		e = fixture_await(f, STARTED, "llama", 1);
		assert_non_null(strstr(e->evidence, f->program));
	}
	fixture_ticks(f, 3);
	assert_int_equal(fixture_events(f, EXITED, NULL), 0);
	if (number > 0)
		kill(s->pid, number);
	else
		server_say(s, "exit 5\n");
	e = fixture_await(f, EXITED, "llama", 1);
	assert_string_equal(e->reason, number > 0 ? "signalled" : "exited");
	assert_non_null(strstr(e->evidence, number > 0 ? "killed by SIGKILL" : "with status 5"));
}

static void test_left_and_exit(void **state)
{
	check_left_by_its_first(state, "leave\n", true, 0);
}

static void test_left_and_kill(void **state)
{
	check_left_by_its_first(state, "leave\n", true, SIGKILL);
}

static void test_left_before_the_first_look(void **state)
{
	check_left_by_its_first(state, "leave\n", false, SIGKILL);
}

static void test_perished_and_exit(void **state)
{
	check_left_by_its_first(state, "perish\n", true, 0);
}

static void test_perished_and_kill(void **state)
{
	check_left_by_its_first(state, "perish\n", true, SIGKILL);
}

static void test_perished_before_the_first_look(void **state)
{
	check_left_by_its_first(state, "perish\n", false, 0);
}

/* What may not be read has no value, not even after its end. */
static void test_io_that_may_not_be_read(void **state)
{
	struct collector_fixture *f = *state;
	struct service_match *m = fixture_service(f, "llama");
	struct server *s = fixture_server(f, (const char *const[]){"--io", NULL});

	if (seteuid(65534) < 0)
		skip();
	m->executable_count = 0;
	fixture_command_line(f, m, "--io");
	fixture_begin(f, NULL);
	fixture_await(f, STARTED, "llama", 1);
	fixture_ticks(f, 2);
	assert_int_equal(seteuid(0), 0);
	server_end(s, SIGKILL);
	assert_int_equal(seteuid(65534), 0);
	fixture_await(f, EXITED, "llama", 1);
	fixture_ticks(f, 2);
	assert_int_equal(seteuid(0), 0);
	assert_false(fixture_series(f, GAUGE("read_bytes_total"))->any);
}

static void test_core(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_running(f);
	const struct told_event *e;
	int status;

	server_say(s, "crash\n");
	e = fixture_await(f, EXITED, "llama", 1);
	status = server_end(s, 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	assert_string_equal(e->reason, WCOREDUMP(status) ? "core-dumped" : "signalled");
	assert_non_null(strstr(e->evidence, "SIGSEGV"));
}

static void test_restart_within_an_interval(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_running(f);
	const struct told_event *e;
	unsigned told;

	fixture_ticks(f, 2);
	server_end(s, SIGKILL);
	s = fixture_server(f, NULL);
	told = fixture_series(f, GAUGE("max_fds"))->count;
	fixture_await(f, EXITED, "llama", 1);
	e = fixture_await(f, STARTED, "llama", 2);
	assert_int_equal(e->pid, s->pid);
	assert_true(event_value(f, e, RESTARTS) == 1 && event_value(f, e, UP) == 1);
	/* What is seldom read is told at once of a new process. */
	fixture_ticks(f, 1);
	assert_true(fixture_series(f, GAUGE("max_fds"))->count > told);
	assert_false(fixture_series(f, GAUGE("max_fds"))->stale);
	assert_false(fixture_series(f, GAUGE("swap_bytes"))->stale);
	fixture_ticks(f, 3);
	assert_true(fixture_series(f, RESTARTS)->value == 1);
	assert_int_equal(fixture_events(f, EXITED, NULL), 1);
}

static void test_missing(void **state)
{
	struct collector_fixture *f = *state;
	struct service_match *other;
	const struct told_event *e;

	fixture_service(f, "llama");
	other = fixture_service(f, "not expected");
	other->expected = false;
	other = fixture_service(f, "of a unit");
	other->impossible = true;
	fixture_begin(f, NULL);
	e = fixture_await(f, MISSING, "llama", 1);
	assert_true(event_value(f, e, UP) == 0);
	fixture_ticks(f, 3);
	assert_int_equal(f->event_count, 1);
	fixture_server(f, NULL);
	e = fixture_await(f, STARTED, "llama", 1);
	assert_true(event_value(f, e, RESTARTS) == 0);
}

static void test_orderly_end_of_what_is_not_expected(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	const struct told_event *e;
	unsigned count;

	fixture_service(f, "llama")->expected = false;
	fixture_begin(f, NULL);
	fixture_ticks(f, 1);
	server_say(s, "exit 0\n");
	e = fixture_await(f, EXITED, "llama", 1);
	assert_true(event_has(f, e, UP) && sample_is_stale(event_value(f, e, UP)));
	count = fixture_series(f, UP)->count;
	fixture_ticks(f, 3);
	assert_int_equal(fixture_series(f, UP)->count, count);
	s = fixture_server(f, NULL);
	e = fixture_await(f, STARTED, "llama", 2);
	assert_true(event_value(f, e, UP) == 1);
	/* A failure is one all the same. */
	server_say(s, "exit 1\n");
	e = fixture_await(f, EXITED, "llama", 2);
	assert_true(event_value(f, e, UP) == 0);
}

/* It lives on as another program: that is no exit. */
static void check_another_program(void **state, bool expected)
{
	static const char *const script[] = {"-c", "echo ready; read x; exec sleep 1000", NULL};
	struct collector_fixture *f = *state;
	const struct told_event *e;
	struct server *s;

	fixture_program(f, "/bin/sh", "changes");
	s = fixture_server(f, script);
	fixture_service(f, "llama")->expected = expected;
	fixture_begin(f, NULL);
	fixture_await(f, STARTED, "llama", 1);
	server_say(s, "\n");
	e = fixture_await(f, RELEASED, "llama", 1);
	assert_int_equal(e->pid, s->pid);
	assert_int_equal(e->start, server_start_ticks(s->pid));
	assert_true(sample_is_stale(event_value(f, e, UP)));
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, EXITED, NULL), 0);
	assert_int_equal(fixture_events(f, MISSING, NULL), expected);
	assert_true(fixture_series(f, UP)->stale == !expected);
	assert_true(fixture_series(f, GAUGE("resident_bytes"))->stale);
	if (expected)
		assert_true(fixture_series(f, UP)->value == 0);
	s = fixture_server(f, script);
	e = fixture_await(f, STARTED, "llama", 2);
	assert_int_equal(e->pid, s->pid);
}

static void test_another_program(void **state)
{
	check_another_program(state, true);
}

static void test_another_program_of_what_is_not_expected(void **state)
{
	check_another_program(state, false);
}

static void test_first_service_wins(void **state)
{
	struct collector_fixture *f = *state;

	fixture_service(f, "llama");
	fixture_service(f, "second")->expected = false;
	fixture_server(f, NULL);
	fixture_begin(f, NULL);
	fixture_await(f, STARTED, "llama", 1);
	fixture_ticks(f, 2);
	assert_int_equal(f->event_count, 1);
}

static unsigned count_fds(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void test_descriptors_are_given_back(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_running(f);
	unsigned before = 0;

	for (unsigned i = 0; i < 10; i++) {
		close_fd(&s->input);
		server_end(s, SIGKILL);
		close_fd(&s->output);
		fixture_await(f, EXITED, "llama", i + 1);
		if (i == 0)
			before = count_fds();
		s = fixture_server(f, NULL);
		fixture_await(f, STARTED, "llama", i + 2);
		fixture_ticks(f, 1);
	}
	close_fd(&s->input);
	server_end(s, SIGKILL);
	close_fd(&s->output);
	fixture_await(f, EXITED, "llama", 11);
	assert_int_equal(count_fds(), before);
}

/* The kernel gives the next process the number that the last one had; where we may ask for that. */
static pid_t start_as(struct collector_fixture *f, pid_t pid)
{
	_cleanup_close_ int fd =
		open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
	char text[16];

	snprintf(text, sizeof(text), "%d", pid - 1);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return 0;
	return fixture_server(f, NULL)->pid;
}

static void test_number_reused(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_running(f);
	const struct told_event *e;
	uint64_t start = server_start_ticks(s->pid);
	pid_t pid = s->pid;

	fixture_ticks(f, 3);
	server_end(s, SIGKILL);
	if (start_as(f, pid) != pid)
		skip(); /* not allowed, or another process was faster */
	e = fixture_await(f, EXITED, "llama", 1);
	assert_int_equal(e->pid, pid);
	assert_int_equal(e->start, start);
	e = fixture_await(f, STARTED, "llama", 2);
	assert_int_equal(e->pid, pid);
	assert_int_equal(e->start, server_start_ticks(pid));
	assert_true(event_value(f, e, RESTARTS) == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_start),
		BOTH(test_start_later),
		BOTH(test_kill),
		WITH(test_kill_of_a_large_one),
		BOTH(test_exit_codes),
		BOTH(test_left_and_exit),
		BOTH(test_left_and_kill),
		BOTH(test_left_before_the_first_look),
		BOTH(test_perished_and_exit),
		BOTH(test_perished_and_kill),
		BOTH(test_perished_before_the_first_look),
		WITHOUT(test_io_that_may_not_be_read),
		BOTH(test_core),
		BOTH(test_restart_within_an_interval),
		BOTH(test_missing),
		BOTH(test_orderly_end_of_what_is_not_expected),
		BOTH(test_another_program),
		BOTH(test_another_program_of_what_is_not_expected),
		BOTH(test_first_service_wins),
		BOTH(test_descriptors_are_given_back),
		BOTH(test_number_reused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
