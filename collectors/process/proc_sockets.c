/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/proc_sockets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collectors/process/proc_reader.h"
#include "collectors/process/procfs.h"
#include "daemon/base/file.h"

#define TABLE_MAX     (8 * 1024 * 1024) /* bytes of a table of sockets: some 50,000 lines */
#define LISTENERS_MAX 1024		/* listening sockets of a network namespace */

/* The listening sockets of the process's network namespace. */
struct listeners {
	struct listener items[LISTENERS_MAX];
	size_t count;
};

static void read_table(int root, const char *path, struct listeners *l)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	const char *line, *end;

	if (file_read_at(root, path, TABLE_MAX, &text) < 0 || !text.data)
		return;
	line = text.data;
	end = text.data + text.size;
	while (line < end && l->count < LISTENERS_MAX) {
		const char *newline = memchr(line, '\n', (size_t) (end - line));
		const char *stop = newline ? newline : end;

		if (proc_listener_parse(line, (size_t) (stop - line), &l->items[l->count]) == 1)
			l->count++;
		line = stop + 1;
	}
}

static const struct listener *find_inode(const struct listeners *l, uint64_t inode)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->items[i].inode == inode)
			return &l->items[i];
	return NULL;
}

static void add_port(uint16_t port, uint16_t *ports, size_t max, size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		if (ports[i] == port)
			return;
	if (*count < max)
		ports[(*count)++] = port;
}

static struct listeners *read_listeners(int root, const char *process)
{
	struct listeners *l = calloc(1, sizeof(*l));
	char path[64];

	if (!l)
		return NULL;
	snprintf(path, sizeof(path), "%s/net/tcp", process);
	read_table(root, path, l);
	snprintf(path, sizeof(path), "%s/net/tcp6", process);
	read_table(root, path, l);
	return l;
}

static void collect_ports(
	DIR *directory, const struct listeners *l, uint16_t *ports, size_t max, size_t *count)
{
	struct dirent *entry;
	char target[64];

	for (size_t n = 0; n < FDS_MAX && (entry = readdir(directory)); n++) {
		ssize_t size = readlinkat(
			dirfd(directory), entry->d_name, target, sizeof(target));
		uint64_t inode = size > 0 ? proc_socket_parse(target, (size_t) size) : 0;
		const struct listener *found = inode > 0 ? find_inode(l, inode) : NULL;

		if (found)
			add_port(found->port, ports, max, count);
	}
}

static DIR *open_fds(int root, pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "%d/fd", pid);
	return proc_open_directory(root, path);
}

int proc_read_ports(int root, pid_t pid, uint16_t *ports, size_t max, size_t *ret_count)
{
	_cleanup_free_ struct listeners *l = NULL;
	DIR *directory = open_fds(root, pid);
	char process[16];

	if (!directory)
		return -errno;
	snprintf(process, sizeof(process), "%d", pid);
	l = read_listeners(root, process);
	*ret_count = 0;
	if (l && l->count > 0)
		collect_ports(directory, l, ports, max, ret_count);
	closedir(directory);
	return l ? 0 : -ENOMEM;
}

size_t proc_find_sockets(int root, const uint16_t *ports, size_t count, uint64_t inodes[SOCKETS_MAX])
{
	_cleanup_free_ struct listeners *l = read_listeners(root, "self");
	size_t found = 0;

	for (size_t i = 0; l && i < l->count; i++)
		for (size_t p = 0; p < count && found < SOCKETS_MAX; p++)
			if (l->items[i].port == ports[p]) {
				inodes[found++] = l->items[i].inode;
				break;
			}
	return found;
}

static bool is_one_of(uint64_t inode, const uint64_t *inodes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (inodes[i] == inode)
			return true;
	return false;
}

bool proc_has_socket(int root, pid_t pid, const uint64_t *inodes, size_t count)
{
	DIR *directory = open_fds(root, pid);
	struct dirent *entry;
	char target[64];
	bool found = false;

	for (size_t n = 0; directory && n < FDS_MAX && !found && (entry = readdir(directory)); n++) {
		ssize_t size = readlinkat(
			dirfd(directory), entry->d_name, target, sizeof(target));
		uint64_t inode = size > 0 ? proc_socket_parse(target, (size_t) size) : 0;

		found = inode > 0 && is_one_of(inode, inodes, count);
	}
	if (directory)
		closedir(directory);
	return found;
}
