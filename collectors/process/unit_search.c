/* SPDX-License-Identifier: Apache-2.0 */
/* A unit's main process is the one that systemd calls so. A unit that has none (a scope, a service that forks
 * without a pid file) has those in its control group whose parent is not there; and so has one whose main
 * process is gone while systemd cannot be asked. */
#include "collectors/process/unit_search.h"

#include <errno.h>
#include <stdlib.h>

#include "collectors/process/cgroup.h"
#include "collectors/process/resume.h"
#include "collectors/process/scan.h"
#include "collectors/process/search.h"
#include "collectors/process/service.h"
#include "collectors/process/unit_words.h"
#include "daemon/base/text.h"

/* Processes, in the order of their numbers once all are there. */
struct named {
	pid_t *pids;
	size_t count;
};

static void named_done(struct named *n)
{
	free(n->pids);
}

static int add(struct named *n, pid_t pid)
{
	pid_t *pids = reallocarray(n->pids, n->count + 1, sizeof(*pids));

	if (!pids)
		return -ENOMEM;
	n->pids = pids;
	pids[n->count++] = pid;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool has(const struct named *n, pid_t pid)
{
	return n->count > 0 && bsearch(&pid, n->pids, n->count, sizeof(*n->pids), by_number);
}

/* What is in the control group, in the order of the numbers. */
static int read_group(struct collector *c, const char *path, struct named *ret)
{
	struct named all = {NULL, 0};
	int r = cgroup_processes(c->cgroups, path, &all.pids, &all.count);

	if (r == -ENOMEM)
		return r;
	if (all.count > 1)
		qsort(all.pids, all.count, sizeof(*all.pids), by_number);
	*ret = all;
	return 0;
}

/* True where it lives and its parent is not in the group. */
static bool is_first(struct collector *c, const struct named *group, pid_t pid)
{
	struct proc_stat stat;

	return proc_read_stat(c->root, pid, &stat) == 0 && !proc_stat_is_dead(&stat) &&
	       !has(group, stat.parent);
}

static int add_group(struct collector *c, const char *path, struct named *n)
{
	_cleanup_(named_done) struct named group = {NULL, 0};
	int r = read_group(c, path, &group);

	for (size_t i = 0; i < group.count && r == 0; i++)
		if (is_first(c, &group, group.pids[i]))
			r = add(n, group.pids[i]);
	return r;
}

/* True where its control group tells whose its processes are. */
static bool is_found_by_group(const struct service *s, const struct known_unit *u)
{
	return *u->state.cgroup &&
	       (u->fresh ? u->main == 0 && unit_is_active(&u->state) : s->mains == 0);
}

/* All that the units name. */
static int find(struct service *s, struct named *ret)
{
	struct named n = {NULL, 0};
	struct known_unit *u;
	size_t position = 0;
	int r = 0;

	while (r == 0 && (u = units_next(s, &position)))
		if (u->fresh && u->state.main_pid > 0)
			r = add(&n, (pid_t) u->state.main_pid);
		else if (is_found_by_group(s, u))
			r = add_group(s->collector, u->state.cgroup, &n);
	if (r < 0) {
		named_done(&n);
		return r;
	}
	if (n.count > 1)
		qsort(n.pids, n.count, sizeof(*n.pids), by_number);
	*ret = n;
	return 0;
}

void unit_search_each(struct service *s, void (*fn)(void *userdata, pid_t pid), void *userdata)
{
	_cleanup_(named_done) struct named n = {NULL, 0};
	int r = find(s, &n);

	if (r < 0)
		collector_fail(s->collector, r);
	for (size_t i = 0; i < n.count; i++)
		fn(userdata, n.pids[i]);
}

static bool is_first_of_group(struct service *s, const char *path, pid_t pid)
{
	_cleanup_(named_done) struct named group = {NULL, 0};
	int r = read_group(s->collector, path, &group);

	if (r < 0)
		collector_fail(s->collector, r);
	return has(&group, pid) && is_first(s->collector, &group, pid);
}

static bool is_named_by(struct service *s, const struct known_unit *u, pid_t pid)
{
	if (u->fresh && u->state.main_pid > 0)
		return u->state.main_pid == pid;
	return is_found_by_group(s, u) && is_first_of_group(s, u->state.cgroup, pid);
}

bool unit_search_names(struct service *s, pid_t pid)
{
	const struct known_unit *u;
	size_t position = 0;

	while ((u = units_next(s, &position)))
		if (is_named_by(s, u, pid))
			return true;
	return false;
}

static bool lives(const struct process *p)
{
	struct proc_stat stat;

	return proc_read_stat(p->collector->root, p->pid, &stat) == 0 && stat.start == p->start &&
	       !stat.exiting && !proc_stat_is_dead(&stat);
}

/* How it ends will be told. */
static void note_seen(struct service *s, pid_t pid)
{
	struct known_unit *u;
	size_t position = 0;

	while ((u = units_next(s, &position)))
		u->seen |= u->main == pid || (u->main == 0 && unit_is_active(&u->state));
}

static void take(void *userdata, pid_t pid)
{
	struct service *s = userdata;
	struct process *p = scan_find(s->collector, pid);

	if (!p || p->service != s)
		p = scan_examine(s->collector, pid);
	if (p && p->service != s)
		search_take(s, p, false);
	p = scan_find(s->collector, pid);
	if (!p || p->service != s)
		return;
	/* Its parent may be the main process until now. */
	if (!p->main && search_matches(s, p, false))
		service_promote(p);
	if (p->main)
		note_seen(s, pid);
}

/* Of a unit whose main process just ended systemd may name the next one soon; one that ends names nobody who
 * was found by its control group, and still lives. */
static bool is_settled(const struct known_unit *u)
{
	if (!u->fresh || text_equal(u->state.active, "deactivating"))
		return false;
	return u->main == 0 || u->state.main_pid > 0 || !unit_is_active(&u->state);
}

static bool are_settled(const struct service *s)
{
	const struct known_unit *u;
	size_t position = 0;

	while ((u = units_next(s, &position)))
		if (!is_settled(u))
			return false;
	return s->collector->units_known;
}

/* A living main process that is not named: another one took its place, or its unit ended without it. */
static void release_others(struct service *s)
{
	_cleanup_(named_done) struct named n = {NULL, 0};
	struct collector *c = s->collector;
	size_t position = 0, count = 0;
	struct process *p;
	pid_t others[MAINS_MAX];
	int r = find(s, &n);

	if (r < 0) {
		collector_fail(c, r);
		return;
	}
	while (count < MAINS_MAX && (p = map_next(c->processes, &position, NULL, NULL)))
		if (p->service == s && p->main && !has(&n, p->pid))
			others[count++] = p->pid;
	for (size_t i = 0; i < count; i++) {
		p = scan_find(c, others[i]);
		if (p && p->service == s && p->main && lives(p))
			service_release(p);
	}
}

/* Main processes from before, which systemd was to be asked of first. */
static void judge_resumed(struct service *s)
{
	struct collector *c = s->collector;
	size_t position = 0;
	struct process *p;

	while ((p = map_next(c->processes, &position, NULL, NULL)))
		if (p->service == s && p->main && p->unjudged && lives(p))
			resume_judge(p);
}

void unit_search(struct service *s)
{
	unit_search_each(s, take, s);
	if (s->mains == 0 || !are_settled(s))
		return;
	judge_resumed(s);
	release_others(s);
}
