/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of processes that execute another program: in the kernel's place, a socket tells of it. */
#include <arpa/inet.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "collectors/process/events.h"
#include "collectors/process/resume.h"
#include "collectors/process/scan.h"
#include "collectors/process/service.h"
#include "daemon/base/file.h"
#include "tests/unit/collector-fixture.h"

#define TOO_MANY 5000
#define ROOM     (64 << 20) /* bytes: for all at once */

/* As the kernel sends it, without a gap. */
struct datagram {
	struct nlmsghdr netlink;
	uint8_t connector[sizeof(struct cn_msg)];
	uint8_t event[sizeof(struct proc_event)];
};

static void tell(int fd, const struct proc_event *event)
{
	const struct cn_msg connector = {
		.id = {CN_IDX_PROC, CN_VAL_PROC}, .len = sizeof(struct proc_event)};
	struct datagram d = {.netlink = {.nlmsg_len = sizeof(d), .nlmsg_type = NLMSG_DONE}};

	memcpy(d.connector, &connector, sizeof(connector));
	memcpy(d.event, event, sizeof(*event));
	assert_int_equal(send(fd, &d, sizeof(d), MSG_DONTWAIT), sizeof(d));
}

static void tell_exec_at(int fd, pid_t pid, uint64_t time)
{
	const struct proc_event event = {.what = PROC_EVENT_EXEC,
		.timestamp_ns = time,
		.event_data.exec = {.process_pid = pid, .process_tgid = pid}};

	tell(fd, &event);
}

static void tell_exec(int fd, pid_t pid)
{
	tell_exec_at(fd, pid, 0);
}

/* Of its first thread. */
static void tell_status_at(int fd, pid_t pid, unsigned status, uint64_t time)
{
	const struct proc_event event = {.what = PROC_EVENT_EXIT,
		.timestamp_ns = time,
		.event_data.exit = {.process_pid = pid, .process_tgid = pid, .exit_code = status}};

	tell(fd, &event);
}

/* With success. */
static void tell_exit_at(int fd, pid_t pid, uint64_t time)
{
	tell_status_at(fd, pid, 0, time);
}

/* A socket whose other end the collector takes for the connector. */
static int open_events(struct collector_fixture *f)
{
	const int room = ROOM;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	f->events_socket = fds[1];
	if (setsockopt(fds[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) == 0)
		return fds[0];
	close_fd(&fds[0]);
	close_fd(&fds[1]);
	skip();
	return -1;
}

/* One that is known already becomes the service's: among too many others that is not noted. */
static void test_more_execs_than_are_noted(void **state)
{
	static const char *const script[] = {"-c", "echo ready; read x; exec ./served", NULL};
	struct collector_fixture *f = *state;
	_cleanup_close_ int events = open_events(f);
	struct server *s;
	char line[6];

	fixture_program(f, "/bin/sh", "shell");
	s = fixture_server(f, script);
	fixture_program(f, "served", "served");
	fixture_service(f, "llama")->expected = false;
	fixture_begin(f, NULL);
	fixture_ticks(f, 1);
	assert_int_equal(f->event_count, 0);
	server_say(s, "\n");
	assert_int_equal(read(s->output, line, sizeof(line)), sizeof(line));
	for (size_t i = 0; i < TOO_MANY; i++)
		tell_exec(events, INT32_MAX);
	tell_exec(events, s->pid);
	events_read(f->collector);
	assert_true(f->collector->listed == 0);
	assert_true(f->collector->recheck_owed == (double) map_size(f->collector->processes));
	assert_int_equal(fixture_await(f, STARTED, "llama", 1)->pid, s->pid);
}

/* A socket that listens, for a child to inherit. */
static int listen_at(uint16_t port)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* What has the socket, but not the program, is looked at again when it has that too. */
static void test_exec_of_what_listens(void **state)
{
	static const char *const script[] = {"-c", "echo ready; read x; exec ./served", NULL};
	struct collector_fixture *f = *state;
	_cleanup_close_ int events = open_events(f);
	uint16_t ports[] = {free_port(f)};
	int fd = listen_at(ports[0]);
	struct service_match *m;
	const struct process *p;
	struct server *s;
	char line[6];

	fixture_program(f, "/bin/sh", "shell");
	s = fixture_server(f, script);
	close_fd(&fd);
	fixture_program(f, "served", "served");
	m = fixture_service(f, "llama");
	m->ports = ports;
	m->port_count = ELEMENTS(ports);
	fixture_begin(f, NULL);
	while (!(p = scan_find(f->collector, s->pid)) || p->pass.done == 0)
		fixture_ticks(f, 1);
	server_say(s, "\n");
	assert_int_equal(read(s->output, line, sizeof(line)), sizeof(line));
	tell_exec(events, s->pid);
	events_read(f->collector);
	while (f->collector->executed_count > 0)
		fixture_ticks(f, 1);
	p = scan_find(f->collector, s->pid);
	assert_true(p && (p->service || p->pass.done == 0));
	assert_int_equal(fixture_await(f, STARTED, "llama", 1)->pid, s->pid);
}

/* A service "boss" whose child executes, when it is told to, what is the service "worker". The child's number
 * is returned. */
static pid_t begin_boss(struct collector_fixture *f, struct server **ret)
{
	static const char *const script[] = {
		"-c", "exec 3<&0; echo ready; (read go; exec ./worker) <&3 & echo $!; wait", NULL};

	fixture_program(f, "/bin/sh", "boss");
	*ret = fixture_server(f, script);
	return server_hear(*ret);
}

static void execute_worker(struct server *boss)
{
	char line[6];

	server_say(boss, "\n");
	assert_int_equal(read(boss->output, line, sizeof(line)), sizeof(line));
}

/* Two services, each found by the path of its program. */
struct boss_services {
	char paths[2][80];
	const char *lists[2][1];
};

static void services_of_boss(struct collector_fixture *f, struct boss_services *b)
{
	static const char *const names[] = {"boss", "worker"};

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		struct service_match *m = fixture_service(f, names[i]);

		snprintf(b->paths[i], sizeof(b->paths[i]), "%s/%s", f->directory, names[i]);
		b->lists[i][0] = b->paths[i];
		m->executables = b->lists[i];
		m->expected = false;
	}
	fixture_program(f, "served", "worker");
}

/* Nobody told of the parent's start: it is found by its child. */
static void test_child_is_told_of_before_its_parent(void **state)
{
	struct collector_fixture *f = *state;
	_cleanup_close_ int events = open_events(f);
	struct boss_services services;
	struct server *s;
	pid_t child;

	services_of_boss(f, &services);
	fixture_begin(f, NULL);
	child = begin_boss(f, &s);
	execute_worker(s);
	tell_exec(events, child);
	assert_int_equal(fixture_await(f, STARTED, "boss", 1)->pid, s->pid);
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, STARTED, "worker"), 1);
	assert_int_equal(fixture_await(f, STARTED, "worker", 1)->pid, child);
	assert_true(fixture_series(f, "modelwatch_service_processes boss")->value == 1);
}

/* Until it executes its own program a child is its parent's. */
static void check_child_that_executes(void **state, bool told)
{
	struct collector_fixture *f = *state;
	_cleanup_close_ int events = told ? open_events(f) : -1;
	struct boss_services services;
	struct server *s;
	pid_t child;

	services_of_boss(f, &services);
	child = begin_boss(f, &s);
	fixture_begin(f, NULL);
	fixture_await_value(f, "modelwatch_service_processes boss", 2);
	execute_worker(s);
	if (told)
		tell_exec(events, child);
	fixture_await_value(f, "modelwatch_service_processes boss", 1);
	assert_int_equal(fixture_await(f, STARTED, "worker", 1)->pid, child);
	/* The end of its parent is no end of it. */
	server_end(s, SIGKILL);
	fixture_await(f, EXITED, "boss", 1);
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, EXITED, "worker"), 0);
	assert_int_equal(fixture_events(f, STARTED, NULL), 2);
}

static void test_child_that_executes(void **state)
{
	check_child_that_executes(state, true);
}

static void test_child_that_executes_without_a_word(void **state)
{
	check_child_that_executes(state, false);
}

/* Looks at every process again; the end of the table counts as one, and so once is not enough. */
static void recheck_all(struct collector_fixture *f)
{
	for (size_t i = 0; i < 2; i++) {
		f->collector->recheck_owed = (double) map_size(f->collector->processes);
		while (f->collector->recheck_owed >= 1)
			fixture_ticks(f, 1);
	}
}

/* A service by nothing but how the programs of this test are called. */
static void service_by_command_line(struct collector_fixture *f)
{
	struct service_match *m = fixture_service(f, "llama");

	m->executable_count = 0;
	fixture_command_line(f, m, "--ours");
}

/* A title in place of the arguments is no other program; what is executed then is one. */
static void check_title(void **state, bool told)
{
	struct collector_fixture *f = *state;
	_cleanup_close_ int events = told ? open_events(f) : -1;
	struct server *s = fixture_server(f, (const char *const[]){"--ours", NULL});
	char line[7];

	service_by_command_line(f);
	fixture_begin(f, NULL);
	fixture_await(f, STARTED, "llama", 1);
	server_say(s, "title x\n");
	assert_int_equal(read(s->output, line, sizeof(line)), sizeof(line));
	recheck_all(f);
	assert_int_equal(fixture_events(f, RELEASED, NULL), 0);
	assert_true(fixture_series(f, UP)->value == 1);
	/* An exec that is told late is one that was seen. */
	if (told) {
		tell_exec(events, s->pid);
		events_read(f->collector);
		while (f->collector->executed_count > 0)
			fixture_ticks(f, 1);
		assert_int_equal(fixture_events(f, RELEASED, NULL), 0);
	}
	assert_int_equal(f->event_count, 1);
}

static void test_title(void **state)
{
	check_title(state, false);
}

static void test_title_and_late_word(void **state)
{
	check_title(state, true);
}

/* Executed anew, with a title again: the program that matched is the one that is remembered. */
static void test_title_after_exec_of_the_same(void **state)
{
	static const char *const script[] = {
		"-c", "echo ready; read x; exec $PWD/served --ours", NULL};
	struct collector_fixture *f = *state;
	struct server *s;
	char line[7];

	fixture_program(f, "served", "served");
	fixture_program(f, "/bin/sh", "shell");
	s = fixture_server(f, script);
	service_by_command_line(f);
	fixture_begin(f, NULL);
	fixture_await(f, STARTED, "llama", 1);
	server_say(s, "\n");
	assert_int_equal(read(s->output, line, 6), 6);
	recheck_all(f);
	server_say(s, "title x\n");
	assert_int_equal(read(s->output, line, sizeof(line)), sizeof(line));
	recheck_all(f);
	/* Whoever comes after us is to know that program. */
	assert_int_equal(f->event_count, 2);
	assert_int_equal(fixture_events(f, STARTED, "llama"), 2);
	assert_true(f->events[0].stack != f->events[1].stack);
	assert_non_null(strstr(f->events[1].command_line, "served --ours"));
}

/* A thread that executes takes the place of the first one, whose end, told by either socket, is no end of the
 * process. */
static void test_exec_of_another_thread(void **state)
{
	static const struct {
		uint64_t exit, exec; /* times */
		bool exit_first, known;
	} cases[] = {
		{1000, 1001, true, false},
		{2000, 2001, false, false},
		{3001, 3000, false, true},
		{3001, 4000, false, false},
	};
	struct collector_fixture *f = *state;
	_cleanup_close_ int events = open_events(f);
	struct server *s = fixture_running(f);

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		if (cases[i].exit_first)
			tell_exit_at(events, s->pid, cases[i].exit);
		tell_exec_at(events, s->pid, cases[i].exec);
		if (!cases[i].exit_first)
			tell_exit_at(events, s->pid, cases[i].exit);
		events_read(f->collector);
		if (scan_find(f->collector, s->pid)->watch.status_known != cases[i].known)
			fail_msg("%zu", i);
	}
}

/* What looked like a model server and executed something else is none, and no port of it makes it one. */
static void test_server_that_became_another_program(void **state)
{
	static const char *const script[] = {"-c", "echo ready; read x; exec ./served", NULL};
	struct collector_fixture *f = *state;
	struct server *s;
	char line[6];

	f->discovery = true;
	fixture_program(f, "served", "served");
	fixture_program(f, "/bin/sh", "llama-server");
	s = fixture_server(f, script);
	fixture_begin(f, NULL);
	assert_non_null(scan_find(f->collector, s->pid)->server.kind);
	server_say(s, "\n");
	assert_int_equal(read(s->output, line, sizeof(line)), sizeof(line));
	recheck_all(f);
	assert_null(scan_find(f->collector, s->pid)->server.kind);
}

/* A row of a main process of the service, which nothing looks at. */
static void add_main(struct collector_fixture *f, struct service *s, pid_t pid)
{
	struct process *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	*p = (struct process){.collector = f->collector,
		.pid = pid,
		.service = s,
		.main = true,
		.watch.pidfd = -1,
		.memory.fd = -1,
		.use.stat_fd = -1,
		.use.io_fd = -1};
	assert_int_equal(map_put(f->collector->processes, &pid, sizeof(pid), p, NULL), 0);
}

/* Begins where the engine knows a main process that ended when no collector was there, and the kernel
 * told of the end of one of its number so many nanoseconds AFTER its start. */
static const struct told_event *miss(struct collector_fixture *f, int events, int64_t after)
{
	struct server *s = fixture_server(f, NULL);
	struct known_process process = {.service = (char *) (uintptr_t) "llama",
		.pid = s->pid,
		.start = server_start_ticks(s->pid),
		.command_line = (char *) (uintptr_t) ""};
	const struct known known = {.processes = &process, .process_count = 1};
	int64_t tick = INT64_C(1000000000) / sysconf(_SC_CLK_TCK);
	_cleanup_buf_ struct buf boot = BUF_INIT;

	assert_int_equal(file_read("/proc/sys/kernel/random/boot_id", 63, &boot), 0);
	boot.data[strcspn(boot.data, "\n")] = 0;
	process.boot = boot.data;
	tell_status_at(
		events, s->pid, SIGKILL, (uint64_t) ((int64_t) process.start * tick + after));
	server_end(s, SIGKILL);
	fixture_service(f, "llama");
	fixture_begin(f, &known);
	return fixture_await(f, EXITED, "llama", 1);
}

/* The kernel keeps what it told of until somebody reads it, and its sockets are the supervisor's. */
static void test_end_between_two_collectors(void **state)
{
	struct collector_fixture *f = *state;
	_cleanup_close_ int events = open_events(f);
	const struct told_event *e = miss(f, events, INT64_C(1000000000));

	assert_string_equal(e->reason, "signalled");
	assert_true(event_value(f, e, EXITS "signalled") == 1);
	assert_true(event_value(f, e, UP) == 0);
}

static void test_end_of_an_earlier_process(void **state)
{
	struct collector_fixture *f = *state;
	_cleanup_close_ int events = open_events(f);

	assert_string_equal(miss(f, events, INT64_C(-1000000000))->reason, "unobserved");
}

/* What is found and ends before the first look is over ends once. */
static void test_end_in_the_first_look(void **state)
{
	struct collector_fixture *f = *state;
	_cleanup_close_ int events = open_events(f);
	struct known_process process = {.service = (char *) (uintptr_t) "llama",
		.command_line = (char *) (uintptr_t) ""};
	const struct known known = {.processes = &process, .process_count = 1};
	struct server *s = fixture_running(f);
	siginfo_t info;

	process.pid = s->pid;
	process.start = server_start_ticks(s->pid);
	process.boot = f->collector->boot;
	assert_int_equal(resume_begin(f->collector, &known), 0);
	resume_living(f->collector);
	kill(s->pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t) s->pid, &info, WEXITED | WNOWAIT), 0);
	tell_status_at(events, s->pid, SIGKILL, UINT64_MAX / 2);
	events_read(f->collector);
	resume_settle(f->collector);
	resume_end(f->collector);
	assert_int_equal(fixture_events(f, EXITED, "llama"), 1);
}

/* However many servers are discovered, the configured ones are not pushed out. */
static void test_exits_of_too_many(void **state)
{
	struct collector_fixture *f = *state;
	pid_t pids[CONNECTOR_PIDS_MAX], first = 1 << 24; /* beyond any that there is */
	struct service *configured, *discovered;
	size_t found = 0;

	f->discovery = true;
	fixture_service(f, "llama");
	fixture_begin(f, NULL);
	configured = service_get(f->collector, "llama");
	assert_int_equal(service_new(f->collector, "vllm-1", NULL, NULL, &discovered), 0);
	for (pid_t i = 0; i < 2 * CONNECTOR_PIDS_MAX; i++)
		add_main(f, i % 8 ? discovered : configured, first + i);
	assert_int_equal(events_choose_mains(f->collector, pids), CONNECTOR_PIDS_MAX);
	for (size_t i = 0; i < CONNECTOR_PIDS_MAX; i++)
		found += pids[i] >= first && (pids[i] - first) % 8 == 0;
	assert_int_equal(found, 2 * CONNECTOR_PIDS_MAX / 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITHOUT(test_child_is_told_of_before_its_parent),
		WITHOUT(test_child_that_executes),
		WITHOUT(test_child_that_executes_without_a_word),
		WITHOUT(test_end_between_two_collectors),
		WITHOUT(test_end_of_an_earlier_process),
		WITHOUT(test_end_in_the_first_look),
		WITHOUT(test_exec_of_another_thread),
		WITHOUT(test_exec_of_what_listens),
		WITHOUT(test_server_that_became_another_program),
		WITHOUT(test_title),
		WITHOUT(test_title_after_exec_of_the_same),
		WITHOUT(test_title_and_late_word),
		WITHOUT(test_exits_of_too_many),
		WITHOUT(test_more_execs_than_are_noted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
