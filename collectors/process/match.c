/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/match.h"

#include <string.h>

#include "collectors/process/procfs.h"
#include "daemon/base/glob.h"
#include "daemon/base/text.h"

#define CGROUP_LINES_MAX 64 /* hierarchies of a process */

static bool match_globs(const char *const *globs, size_t count, const char *text)
{
	if (count == 0)
		return true;
	for (size_t i = 0; i < count; i++)
		if (glob_match(globs[i], text))
			return true;
	return false;
}

/* A program that was replaced on disk while it runs is still the same to who named its path. */
static bool match_executable(const struct service_match *m, const char *path)
{
	static const char mark[] = " (deleted)";
	size_t length = strlen(path);
	char undeleted[MATCH_PATH_MAX];

	if (match_globs(m->executables, m->executable_count, path))
		return true;
	if (!text_ends_with(path, mark) || length >= sizeof(undeleted))
		return false;
	memcpy(undeleted, path, length - strlen(mark));
	undeleted[length - strlen(mark)] = '\0';
	return match_globs(m->executables, m->executable_count, undeleted);
}

bool match_cgroup(const char *prefix, const char *path, size_t size)
{
	size_t length;

	if (!*prefix)
		return false;
	/* The kernel's paths begin with a slash; people's do not always. */
	while (*prefix == '/')
		prefix++;
	length = strlen(prefix);
	while (length > 0 && prefix[length - 1] == '/')
		length--;
	if (length == 0)
		return true;
	path++;
	size--;
	return size >= length && memcmp(prefix, path, length) == 0 &&
	       (size == length || path[length] == '/');
}

static bool match_cgroups(const struct service_match *m, const struct match_subject *p)
{
	struct cgroup_path cgroup;
	size_t position = 0;

	if (m->cgroup_count == 0)
		return true;
	for (size_t line = 0; line < CGROUP_LINES_MAX; line++) {
		if (!proc_cgroup_next(p->cgroups, p->cgroups_size, &position, &cgroup))
			break;
		for (size_t i = 0; i < m->cgroup_count; i++)
			if (match_cgroup(m->cgroups[i], cgroup.path, cgroup.size))
				return true;
	}
	return false;
}

static bool match_containers(const struct service_match *m, const struct match_subject *p)
{
	for (size_t i = 0; i < m->container_count; i++)
		if (p->is_in(p->userdata, m, m->containers[i], p))
			return true;
	return m->container_count == 0;
}

bool match_user(const struct service_match *m, uid_t user)
{
	for (size_t i = 0; i < m->user_count; i++)
		if (m->users[i] == user)
			return true;
	return m->user_count == 0;
}

static bool has_key(const struct service_match *m)
{
	return m->executable_count > 0 || m->command_line_count > 0 || m->cgroup_count > 0 ||
	       m->user_count > 0 || m->port_count > 0 || m->pid_file_count > 0 ||
	       m->unit_count > 0 || m->container_count > 0;
}

enum match_answer match_process(const struct service_match *m, const struct match_subject *p)
{
	bool executable = match_executable(m, p->executable);

	if (m->impossible || !has_key(m) || !match_user(m, p->user) || !match_cgroups(m, p) ||
		!match_globs(m->command_lines, m->command_line_count, p->command_line) ||
		!match_containers(m, p))
		return MATCH_NO;
	if (!executable && !p->executable_denied)
		return MATCH_NO;
	return executable && !(m->port_count > 0 && p->files_denied) ? MATCH_YES : MATCH_UNSEEN;
}
