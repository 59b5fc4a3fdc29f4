/* SPDX-License-Identifier: Apache-2.0 */
/* A unit's main process is the one that systemd calls so. A unit that has none (a scope, a service that forks
 * without a pid file) has those in its control group whose parent is not there; and so has one whose main
 * process is gone while systemd cannot be asked. */
#include "collectors/process/unit_search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/process/cgroup.h"
#include "collectors/process/resume.h"
#include "collectors/process/scan.h"
#include "collectors/process/search.h"
#include "collectors/process/service.h"
#include "collectors/process/unit_words.h"
#include "daemon/base/text.h"

#define AGAIN_AFTER	(5 * USEC_PER_MSEC)
#define AGAIN_MAX	USEC_PER_SEC
#define EXECUTED_WITHIN 10 /* seconds: then it is the program */

/* Processes, in the order of their numbers once all are there, and the units that name them. */
struct named {
	struct named_process {
		pid_t pid;
		const struct known_unit *unit;
	} * items;
	size_t count;
};

static void named_done(struct named *n)
{
	free(n->items);
}

static int add(struct named *n, pid_t pid, const struct known_unit *unit)
{
	struct named_process *items = reallocarray(n->items, n->count + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	n->items = items;
	items[n->count++] = (struct named_process){pid, unit};
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* What is in a control group, in the order of the numbers. */
struct group {
	pid_t *pids;
	size_t count;
};

static void group_done(struct group *g)
{
	free(g->pids);
}

static bool has(const struct group *g, pid_t pid)
{
	return g->count > 0 && bsearch(&pid, g->pids, g->count, sizeof(*g->pids), by_number);
}

static int read_group(struct collector *c, const char *path, struct group *ret)
{
	struct group all = {NULL, 0};
	int r = cgroup_processes(c->cgroups, path, &all.pids, &all.count);

	if (r == -ENOMEM)
		return r;
	if (all.count > 1)
		qsort(all.pids, all.count, sizeof(*all.pids), by_number);
	*ret = all;
	return 0;
}

/* True where it lives and its parent is not in the group. */
static bool is_first(struct collector *c, const struct group *group, pid_t pid)
{
	struct proc_stat stat;

	return proc_read_stat(c->root, pid, &stat) == 0 && !proc_stat_is_dead(&stat) &&
	       !has(group, stat.parent);
}

static int add_group(struct collector *c, const struct known_unit *u, struct named *n)
{
	_cleanup_(group_done) struct group group = {NULL, 0};
	int r = read_group(c, u->state.cgroup, &group);

	for (size_t i = 0; i < group.count && r == 0; i++)
		if (is_first(c, &group, group.pids[i]))
			r = add(n, group.pids[i], u);
	return r;
}

/* True where its control group tells whose its processes are. One that begins or reloads has others there for
 * a moment. */
static bool is_found_by_group(const struct service *s, const struct known_unit *u)
{
	if (!*u->state.cgroup)
		return false;
	return s->collector->units_known ? u->main == 0 && text_equal(u->state.active, "active")
					 : s->mains == 0;
}

static bool names_main(const struct service *s, const struct known_unit *u)
{
	return s->collector->units_known && u->state.main_pid > 0;
}

/* All that the units name, or that UNIT does unless it is NULL. */
static int find(struct service *s, const char *unit, struct named *ret)
{
	struct named n = {NULL, 0};
	struct known_unit *u;
	size_t position = 0;
	int r = 0;

	while (r == 0 && (u = units_next(s, &position))) {
		if (unit && !text_equal(unit, u->state.name))
			continue;
		if (names_main(s, u))
			r = add(&n, (pid_t) u->state.main_pid, u);
		else if (is_found_by_group(s, u))
			r = add_group(s->collector, u, &n);
	}
	if (r < 0) {
		named_done(&n);
		return r;
	}
	if (n.count > 1)
		qsort(n.items, n.count, sizeof(*n.items), by_number);
	*ret = n;
	return 0;
}

void unit_search_each(struct service *s, void (*fn)(void *userdata, pid_t pid), void *userdata)
{
	_cleanup_(named_done) struct named n = {NULL, 0};
	int r = find(s, NULL, &n);

	if (r < 0)
		collector_fail(s->collector, r);
	for (size_t i = 0; i < n.count; i++)
		fn(userdata, n.items[i].pid);
}

/* True where it may be a main process of the service, and is younger than OTHER, unless that is NULL. */
static bool may_be_main(const struct service *s, const struct process *p, const struct process *other)
{
	return !p->main && (!p->service || p->service == s || !p->service->match) &&
	       (!other || p->start > other->start);
}

/* The youngest have the highest numbers as a rule: the others need no look at what they are then. */
struct process *unit_search_silent(struct service *s)
{
	_cleanup_(named_done) struct named n = {NULL, 0};
	struct process *found = NULL;
	int r = s->match->port_count > 0 ? find(s, NULL, &n) : 0;

	if (r < 0)
		collector_fail(s->collector, r);
	for (size_t i = n.count; i-- > 0;) {
		struct process *p = scan_find(s->collector, n.items[i].pid);

		if (p && may_be_main(s, p, found) && search_matches(s, p, true))
			found = p;
	}
	return found;
}

bool unit_search_loads(struct service *s)
{
	const struct process *p = unit_search_silent(s);

	return p && scan_age(p) < s->match->stop_grace;
}

static bool is_first_of_group(struct service *s, const char *path, pid_t pid)
{
	_cleanup_(group_done) struct group group = {NULL, 0};
	int r = read_group(s->collector, path, &group);

	if (r < 0)
		collector_fail(s->collector, r);
	return has(&group, pid) && is_first(s->collector, &group, pid);
}

static bool is_named_by(struct service *s, const struct known_unit *u, pid_t pid)
{
	if (names_main(s, u))
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

/* systemd's own, which is to execute the unit's program: where that fails there never was a server. A unit
 * whose program is systemd, as a user's manager, shows so for longer. */
static bool is_systemds(const struct process *p)
{
	struct collector *c = p->collector;
	uint64_t lived = collector_boot_ticks(c, clock_monotonic()) - p->start;
	struct identity i;
	bool is;

	if ((double) lived > EXECUTED_WITHIN * c->ticks ||
		proc_read_identity(c->reader, p->pid, IDENTITY_EXECUTABLE, &i) < 0)
		return false;
	/* Perhaps with " (deleted)", after an upgrade, or "-executor"; and of one that is just ending, as
	 * it could not execute the program, there is none. */
	is = (!*i.executable && !i.executable_denied) || strstr(i.executable, "/systemd/systemd");
	identity_done(&i);
	return is;
}

/* Its parent may be the main process until now. */
static void promote(struct service *s, pid_t pid)
{
	struct process *p = scan_find(s->collector, pid);

	if (p && p->service == s && !p->main)
		service_promote(p);
}

static void take(struct service *s, const struct named_process *n, struct socket_tables *tables)
{
	struct collector *c = s->collector;
	struct process *p = scan_find(c, n->pid);

	if (!p || p->service != s)
		p = scan_examine(c, n->pid);
	if (!p || (p->service && p->service != s && p->service->match))
		return;
	if (!p->main && names_main(s, n->unit) && is_systemds(p)) {
		c->units_pending = true;
		return;
	}
	if (!(p->unit && text_equal(p->unit, n->unit->state.name)) &&
		text_replace(&p->unit, n->unit->state.name) < 0)
		collector_fail(c, -ENOMEM);
	if (p->main || !search_pid_file_names(s->match, n->pid) || !search_matches_by(s, p, tables))
		return;
	if (p->service != s)
		search_take(s, p, true);
	promote(s, n->pid);
}

/* Of a unit whose main process just ended systemd may name the next one soon; one that has none names nobody
 * while it ends or reloads, though he was found by its control group and still lives. */
static bool is_settled(const struct known_unit *u)
{
	if (text_equal(u->state.active, "deactivating"))
		return false;
	if (u->main == 0)
		return !text_equal(u->state.active, "reloading");
	return u->state.main_pid > 0 || !unit_is_active(&u->state);
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

static bool has_named(const struct named *n, pid_t pid)
{
	return n->count > 0 && bsearch(&pid, n->items, n->count, sizeof(*n->items), by_number);
}

/* A living main process that is not named: another one took its place, or its unit ended without it. */
static void release_others(struct service *s, const struct named *n)
{
	struct collector *c = s->collector;
	size_t position = 0, count = 0;
	struct process *p;
	pid_t others[MAINS_MAX];

	while (count < MAINS_MAX && (p = map_next(c->processes, &position, NULL, NULL)))
		if (p->service == s && p->main && !has_named(n, p->pid))
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

static void take_named(struct service *s, const struct named *n)
{
	struct socket_tables tables = search_tables(s->collector);

	for (size_t i = 0; i < n->count; i++)
		take(s, &n->items[i], &tables);
	socket_tables_done(&tables);
}

static void search(struct service *s, const char *unit)
{
	_cleanup_(named_done) struct named n = {NULL, 0}, all = {NULL, 0};
	int r = find(s, unit, &n);

	take_named(s, &n);
	if (r == 0 && s->mains > 0 && are_settled(s)) {
		judge_resumed(s);
		r = unit ? find(s, NULL, &all) : 0;
		if (r == 0)
			release_others(s, unit ? &all : &n);
	}
	if (r < 0)
		collector_fail(s->collector, r);
}

static int on_again(sd_event_source *source, uint64_t now, void *userdata)
{
	struct collector *c = userdata;

	c->units_pending = false;
	c->units_again_after = 2 * c->units_again_after;
	for (size_t i = 0; i < c->options.service_count; i++) {
		struct service *s = service_get(c, c->options.services[i].name);

		if (units_has(s))
			unit_search(s);
	}
	return 0;
}

/* Soon, since a program is executed soon, as a rule; and less often where it is not. A tick looks, too. */
static void search_again(struct collector *c)
{
	usec_t after = c->units_again_after > 0 ? c->units_again_after : AGAIN_AFTER;
	int r = c->units_again ? sd_event_source_set_time_relative(c->units_again, after)
			       : sd_event_add_time_relative(c->event, &c->units_again, CLOCK_MONOTONIC,
					 after, USEC_PER_MSEC, on_again, c);

	c->units_again_after = after < AGAIN_MAX ? after : AGAIN_MAX;
	if (r >= 0)
		r = sd_event_source_set_enabled(c->units_again, SD_EVENT_ONESHOT);
	if (r < 0)
		collector_fail(c, r);
}

void unit_search(struct service *s)
{
	unit_search_of(s, NULL);
}

void unit_search_of(struct service *s, const char *unit)
{
	bool pending = s->collector->units_pending;

	search(s, unit);
	if (!pending && s->collector->units_pending)
		search_again(s->collector);
}
