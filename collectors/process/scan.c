/* SPDX-License-Identifier: Apache-2.0 */
/* The table of processes: which there are, and to which service they belong by what they show. */
#include "collectors/process/scan.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "collectors/process/resume.h"
#include "collectors/process/search.h"
#include "collectors/process/service.h"
#include "collectors/process/tell.h"
#include "collectors/process/watch.h"
#include "daemon/base/text.h"

#define RECHECK_WITH_EVENTS (60 * USEC_PER_SEC) /* every process is looked at again in so long */
#define RECHECK_WITHOUT	    (5 * USEC_PER_SEC)
#define RECHECK_AT_ONCE	    64 /* processes of one tick */

struct process *scan_find(struct collector *c, pid_t pid)
{
	return map_get(c->processes, &pid, sizeof(pid));
}

usec_t scan_age(const struct process *p)
{
	double age = (double) clock_boot() / (double) USEC_PER_SEC -
		     (double) p->start / p->collector->ticks;

	return age > 0 ? (usec_t) (age * (double) USEC_PER_SEC) : 0;
}

void process_close_kept(struct process *p)
{
	if (p->use.stat_fd >= 0)
		p->collector->kept--;
	if (p->use.io_fd >= 0)
		p->collector->kept--;
	close_fd(&p->use.stat_fd);
	close_fd(&p->use.io_fd);
}

void process_free(void *process)
{
	struct process *p = process;

	watch_end(p);
	process_close_kept(p);
	free(p->executable);
	free(p->command_line);
	free(p->found_by);
	free(p->unit);
	free(p);
}

/* A parent is given what a child used when it waits for that. */
static bool is_counted_by_parent(const struct process *p)
{
	struct collector *c = p->collector;
	const struct process *parent = scan_find(c, p->parent);

	return parent && parent->service == p->service &&
	       !proc_ignores_children(c->root, parent->pid);
}

void scan_lose(struct process *p)
{
	if (p->main) {
		int status;

		if (p->watch.pidfd < 0)
			service_exited(p, watch_status(p, &status) ? &status : NULL);
		return;
	}
	if (p->service)
		service_leave(p, is_counted_by_parent(p));
	map_remove(p->collector->processes, &p->pid, sizeof(p->pid));
	process_free(p);
}

struct service *scan_find_service(struct collector *c, const struct identity *i)
{
	for (size_t n = 0; n < c->options.service_count; n++) {
		const struct service_match *m = &c->options.services[n];

		if (!search_is_needed(m) && search_judge(c, m, i) == MATCH_YES)
			return service_get(c, m->name);
	}
	return NULL;
}

bool scan_matches(struct process *p)
{
	struct collector *c = p->collector;
	struct identity i;
	int r;

	if (!p->service->match || search_is_needed(p->service->match))
		return p->matched;
	r = proc_read_identity(c->reader, p->pid, c->identity, &i);
	/* Until it answers it is what it was. */
	if (r < 0)
		return proc_is_kept_waiting(r) && p->matched;
	p->matched = scan_find_service(c, &i) == p->service;
	identity_done(&i);
	return p->matched;
}

/* One that is on its way out shows nothing of itself. */
static bool is_alive(const struct process *p, struct proc_stat *ret)
{
	return proc_read_stat(p->collector->root, p->pid, ret) == 0 && ret->start == p->start &&
	       !ret->exiting;
}

/* Without both stacks it is not for us to see. */
static bool has_executed(const struct process *p, const struct proc_stat *stat, bool told)
{
	return p->stack > 0 && stat->stack > 0 ? p->stack != stat->stack : told;
}

/* The program that it runs is another one where its stack is. */
static bool note_stack(struct process *p, uint64_t stack)
{
	bool changed = p->stack != stack;

	if (changed)
		free(TAKE_POINTER(p->found_by));
	p->stack = stack;
	return changed;
}

/* A main process: what it was looked at to be. */
static void tell_program(struct process *p, const struct identity *i)
{
	tell_identity_read(p, i);
	if (collector_has_room(p->collector))
		tell_started(p->service, p);
	else
		p->unannounced = p->collector->announcing = true;
}

/* It executed what is the service, too. */
static void renew(struct process *p, uint64_t stack, const struct identity *i)
{
	note_stack(p, stack);
	if (p->main)
		tell_program(p, i);
}

static bool has_changed(struct process *p, bool told)
{
	struct collector *c = p->collector;
	struct proc_stat stat, after;
	enum match_answer answer;
	struct identity i;
	bool changed;

	if (!is_alive(p, &stat) || !has_executed(p, &stat, told) ||
		proc_read_identity(c->reader, p->pid, c->identity | TOLD_IDENTITY, &i) < 0)
		return false;
	answer = search_judge(c, p->service->match, &i);
	changed = answer == MATCH_NO &&
		  (!(c->identity & IDENTITY_EXECUTABLE) || *i.executable) &&
		  (!(c->identity & IDENTITY_ARGUMENTS) || *i.command_line) && is_alive(p, &after);
	if (answer != MATCH_NO && stat.stack != p->stack)
		renew(p, stat.stack, &i);
	identity_done(&i);
	return changed;
}

void scan_release_changed(struct process *p, bool told)
{
	if (p->service && p->service->match && has_changed(p, told)) {
		service_release(p);
		scan_examine(p->collector, p->pid);
	}
}

static const struct server_kind *find_kind(struct collector *c, const struct identity *i)
{
	struct process_text text = {i->executable, i->comm, i->arguments, i->argument_count};

	return c->options.discovery ? discovery_match(&text) : NULL;
}

/* The daemon's own processes hide themselves from everybody: no service is among them. */
static bool is_of_daemon(const struct process *p)
{
	pid_t supervisor = getppid();

	return p->pid == supervisor || p->parent == supervisor;
}

/* A main process that could not be looked at when it began. */
static void complete(struct process *p)
{
	struct identity i;

	if (p->found_by || proc_read_identity(p->collector->reader, p->pid, TOLD_IDENTITY, &i) < 0)
		return;
	tell_program(p, &i);
	identity_done(&i);
}

/* A member that is no main process may have been its parent's alone until it executed what is another
 * service, or its own: if that kept us waiting when a main process was looked for, this is where it is made
 * up for. */
static void classify(struct process *p)
{
	struct collector *c = p->collector;
	const struct process *parent = scan_find(c, p->parent);
	struct service *inherited = parent ? parent->service : NULL, *s;
	struct identity i;
	int r;

	if (p->main && p->unjudged)
		resume_judge(p);
	if (p->main)
		complete(p);
	if (p->main || p->kernel)
		return;
	r = proc_read_identity(c->reader, p->pid, c->identity, &i);
	p->unread = proc_is_kept_waiting(r);
	if (r < 0)
		return;
	p->hidden = !c->sees_all && (i.executable_denied || i.files_denied) && !is_of_daemon(p);
	s = scan_find_service(c, &i);
	if (p->service && s && p->service != s)
		service_leave(p, false);
	if (!p->service && (s || inherited)) {
		p->matched = s != NULL;
		service_adopt(s ? s : inherited, p);
	} else if (!p->service)
		p->server.kind = find_kind(c, &i);
	else if (s)
		service_confirm(p);
	identity_done(&i);
}

struct process *scan_add(struct collector *c, const struct proc_stat *stat)
{
	struct process *p;

	if (map_size(c->processes) >= TABLE_PROCESSES_MAX)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p) {
		collector_fail(c, -ENOMEM);
		return NULL;
	}
	*p = (struct process){.collector = c,
		.pid = stat->pid,
		.parent = stat->parent,
		.start = stat->start,
		.stack = stat->stack,
		.kernel = stat->kernel,
		.present = true,
		.server.found = clock_monotonic(),
		.watch.pidfd = -1,
		.memory.fd = -1,
		.use.stat_fd = -1,
		.use.io_fd = -1};
	if (map_put(c->processes, &p->pid, sizeof(p->pid), p, NULL) < 0) {
		process_free(p);
		collector_fail(c, -ENOMEM);
		return NULL;
	}
	return p;
}

/* Parents come first, so that a child of a main process is never taken for one; and before there is a row
 * of the child, which as nobody's would be taken for the parent's although it matches a service itself. */
static struct process *examine(struct collector *c, pid_t pid, unsigned generation)
{
	struct process *p = scan_find(c, pid);
	struct proc_stat stat;

	if (proc_read_stat(c->root, pid, &stat) < 0 || proc_stat_is_dead(&stat))
		return NULL;
	if (p && p->start != stat.start) {
		scan_lose(p);
		/* The end of the one that had the number before is still to be told. */
		if (scan_find(c, pid))
			return NULL;
	}
	if (stat.parent > 0 && generation < ANCESTORS_MAX && !scan_find(c, stat.parent))
		examine(c, stat.parent, generation + 1);
	p = scan_find(c, pid);
	if (!p && !collector_has_room(c)) {
		c->incomplete = true;
		return NULL;
	}
	if (!p)
		p = scan_add(c, &stat);
	if (!p)
		return NULL;
	p->parent = stat.parent;
	/* Of a main process it is what its service was found by. */
	if (!p->main && note_stack(p, stat.stack))
		p->matched = false;
	classify(p);
	return p;
}

struct process *scan_examine(struct collector *c, pid_t pid)
{
	return examine(c, pid, 0);
}

static void on_listed(void *userdata, pid_t pid)
{
	struct collector *c = userdata;
	struct process *p = scan_find(c, pid);

	if (p)
		p->present = true;
	else
		scan_examine(c, pid);
}

/* A list leaves out those that live, too: beyond so many it ends, and threads are in none. */
static bool is_gone(const struct process *p)
{
	struct proc_stat stat;
	int r = proc_read_stat(p->collector->root, p->pid, &stat);

	return r == -ESRCH || r == -ENOENT || (r == 0 && stat.start != p->start);
}

static void lose_absent(struct collector *c)
{
	pid_t *absent = calloc(map_size(c->processes) + 1, sizeof(*absent));
	size_t count = 0, position = 0;
	struct process *p;

	if (!absent) {
		collector_fail(c, -ENOMEM);
		return;
	}
	while ((p = map_next(c->processes, &position, NULL, NULL)))
		if (!p->present)
			absent[count++] = p->pid;
	for (size_t i = 0; i < count; i++) {
		p = scan_find(c, absent[i]);
		if (p && !p->present && is_gone(p))
			scan_lose(p);
	}
	free(absent);
}

void scan_list(struct collector *c)
{
	struct process *p;
	size_t position = 0;
	int r;

	/* Losing a process may ask for this again. */
	if (c->listing)
		return;
	c->listing = true;
	c->incomplete = false;
	while ((p = map_next(c->processes, &position, NULL, NULL)))
		p->present = false;
	r = proc_each(c->root, on_listed, c);
	if (r == -EMFILE || r == -ENFILE)
		c->incomplete = true;
	else if (r < 0)
		collector_fail(c, r);
	else
		lose_absent(c);
	c->listed = clock_monotonic();
	c->listing = false;
}

void scan_recheck(struct collector *c)
{
	usec_t cycle = c->options.connector < 0 ? RECHECK_WITHOUT : RECHECK_WITH_EVENTS;
	usec_t now = clock_monotonic();
	size_t size = map_size(c->processes);
	struct process *p;

	c->recheck_owed += (double) size * (double) usec_since(now, c->rechecked) / (double) cycle;
	c->rechecked = now;
	if (c->recheck_owed > (double) size)
		c->recheck_owed = (double) size;
	for (size_t i = 0; i < RECHECK_AT_ONCE && c->recheck_owed >= 1; i++) {
		c->recheck_owed--;
		p = map_next(c->processes, &c->recheck_next, NULL, NULL);
		if (!p)
			c->recheck_next = 0;
		else if (p->main && !p->unjudged)
			scan_release_changed(p, false);
		else if (!p->kernel)
			scan_examine(c, p->pid);
	}
}

void scan_adopt_descendants(struct service *s)
{
	struct collector *c = s->collector;
	bool more = true;

	for (size_t i = 0; i < ANCESTORS_MAX && more; i++) {
		size_t position = 0;
		struct process *p;

		more = false;
		while ((p = map_next(c->processes, &position, NULL, NULL))) {
			const struct process *parent = scan_find(c, p->parent);

			if (p->service || p->kernel || !parent || parent->service != s)
				continue;
			service_adopt(s, p);
			more = true;
		}
	}
}
