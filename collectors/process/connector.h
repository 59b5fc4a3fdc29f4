/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's process events: a netlink socket that tells of every exec and exit.
 *
 * Layer: collectors; also linked alone by the supervisor, which opens the socket while it has the
 * right to. Format: linux/cn_proc.h, linux/connector.h. A filter in the kernel lets only execs and
 * the ends of whole processes through, so that threads and forks wake nobody. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum connector_kind { CONNECTOR_EXEC, CONNECTOR_EXIT };

struct connector_event {
	enum connector_kind kind;
	int32_t pid;	/* in our namespace */
	int status;	/* of an exit: as wait(2) gives it */
	uint64_t time;	/* nanoseconds since boot */
};

/* A socket that is subscribed and does not block, or -errno: -EPERM without CAP_NET_ADMIN on older
 * kernels, -ECONNREFUSED in a network namespace of its own. */
int connector_open(void);

/* Reads one datagram of the socket. 1: an event for us; 0: something else; -EBADMSG. Pure. */
int connector_parse(const void *data, size_t size, struct connector_event *ret);

/* The next event that waits. 1; 0 where none does; -ENOBUFS where some were lost; -errno. */
int connector_read(int fd, struct connector_event *ret);
