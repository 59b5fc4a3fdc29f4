/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/proc_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/process/proc_reader.h"
#include "daemon/base/cleanup.h"

#define LISTENERS_MAX	8192  /* listening sockets of a network namespace, of any port */
#define TABLE_LINES_MAX 65536 /* lines of our own table that are read where ports matter */
#define NAMESPACES_MAX	256   /* network namespaces that are looked at in one go */
#define BLOCK_BYTES	8192  /* the kernel gives a page of lines at once */
#define GROWTH		64    /* listeners, at least */

void socket_tables_done(struct socket_tables *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->items[i].items);
	free(t->items);
	t->items = NULL;
	t->count = 0;
}

static int add_listener(struct socket_table *t, const struct tcp_listener *l)
{
	/* It doubles whenever its size is a power of two. */
	if (t->count == 0 || (t->count >= GROWTH && (t->count & (t->count - 1)) == 0)) {
		size_t room = t->count == 0 ? GROWTH : 2 * t->count;
		struct tcp_listener *items = reallocarray(t->items, room, sizeof(*items));

		if (!items)
			return -ENOMEM;
		t->items = items;
	}
	t->items[t->count++] = *l;
	return 0;
}

/* A table under construction. */
struct reading {
	struct socket_table *table;
	const struct socket_tables *keeper; /* NULL where no port matters */
	size_t lines;			    /* of sockets that listen */
};

/* False where nothing more is wanted. */
static bool take_listener(struct reading *r, const struct tcp_listener *l)
{
	const struct socket_tables *keeper = r->keeper;

	r->lines++;
	if (r->table->count < LISTENERS_MAX)
		return add_listener(r->table, l) == 0;
	r->table->cut = true;
	if (!keeper || r->lines > TABLE_LINES_MAX)
		return false;
	return !keeper->keeps(keeper->userdata, l->port) || add_listener(r->table, l) == 0;
}

/* Takes whole lines and sets *SIZE to what is left of the last one. False where nothing more is wanted:
 * the kernel shows all sockets that listen before the first of another state, of which a busy host has
 * thousands. */
static bool take_lines(char *block, size_t *size, struct reading *reading)
{
	const char *line = block, *end = block + *size, *newline;

	while ((newline = memchr(line, '\n', (size_t) (end - line)))) {
		struct tcp_listener l;
		int r = proc_listener_parse(line, (size_t) (newline - line), &l);

		if (r == 0 || (r == 1 && !take_listener(reading, &l)))
			return false;
		line = newline + 1;
	}
	*size = (size_t) (end - line);
	memmove(block, line, *size);
	return true;
}

static void read_table(int root, const char *process, const char *name, struct reading *reading)
{
	char path[64], block[BLOCK_BYTES];
	_cleanup_close_ int fd = -1;
	size_t held = 0;
	ssize_t got;

	snprintf(path, sizeof(path), "%s/net/%s", process, name);
	fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && held < sizeof(block)) {
		got = read(fd, block + held, sizeof(block) - held);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		held += (size_t) got;
		if (!take_lines(block, &held, reading))
			break;
	}
}

static int by_inode(const void *a, const void *b)
{
	const struct tcp_listener *x = a, *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

/* FNV-1a over inodes and ports. */
static uint64_t digest_of(const struct socket_table *t)
{
	uint64_t digest = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < t->count; i++) {
		digest = (digest ^ t->items[i].inode) * UINT64_C(1099511628211);
		digest = (digest ^ t->items[i].port) * UINT64_C(1099511628211);
	}
	return t->count > 0 ? digest | 1 : 0;
}

/* The number of the process's network namespace; 0 where it is gone or we lack the right to know. */
static uint64_t space_of(int root, const char *process)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "%s/ns/net", process);
	return fstatat(root, path, &st, 0) < 0 ? 0 : st.st_ino;
}

static const struct socket_table *add_table(
	struct socket_tables *t, uint64_t space, const char *process)
{
	struct socket_table new = {.space = space}, *items;
	bool keeps = t->keeps && space == space_of(t->root, "self");
	struct reading reading = {&new, keeps ? t : NULL, 0};

	if (t->count >= NAMESPACES_MAX)
		return NULL;
	items = reallocarray(t->items, t->count + 1, sizeof(*items));
	if (!items)
		return NULL;
	t->items = items;
	read_table(t->root, process, "tcp", &reading);
	read_table(t->root, process, "tcp6", &reading);
	if (new.count > 0)
		qsort(new.items, new.count, sizeof(*new.items), by_inode);
	new.digest = digest_of(&new);
	t->items[t->count] = new;
	return &t->items[t->count++];
}

const struct socket_table *socket_tables_get(struct socket_tables *t, pid_t pid)
{
	char process[16] = "self";
	uint64_t space;

	if (pid > 0)
		snprintf(process, sizeof(process), "%d", pid);
	space = space_of(t->root, process);
	if (space == 0)
		return NULL;
	for (size_t i = 0; i < t->count; i++)
		if (t->items[i].space == space)
			return &t->items[i];
	return add_table(t, space, process);
}

const struct tcp_listener *socket_table_find(const struct socket_table *t, uint64_t inode)
{
	const struct tcp_listener wanted = {.inode = inode};

	return t->count > 0 ? bsearch(&wanted, t->items, t->count, sizeof(wanted), by_inode) : NULL;
}

static uint64_t socket_of(DIR *directory, const char *name)
{
	char target[64];
	ssize_t size = readlinkat(dirfd(directory), name, target, sizeof(target));

	return size > 0 ? proc_socket_parse(target, (size_t) size) : 0;
}

int proc_walk_sockets(int root, pid_t pid, long *position, size_t count,
	void (*fn)(void *userdata, uint64_t inode), void *userdata)
{
	struct dirent *entry = NULL;
	DIR *directory;
	char path[32];

	snprintf(path, sizeof(path), "%d/fd", pid);
	directory = proc_open_directory(root, path);
	if (!directory)
		return -errno;
	/* A place in this directory is the number of an open file: it holds for whoever opens it anew. */
	if (*position > 0)
		seekdir(directory, *position);
	for (size_t i = 0; i < count && (entry = readdir(directory)); i++) {
		uint64_t inode = socket_of(directory, entry->d_name);

		if (inode > 0)
			fn(userdata, inode);
	}
	if (entry)
		*position = telldir(directory);
	closedir(directory);
	return entry ? 1 : 0;
}
