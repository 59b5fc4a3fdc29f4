/* SPDX-License-Identifier: Apache-2.0 */
/* Reads of /proc for one process: thin, bounded, nothing believed (procfs.h parses).
 *
 * Layer: collectors. ROOT is a descriptor of /proc. -ESRCH or -ENOENT where the process is gone,
 * -EACCES or -EPERM where we lack the right. What may have to wait for the process takes a READER, and may
 * answer -ETIMEDOUT or -EBUSY (bounded_read.h): it cannot be known now. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/types.h>

#include "collectors/process/bounded_read.h"
#include "collectors/process/procfs.h"
#include "daemon/base/buf.h"

#define FDS_MAX 65536 /* open files of one process that are looked at */

/* What of an identity is wanted: each costs. */
enum identity_part {
	IDENTITY_EXECUTABLE = 1 << 0,
	IDENTITY_ARGUMENTS = 1 << 1,
	IDENTITY_COMM = 1 << 2,
	IDENTITY_CGROUPS = 1 << 3,
	IDENTITY_USER = 1 << 4,
	IDENTITY_FILES = 1 << 5, /* whether they may be read */
};

/* Who a process is: what matching and discovery look at. What was not wanted is empty. */
struct identity {
	char *executable;	/* "" where it has none or it may not be read */
	bool executable_denied; /* we lack the right to read it */
	bool files_denied;	/* we lack the right to see what it has open */
	struct buf raw;		/* /proc/PID/cmdline */
	const char **arguments; /* into RAW */
	size_t argument_count;
	char *command_line; /* joined by blanks */
	char comm[32];
	struct buf cgroups;
	uid_t user;
};
int proc_read_identity(
	struct bounded_reader *reader, pid_t pid, unsigned parts, struct identity *ret);
void identity_done(struct identity *i);

/* True for the answer that nothing can be known now. */
static inline bool proc_is_kept_waiting(int r)
{
	return r == -ETIMEDOUT || r == -EBUSY;
}

/* True where we lack the right. */
static inline bool proc_is_denied(int r)
{
	return r == -EACCES || r == -EPERM;
}

/* The owner of its directory: its effective user, or root where it may not be dumped. */
int proc_read_owner(int root, pid_t pid, uid_t *ret);
/* The user who answers for it. Whoever has subordinate users can be all of them in a user namespace of his
 * own: such a process is his. (Root's, as those of a container manager, tell nothing: its effective user
 * then.) */
int proc_read_account(int root, pid_t pid, uid_t *ret);

/* Opens the directory beneath /proc; NULL with errno. */
DIR *proc_open_directory(int root, const char *path);

int proc_read_stat(int root, pid_t pid, struct proc_stat *ret);
/* True where it ignores the end of its children: nobody waits for them then. */
bool proc_ignores_children(int root, pid_t pid);
/* True for the first process of a pid namespace, with which all others there end. */
bool proc_begins_namespace(int root, pid_t pid);
int proc_read_swap(int root, pid_t pid, uint64_t *ret_bytes);
/* TOOK: how long reading it took. Of a large process it takes longer than anybody waits: after -ETIMEDOUT
 * the late one has it some time, -EBUSY until then, and -ENODATA where it is lost. */
int proc_read_pss(struct bounded_reader *reader, pid_t pid, usec_t wait, uint64_t *ret_bytes,
	usec_t *took);
int proc_read_late_pss(
	struct bounded_reader *reader, pid_t pid, uint64_t *ret_bytes, usec_t *took);
/* Open files, and the limit of them. */
int proc_read_fds(int root, pid_t pid, uint64_t *ret_count);
int proc_read_max_fds(int root, pid_t pid, uint64_t *ret_limit);

/* The same through descriptors that are kept open: *FD is opened where it is -1. It stays with the
 * process that it was opened for: -ESRCH after its end, whatever has its number then. */
int proc_read_stat_kept(int root, pid_t pid, int *fd, struct proc_stat *ret);
int proc_read_io_kept(struct bounded_reader *reader, pid_t pid, int *fd, uint64_t *ret_read,
	uint64_t *ret_written);

/* Processes that the kernel killed for lack of memory, on the whole host. */
int proc_read_oom_kills(int root, uint64_t *ret);

/* Our own effective capabilities, one bit each. */
int proc_read_capabilities(int root, uint64_t *ret);

/* Calls FN for every process. */
int proc_each(int root, void (*fn)(void *userdata, pid_t pid), void *userdata);
