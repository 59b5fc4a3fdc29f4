/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/proc_reader.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/process/discovery.h"
#include "daemon/base/file.h"
#include "daemon/base/num.h"

#define SMALL_MAX     (16 * 1024)   /* bytes of a file of one process that is always small */
#define STAT_MAX      4096	    /* bytes: a name of at most 64 and some fifty numbers */
#define STATUS_MAX    (1024 * 1024) /* bytes: it names up to 65,536 groups */
#define CGROUP_MAX    (64 * 1024)   /* bytes: a path for each hierarchy */
#define LISTED_MAX    65536	    /* processes of the host that are looked at */
#define LINK_MAX      4096
#define THREADS_MAX   64 /* of a process whose first one ended */
#define NESTED_MAX    33 /* user namespaces, one within the other: the kernel's bound */
#define PSS_FILE      "smaps_rollup"

static int open_file(int root, pid_t pid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%d/%s", pid, name);
	fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int read_file(int root, pid_t pid, const char *name, size_t limit, struct buf *b)
{
	char path[64];

	snprintf(path, sizeof(path), "%d/%s", pid, name);
	return file_read_at(root, path, limit, b);
}

DIR *proc_open_directory(int root, const char *path)
{
	_cleanup_close_ int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (directory)
		fd = -1;
	return directory;
}

/* A small file in one read. The bytes read, or -errno. */
static ssize_t read_at_once(int fd, char *bytes, size_t size)
{
	ssize_t got;

	do
		got = pread(fd, bytes, size, 0);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

int proc_read_stat(int root, pid_t pid, struct proc_stat *ret)
{
	_cleanup_close_ int fd = -1;

	return proc_read_stat_kept(root, pid, &fd, ret);
}

/* *FD stays -1 where that fails. */
static int open_kept(int root, pid_t pid, const char *name, int *fd)
{
	int opened = *fd < 0 ? open_file(root, pid, name) : *fd;

	if (opened < 0)
		return opened;
	*fd = opened;
	return 0;
}

int proc_read_stat_kept(int root, pid_t pid, int *fd, struct proc_stat *ret)
{
	char bytes[STAT_MAX];
	ssize_t size;
	int r = open_kept(root, pid, "stat", fd);

	if (r < 0)
		return r;
	size = read_at_once(*fd, bytes, sizeof(bytes));
	return size < 0 ? (int) size : proc_stat_parse(bytes, (size_t) size, ret);
}

int proc_read_io_kept(struct bounded_reader *reader, pid_t pid, int *fd, uint64_t *ret_read,
	uint64_t *ret_written)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct bounded_request request = {
		.pid = pid, .name = "io", .limit = STAT_MAX, .wait = BOUNDED_WAIT};
	int r = open_kept(bounded_reader_root(reader), pid, "io", fd);

	if (r < 0)
		return r;
	request.fd = *fd;
	r = bounded_read(reader, &request, &text, NULL);
	return r < 0 ? r
		     : proc_io_parse(text.data ? text.data : "", text.size, ret_read, ret_written);
}

void identity_done(struct identity *i)
{
	free(i->executable);
	buf_done(&i->raw);
	free(i->arguments);
	free(i->command_line);
	buf_done(&i->cgroups);
}

static int read_executable(int root, pid_t pid, struct identity *i)
{
	char path[32], target[LINK_MAX];
	ssize_t size;

	snprintf(path, sizeof(path), "%d/exe", pid);
	size = readlinkat(root, path, target, sizeof(target) - 1);
	/* Kernel threads and zombies have none. */
	i->executable_denied = size < 0 && proc_is_denied(-errno);
	if (size < 0)
		size = 0;
	target[size] = '\0';
	free(i->executable);
	i->executable = strdup(target);
	return i->executable ? 0 : -ENOMEM;
}

/* Two rights are needed: for the directory, and for the links in it the one for the executable. */
static bool are_files_denied(int root, pid_t pid)
{
	_cleanup_close_ int fd = open_file(root, pid, "fd");
	char path[32], target[1];

	if (fd < 0)
		return proc_is_denied(fd);
	snprintf(path, sizeof(path), "%d/exe", pid);
	return readlinkat(root, path, target, sizeof(target)) < 0 && proc_is_denied(-errno);
}

/* What lies beyond the limit is not looked at: nobody hides behind many arguments. */
static int read_command_line(
	struct bounded_reader *reader, pid_t pid, pid_t thread, struct buf *b)
{
	const struct bounded_request request = {.pid = pid,
		.thread = thread,
		.name = "cmdline",
		.fd = -1,
		.limit = BOUNDED_READ_MAX,
		.wait = BOUNDED_WAIT};

	return bounded_read(reader, &request, b, NULL);
}

static size_t count_arguments(const struct buf *raw)
{
	size_t count = 1;

	for (size_t i = 0; i < raw->size && count < ARGUMENTS_MAX; i++)
		count += raw->data[i] == '\0';
	return count;
}

/* Arguments end with a NUL each; a process that wrote a title over them may have fewer. */
static int split_arguments(struct identity *i)
{
	size_t count = 0, at = 0, end = i->raw.size;

	i->arguments = calloc(count_arguments(&i->raw) + 1, sizeof(*i->arguments));
	i->command_line = malloc(i->raw.size + 1);
	if (!i->arguments || !i->command_line)
		return -ENOMEM;
	while (at < i->raw.size && count < ARGUMENTS_MAX) {
		i->arguments[count++] = i->raw.data + at;
		at += strnlen(i->raw.data + at, i->raw.size - at) + 1;
	}
	i->argument_count = count;
	/* A title is padded with NULs. */
	while (end > 0 && i->raw.data[end - 1] == '\0')
		end--;
	for (size_t c = 0; c < end; c++)
		i->command_line[c] = i->raw.data[c] ? i->raw.data[c] : ' ';
	i->command_line[end] = '\0';
	return 0;
}

int proc_read_owner(int root, pid_t pid, uid_t *ret)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "%d", pid);
	if (fstatat(root, path, &st, 0) < 0)
		return -errno;
	*ret = st.st_uid;
	return 0;
}

/* Its effective user. Of a process that may not be dumped the directory belongs to root: its status tells. */
static int read_user(int root, pid_t pid, uid_t *ret)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	uint64_t swap;
	int r = proc_read_owner(root, pid, ret);

	if (r < 0 || *ret != 0)
		return r;
	r = read_file(root, pid, "status", STATUS_MAX, &text);
	return r < 0 ? r : proc_status_parse(text.data ? text.data : "", text.size, ret, &swap);
}

/* The owner of the outermost user namespace below ours that it is in; else *RET stays. See ioctl_ns(2). */
static void read_namespace_owner(int root, pid_t pid, uid_t *ret)
{
	_cleanup_close_ int space = open_file(root, pid, "ns/user");

	for (unsigned i = 0; i < NESTED_MAX && space >= 0; i++) {
		int parent = ioctl(space, NS_GET_PARENT);
		uid_t owner;

		if (parent < 0)
			return; /* it is ours */
		if (ioctl(space, NS_GET_OWNER_UID, &owner) == 0)
			*ret = owner;
		close_fd(&space);
		space = parent;
	}
}

int proc_read_account(int root, pid_t pid, uid_t *ret)
{
	uid_t owner = 0;

	read_namespace_owner(root, pid, &owner);
	if (owner == 0)
		return read_user(root, pid, ret);
	*ret = owner;
	return 0;
}

static int read_comm(int root, pid_t pid, struct identity *i)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = read_file(root, pid, "comm", SMALL_MAX, &text);

	if (r == 0 && text.data)
		snprintf(i->comm, sizeof(i->comm), "%.*s", (int) strcspn(text.data, "\n"), text.data);
	return r;
}

/* A thread of it that lives; 0 where there is none but the first. */
static pid_t find_thread(int root, pid_t pid)
{
	char path[32];
	DIR *directory;
	struct dirent *entry;
	pid_t found = 0;

	snprintf(path, sizeof(path), "%d/task", pid);
	directory = proc_open_directory(root, path);
	for (size_t n = 0; directory && n < THREADS_MAX && found == 0; n++) {
		uint32_t number;

		entry = readdir(directory);
		if (!entry)
			break;
		if (num_parse_u32(entry->d_name, &number) == 0 && number <= INT32_MAX &&
			(pid_t) number != pid)
			found = (pid_t) number;
	}
	if (directory)
		closedir(directory);
	return found;
}

/* A first thread that ended has neither, while those that go on have. */
static int read_of_thread(
	struct bounded_reader *reader, pid_t pid, unsigned parts, struct identity *i)
{
	int root = bounded_reader_root(reader);
	pid_t thread = find_thread(root, pid);
	int r = 0;

	/* Every number of a thread can be asked like that of a process. */
	if (thread > 0 && parts & IDENTITY_EXECUTABLE)
		r = read_executable(root, thread, i);
	if (thread > 0 && r == 0 && parts & IDENTITY_ARGUMENTS)
		r = read_command_line(reader, pid, thread, &i->raw);
	return r;
}

static int read_parts(
	struct bounded_reader *reader, pid_t pid, unsigned parts, struct identity *i)
{
	int root = bounded_reader_root(reader);
	int r;

	if (parts & IDENTITY_EXECUTABLE)
		r = read_executable(root, pid, i);
	else {
		i->executable = strdup("");
		r = i->executable ? 0 : -ENOMEM;
	}
	if (r == 0 && parts & IDENTITY_ARGUMENTS)
		r = read_command_line(reader, pid, 0, &i->raw);
	if (r == 0 && i->raw.size == 0 && parts & (IDENTITY_EXECUTABLE | IDENTITY_ARGUMENTS) &&
		!*i->executable)
		r = read_of_thread(reader, pid, parts, i);
	if (r == 0)
		r = split_arguments(i);
	if (r == 0 && parts & IDENTITY_COMM)
		r = read_comm(root, pid, i);
	if (r == 0 && parts & IDENTITY_CGROUPS)
		r = read_file(root, pid, "cgroup", CGROUP_MAX, &i->cgroups);
	if (r == 0 && parts & IDENTITY_USER)
		r = read_user(root, pid, &i->user);
	i->files_denied = parts & IDENTITY_FILES && are_files_denied(root, pid);
	return r;
}

int proc_read_identity(
	struct bounded_reader *reader, pid_t pid, unsigned parts, struct identity *ret)
{
	struct identity i = {0};
	int r = read_parts(reader, pid, parts, &i);

	if (r < 0) {
		identity_done(&i);
		return r;
	}
	*ret = i;
	return 0;
}

bool proc_ignores_children(int root, pid_t pid)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	uint64_t ignored;

	return read_file(root, pid, "status", STATUS_MAX, &text) == 0 &&
	       proc_ignored_signals_parse(text.data ? text.data : "", text.size, &ignored) == 0 &&
	       ignored & UINT64_C(1) << (SIGCHLD - 1);
}

bool proc_begins_namespace(int root, pid_t pid)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	uint64_t number;

	return read_file(root, pid, "status", STATUS_MAX, &text) == 0 &&
	       proc_namespace_pid_parse(text.data ? text.data : "", text.size, &number) == 0 &&
	       number == 1;
}

int proc_read_swap(int root, pid_t pid, uint64_t *ret_bytes)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	uid_t user;
	int r = read_file(root, pid, "status", STATUS_MAX, &text);

	return r < 0 ? r : proc_status_parse(text.data ? text.data : "", text.size, &user, ret_bytes);
}

int proc_read_pss(
	struct bounded_reader *reader, pid_t pid, usec_t wait, uint64_t *ret_bytes, usec_t *took)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	const struct bounded_request request = {.pid = pid,
		.name = PSS_FILE,
		.fd = -1,
		.limit = SMALL_MAX,
		.wait = wait,
		.late = true};
	int r = bounded_read(reader, &request, &text, took);

	return r < 0 ? r : proc_pss_parse(text.data ? text.data : "", text.size, ret_bytes);
}

int proc_read_late_pss(
	struct bounded_reader *reader, pid_t pid, uint64_t *ret_bytes, usec_t *took)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = bounded_read_late(reader, pid, PSS_FILE, &text, took);

	return r < 0 ? r : proc_pss_parse(text.data ? text.data : "", text.size, ret_bytes);
}

/* Before Linux 6.2 the directory's size says nothing. */
static int count_fds(int root, const char *path, uint64_t *ret_count)
{
	DIR *directory = proc_open_directory(root, path);
	uint64_t count = 0;
	struct dirent *entry;

	if (!directory)
		return -errno;
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
	int r = file_read_at(root, "vmstat", STATUS_MAX, &text);

	return r < 0 ? r : proc_oom_kills_parse(text.data ? text.data : "", text.size, ret);
}

int proc_read_capabilities(int root, uint64_t *ret)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = file_read_at(root, "self/status", STATUS_MAX, &text);

	return r < 0 ? r : proc_capabilities_parse(text.data ? text.data : "", text.size, ret);
}

int proc_each(int root, void (*fn)(void *userdata, pid_t pid), void *userdata)
{
	DIR *directory = proc_open_directory(root, ".");
	struct dirent *entry;
	size_t count = 0;

	if (!directory)
		return -errno;
	while (count < LISTED_MAX && (entry = readdir(directory))) {
		uint32_t pid;

		if (num_parse_u32(entry->d_name, &pid) < 0 || pid == 0 || pid > INT32_MAX)
			continue;
		fn(userdata, (pid_t) pid);
		count++;
	}
	closedir(directory);
	return 0;
}
