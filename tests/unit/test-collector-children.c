/* SPDX-License-Identifier: Apache-2.0 */
/* Services of several processes: which of them is the main one, and what becomes of the others. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "collectors/process/scan.h"
#include "collectors/process/service.h"
#include "daemon/base/cleanup.h"
#include "tests/unit/collector-fixture.h"

static void test_child_is_no_main_process(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_running(f);
	pid_t child;

	server_say(s, "fork\n");
	child = server_hear(s);
	assert_true(child > 0);
	fixture_await_value(f, PROCESSES, 2);
	/* Its parent does not wait for it: it stays as a zombie. */
	kill(child, SIGKILL);
	fixture_await_value(f, PROCESSES, 1);
	assert_int_equal(f->event_count, 1);
	assert_true(fixture_series(f, UP)->value == 1);
}

/* Children first: the order of the numbers says nothing of who is whose parent. */
static void test_children_that_were_there(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);

	server_say(s, "fork\nfork\n");
	assert_true(server_hear(s) > 0 && server_hear(s) > 0);
	fixture_service(f, "llama");
	fixture_begin(f, NULL);
	fixture_await_value(f, PROCESSES, 3);
	assert_int_equal(fixture_events(f, STARTED, NULL), 1);
}

static void test_into_the_background(void **state)
{
	static const char *const script[] = {"-c",
		"echo ready; read x; ( ( sleep 1000; : ) & echo $! ); exit 0", NULL};
	struct collector_fixture *f = *state;
	const struct told_event *e;
	struct server *s;
	pid_t grandchild;

	fixture_program(f, "/bin/sh", "daemonizes");
	s = fixture_server(f, script);
	fixture_service(f, "llama");
	fixture_begin(f, NULL);
	fixture_await(f, STARTED, "llama", 1);
	server_say(s, "\n");
	e = fixture_await(f, EXITED, "llama", 1);
	assert_true(event_value(f, e, UP) == 1);
	grandchild = server_hear(s);
	fixture_ticks(f, 3);
	assert_true(fixture_series(f, UP)->value == 1);
	assert_true(fixture_series(f, RESTARTS)->value == 0);
	kill(grandchild, SIGKILL);
	for (size_t count = fixture_events(f, EXITED, NULL);; count++) {
		e = fixture_await(f, EXITED, "llama", count);
		if (e->pid == grandchild)
			break;
	}
	assert_true(event_value(f, e, UP) == 0);
}

/* A server of three processes: itself, a child that matches, too, and that one's child. The child's number
 * is returned. */
static pid_t fork_again(struct collector_fixture *f, struct server **ret)
{
	static const char *const script[] = {
		"-c", "echo ready; ( sleep 1000; : ) & echo $!; read x", NULL};

	*ret = fixture_server(f, script);
	return server_hear(*ret);
}

static pid_t begin_forking(struct collector_fixture *f, struct server **ret)
{
	pid_t child;

	fixture_program(f, "/bin/sh", "forks");
	child = fork_again(f, ret);
	fixture_service(f, "llama");
	fixture_begin(f, NULL);
	fixture_await_value(f, PROCESSES, 3);
	return child;
}

/* However it fails, a child that lives on does not hide that. */
static void test_crash_of_a_forking_one(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s, *next;
	const struct told_event *e;

	begin_forking(f, &s);
	close_fd(&s->input); /* read fails, and so the script ends with 1 */
	e = fixture_await(f, EXITED, "llama", 1);
	assert_string_equal(e->reason, "exited");
	assert_true(event_value(f, e, UP) == 0);
	fixture_ticks(f, 5);
	assert_true(fixture_series(f, UP)->value == 0);
	assert_true(fixture_series(f, PROCESSES)->value == 2);
	assert_int_equal(fixture_events(f, STARTED, NULL), 1);
	/* Who starts it again is not kept waiting. */
	next = fixture_server(f, (const char *const[]){"-c", "echo ready; read x", NULL});
	e = fixture_await(f, STARTED, "llama", 2);
	assert_int_equal(e->pid, next->pid);
	assert_true(event_value(f, e, UP) == 1 && event_value(f, e, RESTARTS) == 1);
}

static void test_child_that_goes_on_after_a_crash(void **state)
{
	struct collector_fixture *f = *state;
	const struct told_event *e;
	struct server *s;
	pid_t child;

	f->orphan_wait = 4 * INTERVAL;
	child = begin_forking(f, &s);
	kill(s->pid, SIGKILL);
	e = fixture_await(f, EXITED, "llama", 1);
	assert_true(event_value(f, e, UP) == 0);
	e = fixture_await(f, STARTED, "llama", 2);
	assert_int_equal(e->pid, child);
	assert_true(event_value(f, e, UP) == 1 && event_value(f, e, RESTARTS) == 1);
}

static void test_children_that_die_of_a_crash(void **state)
{
	struct collector_fixture *f = *state;
	struct pollfd child = {.events = POLLIN};
	struct server *s;

	f->orphan_wait = 4 * INTERVAL;
	child.fd = (int) syscall(SYS_pidfd_open, begin_forking(f, &s), 0);
	assert_true(child.fd >= 0);
	kill(-s->pid, SIGKILL);
	/* How soon it dies is the machine's. */
	assert_int_equal(poll(&child, 1, -1), 1);
	close_fd(&child.fd);
	fixture_await(f, EXITED, "llama", 1);
	fixture_ticks(f, 10);
	assert_int_equal(f->event_count, 2);
	assert_true(fixture_series(f, UP)->value == 0);
}

/* Until the clock of processes has gone on from the start of this one. */
static void await_next_clock_tick(pid_t pid)
{
	const double ticks = (double) sysconf(_SC_CLK_TCK);
	const double start = (double) server_start_ticks(pid);
	struct timespec now;

	do
		clock_gettime(CLOCK_BOOTTIME, &now);
	while (((double) now.tv_sec + (double) now.tv_nsec / 1e9) * ticks < start + 2);
}

/* Each look for successors lists all processes: what ends in order in a fast loop rests between them, and
 * a tick makes up for what it left out. */
static void test_ends_in_order_in_a_loop(void **state)
{
	struct collector_fixture *f = *state;
	const struct told_event *e;
	struct service *llama;
	struct server *s;
	pid_t child = begin_forking(f, &s);

	llama = service_get(f->collector, "llama");
	server_say(s, "\n");
	e = fixture_await(f, STARTED, "llama", 2);
	assert_int_equal(e->pid, child);
	assert_true(llama->successors_due > f->collector->listed);

	llama->successors_due = USEC_INFINITY - 1;
	child = fork_again(f, &s);
	fixture_await(f, STARTED, "llama", 3);
	server_say(s, "\n");
	fixture_await(f, EXITED, "llama", 2);
	assert_int_equal(fixture_events(f, STARTED, "llama"), 3);
	assert_int_equal(f->collector->listed, 0);
	llama->orphans_due = clock_monotonic();
	e = fixture_await(f, STARTED, "llama", 4);
	assert_int_equal(e->pid, child);
	assert_true(f->collector->listed > 0);
}

/* It began before the crash, although it is seen after it. */
static void test_child_that_is_seen_after_a_crash(void **state)
{
	static const char *const script[] = {
		"-c", "echo ready; read x; ( sleep 1000; : ) & echo $!; read x", NULL};
	struct collector_fixture *f = *state;
	struct server *s;

	fixture_program(f, "/bin/sh", "forks");
	s = fixture_server(f, script);
	fixture_service(f, "llama");
	fixture_begin(f, NULL);
	fixture_await(f, STARTED, "llama", 1);
	server_say(s, "\n");
	await_next_clock_tick(server_hear(s));
	kill(s->pid, SIGKILL);
	fixture_await(f, EXITED, "llama", 1);
	fixture_await_value(f, PROCESSES, 2);
	assert_int_equal(fixture_events(f, STARTED, NULL), 1);
	assert_true(fixture_series(f, UP)->value == 0);
}

/* What children used stays counted when they are gone: the sink sees to it that nothing falls. */
static void test_counters_over_children(void **state)
{
	static const char *const script[] = {"-c",
		"echo ready; i=0; while [ $i -lt 12 ]; do (j=0; while [ $j -lt 30000 ]; do "
		"j=$((j+1)); done); i=$((i+1)); done; echo 1; read x",
		NULL};
	struct collector_fixture *f = *state;
	struct server *s;
	double used;

	fixture_program(f, "/bin/sh", "works");
	s = fixture_server(f, script);
	fixture_service(f, "llama");
	fixture_begin(f, NULL);
	fixture_ticks(f, 10);
	assert_int_equal(server_hear(s), 1);
	fixture_ticks(f, 2);
	used = fixture_series(f, "modelwatch_service_cpu_seconds_total llama user")->value;
	assert_true(used > 0);
	kill(s->pid, SIGKILL);
	fixture_await(f, EXITED, "llama", 1);
	fixture_ticks(f, 2);
	assert_true(
		fixture_series(f, "modelwatch_service_cpu_seconds_total llama user")->value >= used);
}

/* Who ignores the end of its children is never given what they used: that counts on without it. */
static void test_counters_of_ignored_children(void **state)
{
	static const char series[] = "modelwatch_service_cpu_seconds_total llama user";
	struct collector_fixture *f = *state;
	struct server *s = fixture_running(f);
	double used;

	server_say(s, "delegate 600\n");
	fixture_await_value(f, PROCESSES, 2);
	fixture_await_value(f, PROCESSES, 1);
	assert_int_equal(server_hear(s), 0);
	used = fixture_series(f, series)->value;
	assert_true(used > 0.1);
	server_say(s, "work 100\n");
	assert_int_equal(server_hear(s), 0);
	fixture_ticks(f, 2);
	assert_true(fixture_series(f, series)->value > used);
}

/* A member that outlives its main process and does not match: what it uses is told on, but there is no
 * start time without a main process. */
static void test_member_that_is_left(void **state)
{
	static const char *const script[] = {"-c", "echo ready; sleep 1000 & read x", NULL};
	struct collector_fixture *f = *state;
	struct server *s;

	fixture_program(f, "/bin/sh", "leaves");
	s = fixture_server(f, script);
	fixture_service(f, "llama");
	fixture_begin(f, NULL);
	fixture_await_value(f, PROCESSES, 2);
	kill(s->pid, SIGKILL);
	fixture_await(f, EXITED, "llama", 1);
	fixture_ticks(f, 2);
	assert_true(fixture_series(f, PROCESSES)->value == 1);
	assert_false(fixture_series(f, GAUGE("resident_bytes"))->stale);
	assert_true(fixture_series(f, GAUGE("start_time_seconds"))->stale);
	assert_true(fixture_series(f, UP)->value == 0);
}

/* The number of a thread is in no list of processes, as those are not that come after too many others; but
 * it can be asked for. */
static void test_main_that_is_not_listed(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_running(f);
	const struct process *p;
	pid_t thread;

	server_say(s, "grow 1\n");
	thread = server_hear(s);
	p = scan_examine(f->collector, thread);
	assert_true(p && p->main && p->watch.pidfd < 0);
	scan_list(f->collector);
	assert_int_equal(fixture_events(f, EXITED, NULL), 0);
	server_end(s, SIGKILL);
	fixture_await(f, EXITED, "llama", 2);
}

/* While an end of it is told, a discovered service is taken over by a configured one: it is over, whatever
 * else ends then. */
static void test_end_of_what_is_over(void **state)
{
	struct collector_fixture *f = *state;
	char boot[] = "";
	const struct known_process known = {.pid = 1, .boot = boot};
	const struct told_event *e;
	struct service *s;

	fixture_begin(f, NULL);
	assert_int_equal(service_new(f->collector, "vllm-1", NULL, NULL, &s), 0);
	s->ending = 1;
	service_end(s);
	service_missed(s, &known, NULL);
	e = fixture_await(f, EXITED, "vllm-1", 1);
	assert_true(sample_is_stale(event_value(f, e, "modelwatch_service_up vllm-1")));
	s->ending = 0;
	service_end(s);
}

/* By whatever key it is looked for, the first of two services has the process; the other one is told who. */
enum second_key { BY_EXECUTABLE, BY_PORT, BY_PID_FILE };

static void write_pid(const char *path, pid_t pid)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fprintf(file, "%d\n", pid);
	assert_int_equal(fclose(file), 0);
}

static void check_two_services(void **state, enum second_key key, bool before)
{
	struct collector_fixture *f = *state;
	uint16_t port = free_port(f);
	struct service_match *second;
	struct server *s = NULL;
	char reason[80], path[80];
	const char *const paths[] = {path};

	snprintf(path, sizeof(path), "%s/pid", f->directory);
	fixture_service(f, "llama");
	second = fixture_service(f, "second");
	second->executable_count = key == BY_EXECUTABLE;
	second->ports = &port;
	second->port_count = key == BY_PORT;
	second->pid_files = paths;
	second->pid_file_count = key == BY_PID_FILE;
	if (!before) {
		fixture_begin(f, NULL);
		fixture_await(f, MISSING, "second", 1);
	}
	s = listening_server(f, port);
	write_pid(path, s->pid);
	if (before)
		fixture_begin(f, NULL);
	fixture_await(f, STARTED, "llama", 1);
	f->collector->missing_due = 0;
	snprintf(reason, sizeof(reason), "reason=process %d matches it, but belongs to service llama\n",
		s->pid);
	assert_string_equal(
		fixture_await(f, MISSING, "second", before ? 1 : 2)->evidence, reason);
	f->collector->missing_due = 0;
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, MISSING, "second"), before ? 1 : 2);
	assert_int_equal(fixture_events(f, STARTED, NULL), 1);
	/* What was told of it is over with it. */
	server_end(s, SIGKILL);
	fixture_await(f, EXITED, "llama", 1);
	f->collector->missing_due = 0;
	assert_string_equal(fixture_await(f, MISSING, "second", before ? 2 : 3)->evidence,
		"reason=no process matches it\n");
}

static void test_two_by_port_among_many(void **state)
{
	struct collector_fixture *f = *state;
	uint16_t port = free_port(f);
	struct service_match *second;
	struct server *s = NULL;
	char reason[80];

	fixture_service(f, "llama");
	second = fixture_service(f, "second");
	second->executable_count = 0;
	second->ports = &port;
	second->port_count = 1;
	for (unsigned i = 0; i < 20; i++)
		fixture_server(f, NULL);
	s = listening_server(f, port);
	fixture_begin(f, NULL);
	snprintf(reason, sizeof(reason), "reason=process %d matches it, but belongs to service llama\n",
		s->pid);
	assert_string_equal(fixture_await(f, MISSING, "second", 1)->evidence, reason);
}

/* A reason that comes and goes is told a few times, and then seldom. */
static void test_two_of_which_one_does_not_stay(void **state)
{
	enum { TIMES = 10, TOLD_MAX = 6 };
	struct collector_fixture *f = *state;
	struct server *s;

	fixture_service(f, "llama");
	fixture_service(f, "second");
	fixture_begin(f, NULL);
	for (unsigned i = 0; i < TIMES; i++) {
		s = fixture_server(f, NULL);
		fixture_await(f, STARTED, "llama", i + 1);
		f->collector->missing_due = 0;
		fixture_ticks(f, 2);
		server_end(s, SIGKILL);
		fixture_await(f, EXITED, "llama", i + 1);
		f->collector->missing_due = 0;
		fixture_ticks(f, 2);
	}
	assert_in_range(fixture_events(f, MISSING, "second"), 2, TOLD_MAX);
}

/* Who restarts has another number: that is no other reason. */
static void test_two_of_which_one_is_replaced(void **state)
{
	struct collector_fixture *f = *state;

	fixture_service(f, "llama");
	fixture_service(f, "second");
	fixture_server(f, NULL);
	fixture_begin(f, NULL);
	fixture_await(f, MISSING, "second", 1);
	fixture_server(f, NULL);
	fixture_await(f, STARTED, "llama", 2);
	server_end(&f->servers[0], SIGKILL);
	fixture_await(f, EXITED, "llama", 1);
	f->collector->missing_due = 0;
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, MISSING, "second"), 1);
}

static void test_two_by_executable(void **state)
{
	check_two_services(state, BY_EXECUTABLE, true);
}

static void test_two_by_port(void **state)
{
	check_two_services(state, BY_PORT, true);
}

static void test_two_by_pid_file(void **state)
{
	check_two_services(state, BY_PID_FILE, true);
}

static void test_two_and_a_later_start(void **state)
{
	check_two_services(state, BY_EXECUTABLE, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITHOUT(test_child_is_no_main_process),
		BOTH(test_children_that_were_there),
		BOTH(test_into_the_background),
		BOTH(test_crash_of_a_forking_one),
		BOTH(test_child_that_goes_on_after_a_crash),
		BOTH(test_children_that_die_of_a_crash),
		BOTH(test_ends_in_order_in_a_loop),
		WITH(test_child_that_is_seen_after_a_crash),
		BOTH(test_counters_over_children),
		WITHOUT(test_counters_of_ignored_children),
		BOTH(test_member_that_is_left),
		WITHOUT(test_main_that_is_not_listed),
		WITHOUT(test_end_of_what_is_over),
		WITHOUT(test_two_by_executable),
		WITHOUT(test_two_of_which_one_does_not_stay),
		WITHOUT(test_two_of_which_one_is_replaced),
		WITHOUT(test_two_by_port),
		WITHOUT(test_two_by_port_among_many),
		WITHOUT(test_two_by_pid_file),
		WITHOUT(test_two_and_a_later_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
