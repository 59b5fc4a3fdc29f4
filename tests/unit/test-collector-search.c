/* SPDX-License-Identifier: Apache-2.0 */
/* Services found by pid file and port, and servers that nobody configured. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "collectors/process/model.h"
#include "collectors/process/pace.h"
#include "daemon/base/file.h"
#include "daemon/base/text.h"
#include "tests/unit/collector-fixture.h"

/* A service by pid file alone. */
struct by_pid_file {
	char path[128];
	const char *list[1];
};

static void service_by_pid_file(struct collector_fixture *f, struct by_pid_file *p)
{
	struct service_match *m = fixture_service(f, "llama");

	snprintf(p->path, sizeof(p->path), "%s/pid", f->directory);
	p->list[0] = p->path;
	m->executable_count = 0;
	m->pid_files = p->list;
	m->pid_file_count = 1;
}

static void write_pid(const struct by_pid_file *p, pid_t pid, const char *end)
{
	_cleanup_close_ int fd = open(p->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char text[64];

	snprintf(text, sizeof(text), "%d%s", pid, end);
	assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
}

static void test_pid_file(void **state)
{
	struct collector_fixture *f = *state;
	struct server *first = fixture_server(f, NULL), *second;
	const struct told_event *e;
	struct by_pid_file p;

	service_by_pid_file(f, &p);
	fixture_begin(f, NULL);
	fixture_await(f, MISSING, "llama", 1);
	write_pid(&p, first->pid, "\n");
	e = fixture_await(f, STARTED, "llama", 1);
	assert_int_equal(e->pid, first->pid);
	/* Another process has the file now: the end of the first is no fault. */
	second = fixture_server(f, NULL);
	write_pid(&p, second->pid, "");
	server_say(first, "exit 0\n");
	e = fixture_await(f, EXITED, "llama", 1);
	assert_int_equal(e->pid, first->pid);
	assert_true(event_value(f, e, UP) == 1);
	e = fixture_await(f, STARTED, "llama", 2);
	assert_int_equal(e->pid, second->pid);
	assert_true(fixture_series(f, RESTARTS)->value == 0);
}

/* The successor is there before the old one ends, however that ends, and seen before or at the end. */
static void test_pid_file_of_a_successor(void **state)
{
	static const bool seen[] = {true, false};
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL), *next;
	const struct told_event *e;
	struct by_pid_file p;
	size_t started = 1;

	service_by_pid_file(f, &p);
	write_pid(&p, s->pid, "\n");
	fixture_begin(f, NULL);
	fixture_await(f, STARTED, "llama", started);
	for (size_t i = 0; i < ELEMENTS(seen); i++) {
		next = fixture_server(f, NULL);
		write_pid(&p, next->pid, "\n");
		if (seen[i])
			fixture_await(f, STARTED, "llama", started + 1);
		server_end(s, SIGKILL);
		e = fixture_await(f, EXITED, "llama", i + 1);
		assert_true(event_value(f, e, UP) == 1);
		e = fixture_await(f, STARTED, "llama", ++started);
		assert_int_equal(e->pid, next->pid);
		s = next;
	}
	fixture_ticks(f, 2);
	assert_true(fixture_series(f, UP)->value == 1);
	assert_true(fixture_series(f, RESTARTS)->value == 0);
}

static void test_pid_file_with_rubbish(void **state)
{
	static const char *const texts[] = {"", "x\n", "0\n", "-%d\n", " %d\n", "%d %d\n", "+%d\n",
		"%d\n\n", "99999999999999999999\n", "2147483648\n", "4194999\n"};
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	struct by_pid_file p;

	service_by_pid_file(f, &p);
	fixture_begin(f, NULL);
	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		_cleanup_close_ int fd =
			open(p.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		assert_int_equal(file_write_all(fd, texts[i], strlen(texts[i])), 0);
		fixture_ticks(f, 2);
	}
	assert_int_equal(fixture_events(f, STARTED, NULL), 0);
	/* A pipe that nobody writes to keeps nobody waiting. */
	unlink(p.path);
	assert_int_equal(mkfifo(p.path, 0600), 0);
	fixture_ticks(f, 2);
	unlink(p.path);
	write_pid(&p, s->pid, "");
	fixture_await(f, STARTED, "llama", 1);
}

/* What is no regular file is not even opened: that would do something to a device. Here it would let a
 * writer into a pipe. */
static void test_pid_file_is_not_opened(void **state)
{
	struct collector_fixture *f = *state;
	struct by_pid_file p;
	pid_t writer;

	service_by_pid_file(f, &p);
	assert_int_equal(mkfifo(p.path, 0600), 0);
	writer = fork();
	if (writer == 0)
		_exit(open(p.path, O_WRONLY | O_CLOEXEC) < 0);
	fixture_begin(f, NULL);
	fixture_ticks(f, 10);
	assert_int_equal(waitpid(writer, NULL, WNOHANG), 0);
	kill(writer, SIGKILL);
	assert_int_equal(waitpid(writer, NULL, 0), writer);
}

/* Its children were there before it was known. */
static void test_children_before(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	struct by_pid_file p;

	server_say(s, "fork\nfork\n");
	assert_true(server_hear(s) > 0 && server_hear(s) > 0);
	service_by_pid_file(f, &p);
	fixture_begin(f, NULL);
	fixture_ticks(f, 2);
	write_pid(&p, s->pid, "\n");
	fixture_await_value(f, PROCESSES, 3);
}

/* What is dear rests between its turns, but nobody waits long for the next one. */
static void test_rest(void **state)
{
	static const struct {
		usec_t took, rest;
	} cases[] = {
		{0, 0},
		{USEC_PER_MSEC, 9 * USEC_PER_MSEC},
		{10 * USEC_PER_MSEC, 90 * USEC_PER_MSEC},
		{USEC_PER_SEC, USEC_PER_SEC},
		{3600 * USEC_PER_SEC, USEC_PER_SEC},
		{USEC_INFINITY, USEC_PER_SEC},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		assert_int_equal(pace_rest(cases[i].took, 9, USEC_PER_SEC), cases[i].rest);
}

static void server_forks(struct server *s, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		server_say(s, "fork\n");
		assert_true(server_hear(s) > 0);
	}
}

/* Its rows of the table: of itself and its children. Returns how many there are. */
static size_t rows_of(struct collector_fixture *f, const struct server *s, struct process **rows,
	size_t room)
{
	struct process *p;
	size_t position = 0, count = 0;

	while (count < room && (p = map_next(f->collector->processes, &position, NULL, NULL)))
		if (p->pid == s->pid || p->parent == s->pid)
			rows[count++] = p;
	return count;
}

/* A service that comes back is found before all that others have open was looked at, even while
 * the holder of another service's port is searched for in vain. */
static void test_port_beside_many_open_files(void **state)
{
	static const char *const nothing[] = {"/no/such/program"};
	struct collector_fixture *f = *state;
	uint16_t held[] = {free_port(f)}, ports[] = {free_port(f)};
	struct service_match *m = fixture_service(f, "held");
	struct server *busy = fixture_server(f, NULL);
	struct process *rows[61];
	size_t again = 0;

	m->ports = held;
	m->port_count = 1;
	m->executables = nothing;
	m = fixture_service(f, "llama");
	m->ports = ports;
	m->port_count = 1;
	m->executable_count = 0;
	server_say(busy, "open 8000\n");
	assert_true(server_hear(busy) > 0);
	server_forks(busy, ELEMENTS(rows) - 1);
	listening_server(f, held[0]);
	fixture_begin(f, NULL);
	fixture_ticks(f, 2);
	assert_int_equal(rows_of(f, busy, rows, ELEMENTS(rows)), ELEMENTS(rows));
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		rows[i]->pass.done = 0;
	listening_server(f, ports[0]);
	fixture_await(f, STARTED, "llama", 1);
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		again += rows[i]->pass.done > 0;
	assert_in_range(again, 0, ELEMENTS(rows) / 2);
}

/*
 * What a discovered server is called. Discovery finds what other programs of this host serve as well:
 * these tests ask for their own by name.
 */
struct names {
	char service[32], up[64], fact[64], weights[64];
};

static struct names names_of(uint16_t port)
{
	struct names n;

	snprintf(n.service, sizeof(n.service), "llama.cpp-%u", port);
	snprintf(n.up, sizeof(n.up), "modelwatch_service_up %s", n.service);
	snprintf(n.fact, sizeof(n.fact), "service %s kind", n.service);
	snprintf(n.weights, sizeof(n.weights), "service %s weights", n.service);
	return n;
}

static struct server *discovered(struct collector_fixture *f, uint16_t port)
{
	struct server *s;

	fixture_program(f, "served", "llama-server");
	f->discovery = true;
	s = listening_server(f, port);
	fixture_begin(f, NULL);
	fixture_await(f, STARTED, names_of(port).service, 1);
	return s;
}

/* Nothing more is said of the service; at least one thing was. */
static void assert_all_ended(struct collector_fixture *f, const char *service)
{
	size_t count = 0;

	for (size_t i = 0; i < f->series_count; i++)
		if (strstr(f->series[i].name, service)) {
			assert_true(f->series[i].stale);
			count++;
		}
	assert_true(count > 0);
}

static void test_discovered(void **state)
{
	struct collector_fixture *f = *state;
	uint16_t port = free_port(f);
	struct names n = names_of(port);
	struct server *s = discovered(f, port);
	const struct told_event *e;

	assert_string_equal(fixture_fact(f, n.fact), "llama.cpp");
	assert_string_equal(fixture_fact(f, n.weights), "/srv/models/x.gguf");
	/* A crash leaves it down, and the next one is its restart. */
	server_end(s, SIGKILL);
	e = fixture_await(f, EXITED, n.service, 1);
	assert_true(event_value(f, e, n.up) == 0);
	fixture_ticks(f, 2);
	assert_true(fixture_series(f, n.up)->value == 0 && !fixture_series(f, n.up)->stale);
	assert_int_equal(fixture_events(f, ENDED, n.service), 0);
	/* Only what runs is something to configure. */
	assert_string_equal(fixture_fact(f, n.fact), "");
	assert_string_equal(fixture_fact(f, n.weights), "");
	s = listening_server(f, port);
	fixture_await(f, STARTED, n.service, 2);
	assert_string_equal(fixture_fact(f, n.fact), "llama.cpp");
	/* An end in order ends the service, and all that was said of it. */
	server_say(s, "exit 0\n");
	e = fixture_await(f, EXITED, n.service, 2);
	assert_true(sample_is_stale(event_value(f, e, n.up)));
	fixture_await(f, ENDED, n.service, 1);
	assert_all_ended(f, n.service);
	assert_string_equal(fixture_fact(f, n.fact), "");
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, ENDED, n.service), 1);
}

/* Children that outlive an end in order belong to nobody, and are counted for nobody. */
static void test_discovered_ends_before_its_children(void **state)
{
	struct collector_fixture *f = *state;
	uint16_t port = free_port(f);
	struct server *s = discovered(f, port);
	struct names n = names_of(port);

	server_say(s, "fork\nfork\n");
	assert_true(server_hear(s) > 0 && server_hear(s) > 0);
	fixture_ticks(f, 4);
	server_say(s, "exit 0\n");
	fixture_await(f, ENDED, n.service, 1);
	fixture_ticks(f, 3);
	assert_int_equal(fixture_events(f, EXITED, n.service), 1);
}

/* A stranger with many processes that look like a server keeps nobody else waiting. */
static void test_discovered_beside_many_children(void **state)
{
	struct collector_fixture *f = *state;
	uint16_t port = free_port(f);
	struct names n = names_of(port);
	struct process *rows[1501];
	struct server *stranger;
	size_t asked = 0;

	fixture_program(f, "served", "llama-server");
	f->discovery = true;
	stranger = fixture_server(f, NULL);
	server_forks(stranger, ELEMENTS(rows) - 1);
	fixture_begin(f, NULL);
	fixture_ticks(f, 2);
	assert_int_equal(rows_of(f, stranger, rows, ELEMENTS(rows)), ELEMENTS(rows));
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		rows[i]->server.ports.digest = 0; /* of no table */
	listening_server(f, port);
	fixture_await(f, STARTED, n.service, 1);
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		asked += rows[i]->server.ports.digest != 0;
	assert_in_range(asked, 0, ELEMENTS(rows) / 2);
}

/* The socket may be a child's; a port of the server's own comes first. */
static void test_discovered_by_its_child(void **state)
{
	struct collector_fixture *f = *state;
	uint16_t port = free_port(f);
	struct names n = names_of(port);
	const struct told_event *e;
	struct server *s;
	char line[32];

	fixture_program(f, "served", "llama-server");
	f->discovery = true;
	s = fixture_server(f, NULL);
	server_forks(s, 3);
	fixture_begin(f, NULL);
	fixture_ticks(f, 2);
	snprintf(line, sizeof(line), "child %u\n", port);
	server_say(s, line);
	assert_true(server_hear(s) > 0);
	e = fixture_await(f, STARTED, n.service, 1);
	assert_int_equal(e->pid, s->pid);
}

static void test_discovery_off(void **state)
{
	struct collector_fixture *f = *state;

	fixture_program(f, "served", "llama-server");
	listening_server(f, free_port(f));
	fixture_begin(f, NULL);
	fixture_ticks(f, 3);
	assert_int_equal(f->event_count, 0);
}

/* Who configures a discovered server later, by a pid file, has it instead. */
static void test_configured_takes_it(void **state)
{
	struct collector_fixture *f = *state;
	uint16_t port = free_port(f);
	struct names n = names_of(port);
	const struct told_event *e;
	struct by_pid_file p;
	struct server *s;

	service_by_pid_file(f, &p);
	s = discovered(f, port);
	write_pid(&p, s->pid, "\n");
	e = fixture_await(f, STARTED, "llama", 1);
	assert_int_equal(e->pid, s->pid);
	assert_int_equal(fixture_events(f, ENDED, n.service), 1);
	assert_int_equal(fixture_events(f, EXITED, n.service), 0);
	assert_int_equal(fixture_events(f, EXITED, "llama"), 0);
	fixture_ticks(f, 2);
	assert_true(fixture_series(f, UP)->value == 1);
	kill(s->pid, SIGKILL);
	e = fixture_await(f, EXITED, "llama", 1);
	assert_true(event_value(f, e, UP) == 0);
}

/* A discovered server that the engine knew is configured now. */
static void test_configured_since(void **state)
{
	struct collector_fixture *f = *state;
	uint16_t port = free_port(f);
	struct names n = names_of(port);
	struct known_process process;
	struct known known = {.processes = &process, .process_count = 1};
	_cleanup_buf_ struct buf boot = BUF_INIT;
	struct server *s;

	fixture_program(f, "served", "llama-server");
	s = listening_server(f, port);
	assert_int_equal(file_read("/proc/sys/kernel/random/boot_id", 64, &boot), 0);
	boot.data[36] = '\0';
	process = (struct known_process){
		n.service, s->pid, server_start_ticks(s->pid), boot.data, 0,
		(char *) (uintptr_t) ""};
	fixture_service(f, "llama");
	f->discovery = true;
	fixture_begin(f, &known);
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, STARTED, "llama"), 1);
	assert_int_equal(fixture_events(f, ENDED, n.service), 1);
	assert_int_equal(fixture_events(f, EXITED, n.service), 0);
	assert_int_equal(fixture_events(f, EXITED, "llama"), 0);
}

/* A discovered server that died before it was configured is no fault any more when the configured
 * service has its port. */
static void test_configured_after_its_end(void **state)
{
	struct collector_fixture *f = *state;
	uint16_t port = free_port(f), another = free_port(f);
	struct names n = names_of(port), other = names_of(another);
	struct label labels[] = {{(char *) (uintptr_t) "service", n.service},
		{(char *) (uintptr_t) "service", other.service}};
	struct known_value values[] = {
		{{(char *) (uintptr_t) "modelwatch_service_up", {&labels[0], 1}}, 0},
		{{(char *) (uintptr_t) "modelwatch_service_up", {&labels[1], 1}}, 0}};
	struct known known = {.values = values, .value_count = ELEMENTS(values)};

	fixture_program(f, "served", "llama-server");
	fixture_service(f, "llama");
	f->discovery = true;
	fixture_begin(f, &known);
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, ENDED, n.service), 0);
	assert_int_equal(fixture_events(f, ENDED, other.service), 0);
	listening_server(f, port);
	fixture_await(f, STARTED, "llama", 1);
	fixture_await(f, ENDED, n.service, 1);
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, ENDED, other.service), 0);
	assert_int_equal(fixture_events(f, STARTED, n.service), 0);
}

/* Whoever opens ever new ports does not use up all series: with so many names known, no new one is
 * taken up, but each of those may come back. */
static void test_discovered_names_are_bounded(void **state)
{
	enum { NAMES = 256 };
	struct collector_fixture *f = *state;
	uint16_t port = free_port(f), new_port = free_port(f);
	struct names n = names_of(port), new_names = names_of(new_port);
	struct known_value values[NAMES];
	struct label labels[NAMES];
	char names[NAMES][32];
	struct known known = {.values = values, .value_count = NAMES};

	for (size_t i = 0; i < NAMES; i++) {
		snprintf(names[i], sizeof(names[i]), "vllm-%zu", i);
		labels[i] = (struct label){(char *) (uintptr_t) "service",
			i > 0 ? names[i] : n.service};
		values[i] = (struct known_value){
			{(char *) (uintptr_t) "modelwatch_service_up", {&labels[i], 1}}, 0};
	}
	fixture_program(f, "served", "llama-server");
	f->discovery = true;
	listening_server(f, new_port);
	fixture_begin(f, &known);
	fixture_await_fact(f, "doctor discovery state", "limited");
	listening_server(f, port);
	fixture_await(f, STARTED, n.service, 1);
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, STARTED, new_names.service), 0);
	assert_false(fixture_series(f, new_names.up)->any);
}

/* What strangers put into paths is told as text; the id of a model is no path. */
static void test_discovered_with_odd_bytes(void **state)
{
	struct collector_fixture *f = *state;
	uint16_t port = free_port(f);
	char directory[128];

	snprintf(directory, sizeof(directory), "%s/\xff\xfe\n", f->directory);
	assert_int_equal(mkdir(directory, 0700), 0);
	fixture_program(f, "served", "\xff\xfe\n/llama-server");
	f->discovery = true;
	server_of_weights(f, port, "org/model");
	fixture_begin(f, NULL);
	fixture_await(f, STARTED, names_of(port).service, 1);
	assert_string_equal(fixture_fact(f, names_of(port).weights), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_pid_file),
		BOTH(test_pid_file_of_a_successor),
		WITHOUT(test_pid_file_with_rubbish),
		WITHOUT(test_pid_file_is_not_opened),
		BOTH(test_children_before),
		cmocka_unit_test(test_rest),
		BOTH(test_port_beside_many_open_files),
		BOTH(test_discovered),
		BOTH(test_discovered_beside_many_children),
		WITHOUT(test_discovered_by_its_child),
		BOTH(test_discovered_ends_before_its_children),
		WITHOUT(test_discovery_off),
		BOTH(test_configured_takes_it),
		WITHOUT(test_configured_since),
		BOTH(test_configured_after_its_end),
		WITHOUT(test_discovered_names_are_bounded),
		WITHOUT(test_discovered_with_odd_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
