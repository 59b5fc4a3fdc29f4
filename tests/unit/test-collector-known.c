/* SPDX-License-Identifier: Apache-2.0 */
/* A collector goes on from what the engine knew before it, and says at its start what is in its way. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "collectors/process/proc_reader.h"
#include "daemon/base/file.h"
#include "tests/unit/collector-fixture.h"

/* One known main process. */
static struct known known_of(struct known_process *p, pid_t pid, uint64_t start, char *boot)
{
	*p = (struct known_process){(char *) (uintptr_t) "llama", pid, start, boot, 0,
		(char *) (uintptr_t) ""};
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

/* It lives, but the configuration makes it no process of the service any more: it is let go, and its end
 * is nobody's. */
static void check_released(struct collector_fixture *f, bool expected)
{
	static const char *const elsewhere[] = {"/no/such/program"};
	struct label label = {(char *) (uintptr_t) "service", (char *) (uintptr_t) "llama"};
	struct known_value up = value_of("modelwatch_service_up", &label, 1, 1);
	struct server *s = fixture_server(f, NULL);
	struct service_match *m = fixture_service(f, "llama");
	const struct told_event *e;
	struct known_process process;
	struct known known;
	char boot[64];

	read_boot(boot);
	known = known_of(&process, s->pid, server_start_ticks(s->pid), boot);
	known.values = &up;
	known.value_count = 1;
	m->executables = elsewhere;
	m->expected = expected;
	fixture_begin(f, &known);
	e = fixture_await(f, RELEASED, "llama", 1);
	assert_int_equal(e->pid, s->pid);
	assert_int_equal(e->start, server_start_ticks(s->pid));
	assert_true(sample_is_stale(event_value(f, e, UP)));
	fixture_ticks(f, 2);
	server_end(s, SIGKILL);
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, RELEASED, NULL), 1);
	assert_int_equal(fixture_events(f, EXITED, NULL), 0);
	assert_int_equal(fixture_events(f, MISSING, "llama"), expected);
	assert_true(fixture_series(f, UP)->stale != expected);
}

static void test_known_is_released(void **state)
{
	check_released(*state, true);
}

static void test_known_is_released_and_not_missed(void **state)
{
	check_released(*state, false);
}

/* A main process of a service that was found by its command line, where its program, what is known of it and
 * how the service is configured now may each have changed. */
struct titled {
	bool titled;
	int64_t stack; /* that is known: its own + so much; INT64_MIN for none */
	const char *known;    /* the last argument */
	const char *argument; /* what the service is configured by */
	bool by_port, other_port;
	bool stays;
};

static void begin_titled(struct collector_fixture *f, struct server *s, const struct titled *t,
	const struct proc_stat *stat)
{
	struct label label = {(char *) (uintptr_t) "service", (char *) (uintptr_t) "llama"};
	struct known_value up = value_of("modelwatch_service_up", &label, 1, 1);
	struct known_process process;
	struct known known;
	char boot[64], command_line[PATH_MAX + 64], line[7];

	read_boot(boot);
	snprintf(command_line, sizeof(command_line), "%s %s", f->program, t->known);
	known = known_of(&process, s->pid, stat->start, boot);
	known.values = &up;
	known.value_count = 1;
	process.stack = t->stack == INT64_MIN ? 0 : stat->stack + (uint64_t) t->stack;
	process.command_line = command_line;
	if (t->titled) {
		server_say(s, "title x\n");
		assert_int_equal(read(s->output, line, sizeof(line)), sizeof(line));
	}
	fixture_begin(f, &known);
}

static void check_titled(struct collector_fixture *f, const struct titled *t)
{
	_cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	uint16_t ports[] = {free_port(f), free_port(f)};
	char port[8];
	struct service_match *m = fixture_service(f, "llama");
	struct server *s;
	struct proc_stat stat;

	snprintf(port, sizeof(port), "%u", ports[0]);
	s = fixture_server(f, (const char *const[]){"--port", port, "--ours", NULL});
	assert_int_equal(proc_read_stat(proc, s->pid, &stat), 0);
	if (t->by_port) {
		m->ports = &ports[t->other_port];
		m->port_count = 1;
	}
	fixture_command_line(f, m, t->argument);
	begin_titled(f, s, t, &stat);
	if (!t->stays) {
		fixture_await(f, RELEASED, "llama", 1);
		fixture_await(f, MISSING, "llama", 1);
	}
	fixture_ticks(f, 3);
	assert_int_equal(fixture_events(f, RELEASED, "llama"), !t->stays);
	assert_int_equal(fixture_events(f, MISSING, "llama"), !t->stays);
	assert_true(fixture_series(f, UP)->value == t->stays);
	/* Whoever comes after us is to know it as well. */
	if (t->titled && t->stays)
		assert_non_null(strstr(fixture_await(f, STARTED, "llama", 1)->command_line,
			t->known));
	kill(s->pid, SIGKILL);
	if (t->stays)
		assert_int_equal(fixture_await(f, EXITED, "llama", 1)->pid, s->pid);
}

static void test_known_is_titled(void **state)
{
	static const struct titled cases[] = {
		{true, 0, "--ours", "--ours", false, false, true},
		{true, 0, "--ours", "--ours", true, false, true},
		{true, 0, "--ours", "--ours", true, true, false},
		{true, 0, "--ours", "--theirs", false, false, false},
		{true, 0, "--ours", "--theirs", true, false, false},
		{true, 0, "--theirs", "--ours", false, false, false},
		{true, 0, "", "--ours", false, false, false},
		/* Another program, as far as can be seen. */
		{true, 16, "--ours", "--ours", false, false, false},
		{true, INT64_MIN, "--ours", "--ours", false, false, false},
		/* What it shows now counts always. */
		{false, 16, "--theirs", "--ours", false, false, true},
		{false, 0, "--theirs", "--ours", true, false, true},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		void *fixture;

		assert_int_equal(collector_fixture_open(&fixture), 0);
		check_titled(fixture, &cases[i]);
		assert_int_equal(collector_fixture_close(&fixture), 0);
	}
}

/* What a process was found by is told, without secrets. */
static void test_told_by_what_it_was_found(void **state)
{
	struct collector_fixture *f = *state;
	const struct told_event *e;

	fixture_server(f, (const char *const[]){"--api-key", "open-sesame", "--ours", NULL});
	fixture_command_line(f, fixture_service(f, "llama"), "--ours");
	fixture_begin(f, NULL);
	e = fixture_await(f, STARTED, "llama", 1);
	assert_true(e->stack > 0);
	assert_null(strstr(e->command_line, "sesame"));
	assert_non_null(strstr(e->command_line, "--api-key *** --ours"));
}

/* Its process is another service's by the configuration of now: it is down. */
static void test_known_is_of_another_service(void **state)
{
	static const char *const elsewhere[] = {"/no/such/program"};
	struct collector_fixture *f = *state;
	struct label label = {(char *) (uintptr_t) "service", (char *) (uintptr_t) "llama"};
	struct known_value up = value_of("modelwatch_service_up", &label, 1, 1);
	struct server *s = fixture_server(f, NULL);
	struct known_process process;
	struct known known;
	char boot[64];

	read_boot(boot);
	known = known_of(&process, s->pid, server_start_ticks(s->pid), boot);
	known.values = &up;
	known.value_count = 1;
	fixture_service(f, "llama")->executables = elsewhere;
	fixture_service(f, "other");
	fixture_begin(f, &known);
	fixture_await(f, STARTED, "other", 1);
	fixture_await(f, RELEASED, "llama", 1);
	fixture_await(f, MISSING, "llama", 1);
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

static size_t started(const struct collector_fixture *f, pid_t pid)
{
	size_t count = 0;

	for (size_t i = 0; i < f->event_count; i++)
		count += strcmp(f->events[i].type, STARTED) == 0 && f->events[i].pid == pid;
	return count;
}

/* Of different processes: one that was slow to say who it is may be told of again. */
static size_t started_any(const struct collector_fixture *f)
{
	size_t count = 0;

	for (size_t i = 0; i < f->event_count; i++) {
		const struct told_event *e = &f->events[i];
		bool again = false;

		for (size_t j = 0; j < i && !again; j++)
			again = strcmp(f->events[j].type, STARTED) == 0 &&
				f->events[j].pid == e->pid;
		count += strcmp(e->type, STARTED) == 0 && !again;
	}
	return count;
}

/* What is new waits for room, and nothing is forgotten: a new engine is told of the rest later. */
static void test_full_sink(void **state)
{
	struct collector_fixture *f = *state;
	struct server *first = fixture_running(f), *second;

	f->full = true;
	second = fixture_server(f, NULL);
	collector_announce(f->collector);
	fixture_ticks(f, 3);
	assert_int_equal(fixture_events(f, STARTED, "llama"), 1);
	f->full = false;
	/* One again, one anew, in any order. */
	fixture_await(f, STARTED, "llama", 3);
	assert_int_equal(started(f, first->pid), 2);
	assert_int_equal(started(f, second->pid), 1);
	f->full = true;
	collector_announce(f->collector);
	/* An end does not wait, and who ended is not told of again. */
	server_end(first, SIGKILL);
	fixture_await(f, EXITED, "llama", 1);
	fixture_ticks(f, 3);
	assert_int_equal(fixture_events(f, STARTED, "llama"), 3);
	f->full = false;
	assert_int_equal(fixture_await(f, STARTED, "llama", 4)->pid, second->pid);
}

static void test_more_mains_than_are_told_of(void **state)
{
	enum { SLEEPERS = 1100, TOLD = 1024 };
	struct collector_fixture *f = *state;
	pid_t group = 0;

	fixture_program(f, "/bin/sleep", "sleeper");
	fixture_service(f, "llama");
	for (unsigned i = 0; i < SLEEPERS; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			setpgid(0, group);
			execl(f->program, f->program, "600", (char *) NULL);
			_exit(127);
		}
		setpgid(pid, group);
		group = group > 0 ? group : pid;
	}
	fixture_begin(f, NULL);
	fixture_await_value(f, PROCESSES, SLEEPERS);
	assert_int_equal(started_any(f), TOLD);
	assert_string_equal(fixture_fact(f, "doctor main-processes state"), "limited");
	kill(-group, SIGKILL);
	for (unsigned i = 0; i < SLEEPERS; i++)
		assert_true(waitpid(-group, NULL, 0) > 0);
}

/* Where descriptors are few, the ends of main processes are seen a tick later, but nothing fails. */
static void test_few_descriptors(void **state)
{
	enum { SERVERS = 20 };
	struct collector_fixture *f = *state;
	struct rlimit before, few;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit){90, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	fixture_service(f, "llama");
	fixture_begin(f, NULL);
	for (size_t i = 0; i < SERVERS; i++) {
		fixture_server(f, NULL);
		fixture_await(f, STARTED, "llama", i + 1);
	}
	fixture_ticks(f, 3);
	kill(f->servers[SERVERS - 1].pid, SIGKILL);
	fixture_await(f, EXITED, "llama", 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* Where there is none left for a moment, what was not seen is looked for again. */
static void test_no_descriptors(void **state)
{
	struct collector_fixture *f = *state;
	struct rlimit before, none;
	int next;

	fixture_service(f, "llama");
	fixture_begin(f, NULL);
	fixture_ticks(f, 1);
	fixture_server(f, NULL);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	next = dup(STDIN_FILENO);
	none = (struct rlimit){(rlim_t) next, before.rlim_max};
	close_fd(&next);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	fixture_ticks(f, 3);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	fixture_await(f, STARTED, "llama", 1);
}

static void test_rights_are_reported(void **state)
{
	struct collector_fixture *f = *state;

	fixture_begin(f, NULL);
	assert_string_equal(fixture_fact(f, "doctor process-events state"), "missing");
	assert_string_not_equal(fixture_fact(f, "doctor process-events remedy"), "");
	if (geteuid() != 0)
		assert_string_equal(fixture_fact(f, "doctor process-details state"), "limited");
}

/* What is in the way is named, and what helps against that. */
static void test_obstacles(void **state)
{
	static const struct {
		int error;
		const char *text, *remedy;
	} cases[] = {
		{-EPERM, "CAP_NET_ADMIN", "6.6"},
		{-ECONNREFUSED, "network namespace", "--network=host"},
		{-ENODATA, "pid or user namespace", "--pid=host"},
		{-EPROTONOSUPPORT, "CONFIG_CONNECTOR", "CONFIG_PROC_EVENTS"},
		{-EMFILE, "cannot be read", "unit"},
	};
	struct collector_fixture *f = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		f->obstacle = cases[i].error;
		f->collector = collector_free(f->collector);
		fixture_begin(f, NULL);
		assert_string_equal(fixture_fact(f, "doctor process-events state"), "missing");
		assert_non_null(strstr(
			fixture_fact(f, "doctor process-events text"), cases[i].text));
		assert_non_null(strstr(
			fixture_fact(f, "doctor process-events remedy"), cases[i].remedy));
	}
}

/* It was down after an end, or before it ever began, when the collector before this one went. */
static void check_start_of_what_was_down(struct collector_fixture *f, double exits, double restarts)
{
	struct label labels[] = {
		{(char *) (uintptr_t) "reason", (char *) (uintptr_t) "signalled"},
		{(char *) (uintptr_t) "service", (char *) (uintptr_t) "llama"}};
	struct known_value values[] = {
		value_of("modelwatch_service_exits_total", labels, 2, exits),
		value_of("modelwatch_service_restarts_total", &labels[1], 1, 4),
		value_of("modelwatch_service_up", &labels[1], 1, 0),
	};
	const struct known known = {.values = values, .value_count = ELEMENTS(values)};

	fixture_service(f, "llama");
	fixture_begin(f, &known);
	fixture_ticks(f, 1);
	fixture_server(f, NULL);
	fixture_await(f, STARTED, "llama", 1);
	fixture_ticks(f, 1);
	assert_true(fixture_series(f, RESTARTS)->value == restarts);
}

static void test_restart_after_another_collector(void **state)
{
	check_start_of_what_was_down(*state, 5, 5);
}

static void test_start_after_another_collector(void **state)
{
	check_start_of_what_was_down(*state, 4, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITHOUT(test_known_lives),
		WITHOUT(test_known_gone),
		WITHOUT(test_known_is_a_zombie),
		WITHOUT(test_known_of_another_boot),
		WITHOUT(test_known_number_reused),
		WITHOUT(test_one_of_two_known_gone),
		WITHOUT(test_restart_after_another_collector),
		WITHOUT(test_start_after_another_collector),
		WITHOUT(test_known_is_released),
		WITHOUT(test_known_is_released_and_not_missed),
		cmocka_unit_test(test_known_is_titled),
		WITHOUT(test_told_by_what_it_was_found),
		WITHOUT(test_known_is_of_another_service),
		WITHOUT(test_counters_go_on),
		BOTH(test_full_sink),
		WITHOUT(test_more_mains_than_are_told_of),
		BOTH(test_few_descriptors),
		WITHOUT(test_no_descriptors),
		WITHOUT(test_rights_are_reported),
		WITHOUT(test_obstacles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
