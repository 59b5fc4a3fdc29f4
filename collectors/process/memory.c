/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the kernel killed a main process because memory ran out: it counts such kills, on the whole
 * host and in each cgroup (Documentation/admin-guide/cgroup-v2.rst, memory.events;
 * cgroup-v1/memory.rst, memory.oom_control, since Linux 4.13). */
#include "collectors/process/memory.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/num.h"

/* A kill in its cgroup is remembered for one to two intervals, for a large process may take that long to
 * die; one that may be anybody's only until the next look. */
#define LOOK_EVERY (10 * USEC_PER_SEC)
#define FILE_BYTES 4096 /* bytes of such a file: a dozen numbers */
#define LINES_MAX  64	/* hierarchies of a process */

enum memory_file {
	MEMORY_KILLS,
	MEMORY_PEAK,
	MEMORY_FILES,
};

/* Where kills are counted, and the most that it ever held, by hierarchy. */
static const struct {
	const char *mount, *files[MEMORY_FILES];
} hierarchies[] = {
	[CGROUP_OTHER] = {NULL, {NULL, NULL}},
	[CGROUP_UNIFIED] = {".", {"memory.events", "memory.peak"}},
	/* Of a process that ended nobody knows the cgroup any more. */
	[CGROUP_MEMORY] = {"memory", {"memory.oom_control", NULL}},
};

/* Names of cgroups are others' choice, but there are no links among them, and none leads out. */
static int open_file(int cgroups, const struct cgroup_path *p, enum memory_file file)
{
	char name[PATH_MAX];
	const char *file_name = hierarchies[p->hierarchy].files[file];
	int length, fd;

	if (!file_name)
		return -ENOENT;
	length = snprintf(name, sizeof(name), "%s%.*s/%s", hierarchies[p->hierarchy].mount,
		(int) p->size, p->path, file_name);
	if (length < 0 || (size_t) length >= sizeof(name) || strstr(name, "/../"))
		return -EXDEV;
	fd = openat(cgroups, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* It stays in the hierarchy where its kills were found. Version 1 shows a process that ends in the root. */
static bool may_be_in(const struct process *p, const struct cgroup_path *path)
{
	return p->memory.hierarchy == CGROUP_OTHER ||
	       (path->hierarchy == p->memory.hierarchy &&
		       !(path->hierarchy == CGROUP_MEMORY && path->size == 1));
}

/* Of the cgroup that the process is in now. */
static int open_file_of(struct process *p, enum memory_file file)
{
	struct collector *c = p->collector;
	struct cgroup_path path;
	struct identity i;
	size_t position = 0;
	int fd = -ENOENT;

	if (c->cgroups < 0)
		return -ENOENT;
	if (proc_read_identity(c->reader, p->pid, IDENTITY_CGROUPS, &i) < 0)
		return -ESRCH;
	for (size_t line = 0; line < LINES_MAX && fd < 0; line++) {
		if (!proc_cgroup_next(i.cgroups.data ? i.cgroups.data : "", i.cgroups.size,
			    &position, &path))
			break;
		if (may_be_in(p, &path))
			fd = open_file(c->cgroups, &path, file);
	}
	if (fd >= 0)
		p->memory.hierarchy = path.hierarchy;
	identity_done(&i);
	return fd;
}

/* Fails where the cgroup was removed. */
static int read_kills(const struct process *p, uint64_t *ret)
{
	char bytes[FILE_BYTES];
	ssize_t size = p->memory.fd < 0 ? 0 : pread(p->memory.fd, bytes, sizeof(bytes), 0);

	return size <= 0 ? -ENODATA : proc_oom_kills_parse(bytes, (size_t) size, ret);
}

/* Takes FD, or a negative one: where there is nothing to read, the host's count has to do. */
static void begin_with(struct process *p, int fd)
{
	struct collector *c = p->collector;
	struct stat st;

	p->memory.fd = fd;
	if (fd >= 0 && (c->kept >= KEPT_MAX || !collector_may_keep(c, fd) || fstat(fd, &st) < 0 ||
			       read_kills(p, &p->memory.kills.last) < 0))
		close_fd(&p->memory.fd);
	if (p->memory.fd < 0)
		return;
	c->kept++;
	p->memory.file = st.st_ino;
	p->memory.kills.before = p->memory.kills.last;
}

void memory_begin(struct process *p)
{
	begin_with(p, open_file_of(p, MEMORY_KILLS));
}

void memory_end(struct process *p)
{
	if (p->memory.fd < 0)
		return;
	p->collector->kept--;
	close_fd(&p->memory.fd);
}

/* True where it is in another cgroup by now, of which FD (or a negative one) is the file. */
static bool has_moved(const struct process *p, int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && (p->memory.fd < 0 || st.st_ino != p->memory.file);
}

static void look(struct process *p)
{
	_cleanup_close_ int fd = open_file_of(p, MEMORY_KILLS);
	uint64_t kills;

	if (has_moved(p, fd)) {
		memory_end(p);
		begin_with(p, TAKE_FD(fd));
	} else if (read_kills(p, &kills) == 0) {
		p->memory.kills.before = p->memory.kills.last;
		p->memory.kills.last = kills;
	}
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
		if (p->main)
			look(p);
}

/* One kill explains one end: of all that share a cgroup, too. */
static void claim(struct process *p)
{
	struct collector *c = p->collector;
	struct process *other;
	size_t position = 0;

	while ((other = map_next(c->processes, &position, NULL, NULL)))
		if (other->memory.fd >= 0 && other->memory.file == p->memory.file) {
			other->memory.kills.before++;
			if (other->memory.kills.last < other->memory.kills.before)
				other->memory.kills.last = other->memory.kills.before;
		}
}

enum out_of_memory memory_claim_kill(struct process *p)
{
	struct collector *c = p->collector;
	uint64_t kills, host;
	bool risen = c->oom_looked > 0 && proc_read_oom_kills(c->root, &host) == 0 &&
		     host > c->oom_kills;
	_cleanup_close_ int fd = open_file_of(p, MEMORY_KILLS);
	enum out_of_memory answer = MEMORY_LIKELY;

	/* What the cgroup that it was in says does not count where it left that. */
	if (!has_moved(p, fd) && read_kills(p, &kills) == 0) {
		/* Its cgroup knows of no kill: it was another's. */
		if (kills <= p->memory.kills.before)
			return MEMORY_SUFFICED;
		claim(p);
		answer = MEMORY_OUT;
	} else if (!risen)
		return MEMORY_SUFFICED;
	if (risen)
		c->oom_kills++;
	return answer;
}

uint64_t memory_cgroup_peak(struct process *p)
{
	_cleanup_close_ int fd = open_file_of(p, MEMORY_PEAK);
	char text[32];
	ssize_t size = fd < 0 ? 0 : pread(fd, text, sizeof(text) - 1, 0);
	uint64_t bytes;

	if (size <= 0)
		return 0;
	text[size] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return num_parse_u64(text, &bytes) < 0 ? 0 : bytes;
}
