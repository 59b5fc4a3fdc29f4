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

/* Where the fields lie in a datagram: a netlink header, a connector header, the event. */
#define EVENT_OFFSET  (NLMSG_HDRLEN + sizeof(struct cn_msg))
#define WHAT_OFFSET   (EVENT_OFFSET + offsetof(struct proc_event, what))
#define DATA_OFFSET   (EVENT_OFFSET + offsetof(struct proc_event, event_data))
#define EXIT_PID      (DATA_OFFSET + offsetof(struct exit_proc_event, process_pid))
#define EXIT_TGID     (DATA_OFFSET + offsetof(struct exit_proc_event, process_tgid))

/* Lets execs through, and exits of the thread that gives the process its number. BPF loads words in
 * network order, the kernel writes them in the host's. */
static int attach_filter(int fd)
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
	struct sock_fprog program = {.len = ELEMENTS(code), .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

static int subscribe(int fd)
{
	const enum proc_cn_mcast_op operation = PROC_CN_MCAST_LISTEN;
	const struct cn_msg connector = {
		.id = {CN_IDX_PROC, CN_VAL_PROC}, .len = sizeof(operation)};
	uint8_t request[EVENT_OFFSET + sizeof(operation)] = {0};
	const struct nlmsghdr netlink = {.nlmsg_len = sizeof(request), .nlmsg_type = NLMSG_DONE};

	memcpy(request, &netlink, sizeof(netlink));
	memcpy(request + NLMSG_HDRLEN, &connector, sizeof(connector));
	memcpy(request + EVENT_OFFSET, &operation, sizeof(operation));
	return send(fd, request, sizeof(request), 0) < 0 ? -errno : 0;
}

int connector_open(void)
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
	r = attach_filter(fd);
	if (r < 0)
		return r;
	if (bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
		return -errno;
	r = subscribe(fd);
	return r < 0 ? r : TAKE_FD(fd);
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
	if (event.what == PROC_EVENT_EXIT &&
		room >= offsetof(struct exit_proc_event, exit_signal) &&
		event.event_data.exit.process_pid == event.event_data.exit.process_tgid) {
		*ret = (struct connector_event){CONNECTOR_EXIT, event.event_data.exit.process_pid,
			(int) event.event_data.exit.exit_code, event.timestamp_ns};
		return 1;
	}
	return 0;
}

int connector_read(int fd, struct connector_event *ret)
{
	uint8_t data[DATAGRAM_MAX];
	struct sockaddr_nl from = {0};

	for (;;) {
		socklen_t length = sizeof(from);
		ssize_t size =
			recvfrom(fd, data, sizeof(data), MSG_DONTWAIT, (struct sockaddr *) &from, &length);

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return errno == EAGAIN ? 0 : -errno;
		/* Only the kernel, port 0, tells of processes. */
		if (from.nl_pid == 0 && connector_parse(data, (size_t) size, ret) > 0)
			return 1;
	}
}
