/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a main process: its pidfd tells that it died, and one of three sources why. */
#include "collectors/process/watch.h"

#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collectors/process/events.h"
#include "collectors/process/memory.h"
#include "collectors/process/scan.h"
#include "collectors/process/service.h"

#define PATIENCE (5 * USEC_PER_MSEC) /* for a status to be told */

/* PIDFD_GET_INFO (linux/pidfd.h): the first version of its structure; Linux 6.15 and later tell the
 * exit status in it, once the process was waited for. */
struct pidfd_information {
	uint64_t mask, cgroup;
	uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code;
};
#define PIDFD_ASK_EXIT	  (UINT64_C(1) << 3)
#define PIDFD_ASK_REQUEST _IOWR(0xff, 11, struct pidfd_information)

static bool ask_pidfd(const struct process *p, int *ret)
{
	struct pidfd_information information = {.mask = PIDFD_ASK_EXIT};

	if (p->watch.pidfd < 0 || ioctl(p->watch.pidfd, PIDFD_ASK_REQUEST, &information) < 0 ||
		!(information.mask & PIDFD_ASK_EXIT))
		return false;
	*ret = information.exit_code;
	return true;
}

/* A zombie shows its status to who was allowed to look at it, and 0 to others. */
static bool ask_zombie(const struct process *p, int *ret)
{
	struct proc_stat stat;

	if (proc_read_stat(p->collector->root, p->pid, &stat) < 0 || stat.start != p->start ||
		stat.state != 'Z' || (stat.exit_status == 0 && !p->watch.permitted))
		return false;
	*ret = stat.exit_status;
	return true;
}

bool watch_status_is_of_all(int status)
{
	return status != 0 && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

void watch_take_status(bool *known, int *status, bool first, int told)
{
	/* Others may go on after the first one. */
	if (first || (*known && !watch_status_is_of_all(*status))) {
		*known = true;
		*status = told;
	}
}

bool watch_status(struct process *p, int *ret)
{
	if (p->watch.status_known && watch_status_is_of_all(p->watch.status)) {
		*ret = p->watch.status;
		return true;
	}
	if (ask_pidfd(p, ret) || ask_zombie(p, ret))
		return true;
	*ret = p->watch.status;
	return p->watch.status_known;
}

/* The same process, which may have been told of and freed since; or NULL. */
static struct process *find_again(struct collector *c, pid_t pid, uint64_t start)
{
	struct process *p = scan_find(c, pid);

	return p && p->start == start && p->main ? p : NULL;
}

static int on_patience(sd_event_source *source, uint64_t now, void *userdata)
{
	struct process *p = userdata;
	struct collector *c = p->collector;
	pid_t pid = p->pid;
	uint64_t start = p->start;
	int status;

	events_read(c);
	p = find_again(c, pid, start);
	if (p)
		service_exited(p, watch_status(p, &status) ? &status : NULL);
	return 0;
}

/* The pidfd can be read: the process is dead. */
static int on_death(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct process *p = userdata;
	struct collector *c = p->collector;
	pid_t pid = p->pid;
	uint64_t start = p->start;
	int status;

	p->watch.death = sd_event_source_disable_unref(p->watch.death);
	events_read(c);
	p = find_again(c, pid, start);
	if (!p)
		return 0;
	if (watch_status(p, &status))
		service_exited(p, &status);
	else if (sd_event_add_time_relative(c->event, &p->watch.patience, CLOCK_MONOTONIC,
			 PATIENCE, 1, on_patience, p) < 0)
		service_exited(p, NULL);
	return 0;
}

/* Where this fails the process is gone already, or there are no more descriptors: then the next tick
 * finds out that it is missing. */
void watch_begin(struct process *p)
{
	struct collector *c = p->collector;
	struct proc_stat stat;
	int r;

	p->watch.status_known = false;
	p->watch.status = 0;
	memory_begin(p);
	p->watch.pidfd = (int) syscall(SYS_pidfd_open, p->pid, 0);
	if (p->watch.pidfd < 0)
		return;
	/* The number may have been another process's by then. */
	if (!collector_may_keep(c, p->watch.pidfd) || proc_read_stat(c->root, p->pid, &stat) < 0 ||
		stat.start != p->start) {
		close_fd(&p->watch.pidfd);
		return;
	}
	r = sd_event_add_io(c->event, &p->watch.death, p->watch.pidfd, EPOLLIN, on_death, p);
	if (r >= 0)
		r = sd_event_source_set_priority(p->watch.death, SD_EVENT_PRIORITY_IMPORTANT);
	if (r < 0)
		collector_fail(c, r);
	events_watch_mains(c);
}

void watch_end(struct process *p)
{
	if (p->watch.pidfd >= 0)
		events_watch_mains(p->collector);
	memory_end(p);
	p->watch.death = sd_event_source_disable_unref(p->watch.death);
	p->watch.patience = sd_event_source_disable_unref(p->watch.patience);
	if (p->watch.word)
		p->collector->ends_waiting--;
	p->watch.word = sd_event_source_disable_unref(p->watch.word);
	close_fd(&p->watch.pidfd);
}
