/* SPDX-License-Identifier: Apache-2.0 */
/* Reads of /proc for one process: thin, bounded, nothing believed (procfs.h parses).
 *
 * Layer: collectors. ROOT is a descriptor of /proc. -ESRCH or -ENOENT where the process is gone,
 * -EACCES or -EPERM where we lack the right. */
#pragma once

#include <sys/types.h>

#include "collectors/process/procfs.h"
#include "daemon/base/buf.h"

#define ARGUMENTS_MAX 4096 /* arguments of one process that are looked at */

/* Who a process is: what matching and discovery look at. */
struct identity {
	char *executable;   /* "" where it may not be read */
	struct buf raw;	    /* /proc/PID/cmdline */
	const char **arguments; /* into RAW */
	size_t argument_count;
	char *command_line; /* joined by blanks */
	char comm[32];
	struct buf cgroups;
	uid_t user;
};
void identity_done(struct identity *i);

int proc_read_stat(int root, pid_t pid, struct proc_stat *ret);
int proc_read_identity(int root, pid_t pid, struct identity *ret);
int proc_read_resident(int root, pid_t pid, uint64_t *ret_bytes);
int proc_read_swap(int root, pid_t pid, uint64_t *ret_bytes);
int proc_read_io(int root, pid_t pid, uint64_t *ret_read, uint64_t *ret_written);
int proc_read_pss(int root, pid_t pid, uint64_t *ret_bytes);
/* Open files, and the limit of them. */
int proc_read_fds(int root, pid_t pid, uint64_t *ret_count);
int proc_read_max_fds(int root, pid_t pid, uint64_t *ret_limit);
/* Processes that the kernel killed for lack of memory, on the whole host. */
int proc_read_oom_kills(int root, uint64_t *ret);

/* The TCP ports that the process listens to, at most MAX. */
int proc_read_ports(int root, pid_t pid, uint16_t *ports, size_t max, size_t *ret_count);

/* The inode of a socket of our own network namespace that listens to PORT. -ENOENT. */
int proc_find_listener(int root, uint16_t port, uint64_t *ret_inode);
/* True where the process has that socket open. */
bool proc_has_socket(int root, pid_t pid, uint64_t inode);

/* Calls FN for every process. */
int proc_each(int root, void (*fn)(void *userdata, pid_t pid), void *userdata);
