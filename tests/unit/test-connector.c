/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "collectors/process/connector.h"
#include "daemon/base/cleanup.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_exit),
		cmocka_unit_test(test_not_for_us),
		cmocka_unit_test(test_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
