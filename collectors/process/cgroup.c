/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/base/buf.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/file.h"
#include "daemon/base/num.h"

#define DEPTH_MAX     16     /* groups beneath each other */
#define GROUPS_MAX    1024   /* beneath one */
#define PROCESSES_FILE_MAX (12 * CGROUP_PROCESSES_MAX) /* bytes of cgroup.procs */

static const char *const mounts[] = {"", "unified", "systemd"};

struct walk {
	pid_t *pids;
	size_t count, groups;
};

static int add(struct walk *w, const char *line, size_t size)
{
	char text[16];
	uint32_t pid;

	if (size == 0 || size >= sizeof(text) || w->count >= CGROUP_PROCESSES_MAX)
		return 0;
	memcpy(text, line, size);
	text[size] = '\0';
	if (num_parse_u32(text, &pid) < 0 || pid == 0 || pid > INT32_MAX)
		return 0;
	/* It doubles whenever its size is a power of two. */
	if ((w->count & (w->count - 1)) == 0) {
		pid_t *pids = reallocarray(
			w->pids, w->count == 0 ? 1 : 2 * w->count, sizeof(*pids));

		if (!pids)
			return -ENOMEM;
		w->pids = pids;
	}
	w->pids[w->count++] = (pid_t) pid;
	return 0;
}

static int read_processes(int group, struct walk *w)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = file_read_at(group, "cgroup.procs", PROCESSES_FILE_MAX, &text);

	for (size_t i = 0; r == 0 && i < text.size;) {
		const char *line = text.data + i, *end = memchr(line, '\n', text.size - i);
		size_t size = end ? (size_t) (end - line) : text.size - i;

		r = add(w, line, size);
		i += size + 1;
	}
	/* One with domains beneath it cannot be asked, and is empty (-EOPNOTSUPP). */
	return r == -ENOMEM ? r : 0;
}

static int walk(int group, unsigned depth, struct walk *w)
{
	_cleanup_close_ int fd = openat(group, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	DIR *directory;
	int r;

	if (fd < 0)
		return 0;
	r = read_processes(fd, w);
	directory = fdopendir(fd);
	if (!directory)
		return r;
	fd = -1;
	while (r == 0 && depth < DEPTH_MAX && w->groups < GROUPS_MAX &&
		(entry = readdir(directory))) {
		_cleanup_close_ int beneath = -1;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		w->groups++;
		beneath = openat(dirfd(directory), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (beneath >= 0)
			r = walk(beneath, depth + 1, w);
	}
	closedir(directory);
	return r;
}

static int open_group(int root, const char *path)
{
	int r = -ENOENT;

	/* So the kernel shows groups that lie above our own root. */
	if (strstr(path, "/.."))
		return r;
	for (size_t i = 0; i < ELEMENTS(mounts) && r == -ENOENT; i++) {
		_cleanup_buf_ struct buf name = BUF_INIT;

		buf_printf(&name, "./%s/%s", mounts[i], path);
		if (buf_error(&name) < 0)
			return buf_error(&name);
		r = openat(root, name.data, O_PATH | O_DIRECTORY | O_CLOEXEC);
		r = r < 0 ? -errno : r;
	}
	return r;
}

int cgroup_processes(int root, const char *path, pid_t **ret, size_t *ret_count)
{
	struct walk w = {NULL, 0, 0};
	_cleanup_close_ int group = root < 0 ? -ENOENT : open_group(root, path);
	int r = group < 0 ? group : walk(group, 0, &w);

	if (r < 0) {
		free(w.pids);
		return r;
	}
	*ret = w.pids;
	*ret_count = w.count;
	return 0;
}
