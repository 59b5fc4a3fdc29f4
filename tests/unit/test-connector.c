/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "collectors/process/connector.h"
#include "daemon/base/cleanup.h"

#define FAR_TOO_LONG 60000 /* milliseconds: only a hang takes that */

/* A datagram as the kernel sends it: struct cn_msg ends with an array and so stands as bytes. */
struct datagram {
	struct nlmsghdr netlink;
	uint8_t connector[sizeof(struct cn_msg)];
	struct proc_event event;
} __attribute__((packed));

static struct datagram datagram_from(const struct proc_event *event, uint32_t idx, uint32_t val)
{
	const struct cn_msg connector = {.id = {idx, val}, .len = sizeof(*event)};
	struct datagram d = {
		.netlink = {.nlmsg_len = sizeof(struct datagram), .nlmsg_type = NLMSG_DONE},
		.event = *event};

	memcpy(d.connector, &connector, sizeof(connector));
	return d;
}

static struct datagram datagram_of(const struct proc_event *event)
{
	return datagram_from(event, CN_IDX_PROC, CN_VAL_PROC);
}

static struct proc_event exec_event(int pid, int tgid)
{
	struct proc_event e = {.what = PROC_EVENT_EXEC, .timestamp_ns = 77};

	e.event_data.exec.process_pid = pid;
	e.event_data.exec.process_tgid = tgid;
	return e;
}

static struct proc_event exit_event(int pid, int tgid, unsigned code)
{
	struct proc_event e = {.what = PROC_EVENT_EXIT, .timestamp_ns = 78};

	e.event_data.exit.process_pid = pid;
	e.event_data.exit.process_tgid = tgid;
	e.event_data.exit.exit_code = code;
	e.event_data.exit.exit_signal = 17;
	return e;
}

static int parse(const struct datagram *d, struct connector_event *ret)
{
	return connector_parse(d, sizeof(*d), ret);
}

static void test_exec(void **state)
{
	struct proc_event e = exec_event(9, 7);
	struct datagram d = datagram_of(&e);
	struct connector_event event;

	assert_int_equal(parse(&d, &event), 1);
	assert_int_equal(event.kind, CONNECTOR_EXEC);
	assert_int_equal(event.pid, 7);
	assert_int_equal(event.time, 77);
}

static void test_exit(void **state)
{
	static const unsigned codes[] = {0, 0x0300, 9, 139, 0xff00};

	for (size_t i = 0; i < ELEMENTS(codes); i++) {
		struct proc_event e = exit_event(7, 7, codes[i]);
		struct datagram d = datagram_of(&e);
		struct connector_event event;

		assert_int_equal(parse(&d, &event), 1);
		assert_int_equal(event.kind, CONNECTOR_EXIT);
		assert_int_equal(event.pid, 7);
		assert_int_equal(event.status, codes[i]);
	}
}

/* Threads that left by themselves are of no interest, nor is the last byte of what they said. */
static void test_killed(void **state)
{
	struct proc_event e = exit_event(8, 7, 0x0b00);
	struct datagram d = datagram_of(&e);
	struct connector_event event;

	assert_int_equal(parse(&d, &event), 0);
	e = exit_event(8, 7, 9);
	d = datagram_of(&e);
	assert_int_equal(parse(&d, &event), 1);
	assert_int_equal(event.kind, CONNECTOR_KILLED);
	assert_int_equal(event.pid, 7);
	assert_int_equal(event.status, 9);
}

static void test_not_for_us(void **state)
{
	struct connector_event event = {.pid = -1};
	struct proc_event e = exit_event(8, 7, 0);
	struct datagram d = datagram_of(&e);

	/* A thread. */
	assert_int_equal(parse(&d, &event), 0);
	d.event.what = PROC_EVENT_FORK;
	assert_int_equal(parse(&d, &event), 0);
	d.event.what = PROC_EVENT_NONE; /* the answer to the subscription */
	assert_int_equal(parse(&d, &event), 0);
	e = exec_event(7, 7);
	d = datagram_from(&e, CN_IDX_PROC + 1, CN_VAL_PROC);
	assert_int_equal(parse(&d, &event), 0);
	d = datagram_from(&e, CN_IDX_PROC, CN_VAL_PROC + 1);
	assert_int_equal(parse(&d, &event), 0);
	d = datagram_of(&e);
	d.netlink.nlmsg_type = NLMSG_ERROR;
	assert_int_equal(parse(&d, &event), 0);
	assert_int_equal(event.pid, -1);
}

/* Each size is a block of its own, so that a sanitizer sees what is read beyond it. */
static void check_sizes(const struct datagram *d, size_t enough)
{
	size_t head = offsetof(struct datagram, event) + offsetof(struct proc_event, event_data);

	for (size_t size = 0; size <= sizeof(*d); size++) {
		_cleanup_free_ void *bytes = malloc(size > 0 ? size : 1);
		struct connector_event event;
		int expected = size < head ? -EBADMSG : size < head + enough ? 0 : 1;

		assert_non_null(bytes);
		memcpy(bytes, d, size);
		assert_int_equal(connector_parse(bytes, size, &event), expected);
	}
}

static void test_short(void **state)
{
	struct proc_event e = exec_event(7, 7);
	struct datagram d = datagram_of(&e);

	check_sizes(&d, sizeof(struct exec_proc_event));
	e = exit_event(7, 7, 9);
	d = datagram_of(&e);
	/* Older kernels send no parent with it. */
	check_sizes(&d, offsetof(struct exit_proc_event, exit_signal));
}

/* A child that ends by SIGKILL at once. */
static pid_t kill_child(void)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		raise(SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return pid;
}

/* A child that waits to be killed. */
static pid_t start_child(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

static void end_child(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void assert_told(int fd, pid_t pid)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	struct connector_event event;

	/* It is told when the zombie is there to be waited for, or just after. */
	assert_int_equal(poll(&ready, 1, FAR_TOO_LONG), 1);
	assert_int_equal(connector_read(fd, &event), 1);
	assert_int_equal(event.kind, CONNECTOR_EXIT);
	assert_int_equal(event.pid, pid);
	assert_int_equal(event.status, SIGKILL);
}

/* Of those that are watched, and of no others, whatever was watched before. */
static void test_watch(void **state)
{
	_cleanup_close_ int fd = connector_open_exits(), all = connector_open();
	pid_t pids[CONNECTOR_PIDS_MAX + 1] = {0}, a, b;

	if (fd < 0 || all < 0)
		skip();
	kill_child();
	a = start_child();
	b = start_child();
	assert_int_equal(connector_watch(fd, &a, 1), 0);
	end_child(b);
	end_child(a);
	assert_told(fd, a);
	for (size_t i = 0; i < CONNECTOR_PIDS_MAX; i++)
		pids[i] = INT32_MAX - (pid_t) i;
	a = start_child();
	b = start_child();
	pids[0] = b;
	pids[CONNECTOR_PIDS_MAX - 1] = a;
	assert_int_equal(connector_watch(fd, pids, CONNECTOR_PIDS_MAX), 0);
	assert_int_equal(connector_watch(fd, pids, CONNECTOR_PIDS_MAX + 1), -E2BIG);
	kill_child();
	end_child(a);
	assert_told(fd, a);
	end_child(b);
	assert_told(fd, b);
}

/* Each socket answers for itself, and tells of what it is for. */
static void test_open(void **state)
{
	_cleanup_close_ int fd = connector_open();
	struct connector_event event = {.pid = -1};
	pid_t pid;

	if (fd < 0)
		skip();
	pid = kill_child();
	do {
		struct pollfd ready = {.fd = fd, .events = POLLIN};

		assert_int_equal(poll(&ready, 1, FAR_TOO_LONG), 1);
		assert_int_equal(connector_read(fd, &event), 1);
	} while (event.pid != pid);
	assert_int_equal(event.kind, CONNECTOR_EXIT);
}

/* In a child: 0 where there is no answer in a pid namespace of its own; 2 where there can be none. */
static int open_in_namespace(void)
{
	int status = 1;
	pid_t pid;

	if (unshare(CLONE_NEWPID) < 0)
		return 2;
	pid = fork();
	if (pid == 0)
		_exit(connector_open() == -ENODATA ? 0 : 1);
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}

/* The kernel takes a subscription from there, and tells of nothing. */
static void test_namespace(void **state)
{
	_cleanup_close_ int fd = connector_open();
	int status;
	pid_t pid;

	if (fd < 0)
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(open_in_namespace());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		skip();
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_exit),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_not_for_us),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_namespace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
