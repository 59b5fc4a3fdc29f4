/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/match.h"

#include <fnmatch.h>
#include <string.h>

#include "collectors/process/procfs.h"

#define CGROUP_LINES_MAX 64 /* hierarchies of a process */

static bool match_globs(const char *const *globs, size_t count, const char *text)
{
	if (count == 0)
		return true;
	for (size_t i = 0; i < count; i++)
		if (fnmatch(globs[i], text, 0) == 0)
			return true;
	return false;
}

bool match_cgroup(const char *prefix, const char *path, size_t size)
{
	size_t length = strlen(prefix);

	while (length > 1 && prefix[length - 1] == '/')
		length--;
	if (length == 1 && prefix[0] == '/')
		return true;
	return size >= length && memcmp(prefix, path, length) == 0 &&
	       (size == length || path[length] == '/');
}

static bool match_cgroups(const struct service_match *m, const struct match_subject *p)
{
	const char *path;
	size_t position = 0, size;
	bool unified;

	if (m->cgroup_count == 0)
		return true;
	for (size_t line = 0; line < CGROUP_LINES_MAX; line++) {
		if (!proc_cgroup_next(p->cgroups, p->cgroups_size, &position, &path, &size,
			    &unified))
			break;
		for (size_t i = 0; i < m->cgroup_count; i++)
			if (match_cgroup(m->cgroups[i], path, size))
				return true;
	}
	return false;
}

static bool match_user(const struct service_match *m, uid_t user)
{
	for (size_t i = 0; i < m->user_count; i++)
		if (m->users[i] == user)
			return true;
	return m->user_count == 0;
}

bool match_process(const struct service_match *m, const struct match_subject *p)
{
	return !m->unsupported && match_user(m, p->user) &&
	       match_globs(m->executables, m->executable_count, p->executable) &&
	       match_globs(m->command_lines, m->command_line_count, p->command_line) &&
	       match_cgroups(m, p);
}
