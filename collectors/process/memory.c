/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the kernel killed a main process because memory ran out: it counts such kills, on the whole
 * host and in each cgroup (Documentation/admin-guide/cgroup-v2.rst, memory.events;
 * cgroup-v1/memory.rst, memory.oom_control, since Linux 4.13). */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/process/private.h"

/* A kill in its cgroup is remembered for one to two intervals, for a large process may take that long to
 * die; one that may be anybody's only until the next look. */
#define LOOK_EVERY (10 * USEC_PER_SEC)
#define COUNTS_MAX 4096 /* bytes of such a file: a dozen numbers */
#define LINES_MAX  64	/* hierarchies of a process */

/* Where kills are counted, by hierarchy. */
static const struct {
	const char *mount, *file;
} counts[] = {
	[CGROUP_OTHER] = {NULL, NULL},
	[CGROUP_UNIFIED] = {".", "memory.events"},
	[CGROUP_MEMORY] = {"memory", "memory.oom_control"},
};

/* Names of cgroups are others' choice, but there are no links among them, and none leads out. */
static int open_count(int cgroups, const struct cgroup_path *p)
{
	char name[PATH_MAX];
	int length, fd;

	if (p->hierarchy == CGROUP_OTHER)
		return -ENOENT;
	length = snprintf(name, sizeof(name), "%s%.*s/%s", counts[p->hierarchy].mount,
		(int) p->size, p->path, counts[p->hierarchy].file);
	if (length < 0 || (size_t) length >= sizeof(name) || strstr(name, "/../"))
		return -EXDEV;
	fd = openat(cgroups, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_count_of(struct process *p)
{
	struct collector *c = p->collector;
	struct cgroup_path path;
	struct identity i;
	size_t position = 0;
	int fd = -ENOENT;

	if (proc_read_identity(c->root, p->pid, IDENTITY_CGROUPS, &i) < 0)
		return -ESRCH;
	for (size_t line = 0; line < LINES_MAX && fd < 0; line++) {
		if (!proc_cgroup_next(i.cgroups.data ? i.cgroups.data : "", i.cgroups.size,
			    &position, &path))
			break;
		fd = open_count(c->cgroups, &path);
	}
	identity_done(&i);
	return fd;
}

/* Fails where the cgroup was removed. */
static int read_kills(const struct process *p, uint64_t *ret)
{
	char bytes[COUNTS_MAX];
	ssize_t size = p->memory_fd < 0 ? 0 : pread(p->memory_fd, bytes, sizeof(bytes), 0);

	return size <= 0 ? -ENODATA : proc_oom_kills_parse(bytes, (size_t) size, ret);
}

/* Where there is nothing to read, the host's count has to do. */
void memory_begin(struct process *p)
{
	struct collector *c = p->collector;
	struct stat st;

	if (c->cgroups < 0 || c->kept >= KEPT_MAX)
		return;
	p->memory_fd = open_count_of(p);
	if (p->memory_fd >= 0 &&
		(fstat(p->memory_fd, &st) < 0 || read_kills(p, &p->oom.last) < 0))
		close_fd(&p->memory_fd);
	if (p->memory_fd < 0)
		return;
	c->kept++;
	p->memory_file = st.st_ino;
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
	c->oom_kills = kills;
	c->oom_looked = now;
	while ((p = map_next(c->processes, &position, NULL, NULL)))
		if (read_kills(p, &kills) == 0)
			look(&p->oom, kills);
}

/* One kill explains one end: of all that share a cgroup, too. */
static void claim(struct process *p)
{
	struct collector *c = p->collector;
	struct process *other;
	size_t position = 0;

	while ((other = map_next(c->processes, &position, NULL, NULL)))
		if (other->memory_fd >= 0 && other->memory_file == p->memory_file) {
			other->oom.before++;
			if (other->oom.last < other->oom.before)
				other->oom.last = other->oom.before;
		}
}

enum out_of_memory memory_claim_kill(struct process *p)
{
	struct collector *c = p->collector;
	uint64_t kills, host;
	bool risen = c->oom_looked > 0 && proc_read_oom_kills(c->root, &host) == 0 &&
		     host > c->oom_kills;
	enum out_of_memory answer = MEMORY_LIKELY;

	if (read_kills(p, &kills) == 0) {
		/* Its cgroup knows of no kill: it was another's. */
		if (kills <= p->oom.before)
			return MEMORY_SUFFICED;
		claim(p);
		answer = MEMORY_OUT;
	} else if (!risen)
		return MEMORY_SUFFICED;
	if (risen)
		c->oom_kills++;
	return answer;
}
