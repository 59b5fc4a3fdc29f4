/* SPDX-License-Identifier: Apache-2.0 */
/* Services found by listening port, among the sockets of others. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "collectors/process/scan.h"
#include "collectors/process/service.h"
#include "daemon/base/cleanup.h"
#include "tests/unit/collector-fixture.h"

#define CROWD	1100 /* sockets that listen to one port */
#define SOCKETS 8300 /* more than are looked at */

static void test_port(void **state)
{
	struct collector_fixture *f = *state;
	uint16_t ports[] = {free_port(f), free_port(f)};
	struct service_match *m = fixture_service(f, "llama");
	const struct told_event *e;
	struct server *s;

	m->ports = ports;
	m->port_count = ELEMENTS(ports);
	/* It matches, but it does not listen. */
	fixture_server(f, NULL);
	fixture_begin(f, NULL);
	fixture_ticks(f, 3);
	assert_int_equal(fixture_events(f, STARTED, NULL), 0);
	s = listening_server(f, ports[1]);
	e = fixture_await(f, STARTED, "llama", 1);
	assert_int_equal(e->pid, s->pid);
	server_end(s, SIGKILL);
	fixture_await(f, EXITED, "llama", 1);
	s = listening_server(f, ports[0]);
	e = fixture_await(f, STARTED, "llama", 2);
	assert_int_equal(e->pid, s->pid);
	assert_true(event_value(f, e, RESTARTS) == 1);
}

/* Somebody else listens there; then the right one does. */
static void test_port_of_another(void **state)
{
	static const char *const nothing[] = {"/no/such/program"};
	struct collector_fixture *f = *state;
	uint16_t ports[] = {free_port(f)};
	struct service_match *m = fixture_service(f, "llama");

	m->ports = ports;
	m->port_count = 1;
	m->executables = nothing;
	listening_server(f, ports[0]);
	fixture_begin(f, NULL);
	fixture_ticks(f, 5);
	assert_int_equal(fixture_events(f, STARTED, NULL), 0);
}

/* The server, that a child of it with the same socket outlives; *RET_HEIR is that one. */
static struct server *server_with_heir(
	struct collector_fixture *f, const uint16_t *port, pid_t *ret_heir)
{
	struct service_match *m = fixture_service(f, "llama");
	struct server *s = listening_server(f, *port);

	m->ports = port;
	m->port_count = 1;
	server_say(s, "heir\n");
	*ret_heir = server_hear(s);
	fixture_begin(f, NULL);
	assert_int_equal(fixture_await(f, STARTED, "llama", 1)->pid, s->pid);
	fixture_await_value(f, PROCESSES, 2);
	return s;
}

static void test_child_that_has_the_port_after_a_crash(void **state)
{
	struct collector_fixture *f = *state;
	uint16_t port = free_port(f);
	const struct told_event *e;
	struct server *s;
	pid_t heir;

	f->orphan_wait = 4 * INTERVAL;
	s = server_with_heir(f, &port, &heir);
	kill(s->pid, SIGKILL);
	e = fixture_await(f, EXITED, "llama", 1);
	assert_true(event_value(f, e, UP) == 0);
	e = fixture_await(f, STARTED, "llama", 2);
	assert_int_equal(e->pid, heir);
	assert_true(event_value(f, e, UP) == 1 && event_value(f, e, RESTARTS) == 1);
	/* What is a main process now is watched as one. */
	kill(heir, SIGKILL);
	e = fixture_await(f, EXITED, "llama", 2);
	assert_int_equal(e->pid, heir);
	assert_true(event_value(f, e, UP) == 0);
}

static void test_child_that_has_the_port_for_a_while(void **state)
{
	struct collector_fixture *f = *state;
	uint16_t port = free_port(f);
	struct server *s;
	pid_t heir;

	s = server_with_heir(f, &port, &heir);
	kill(s->pid, SIGKILL);
	fixture_await(f, EXITED, "llama", 1);
	fixture_ticks(f, 5);
	assert_true(fixture_series(f, UP)->value == 0);
	assert_int_equal(fixture_events(f, STARTED, NULL), 1);
	server_say(s, "mute\n");
	server_hear(s);
	service_get(f->collector, "llama")->orphans_due = clock_monotonic();
	fixture_ticks(f, 5);
	assert_true(fixture_series(f, UP)->value == 0);
	assert_true(fixture_series(f, PROCESSES)->value == 1);
}

/* It put itself into the background. */
static void test_child_that_has_the_port_after_an_end_in_order(void **state)
{
	struct collector_fixture *f = *state;
	uint16_t port = free_port(f);
	const struct told_event *e;
	struct server *s;
	pid_t heir;

	s = server_with_heir(f, &port, &heir);
	server_say(s, "exit 0\n");
	e = fixture_await(f, STARTED, "llama", 2);
	assert_int_equal(e->pid, heir);
	e = fixture_await(f, EXITED, "llama", 1);
	assert_true(event_value(f, e, UP) == 1 && event_value(f, e, RESTARTS) == 0);
}

/* What users of a service leave behind has nobody else's socket: however much it is, nobody waits for the
 * look at it. */
static void test_left_of_a_service_that_runs(void **state)
{
	struct collector_fixture *f = *state;
	uint16_t ports[] = {free_port(f), free_port(f)};
	struct service_match *m;
	struct server *gate = listening_server(f, ports[0]), *s;
	uint64_t looked_at;
	pid_t parent, left;

	for (size_t i = 0; i < ELEMENTS(ports); i++) {
		m = fixture_service(f, i == 0 ? "gate" : "llama");
		m->ports = &ports[i];
		m->port_count = 1;
	}
	fixture_begin(f, NULL);
	fixture_await(f, STARTED, "gate", 1);
	server_say(gate, "nest 8\n");
	parent = server_hear(gate);
	left = server_hear(gate);
	fixture_await_value(f, "modelwatch_service_processes gate", 3);
	kill(parent, SIGKILL);
	fixture_await_value(f, "modelwatch_service_processes gate", 2);
	looked_at = scan_find(f->collector, left)->pass.begun;
	s = listening_server(f, ports[1]);
	assert_int_equal(fixture_await(f, STARTED, "llama", 1)->pid, s->pid);
	assert_int_equal(scan_find(f->collector, left)->pass.begun, looked_at);
	/* Without its main process it may be the service. */
	server_end(gate, SIGKILL);
	fixture_await(f, EXITED, "gate", 1);
	gate = listening_server(f, ports[0]);
	assert_int_equal(fixture_await(f, STARTED, "gate", 2)->pid, gate->pid);
}

static int listen_at(in_addr_t host, uint16_t port)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(host)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* False where that many open files of ours are not possible here. */
static bool allow_files(rlim_t count)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return false;
	limit.rlim_cur = limit.rlim_max;
	return limit.rlim_max > count + 100 && setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

/* Who listens to the port of a service at a thousand other addresses hides neither that service nor another
 * one. */
static void test_port_in_a_crowd(void **state)
{
	struct collector_fixture *f = *state;
	uint16_t crowded[] = {free_port(f)}, ports[] = {free_port(f)};
	struct service_match *m = fixture_service(f, "llama");
	int fds[CROWD];

	if (!allow_files(CROWD))
		skip();
	m->ports = crowded;
	m->port_count = 1;
	m = fixture_service(f, "whisper");
	m->ports = ports;
	m->port_count = 1;
	for (uint16_t i = 0; i < CROWD; i++)
		fds[i] = listen_at(INADDR_LOOPBACK + 1U + i, crowded[0]);
	listening_server(f, crowded[0]);
	listening_server(f, ports[0]);
	fixture_begin(f, NULL);
	fixture_await(f, STARTED, "llama", 1);
	fixture_await(f, STARTED, "whisper", 1);
	for (size_t i = 0; i < CROWD; i++)
		close_fd(&fds[i]);
}

static bool enable_loopback(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

/* One that listens to that port in a network of its own; NULL where that is not possible here. */
static struct server *server_elsewhere(struct collector_fixture *f, uint16_t port)
{
	_cleanup_close_ int host = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct server *s;

	if (unshare(CLONE_NEWNET) < 0)
		return NULL;
	s = enable_loopback() ? listening_server(f, port) : NULL;
	assert_int_equal(setns(host, CLONE_NEWNET), 0);
	return s;
}

/* A discovered server that ended is not taken for one that listens to its port in a container. */
static void test_port_of_a_container(void **state)
{
	struct collector_fixture *f = *state;
	uint16_t port = free_port(f);
	char name[32], path[PATH_MAX];
	const char *const executables[] = {path};
	struct service_match *m = fixture_service(f, "llama");
	struct server *s;

	snprintf(name, sizeof(name), "llama.cpp-%u", port);
	snprintf(path, sizeof(path), "%s", f->program);
	m->executables = executables;
	fixture_program(f, "served", "llama-server");
	f->discovery = true;
	s = listening_server(f, port);
	fixture_begin(f, NULL);
	fixture_await(f, STARTED, name, 1);
	server_end(s, SIGKILL);
	fixture_await(f, EXITED, name, 1);

	snprintf(f->program, sizeof(f->program), "%s", path);
	if (!server_elsewhere(f, port))
		skip();
	fixture_await(f, STARTED, "llama", 1);
	fixture_ticks(f, 10);
	assert_int_equal(fixture_events(f, ENDED, name), 0);
	/* On the host it is. */
	listening_server(f, port);
	fixture_await(f, ENDED, name, 1);
}

/* More sockets listen than are looked at, in a network of our own: nobody else is to see them. */
static void test_too_many_sockets(void **state)
{
	static const uint16_t unused[] = {UINT16_MAX};
	struct collector_fixture *f = *state;
	struct service_match *m = fixture_service(f, "llama");
	int fds[SOCKETS];

	if (!allow_files(SOCKETS) || unshare(CLONE_NEWNET) < 0)
		skip();
	for (uint16_t i = 0; i < SOCKETS; i++)
		fds[i] = listen_at(INADDR_ANY, (uint16_t) (i + 1));
	m->ports = unused;
	m->port_count = 1;
	fixture_begin(f, NULL);
	fixture_await_fact(f, "doctor listening-sockets state", "limited");
	for (size_t i = 0; i < SOCKETS; i++)
		close_fd(&fds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_port),
		WITHOUT(test_port_of_another),
		BOTH(test_child_that_has_the_port_after_a_crash),
		WITHOUT(test_child_that_has_the_port_for_a_while),
		BOTH(test_child_that_has_the_port_after_an_end_in_order),
		WITHOUT(test_left_of_a_service_that_runs),
		BOTH(test_port_in_a_crowd),
		BOTH(test_port_of_a_container),
		WITHOUT(test_too_many_sockets), /* the last one: there is no way back to the host's network */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
