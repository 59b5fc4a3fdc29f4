/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/connector.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"

#define RECEIVE_BUFFER (4 * 1024 * 1024) /* bytes: some ten thousand events */
#define DATAGRAM_MAX   4096
#define SIGNAL_MASK    0x7f /* of a status as wait(2) gives it */
#define WATCH_HEAD     11   /* instructions before those of the processes that are watched */

/* Where the fields lie in a datagram: a netlink header, a connector header, the event. */
#define EVENT_OFFSET  (NLMSG_HDRLEN + sizeof(struct cn_msg))
#define WHAT_OFFSET   (EVENT_OFFSET + offsetof(struct proc_event, what))
#define DATA_OFFSET   (EVENT_OFFSET + offsetof(struct proc_event, event_data))
#define EXIT_PID      (DATA_OFFSET + offsetof(struct exit_proc_event, process_pid))
#define EXIT_TGID     (DATA_OFFSET + offsetof(struct exit_proc_event, process_tgid))
#define EXIT_CODE     (DATA_OFFSET + offsetof(struct exit_proc_event, exit_code))

/* Where it may be, the kernel filters by event before it makes a datagram: Linux 6.6 and later take this
 * in place of the operation alone (struct proc_input of linux/cn_proc.h), older ones ignore it
 * (cn_proc_mcast_ctl() of drivers/connector/cn_proc.c). */
struct subscription {
	uint32_t operation, events;
};

/* The next datagram of the kernel; 0 where none waits; or -errno. */
static ssize_t receive(int fd, uint8_t data[static DATAGRAM_MAX])
{
	struct sockaddr_nl from = {0};

	for (;;) {
		socklen_t length = sizeof(from);
		ssize_t size = recvfrom(
			fd, data, DATAGRAM_MAX, MSG_DONTWAIT, (struct sockaddr *) &from, &length);

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return errno == EAGAIN ? 0 : -errno;
		/* Only the kernel, port 0, tells of processes. */
		if (from.nl_pid == 0 && size > 0)
			return size;
	}
}

static int attach_filter(int fd, struct sock_filter *code, size_t count)
{
	struct sock_fprog program = {.len = (unsigned short) count, .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

/* Lets the answer to a subscription through. */
static int await_answer(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, WHAT_OFFSET),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_NONE), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};

	return attach_filter(fd, code, ELEMENTS(code));
}

/* Lets execs through, and exits of the thread that gives the process its number. BPF loads words in
 * network order, the kernel writes them in the host's. */
static int await_all(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, WHAT_OFFSET),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_EXEC), 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_EXIT), 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, EXIT_PID),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, EXIT_TGID),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};

	return attach_filter(fd, code, ELEMENTS(code));
}

int connector_watch(int fd, const pid_t *pids, size_t count)
{
	struct sock_filter code[WATCH_HEAD + 2 * CONNECTOR_PIDS_MAX + 1] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, WHAT_OFFSET),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_EXIT), 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, EXIT_PID),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, EXIT_CODE),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, htonl(SIGNAL_MASK), 3, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, EXIT_TGID),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, EXIT_TGID),
	};
	size_t used = WATCH_HEAD;

	if (count > CONNECTOR_PIDS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < count; i++) {
		const struct sock_filter pair[] = {
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl((uint32_t) pids[i]), 0, 1),
			BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		};

		code[used++] = pair[0];
		code[used++] = pair[1];
	}
	code[used++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, 0);
	return attach_filter(fd, code, used);
}

static int send_request(int fd, const void *payload, uint16_t size)
{
	const struct cn_msg connector = {
		.id = {CN_IDX_PROC, CN_VAL_PROC}, .ack = (uint32_t) getpid(), .len = size};
	uint8_t request[EVENT_OFFSET + sizeof(struct subscription)] = {0};
	const struct nlmsghdr netlink = {
		.nlmsg_len = (uint32_t) EVENT_OFFSET + size, .nlmsg_type = NLMSG_DONE};

	memcpy(request, &netlink, sizeof(netlink));
	memcpy(request + NLMSG_HDRLEN, &connector, sizeof(connector));
	memcpy(request + EVENT_OFFSET, payload, size);
	return send(fd, request, EVENT_OFFSET + size, 0) < 0 ? -errno : 0;
}

/* The kernel answers before send() returns, or not at all. Every listener gets every answer: ours has
 * our number. */
static int take_answer(int fd)
{
	uint8_t data[DATAGRAM_MAX];
	struct cn_msg connector;
	struct proc_event event;
	ssize_t size;

	while ((size = receive(fd, data)) > 0) {
		if ((size_t) size < EVENT_OFFSET + sizeof(event))
			continue;
		memcpy(&connector, data + NLMSG_HDRLEN, sizeof(connector));
		memcpy(&event, data + EVENT_OFFSET, sizeof(event));
		if (connector.ack == (uint32_t) getpid() + 1)
			return -(int) event.event_data.ack.err;
	}
	return size < 0 ? (int) size : -ENODATA;
}

static int subscribe(int fd, uint32_t events)
{
	const uint32_t operation = PROC_CN_MCAST_LISTEN;
	const struct subscription narrow = {operation, events};
	int r = await_answer(fd);

	if (r == 0)
		r = send_request(fd, &operation, sizeof(operation));
	if (r == 0)
		r = take_answer(fd);
	/* The answer to this one is not among the events that it asks for. */
	return r < 0 ? r : send_request(fd, &narrow, sizeof(narrow));
}

/* A socket that is subscribed and tells of nothing yet but answers. */
static int open_for(uint32_t events)
{
	_cleanup_close_ int fd =
		socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
	const int size = RECEIVE_BUFFER;
	int r;

	if (fd < 0)
		return -errno;
	/* The first needs CAP_NET_ADMIN; the second stops at the system's limit. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
		return -errno;
	r = subscribe(fd, events);
	return r < 0 ? r : TAKE_FD(fd);
}

int connector_open(void)
{
	_cleanup_close_ int fd = open_for(PROC_EVENT_EXEC | PROC_EVENT_EXIT);
	int r = fd < 0 ? fd : await_all(fd);

	return r < 0 ? r : TAKE_FD(fd);
}

int connector_open_exits(void)
{
	_cleanup_close_ int fd = open_for(PROC_EVENT_EXIT);
	int r = fd < 0 ? fd : connector_watch(fd, NULL, 0);

	return r < 0 ? r : TAKE_FD(fd);
}

static int take_exit(const struct proc_event *event, struct connector_event *ret)
{
	const struct exit_proc_event *e = &event->event_data.exit;
	bool first = e->process_pid == e->process_tgid;

	if (!first && !(e->exit_code & SIGNAL_MASK))
		return 0;
	*ret = (struct connector_event){first ? CONNECTOR_EXIT : CONNECTOR_KILLED, e->process_tgid,
		(int) e->exit_code, event->timestamp_ns};
	return 1;
}

int connector_parse(const void *data, size_t size, struct connector_event *ret)
{
	const uint8_t *bytes = data;
	struct nlmsghdr netlink;
	struct cn_msg connector;
	struct proc_event event = {0};
	size_t room;

	if (size < EVENT_OFFSET + offsetof(struct proc_event, event_data))
		return -EBADMSG;
	memcpy(&netlink, bytes, sizeof(netlink));
	memcpy(&connector, bytes + NLMSG_HDRLEN, sizeof(connector));
	if (netlink.nlmsg_type != NLMSG_DONE || connector.id.idx != CN_IDX_PROC ||
		connector.id.val != CN_VAL_PROC)
		return 0;
	room = size - EVENT_OFFSET;
	memcpy(&event, bytes + EVENT_OFFSET, room < sizeof(event) ? room : sizeof(event));
	room -= offsetof(struct proc_event, event_data);
	if (event.what == PROC_EVENT_EXEC && room >= sizeof(event.event_data.exec)) {
		*ret = (struct connector_event){
			CONNECTOR_EXEC, event.event_data.exec.process_tgid, 0, event.timestamp_ns};
		return 1;
	}
	if (event.what == PROC_EVENT_EXIT && room >= offsetof(struct exit_proc_event, exit_signal))
		return take_exit(&event, ret);
	return 0;
}

int connector_read(int fd, struct connector_event *ret)
{
	uint8_t data[DATAGRAM_MAX];
	ssize_t size;

	while ((size = receive(fd, data)) > 0)
		if (connector_parse(data, (size_t) size, ret) > 0)
			return 1;
	return (int) size;
}
