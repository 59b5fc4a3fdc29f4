/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/paths.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/base/cleanup.h"

#define DIRECTORY_MODE 0750

/* The directory of this program where a whole build tree lies beside it, else NULL. */
static int build_tree(char **ret)
{
	_cleanup_free_ char *beside = NULL;
	char self[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (size < 0)
		return -errno;
	self[size] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	if (asprintf(&beside, "%s/modelwatch-engine", self) < 0) {
		beside = NULL;
		return -ENOMEM;
	}
	*ret = NULL;
	if (access(beside, X_OK) < 0)
		return 0;
	*ret = strdup(self);
	return *ret ? 0 : -ENOMEM;
}

int paths_role_program(const char *role, char **ret)
{
	_cleanup_free_ char *tree = NULL;
	char *path;
	int r = build_tree(&tree);

	if (r < 0)
		return r;
	if (asprintf(&path, "%s/modelwatch-%s", tree ? tree : MW_LIBEXECDIR, role) < 0)
		return -ENOMEM;
	*ret = path;
	return 0;
}

int paths_vendor_rules(char **ret)
{
	_cleanup_free_ char *tree = NULL;
	char *path;
	int r = build_tree(&tree);

	if (r < 0)
		return r;
	r = tree ? asprintf(&path, "%s/packaging/rules.d", tree)
		 : asprintf(&path, "%s/rules.d", MW_DATADIR);
	if (r < 0)
		return -ENOMEM;
	*ret = path;
	return 0;
}

/* Makes PATH and its parents; PATH is changed and restored. */
static int make_directories(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int r;

		*slash = '\0';
		r = mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
		*slash = '/';
		if (r < 0)
			return r;
	}
	return mkdir(path, DIRECTORY_MODE) < 0 && errno != EEXIST ? -errno : 0;
}

int paths_directory(const char *given, const char *variable, const char *fallback, char **ret,
	char **ret_why)
{
	const char *set = getenv(variable);
	_cleanup_free_ char *path = NULL, *resolved = NULL;
	struct stat st;
	int r;

	/* systemd separates several directories by colons; the first is ours. */
	if (given)
		path = strdup(given);
	else if (set && *set)
		path = strndup(set, strcspn(set, ":"));
	else
		path = strdup(fallback);
	if (!path)
		return -ENOMEM;
	r = *path ? make_directories(path) : -ENOENT;
	if (r == 0 && stat(path, &st) < 0)
		r = -errno;
	if (r == 0 && !S_ISDIR(st.st_mode))
		r = -ENOTDIR;
	if (r == 0 && access(path, R_OK | W_OK | X_OK) < 0)
		r = -errno;
	if (r == 0) {
		resolved = realpath(path, NULL);
		r = resolved ? 0 : -errno;
	}
	if (r < 0) {
		if (asprintf(ret_why, "cannot use the directory %s: %s", path, strerror(-r)) < 0)
			*ret_why = NULL;
		return r;
	}
	*ret = TAKE_POINTER(resolved);
	return 0;
}
