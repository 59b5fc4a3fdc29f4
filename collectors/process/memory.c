/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the kernel killed a main process because memory ran out: it counts such kills, on the whole
 * host and in each cgroup of version 2 (Documentation/admin-guide/cgroup-v2.rst, memory.events). */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collectors/process/private.h"

/* A kill is remembered for one to two intervals: a large process may take that long to die. */
#define LOOK_EVERY (10 * USEC_PER_SEC)
#define EVENTS_MAX 4096 /* bytes of memory.events: a dozen numbers */
#define LINES_MAX  64	/* hierarchies of a process */

/* Names of cgroups are others' choice, but there are no links among them, and none leads out. */
static int open_events(int cgroups, const char *path, size_t size)
{
	char name[PATH_MAX];
	int length = snprintf(name, sizeof(name), ".%.*s/memory.events", (int) size, path);
	int fd;

	if (length < 0 || (size_t) length >= sizeof(name) || strstr(name, "/../"))
		return -EXDEV;
	fd = openat(cgroups, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_events_of(struct process *p)
{
	struct collector *c = p->collector;
	size_t position = 0, size;
	struct identity i;
	const char *path;
	bool unified = false;
	int fd = -ENOENT;

	if (proc_read_identity(c->root, p->pid, IDENTITY_CGROUPS, &i) < 0)
		return -ESRCH;
	for (size_t line = 0; line < LINES_MAX && !unified; line++) {
		if (!proc_cgroup_next(i.cgroups.data ? i.cgroups.data : "", i.cgroups.size,
			    &position, &path, &size, &unified))
			break;
		if (unified)
			fd = open_events(c->cgroups, path, size);
	}
	identity_done(&i);
	return fd;
}

/* Fails where the cgroup was removed. */
static int read_kills(const struct process *p, uint64_t *ret)
{
	char bytes[EVENTS_MAX];
	ssize_t size = p->memory_fd < 0 ? 0 : pread(p->memory_fd, bytes, sizeof(bytes), 0);

	return size <= 0 ? -ENODATA : proc_oom_kills_parse(bytes, (size_t) size, ret);
}

/* Where there is nothing to read, the host's count has to do. */
void memory_begin(struct process *p)
{
	struct collector *c = p->collector;

	if (c->cgroups < 0 || c->kept >= KEPT_MAX)
		return;
	p->memory_fd = open_events_of(p);
	if (p->memory_fd >= 0 && read_kills(p, &p->oom.last) < 0)
		close_fd(&p->memory_fd);
	if (p->memory_fd < 0)
		return;
	c->kept++;
	p->oom.before = p->oom.last;
}

void memory_end(struct process *p)
{
	if (p->memory_fd < 0)
		return;
	p->collector->kept--;
	close_fd(&p->memory_fd);
}

static void look(struct oom_watch *w, uint64_t kills)
{
	w->before = w->last;
	w->last = kills;
}

void memory_watch(struct collector *c)
{
	usec_t now = clock_monotonic();
	struct process *p;
	size_t position = 0;
	uint64_t kills;

	if (c->oom_looked > 0 && usec_since(now, c->oom_looked) < LOOK_EVERY)
		return;
	if (proc_read_oom_kills(c->root, &kills) < 0)
		return;
	if (c->oom_looked == 0)
		c->oom.last = kills;
	look(&c->oom, kills);
	c->oom_looked = now;
	while ((p = map_next(c->processes, &position, NULL, NULL)))
		if (read_kills(p, &kills) == 0)
			look(&p->oom, kills);
}

bool memory_claim_kill(struct process *p)
{
	struct collector *c = p->collector;
	uint64_t kills;

	/* Its cgroup knows of no kill: it was another's. */
	if (read_kills(p, &kills) == 0 && kills <= p->oom.before)
		return false;
	if (c->oom_looked == 0 || proc_read_oom_kills(c->root, &kills) < 0 ||
		kills <= c->oom.before)
		return false;
	/* One kill explains one end. */
	c->oom.before++;
	if (c->oom.last < c->oom.before)
		c->oom.last = c->oom.before;
	return true;
}
