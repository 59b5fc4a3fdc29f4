/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's tables under /proc and in cgroups, as text: parsers without I/O.
 *
 * Layer: collectors. Each takes the bytes of one file, needs no final NUL, believes nothing and
 * allocates nothing. They return 0 or -EBADMSG and write their result only on success. Format:
 * proc(5), and Documentation/admin-guide/cgroup-v2.rst of the kernel. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Of /proc/PID/stat. Times are in clock ticks. */
struct proc_stat {
	pid_t pid;
	pid_t parent, group, session;
	char state; /* R S D T Z X ... */
	uint64_t user, system;
	uint64_t waited_user, waited_system; /* of children that were waited for, and theirs */
	uint64_t major_faults, waited_major_faults;
	uint64_t threads;
	uint64_t start;	   /* since boot */
	uint64_t resident; /* pages */
	uint64_t stack; /* where its stack begins: new with each exec; 0 where we may not see it */
	bool kernel;	   /* a thread of the kernel */
	bool exiting;	   /* its first thread is on its way out, or out */
	bool permitted;	   /* while it lives: its exit status will be shown to us */
	int exit_status;   /* as wait(2) gives it; of a zombie, 0 where we may not see it */
};
int proc_stat_parse(const char *bytes, size_t size, struct proc_stat *ret);

/* True where all of it is dead, or dies: a signal that ended the first thread ends all, but for SIGSYS, by
 * which seccomp may end one thread alone, and those that stop a process. A first thread that left so or by
 * itself is shown as a zombie, too, while others go on. */
bool proc_stat_is_dead(const struct proc_stat *stat);

/* Of /proc/PID/io: what went to and came from the disk, children that were waited for included. */
int proc_io_parse(const char *bytes, size_t size, uint64_t *ret_read, uint64_t *ret_written);

/* Of /proc/PID/status. A process without memory (a zombie) swaps nothing. */
int proc_status_parse(const char *bytes, size_t size, uid_t *ret_effective, uint64_t *ret_swap);

/* Of /proc/PID/smaps_rollup: bytes. */
int proc_pss_parse(const char *bytes, size_t size, uint64_t *ret_bytes);

/* Of /proc/PID/limits: the soft limit of open files; UINT64_MAX for none. */
int proc_limits_parse(const char *bytes, size_t size, uint64_t *ret_files);

/* Of /proc/PID/status: the effective capabilities, one bit each. */
int proc_capabilities_parse(const char *bytes, size_t size, uint64_t *ret);

/* Of /proc/PID/status: the signals that it ignores, the bit 1 << (number - 1) for each. */
int proc_ignored_signals_parse(const char *bytes, size_t size, uint64_t *ret);

/* Of /proc/PID/status: its number in its own pid namespace. */
int proc_namespace_pid_parse(const char *bytes, size_t size, uint64_t *ret);

/* Of a cgroup's memory.events or (version 1) memory.oom_control, and of /proc/vmstat: processes killed
 * for lack of memory. */
int proc_oom_kills_parse(const char *bytes, size_t size, uint64_t *ret_kills);

enum cgroup_hierarchy {
	CGROUP_OTHER,
	CGROUP_UNIFIED, /* the one of version 2 */
	CGROUP_MEMORY,	/* of version 1, with the controller of memory */
};
struct cgroup_path {
	enum cgroup_hierarchy hierarchy;
	const char *path; /* into the bytes; begins with a slash */
	size_t size;
};
/* The next path of /proc/PID/cgroup from *POSITION on. False at the end. */
bool proc_cgroup_next(
	const char *bytes, size_t size, size_t *position, struct cgroup_path *ret);

/* A TCP socket that listens. */
struct tcp_listener {
	uint16_t port;
	uid_t owner; /* who made it */
	uint64_t inode;
};
/* One line of /proc/PID/net/tcp or tcp6. 1: it listens; 0: another state; -EBADMSG (so the heading). */
int proc_listener_parse(const char *line, size_t size, struct tcp_listener *ret);

/* The inode of a link in /proc/PID/fd such as "socket:[123]", or 0 where it is none. */
uint64_t proc_socket_parse(const char *link, size_t size);
