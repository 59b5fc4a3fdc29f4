/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's process events, by two netlink sockets: connector_open() tells of every exec and exit,
 * connector_open_exits() of the exits of chosen processes alone.
 *
 * Layer: collectors; also linked alone by the supervisor, which opens the sockets while it has the
 * right to. Format: linux/cn_proc.h, linux/connector.h. A filter in the kernel lets only execs, the
 * ends of first threads and those of threads that a signal ended through, so that other threads and
 * forks wake nobody. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum connector_kind {
	CONNECTOR_EXEC,
	CONNECTOR_EXIT,	  /* of the first thread */
	CONNECTOR_KILLED, /* of another thread, by a signal: most likely all of the process ends */
};

struct connector_event {
	enum connector_kind kind;
	int32_t pid;	/* in our namespace */
	int status;	/* of an exit: as wait(2) gives it */
	uint64_t time;	/* nanoseconds since boot */
};

/* Processes that one socket watches: twice as many instructions are within what a socket may hold
 * for filters (net.core.optmem_max, 20 KiB before Linux 6.9), while the old filter is replaced. */
#define CONNECTOR_PIDS_MAX 256

/* A socket that tells of every exec and exit, and does not block; or -errno:
 *   -EPERM         before Linux 6.6, without CAP_NET_ADMIN
 *   -ECONNREFUSED  in a network namespace of its own
 *   -ENODATA       the kernel did not answer: a pid or user namespace of its own, or a kernel without
 *                  process events */
int connector_open(void);

/* Another one, that tells of the exits alone that connector_watch() asks for: of none yet. */
int connector_open_exits(void);

/* From now on the socket tells of the exits of these processes, and of no other's: of their first
 * threads, and of any thread that a signal ended. No rights are needed. 0 or -errno, and then it tells
 * of what it told before: -E2BIG beyond CONNECTOR_PIDS_MAX. */
int connector_watch(int fd, const pid_t *pids, size_t count);

/* Reads one datagram of the socket. 1: an event for us; 0: something else; -EBADMSG. Pure. */
int connector_parse(const void *data, size_t size, struct connector_event *ret);

/* The next event that waits. 1; 0 where none does; -ENOBUFS where some were lost; -errno. */
int connector_read(int fd, struct connector_event *ret);
