/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel's process events tell: through one socket of every exec and exit of the host, through
 * another of the ends of main processes alone. */
#include "collectors/process/events.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "collectors/process/connector.h"
#include "collectors/process/resume.h"
#include "collectors/process/scan.h"
#include "collectors/process/service.h"
#include "collectors/process/tell.h"
#include "collectors/process/watch.h"

/* Other programs' processes come and go by the hundred: they wake us at most so often. Ends of main
 * processes do not wait; and most of what is executed is gone by then. */
#define GLANCE_AFTER   (100 * USEC_PER_MSEC)
#define EXECUTED_MAX   4096
#define GLANCE_MAX     64    /* executed processes that are looked at in one turn of the loop */
#define EVENTS_AT_ONCE 65536 /* events of one turn of the loop */
#define NSEC_PER_USEC  1000

/* An identity that can have changed is told of anew. */
static void look_at_executed(struct collector *c, pid_t pid)
{
	const struct process *before = scan_find(c, pid);
	bool was_main = before && before->main;
	struct process *p = scan_examine(c, pid);

	if (!p)
		return;
	/* It may have the keys of a service now. */
	p->pass.done = 0;
	if (!p->main || !was_main)
		return;
	scan_release_changed(p, true);
	/* Its number may be another's by now. */
	p = scan_find(c, pid);
	if (p && p->main)
		tell_identity(p);
}

/* Looks at what the connector tells after DURATION, and leaves it alone until then. */
static void glance_after(struct collector *c, usec_t duration)
{
	int r;

	if (c->glancing)
		return;
	c->glancing = true;
	r = sd_event_source_set_enabled(c->events, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_source_set_time_relative(c->glance, duration);
	if (r >= 0)
		r = sd_event_source_set_enabled(c->glance, SD_EVENT_ONESHOT);
	if (r < 0)
		collector_fail(c, r);
}

static int on_glance(sd_event_source *source, uint64_t now, void *userdata)
{
	struct collector *c = userdata;
	size_t count;
	int r;

	events_read(c);
	count = c->executed_count < GLANCE_MAX ? c->executed_count : GLANCE_MAX;
	for (size_t i = 0; i < count; i++)
		look_at_executed(c, c->executed[i]);
	c->executed_count -= count;
	memmove(c->executed, c->executed + count, c->executed_count * sizeof(*c->executed));
	c->glancing = false;
	/* The rest in the next turn: the end of a main process is not to wait for it. */
	if (c->executed_count > 0)
		glance_after(c, 0);
	else {
		r = sd_event_source_set_enabled(c->events, SD_EVENT_ON);
		if (r < 0)
			collector_fail(c, r);
	}
	return 0;
}

/* The next tick lists anew, and looks again at those that are known already. */
static void make_up_for_lost(struct collector *c)
{
	c->listed = 0;
	c->recheck_owed = (double) map_size(c->processes);
}

/* Where another thread executed, the first one ended before: that was not the end of the process. */
static void note_exec(struct collector *c, const struct connector_event *e)
{
	struct process *p = scan_find(c, e->pid);

	if (p) {
		p->executed = e->time;
		p->watch.status_known = false;
	}
	if (c->executed_count < EXECUTED_MAX)
		c->executed[c->executed_count++] = e->pid;
	else
		make_up_for_lost(c);
}

/* True where a signal ends all of it, though the pidfd waits for the last thread, and that one for the
 * memory: gigabytes take their time. A first thread that a signal ended takes all others along (one that
 * left by itself, or that another thread's exec replaces, ends with status 0). Any other thread may end
 * alone, by seccomp; the kernel shows the status of the whole when that is settled. By seccomp's own signal
 * even the first one may end alone: only the pidfd tells whether that was all. */
static bool is_dying(const struct process *p, bool first, int *status)
{
	struct proc_stat stat;

	if (!WIFSIGNALED(*status) || !watch_status_is_of_all(*status) ||
		proc_read_stat(p->collector->root, p->pid, &stat) < 0 || stat.start != p->start)
		return false;
	if (WIFSIGNALED(stat.exit_status) && WTERMSIG(stat.exit_status) == WTERMSIG(*status)) {
		/* It may know of a core dump that the thread did not make. */
		*status = stat.exit_status;
		return true;
	}
	return first && stat.state == 'Z';
}

static void note_exit(struct collector *c, const struct connector_event *e)
{
	struct process *p = scan_find(c, e->pid);
	uint64_t at = collector_boot_ticks(c, e->time / NSEC_PER_USEC);
	bool first = e->kind == CONNECTOR_EXIT;
	int status = e->status;
	bool dying;

	if (c->resumption)
		resume_note_exit(c, e, at);
	/* Two sockets tell, each in its own time. */
	if (!p || !p->main || e->time < p->executed)
		return;
	p->watch.lived = at;
	dying = is_dying(p, first, &status);
	watch_take_status(&p->watch.status_known, &p->watch.status, first, status);
	/* One whose pidfd has told already waits for this. */
	if (dying || (first && p->watch.patience))
		service_exited(p, &status);
}

void events_read(struct collector *c)
{
	struct connector_event event;
	int r = 0;

	if (c->options.connector < 0)
		return;
	for (size_t i = 0; i < EVENTS_AT_ONCE; i++) {
		r = connector_read(c->options.connector, &event);
		if (r <= 0)
			break;
		if (event.kind == CONNECTOR_EXEC)
			note_exec(c, &event);
		else
			note_exit(c, &event);
	}
	if (c->executed_count > 0)
		glance_after(c, GLANCE_AFTER);
	if (r == -ENOBUFS)
		make_up_for_lost(c);
	else if (r < 0)
		collector_fail(c, r);
}

static int on_events(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	glance_after(userdata, GLANCE_AFTER);
	return 0;
}

/* Where some were lost their pidfds tell of them. */
static int on_exits(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct collector *c = userdata;
	struct connector_event event;
	int r = 0;

	for (size_t i = 0; i < EVENTS_AT_ONCE; i++) {
		r = connector_read(fd, &event);
		if (r <= 0)
			break;
		if (event.kind != CONNECTOR_EXEC)
			note_exit(c, &event);
	}
	if (r < 0 && r != -ENOBUFS)
		collector_fail(c, r);
	return 0;
}

/* Those of configured services, or of discovered ones. */
static size_t add_mains(
	struct collector *c, bool configured, pid_t pids[static CONNECTOR_PIDS_MAX], size_t count)
{
	const struct process *p;
	size_t position = 0;

	while (count < CONNECTOR_PIDS_MAX && (p = map_next(c->processes, &position, NULL, NULL)))
		if (p->main && configured == (p->service->match != NULL))
			pids[count++] = p->pid;
	return count;
}

size_t events_choose_mains(struct collector *c, pid_t pids[static CONNECTOR_PIDS_MAX])
{
	return add_mains(c, false, pids, add_mains(c, true, pids, 0));
}

/* One that ended before this is told of by its pidfd, and so are those that are too many. */
static int on_mains_changed(sd_event_source *source, void *userdata)
{
	struct collector *c = userdata;
	pid_t pids[CONNECTOR_PIDS_MAX];

	connector_watch(c->options.exits, pids, events_choose_mains(c, pids));
	return 0;
}

void events_watch_mains(struct collector *c)
{
	int r = c->mains_changed ? sd_event_source_set_enabled(c->mains_changed, SD_EVENT_ONESHOT)
				 : 0;

	if (r < 0)
		collector_fail(c, r);
}

static int add_all(struct collector *c)
{
	int r;

	c->executed = calloc(EXECUTED_MAX, sizeof(*c->executed));
	if (!c->executed)
		return -ENOMEM;
	r = sd_event_add_io(c->event, &c->events, c->options.connector, EPOLLIN, on_events, c);
	if (r >= 0)
		r = sd_event_add_time_relative(c->event, &c->glance, CLOCK_MONOTONIC, GLANCE_AFTER,
			USEC_PER_MSEC, on_glance, c);
	return r < 0 ? r : sd_event_source_set_enabled(c->glance, SD_EVENT_OFF);
}

static int add_exits(struct collector *c)
{
	int r = sd_event_add_io(c->event, &c->exits, c->options.exits, EPOLLIN, on_exits, c);

	if (r >= 0)
		r = sd_event_source_set_priority(c->exits, SD_EVENT_PRIORITY_IMPORTANT);
	if (r >= 0)
		r = sd_event_add_defer(c->event, &c->mains_changed, on_mains_changed, c);
	return r < 0 ? r
		     : sd_event_source_set_priority(c->mains_changed, SD_EVENT_PRIORITY_IMPORTANT);
}

int events_begin(struct collector *c)
{
	int r = c->options.connector < 0 ? 0 : add_all(c);

	return r < 0 || c->options.exits < 0 ? r : add_exits(c);
}

void events_end(struct collector *c)
{
	c->events = sd_event_source_disable_unref(c->events);
	c->glance = sd_event_source_disable_unref(c->glance);
	c->exits = sd_event_source_disable_unref(c->exits);
	c->mains_changed = sd_event_source_disable_unref(c->mains_changed);
	free(c->executed);
	close_fd(&c->options.connector);
	close_fd(&c->options.exits);
}
