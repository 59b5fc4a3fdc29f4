/* SPDX-License-Identifier: Apache-2.0 */
/* Reads of /proc/PID that may wait for the process they are of, for ever.
 *
 * Layer: collectors. cmdline and smaps_rollup need its memory map (mmap_lock), io and the opening of
 * smaps_rollup that it does not execute a program just now (exec_update_lock). Whoever has these locks
 * may hang: unmapping a file whose server does not answer is enough, and everybody may do that. Only
 * SIGKILL ends such a wait. So a thread reads; where it does not answer in time it is left alone with its
 * process, and another one goes on. When it comes back it ends. What is left alone is bounded: so many
 * of all, so many of one user, and of all users but root so many that root's can still be looked at; and
 * waiting in vain takes a tenth of the time at most.
 *
 * The other files of a process that are read here (stat, status, comm, cgroup, limits, fd, task, the links
 * exe and ns) wait for neither lock. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"

#define BOUNDED_READ_MAX (32 * 1024) /* bytes of one file */
#define BOUNDED_WAIT	 (50 * USEC_PER_MSEC)
#define AWAY_MAX	 32 /* threads that are left alone */
#define AWAY_OF_USERS	 24 /* with processes of all users but root */
#define AWAY_OF_USER	 8  /* with processes of one of these */
#define UNREAD_MAX	 256 /* processes that are kept in mind */

struct bounded_reader;

struct bounded_request {
	pid_t pid;
	pid_t thread;	  /* of the process, whose file it is, or 0 for its own */
	const char *name; /* a literal: the file */
	int fd;		  /* it, where it is open, or -1. One read tells all of it then */
	size_t limit;	  /* bytes that are read; at most BOUNDED_READ_MAX. What is beyond is left out */
	usec_t wait;	  /* at most; less where there was much waiting */
	bool late;	  /* an answer that is waited for in vain is kept for bounded_read_late() */
};

/* A process that lets a thread wait. */
struct stuck {
	pid_t pid;
	usec_t since;	   /* monotonic */
	usec_t since_wall; /* the same, for people */
};

/* ROOT, a descriptor of /proc, is the caller's and stays open. Threads are made when they are needed. */
int bounded_reader_new(int root, struct bounded_reader **ret);
/* Threads that are away stay, and what they use with them: the end of the program ends them (one that waits
 * where not even SIGKILL is heard, as the last one to leave a process's memory may, lets it wait, too). */
struct bounded_reader *bounded_reader_free(struct bounded_reader *r);
int bounded_reader_root(const struct bounded_reader *r);

/* Appends what the file says to B. TOOK, how long reading it took, may be NULL. 0, -errno, -ETIMEDOUT
 * where it did not answer in time, or -EBUSY where it was not even asked: a thread waits for the process
 * still, or too many wait for others. */
int bounded_read(struct bounded_reader *r, const struct bounded_request *q, struct buf *b,
	usec_t *took);
/* The same with the answer that was waited for in vain before; the file is not read again. -EBUSY while
 * it is waited for still, -ENODATA where there is none. It is there once, and until
 * bounded_reader_collect() was called twice; requests for other files do not take it away. */
int bounded_read_late(
	struct bounded_reader *r, pid_t pid, const char *name, struct buf *b, usec_t *took);

/* True while a thread waits for the process. */
bool bounded_reader_waits_for(struct bounded_reader *r, pid_t pid);
/* One after the other from *POSITION = 0 on. */
bool bounded_reader_next_stuck(
	const struct bounded_reader *r, size_t *position, struct stuck *ret);

/* To be called now and then: gives back the places of threads that came back, and tells of the processes
 * that could not be read and perhaps can be now. RET_MORE: there were others; RET_FULL: some were not even
 * asked for want of room. The number of those in PIDS. */
size_t bounded_reader_collect(struct bounded_reader *r, pid_t pids[static UNREAD_MAX],
	bool *ret_more, bool *ret_full);
