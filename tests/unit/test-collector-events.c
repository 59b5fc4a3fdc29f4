/* SPDX-License-Identifier: Apache-2.0 */
/* More is executed than the collector takes note of: in the kernel's place, a socket tells of it. */
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "collectors/process/private.h"
#include "tests/unit/collector-fixture.h"

#define TOO_MANY 5000
#define ROOM	 (64 << 20) /* bytes: for all at once */

/* As the kernel sends it, without a gap. */
struct datagram {
	struct nlmsghdr netlink;
	uint8_t connector[sizeof(struct cn_msg)];
	uint8_t event[sizeof(struct proc_event)];
};

static void tell_exec(int fd, pid_t pid)
{
	const struct cn_msg connector = {
		.id = {CN_IDX_PROC, CN_VAL_PROC}, .len = sizeof(struct proc_event)};
	const struct proc_event event = {
		.what = PROC_EVENT_EXEC, .event_data.exec = {.process_pid = pid, .process_tgid = pid}};
	struct datagram d = {.netlink = {.nlmsg_len = sizeof(d), .nlmsg_type = NLMSG_DONE}};

	memcpy(d.connector, &connector, sizeof(connector));
	memcpy(d.event, &event, sizeof(event));
	assert_int_equal(send(fd, &d, sizeof(d), MSG_DONTWAIT), sizeof(d));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITHOUT(test_more_execs_than_are_noted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
