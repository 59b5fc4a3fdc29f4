/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/container_names.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/process/cgroup.h"
#include "daemon/base/text.h"

#define CGROUP_LINES_MAX 64   /* hierarchies of a process */
#define MONITORS_MAX	 16   /* processes of one group that are asked for a name */
#define NAMES_MAX	 4096 /* that are remembered */

/* Where Podman puts the one that watches over a container, beside its group: with a scope for each, in the
 * unit that started it, and without systemd. */
static const struct {
	const char *name, *after; /* with AFTER the id stands between them */
} monitor_groups[] = {{"libpod-conmon-", ".scope"}, {"supervisor", NULL}, {"conmon", NULL}};

static void remember(struct collector *c, const char *id, const char *name)
{
	struct map *fresh = map_size(c->container_names) >= NAMES_MAX ? map_new() : NULL;
	char *copy = strdup(name);

	/* Of those that are gone: the others are asked again. */
	if (fresh) {
		map_free(c->container_names, free);
		c->container_names = fresh;
	}
	if (!copy || map_put_string(c->container_names, id, copy, NULL) < 0) {
		free(copy);
		collector_fail(c, -ENOMEM);
	}
}

static bool ask(struct collector *c, pid_t pid, const char *id)
{
	struct identity i;
	const char *name;

	if (proc_read_identity(c->reader, pid, IDENTITY_ARGUMENTS, &i) < 0)
		return false;
	name = container_monitored(i.arguments, i.argument_count, id);
	if (name)
		remember(c, id, name);
	identity_done(&i);
	return name;
}

static bool ask_group(struct collector *c, const struct container *container, size_t group)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	_cleanup_free_ pid_t *pids = NULL;
	size_t count = 0;

	buf_add(&path, container->parent, container->parent_size);
	buf_add_string(&path, monitor_groups[group].name);
	if (monitor_groups[group].after)
		buf_printf(&path, "%s%s", container->name, monitor_groups[group].after);
	if (buf_error(&path) < 0 || cgroup_processes(c->cgroups, path.data, &pids, &count) < 0)
		return false;
	for (size_t i = 0; i < count && i < MONITORS_MAX; i++)
		if (ask(c, pids[i], container->name))
			return true;
	return false;
}

/* NULL where nobody says it. */
static const char *find_name(struct collector *c, const struct container *container)
{
	const char *name = map_get_string(c->container_names, container->name);

	for (size_t i = 0; i < ELEMENTS(monitor_groups) && !name; i++)
		if (ask_group(c, container, i))
			name = map_get_string(c->container_names, container->name);
	return name;
}

static bool is_called(struct collector *c, const struct container *container, const char *given)
{
	const char *name = container->name;

	if (container->has_id && container_is_id(given))
		return strncmp(name, given, strlen(given)) == 0;
	if (container->has_id)
		name = find_name(c, container);
	return name && text_equal(name, given);
}

/* True where the group is in the hands of a user who need not be the service's. */
static bool is_of_other_user(const struct service_match *m, const struct cgroup_path *cgroup)
{
	static const char slice[] = "/user.slice/user-";
	const char *at = cgroup->path + sizeof(slice) - 1, *end = cgroup->path + cgroup->size;
	uint64_t user = 0;

	if (cgroup->size < sizeof(slice) || memcmp(cgroup->path, slice, sizeof(slice) - 1) != 0)
		return false;
	for (; at < end && isdigit((unsigned char) *at) && user <= UINT32_MAX; at++)
		user = 10 * user + (uint64_t) (*at - '0');
	return m->user_count == 0 || user > UINT32_MAX || !match_user(m, (uid_t) user);
}

bool container_names_match(struct collector *c, const struct service_match *m, const char *given,
	const char *cgroups, size_t size)
{
	struct cgroup_path cgroup;
	struct container container;
	size_t position = 0;

	for (size_t line = 0; line < CGROUP_LINES_MAX; line++) {
		if (!proc_cgroup_next(cgroups, size, &position, &cgroup))
			break;
		if (!is_of_other_user(m, &cgroup) &&
			container_of_group(cgroup.path, cgroup.size, &container) &&
			is_called(c, &container, given))
			return true;
	}
	return false;
}
