/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/config-files.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "daemon/base/file.h"

static void must(int result, const char *what)
{
	if (result >= 0)
		return;
	perror(what);
	abort();
}

void files_make(struct files *f)
{
	*f = (struct files){.directory = "/tmp/test-config-XXXXXX"};
	must(mkdtemp(f->directory) ? 0 : -1, "mkdtemp");
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

void files_remove(struct files *f)
{
	nftw(f->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	buf_done(&f->reports);
}

void files_write(const struct files *f, const char *name, const void *data, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[256], *slash;

	snprintf(path, sizeof(path), "%s/%s", f->directory, name);
	slash = strrchr(path, '/');
	*slash = '\0';
	mkdir(path, 0700);
	*slash = '/';
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(fd, path);
	must(file_write_all(fd, data, size), path);
}

void files_report(void *userdata, int level, const char *text)
{
	struct files *f = userdata;
	size_t size = strlen(f->directory);
	const char *found;

	if (level <= LOG_ERR)
		f->errors++;
	while ((found = strstr(text, f->directory))) {
		buf_add(&f->reports, text, (size_t) (found - text));
		text = found + size + 1;
	}
	buf_printf(&f->reports, "%s\n", text);
}

void files_write_text(const struct files *f, const char *name, const char *text)
{
	files_write(f, name, text, strlen(text));
}

int files_load(struct files *f, bool check_only, struct config **ret)
{
	char file[128], rules[128];
	struct config_paths paths = {.file = file, .vendor_rules = rules, .check_only = check_only};

	snprintf(file, sizeof(file), "%s/modelwatch.conf", f->directory);
	snprintf(rules, sizeof(rules), "%s/vendor", f->directory);
	buf_reset(&f->reports);
	f->errors = 0;
	return config_load(&paths, files_report, f, ret);
}
