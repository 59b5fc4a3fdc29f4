/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/proc_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/file.h"
#include "daemon/base/num.h"

#define SMALL_MAX   (16 * 1024)	      /* bytes of a file of one process */
#define CMDLINE_MAX (128 * 1024)      /* the kernel's limit for one argument */
#define TABLE_MAX   (8 * 1024 * 1024) /* bytes of a table of sockets: some 50,000 lines */
#define FDS_MAX	    65536	      /* open files of one process that are counted by hand */
#define LISTENERS_MAX 1024	      /* listening sockets of a network namespace */
#define PROCESSES_MAX 65536	      /* processes of the host that are looked at */
#define LINK_MAX    4096

static int read_file(int root, pid_t pid, const char *name, size_t limit, struct buf *b)
{
	char path[64];

	snprintf(path, sizeof(path), "%d/%s", pid, name);
	return file_read_at(root, path, limit, b);
}

int proc_read_stat(int root, pid_t pid, struct proc_stat *ret)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = read_file(root, pid, "stat", SMALL_MAX, &text);

	return r < 0 ? r : proc_stat_parse(text.data ? text.data : "", text.size, ret);
}

void identity_done(struct identity *i)
{
	free(i->executable);
	buf_done(&i->raw);
	free(i->arguments);
	free(i->command_line);
	buf_done(&i->cgroups);
}

static int read_link(int root, const char *path, char **ret)
{
	char target[LINK_MAX];
	ssize_t size = readlinkat(root, path, target, sizeof(target) - 1);

	/* Without the right, or of a kernel thread: it has none that we could match. */
	if (size < 0)
		size = 0;
	target[size] = '\0';
	*ret = strdup(target);
	return *ret ? 0 : -ENOMEM;
}

/* Arguments end with a NUL each; a process that wrote a title over them may have fewer. */
static int split_arguments(struct identity *i)
{
	size_t count = 0, at = 0;

	i->arguments = calloc(ARGUMENTS_MAX + 1, sizeof(*i->arguments));
	i->command_line = malloc(i->raw.size + 1);
	if (!i->arguments || !i->command_line)
		return -ENOMEM;
	while (at < i->raw.size && count < ARGUMENTS_MAX) {
		i->arguments[count++] = i->raw.data + at;
		at += strnlen(i->raw.data + at, i->raw.size - at) + 1;
	}
	i->argument_count = count;
	if (i->raw.size > 0)
		memcpy(i->command_line, i->raw.data, i->raw.size);
	i->command_line[i->raw.size] = '\0';
	for (size_t c = 0; c + 1 < i->raw.size; c++)
		if (i->command_line[c] == '\0')
			i->command_line[c] = ' ';
	return 0;
}

static int read_owner(int root, pid_t pid, uid_t *ret)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "%d", pid);
	if (fstatat(root, path, &st, 0) < 0)
		return -errno;
	*ret = st.st_uid;
	return 0;
}

/* The directory of a process that may not be dumped belongs to root: its status tells its user. */
static int read_user(int root, pid_t pid, uid_t *ret)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	uint64_t swap;
	int r = read_owner(root, pid, ret);

	if (r < 0 || *ret != 0)
		return r;
	r = read_file(root, pid, "status", SMALL_MAX, &text);
	return r < 0 ? r : proc_status_parse(text.data ? text.data : "", text.size, ret, &swap);
}

static int read_comm(int root, pid_t pid, struct identity *i)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = read_file(root, pid, "comm", SMALL_MAX, &text);

	if (r == 0 && text.data)
		snprintf(i->comm, sizeof(i->comm), "%.*s", (int) strcspn(text.data, "\n"), text.data);
	return r;
}

int proc_read_identity(int root, pid_t pid, struct identity *ret)
{
	struct identity i = {0};
	char path[32];
	int r;

	snprintf(path, sizeof(path), "%d/exe", pid);
	r = read_link(root, path, &i.executable);
	if (r == 0)
		r = read_file(root, pid, "cmdline", CMDLINE_MAX, &i.raw);
	if (r == 0)
		r = split_arguments(&i);
	if (r == 0)
		r = read_comm(root, pid, &i);
	if (r == 0)
		r = read_file(root, pid, "cgroup", SMALL_MAX, &i.cgroups);
	if (r == 0)
		r = read_user(root, pid, &i.user);
	if (r < 0) {
		identity_done(&i);
		return r;
	}
	*ret = i;
	return 0;
}

int proc_read_resident(int root, pid_t pid, uint64_t *ret_bytes)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	uint64_t pages;
	int r = read_file(root, pid, "statm", SMALL_MAX, &text);

	if (r == 0)
		r = proc_statm_parse(text.data ? text.data : "", text.size, &pages);
	if (r == 0 && __builtin_mul_overflow(pages, (uint64_t) sysconf(_SC_PAGESIZE), ret_bytes))
		r = -EBADMSG;
	return r;
}

int proc_read_swap(int root, pid_t pid, uint64_t *ret_bytes)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	uid_t user;
	int r = read_file(root, pid, "status", SMALL_MAX, &text);

	return r < 0 ? r : proc_status_parse(text.data ? text.data : "", text.size, &user, ret_bytes);
}

int proc_read_io(int root, pid_t pid, uint64_t *ret_read, uint64_t *ret_written)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = read_file(root, pid, "io", SMALL_MAX, &text);

	return r < 0 ? r
		     : proc_io_parse(text.data ? text.data : "", text.size, ret_read, ret_written);
}

int proc_read_pss(int root, pid_t pid, uint64_t *ret_bytes)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = read_file(root, pid, "smaps_rollup", SMALL_MAX, &text);

	return r < 0 ? r : proc_pss_parse(text.data ? text.data : "", text.size, ret_bytes);
}

/* Before Linux 6.2 the directory's size says nothing. */
static int count_fds(int root, const char *path, uint64_t *ret_count)
{
	int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	uint64_t count = 0;
	struct dirent *entry;

	if (!directory) {
		int r = -errno;

		if (fd >= 0)
			close(fd);
		return r;
	}
	while (count < FDS_MAX && (entry = readdir(directory)))
		count += entry->d_name[0] != '.';
	closedir(directory);
	*ret_count = count;
	return 0;
}

int proc_read_fds(int root, pid_t pid, uint64_t *ret_count)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "%d/fd", pid);
	if (fstatat(root, path, &st, 0) < 0)
		return -errno;
	if (st.st_size > 0) {
		*ret_count = (uint64_t) st.st_size;
		return 0;
	}
	return count_fds(root, path, ret_count);
}

int proc_read_max_fds(int root, pid_t pid, uint64_t *ret_limit)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = read_file(root, pid, "limits", SMALL_MAX, &text);

	return r < 0 ? r : proc_limits_parse(text.data ? text.data : "", text.size, ret_limit);
}

int proc_read_oom_kills(int root, uint64_t *ret)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = file_read_at(root, "vmstat", SMALL_MAX, &text);

	return r < 0 ? r : proc_oom_kills_parse(text.data ? text.data : "", text.size, ret);
}

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
	DIR *directory;
	int fd;

	snprintf(path, sizeof(path), "%d/fd", pid);
	fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	directory = fdopendir(fd);
	if (!directory)
		close(fd);
	return directory;
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

int proc_find_listener(int root, uint16_t port, uint64_t *ret_inode)
{
	_cleanup_free_ struct listeners *l = read_listeners(root, "self");

	for (size_t i = 0; l && i < l->count; i++)
		if (l->items[i].port == port) {
			*ret_inode = l->items[i].inode;
			return 0;
		}
	return l ? -ENOENT : -ENOMEM;
}

bool proc_has_socket(int root, pid_t pid, uint64_t inode)
{
	DIR *directory = open_fds(root, pid);
	struct dirent *entry;
	char target[64];
	bool found = false;

	for (size_t n = 0; directory && n < FDS_MAX && !found && (entry = readdir(directory)); n++) {
		ssize_t size = readlinkat(
			dirfd(directory), entry->d_name, target, sizeof(target));

		found = size > 0 && proc_socket_parse(target, (size_t) size) == inode;
	}
	if (directory)
		closedir(directory);
	return found;
}

int proc_each(int root, void (*fn)(void *userdata, pid_t pid), void *userdata)
{
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	size_t count = 0;

	if (!directory) {
		int r = -errno;

		if (fd >= 0)
			close(fd);
		return r;
	}
	while (count < PROCESSES_MAX && (entry = readdir(directory))) {
		uint32_t pid;

		if (num_parse_u32(entry->d_name, &pid) < 0 || pid == 0 || pid > INT32_MAX)
			continue;
		fn(userdata, (pid_t) pid);
		count++;
	}
	closedir(directory);
	return 0;
}
