/* SPDX-License-Identifier: Apache-2.0 */
/* Configured services: real processes begin and end under the real collector. */
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "collectors/process/procfs.h"
#include "daemon/base/file.h"
#include "daemon/base/text.h"
#include "tests/unit/collector-fixture.h"

#define STARTED	  EVENT_PROCESS_STARTED
#define EXITED	  EVENT_PROCESS_EXITED
#define MISSING	  EVENT_SERVICE_MISSING
#define UP	  "modelwatch_service_up llama"
#define PROCESSES "modelwatch_service_processes llama"
#define RESTARTS  "modelwatch_service_restarts_total llama"
#define EXITS	  "modelwatch_service_exits_total llama "
#define GAUGE(x)  "modelwatch_service_" x " llama"

/* A service that runs, seen. */
static struct server *begin(struct collector_fixture *f)
{
	struct server *s = fixture_server(f, NULL);

	fixture_service(f, "llama");
	fixture_begin(f, NULL);
	fixture_await(f, STARTED, "llama", 1);
	return s;
}

static void test_start(void **state)
{
	static const char *const gauges[] = {GAUGE("resident_bytes"), GAUGE("threads"),
		GAUGE("open_fds"), GAUGE("max_fds"), GAUGE("start_time_seconds")};
	struct collector_fixture *f = *state;
	struct server *s = begin(f);
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
	struct server *s = begin(f);
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
	struct server *s = begin(f);
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

/* What a cgroup of version 2 says, where the service's processes have theirs. */
static void write_memory_events(struct collector_fixture *f, unsigned kills)
{
	_cleanup_buf_ struct buf cgroups = BUF_INIT, command = BUF_INIT;
	size_t position = 0, size = 0;
	const char *path = NULL;
	bool unified = false;

	assert_int_equal(file_read("/proc/self/cgroup", 65536, &cgroups), 0);
	while (!unified && proc_cgroup_next(cgroups.data, cgroups.size, &position, &path, &size,
				   &unified))
		;
	if (!unified)
		skip();
	buf_printf(&command,
		"mkdir -p '%s%.*s' && printf 'oom 0\\noom_kill %u\\n' >'%s%.*s/memory.events'",
		f->directory, (int) size, path, kills, f->directory, (int) size, path);
	assert_int_equal(system(command.data), 0);
}

#define OOM_CGROUP "/sys/fs/cgroup/memory/modelwatch-test-oom"

/* Has the kernel kill it for lack of memory; where we may. (In version 1, which leaves the service's
 * cgroup of version 2 to what the test says of it.) */
static bool kill_by_memory(struct server *s)
{
	char command[256];
	bool set;

	snprintf(command, sizeof(command),
		"(mkdir -p " OOM_CGROUP " && echo 16M >" OOM_CGROUP "/memory.limit_in_bytes && "
		"echo %d >" OOM_CGROUP "/cgroup.procs) 2>/dev/null",
		s->pid);
	set = system(command) == 0;
	if (set)
		server_say(s, "grow 64\n");
	return set;
}

/* Without a word of its cgroup the host's count tells; with one, that it was killed and not another. */
static void test_out_of_memory(void **state)
{
	static const struct {
		int before, after; /* kills in its cgroup; negative: not said */
		const char *reason;
	} cases[] = {{-1, -1, "oom"}, {3, 3, "signalled"}, {3, 4, "oom"}};
	struct collector_fixture *f = *state;
	struct server *s = begin(f);
	bool possible = true;

	for (unsigned i = 0; i < ELEMENTS(cases) && possible; i++) {
		const struct told_event *e;

		if (cases[i].before >= 0)
			write_memory_events(f, (unsigned) cases[i].before);
		if (i > 0) {
			s = fixture_server(f, NULL);
			fixture_await(f, STARTED, "llama", i + 1);
		}
		if (cases[i].after >= 0)
			write_memory_events(f, (unsigned) cases[i].after);
		possible = kill_by_memory(s);
		if (!possible)
			break;
		e = fixture_await(f, EXITED, "llama", i + 1);
		assert_string_equal(e->reason, cases[i].reason);
		server_end(s, 0);
	}
	rmdir(OOM_CGROUP);
	if (!possible)
		skip();
}

static void test_exit_codes(void **state)
{
	static const int codes[] = {0, 1, 3, 137, 255};
	struct collector_fixture *f = *state;
	struct server *s = begin(f);

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

static void test_core(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = begin(f);
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
	struct server *s = begin(f);
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

static void test_child_is_no_main_process(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = begin(f);
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
static pid_t begin_forking(struct collector_fixture *f, struct server **ret)
{
	static const char *const script[] = {
		"-c", "echo ready; ( sleep 1000; : ) & echo $!; read x", NULL};
	pid_t child;

	fixture_program(f, "/bin/sh", "forks");
	*ret = fixture_server(f, script);
	child = server_hear(*ret);
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
	struct server *s;

	f->orphan_wait = 4 * INTERVAL;
	begin_forking(f, &s);
	kill(-s->pid, SIGKILL);
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

/* One known main process. */
static struct known known_of(struct known_process *p, pid_t pid, uint64_t start, char *boot)
{
	*p = (struct known_process){(char *) (uintptr_t) "llama", pid, start, boot};
	return (struct known){.processes = p, .process_count = 1};
}

static void read_boot(char boot[64])
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	assert_int_equal(file_read("/proc/sys/kernel/random/boot_id", 63, &text), 0);
	snprintf(boot, 64, "%.36s", text.data);
}

static void test_known_lives(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	struct known_process process;
	struct known known;
	char boot[64];

	read_boot(boot);
	known = known_of(&process, s->pid, server_start_ticks(s->pid), boot);
	fixture_service(f, "llama");
	fixture_begin(f, &known);
	fixture_ticks(f, 3);
	assert_int_equal(fixture_events(f, EXITED, NULL), 0);
	assert_true(fixture_series(f, UP)->value == 1);
	assert_true(fixture_series(f, RESTARTS)->value == 0);
}

/* What changes of a process that lives: nothing, its start, the boot, itself. */
static void check_gone(struct collector_fixture *f, pid_t pid, uint64_t start, char *boot,
	unsigned started)
{
	struct known_process process;
	struct known known = known_of(&process, pid, start, boot);
	const struct told_event *e;

	fixture_service(f, "llama");
	fixture_begin(f, &known);
	e = fixture_await(f, EXITED, "llama", 1);
	assert_int_equal(e->pid, pid);
	assert_int_equal(e->start, start);
	assert_string_equal(e->reason, "unobserved");
	assert_true(event_value(f, e, UP) == 0);
	assert_true(event_value(f, e, EXITS "unobserved") == 1);
	/* Its end comes before the start of its successor, and that is a restart. */
	assert_ptr_equal(e, &f->events[0]);
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, STARTED, NULL), started);
	assert_int_equal(fixture_events(f, EXITED, NULL), 1);
	assert_int_equal(fixture_events(f, MISSING, NULL), 0);
	assert_true(fixture_series(f, UP)->value == started);
	assert_true(fixture_series(f, RESTARTS)->value == started);
}

static void test_known_gone(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	uint64_t start = server_start_ticks(s->pid);
	pid_t pid = s->pid;
	char boot[64];

	read_boot(boot);
	server_end(s, SIGKILL);
	check_gone(f, pid, start, boot, 0);
}

static void test_known_is_a_zombie(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	uint64_t start = server_start_ticks(s->pid);
	siginfo_t info;
	char boot[64];

	read_boot(boot);
	kill(s->pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t) s->pid, &info, WEXITED | WNOWAIT), 0);
	check_gone(f, s->pid, start, boot, 0);
}

static void test_known_of_another_boot(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	char boot[64] = "00000000-0000-0000-0000-000000000000";

	check_gone(f, s->pid, server_start_ticks(s->pid), boot, 1);
}

static void test_known_number_reused(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	char boot[64];

	read_boot(boot);
	check_gone(f, s->pid, server_start_ticks(s->pid) - 1, boot, 1);
}

/* One of two is gone: the service never was down. */
static void test_one_of_two_known_gone(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	struct known_process processes[2];
	struct known known;
	char boot[64];

	read_boot(boot);
	known_of(&processes[0], 1, 1, boot);
	known_of(&processes[1], s->pid, server_start_ticks(s->pid), boot);
	known = (struct known){.processes = processes, .process_count = 2};
	fixture_service(f, "llama");
	fixture_begin(f, &known);
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, EXITED, NULL), 1);
	for (size_t i = 0; i < f->event_count; i++)
		assert_true(event_value(f, &f->events[i], UP) == 1);
}

static struct known_value value_of(
	const char *metric, struct label *labels, size_t count, double value)
{
	return (struct known_value){
		{(char *) (uintptr_t) metric, {labels, count}}, value};
}

static void test_counters_go_on(void **state)
{
	struct collector_fixture *f = *state;
	struct label mode[] = {{(char *) (uintptr_t) "mode", (char *) (uintptr_t) "user"},
		{(char *) (uintptr_t) "service", (char *) (uintptr_t) "llama"}};
	struct label reason[] = {{(char *) (uintptr_t) "reason", (char *) (uintptr_t) "oom"},
		{(char *) (uintptr_t) "service", (char *) (uintptr_t) "llama"}};
	struct label *service = &mode[1];
	struct known_value values[] = {
		value_of("modelwatch_service_up", service, 1, 1),
		value_of("modelwatch_service_restarts_total", service, 1, 7),
		value_of("modelwatch_service_exits_total", reason, 2, 3),
		value_of("modelwatch_service_oom_kills_total", service, 1, 1e300),
		value_of("modelwatch_service_major_faults_total", service, 1, NAN),
		value_of("modelwatch_service_cpu_seconds_total", mode, 2, 1000.5),
	};
	struct known known = {.values = values, .value_count = ELEMENTS(values)};

	fixture_server(f, NULL);
	fixture_service(f, "llama");
	fixture_begin(f, &known);
	fixture_ticks(f, 2);
	assert_true(fixture_series(f, RESTARTS)->value == 7);
	assert_true(fixture_series(f, EXITS "oom")->value == 3);
	assert_true(fixture_series(f, "modelwatch_service_cpu_seconds_total llama user")->value >=
		    1000.5);
	assert_true(fixture_series(f, "modelwatch_service_oom_kills_total llama")->value == 0);
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
	other->unsupported = true;
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
	struct server *s = begin(f);
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
	struct server *s = begin(f);
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

#define WITHOUT(test)                                                                              \
	cmocka_unit_test_setup_teardown(test, collector_fixture_open, collector_fixture_close)
#define WITH(test)                                                                                 \
	{                                                                                          \
		#test "_connected", test, collector_fixture_open_connected,                        \
			collector_fixture_close, NULL                                              \
	}
#define BOTH(test) WITHOUT(test), WITH(test)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_start),
		BOTH(test_start_later),
		BOTH(test_kill),
		WITH(test_kill_of_a_large_one),
		BOTH(test_out_of_memory),
		BOTH(test_exit_codes),
		BOTH(test_core),
		BOTH(test_restart_within_an_interval),
		WITHOUT(test_child_is_no_main_process),
		BOTH(test_children_that_were_there),
		BOTH(test_into_the_background),
		BOTH(test_crash_of_a_forking_one),
		BOTH(test_child_that_goes_on_after_a_crash),
		BOTH(test_children_that_die_of_a_crash),
		WITH(test_child_that_is_seen_after_a_crash),
		WITHOUT(test_known_lives),
		WITHOUT(test_known_gone),
		WITHOUT(test_known_is_a_zombie),
		WITHOUT(test_known_of_another_boot),
		WITHOUT(test_known_number_reused),
		WITHOUT(test_one_of_two_known_gone),
		WITHOUT(test_counters_go_on),
		BOTH(test_missing),
		BOTH(test_orderly_end_of_what_is_not_expected),
		BOTH(test_counters_over_children),
		BOTH(test_first_service_wins),
		BOTH(test_member_that_is_left),
		BOTH(test_descriptors_are_given_back),
		BOTH(test_number_reused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
