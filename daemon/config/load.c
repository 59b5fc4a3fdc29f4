/* SPDX-License-Identifier: Apache-2.0 */
/* From files to a whole configuration: each is read and merged; then what holds between the values is
 * checked, secrets are read, what is named on this host is looked for, and what is not used yet is told. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "daemon/base/file.h"
#include "daemon/config/check.h"
#include "daemon/config/files.h"
#include "daemon/config/host.h"
#include "daemon/config/secret.h"
#include "daemon/config/text.h"

#define CONFIG_FILE_MAX (1024 * 1024) /* bytes of one file */

static int open_file(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	/* /dev/null stands for an empty file; reading anything else might never end. */
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
		return -EMEDIUMTYPE;
	return TAKE_FD(fd);
}

static int read_file(const char *path, struct buf *b)
{
	_cleanup_close_ int fd = open_file(path);

	return fd < 0 ? fd : file_read_fd(fd, CONFIG_FILE_MAX, b);
}

static void report_file(struct problems *p, const struct place *file, int r)
{
	if (r == -EFBIG)
		problem_add(p, LOG_ERR, file, "larger than %d bytes", CONFIG_FILE_MAX);
	else if (r == -EMEDIUMTYPE)
		problem_add(p, LOG_ERR, file, "not a regular file");
	else
		problem_add(p, LOG_ERR, file, "%s", strerror(-r));
}

/* Takes PATH for the places in it. */
static int keep_path(struct config *c, char *path)
{
	char **files = reallocarray(c->files, c->file_count + 1, sizeof(*files));

	if (!files) {
		free(path);
		return -ENOMEM;
	}
	c->files = files;
	c->files[c->file_count++] = path;
	return 0;
}

/* Takes PATH. */
static int take_file(struct config *c, struct problems *p, char *path, bool may_be_missing)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct place place = {.file = path};
	int r = keep_path(c, path);

	if (r < 0)
		return r;
	place.number = (unsigned) c->file_count;
	r = read_file(path, &text);
	if (r == -ENOMEM)
		return r;
	if (r < 0 && !(r == -ENOENT && may_be_missing))
		report_file(p, &place, r);
	if (r == 0)
		config_take_text(c, p, &place, text.data ? text.data : "", text.size);
	return p->failure;
}

static int take_files(struct config *c, struct problems *p, const struct config_paths *paths)
{
	_cleanup_config_files_ struct config_files files = {0};
	int r = config_files_find(paths, p, &files);

	for (size_t i = 0; i < files.count && r == 0; i++)
		r = take_file(c, p, TAKE_POINTER(files.paths[i]), i == files.main && !paths->file);
	return r;
}

static int load(struct config *c, struct problems *p, const struct config_paths *paths)
{
	int r = take_files(c, p, paths);

	if (r < 0)
		return r;
	config_check(c, p);
	config_read_secrets(c, paths->check_only, p);
	config_check_host(c, paths->check_only, p);
	config_check_unused(c, p);
	if (p->failure < 0)
		return p->failure;
	return p->errors > 0 ? -EINVAL : 0;
}

int config_load(const struct config_paths *paths, config_report_fn report, void *userdata,
	struct config **ret)
{
	_cleanup_config_ struct config *c = config_new(FOR_ALL);
	_cleanup_problems_ struct problems problems = {0};
	int r;

	if (!c)
		return -ENOMEM;
	r = load(c, &problems, paths);
	problems_report(&problems, report, userdata);
	if (r < 0)
		return r;
	*ret = TAKE_POINTER(c);
	return 0;
}
