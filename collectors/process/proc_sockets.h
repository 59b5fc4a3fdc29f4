/* SPDX-License-Identifier: Apache-2.0 */
/* Which TCP sockets listen, by /proc/PID/net, and which sockets a process has open, by /proc/PID/fd.
 *
 * Layer: collectors. ROOT is a descriptor of /proc. Every process of a network namespace is shown the
 * same tables, so they are read once for all of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "collectors/process/procfs.h"

/* The listening sockets of one network namespace. */
struct socket_table {
	uint64_t space;		/* inode of the namespace */
	uint64_t digest;	/* of all of them; 0 where there are none */
	struct tcp_listener *items; /* by inode */
	size_t count;
	bool cut; /* there are more */
};

/* What was read until now. Begin with all zero but ROOT, and KEEPS where there are ports that matter: where
 * sockets of our own network namespace are too many, those of such ports still have room. */
struct socket_tables {
	int root;
	bool (*keeps)(void *userdata, uint16_t port); /* or NULL */
	void *userdata;
	struct socket_table *items;
	size_t count;
};

void socket_tables_done(struct socket_tables *t);

/* The table of the process's namespace, or of our own (pid 0), which holds until the next one is asked
 * for; NULL where it is gone, where we lack the right to know, or where namespaces are too many. */
const struct socket_table *socket_tables_get(struct socket_tables *t, pid_t pid);

/* The listening socket of that inode, or NULL. */
const struct tcp_listener *socket_table_find(const struct socket_table *t, uint64_t inode);

/* Calls FN with the inode of each socket that the process has open, in at most COUNT of its open files
 * from *POSITION on (0 for the first), and moves that on. 1 where there may be more, 0 at the end, or
 * -errno. */
int proc_walk_sockets(int root, pid_t pid, long *position, size_t count,
	void (*fn)(void *userdata, uint64_t inode), void *userdata);
