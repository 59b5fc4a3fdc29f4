/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config/files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "daemon/base/text.h"

#define DEFAULT_RULES MW_DATADIR "/rules.d"

void config_files_done(struct config_files *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->paths[i]);
	free(f->paths);
	*f = (struct config_files){0};
}

/* Takes PATH, also on failure. */
static int add_path(struct config_files *f, char *path)
{
	char **paths = path ? reallocarray(f->paths, f->count + 1, sizeof(*paths)) : NULL;

	if (!paths) {
		free(path);
		return -ENOMEM;
	}
	f->paths = paths;
	f->paths[f->count++] = path;
	return 0;
}

static char *join(const char *directory, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int is_configuration(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && text_ends_with(entry->d_name, ".conf");
}

/* By their bytes: the order must not depend on the locale. */
static int compare_names(const void *a, const void *b)
{
	const char *const *one = a, *const *other = b;

	return strcmp(last_part(*one), last_part(*other));
}

static int compare_entries(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_entries(struct config_files *f, const char *directory, struct dirent **entries,
	int count, struct problems *p)
{
	int r = 0;

	if (count > CONFIG_FILES_MAX)
		problem_add(p, LOG_ERR, NULL, "%s: there are %d files here, more than %d",
			directory, count, CONFIG_FILES_MAX);
	else
		for (int i = 0; i < count && r == 0; i++)
			r = add_path(f, join(directory, entries[i]->d_name));
	return r;
}

/* Appends the .conf files of a directory in name order. */
static int add_directory(struct config_files *f, const char *directory, struct problems *p)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_configuration, compare_entries), r;

	if (count < 0) {
		if (errno == ENOMEM)
			return -ENOMEM;
		if (errno != ENOENT)
			problem_add(p, LOG_ERR, NULL, "%s: %s", directory, strerror(errno));
		return 0;
	}
	r = add_entries(f, directory, entries, count, p);
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	return r;
}

/* True where the rules of the host have a file of that name. */
static bool is_replaced(const struct config_files *own, const char *path)
{
	for (size_t i = 0; i < own->count; i++)
		if (text_equal(last_part(own->paths[i]), last_part(path)))
			return true;
	return false;
}

static int add_rules(struct config_files *f, const char *vendor, const char *own, struct problems *p)
{
	_cleanup_config_files_ struct config_files theirs = {0}, ours = {0};
	int r = add_directory(&theirs, vendor, p);

	if (r == 0)
		r = add_directory(&ours, own, p);
	for (size_t i = 0; i < theirs.count && r == 0; i++)
		if (!is_replaced(&ours, theirs.paths[i]))
			r = add_path(f, TAKE_POINTER(theirs.paths[i]));
	for (size_t i = 0; i < ours.count && r == 0; i++)
		r = add_path(f, TAKE_POINTER(ours.paths[i]));
	if (r == 0 && f->count > 0)
		qsort(f->paths, f->count, sizeof(f->paths[0]), compare_names);
	return r;
}

/* The directory of FILE: what stands for /etc/modelwatch. */
static char *directory_of(const char *file)
{
	const char *slash = strrchr(file, '/');

	if (!slash)
		return strdup(".");
	return slash == file ? strdup("/") : strndup(file, (size_t) (slash - file));
}

int config_files_find(
	const struct config_paths *paths, struct problems *p, struct config_files *ret)
{
	const char *file = paths->file ? paths->file : CONFIG_DEFAULT_FILE;
	const char *vendor = paths->vendor_rules ? paths->vendor_rules : DEFAULT_RULES;
	_cleanup_free_ char *directory = directory_of(file);
	_cleanup_free_ char *rules = directory ? join(directory, "rules.d") : NULL;
	_cleanup_free_ char *more = directory ? join(directory, "conf.d") : NULL;
	_cleanup_config_files_ struct config_files f = {0};
	int r = rules && more ? add_rules(&f, vendor, rules, p) : -ENOMEM;

	f.main = f.count;
	if (r == 0)
		r = add_path(&f, strdup(file));
	if (r == 0)
		r = add_directory(&f, more, p);
	if (r < 0)
		return r;
	*ret = f;
	f = (struct config_files){0};
	return 0;
}
