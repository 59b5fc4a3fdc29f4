/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/process_services.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>

#include "daemon/base/buf.h"
#include "daemon/base/num.h"
#include "schema/unit.h"

/* "a or b" */
static char *write_names(const char *const *names, size_t count)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	for (size_t i = 0; i < count; i++)
		buf_printf(&text, "%s%s", i > 0 ? " or " : "", names[i]);
	return buf_take(&text);
}

/* Users by name or number; one that does not exist matches nothing, and none of them is not the same as
 * none given. */
static int read_users(const struct section *s, struct service_match *m, char **ret_none)
{
	size_t count;
	const char *const *names = section_list(s, OPTION_SERVICE_USER, &count);
	uid_t *users = calloc(count + 1, sizeof(*users));

	if (!users)
		return -ENOMEM;
	m->users = users;
	for (size_t i = 0; i < count; i++) {
		const struct passwd *user = getpwnam(names[i]);
		uint32_t number;

		if (user)
			users[m->user_count++] = user->pw_uid;
		else if (num_parse_u32(names[i], &number) == 0)
			users[m->user_count++] = number;
	}
	if (count == 0 || m->user_count > 0)
		return 0;
	m->impossible = true;
	*ret_none = write_names(names, count);
	return *ret_none ? 0 : -ENOMEM;
}

static int read_ports(const struct section *s, struct service_match *m)
{
	size_t count;
	const char *const *texts = section_list(s, OPTION_SERVICE_LISTEN_PORT, &count);
	uint16_t *ports = calloc(count + 1, sizeof(*ports));

	if (!ports)
		return -ENOMEM;
	m->ports = ports;
	for (size_t i = 0; i < count; i++) {
		uint32_t port;

		if (num_parse_u32(texts[i], &port) == 0 && port <= UINT16_MAX)
			ports[m->port_count++] = (uint16_t) port;
	}
	return 0;
}

static int read_units(const struct section *s, struct service_match *m)
{
	size_t count;
	const char *const *given = section_list(s, OPTION_SERVICE_UNIT, &count);
	const char **units = calloc(count + 1, sizeof(*units));

	if (!units)
		return -ENOMEM;
	m->units = units;
	while (m->unit_count < count) {
		units[m->unit_count] = unit_name_complete(given[m->unit_count]);
		if (!units[m->unit_count++])
			return -ENOMEM;
	}
	return 0;
}

static int read_service(const struct section *s, struct service_match *m, char **ret_no_users)
{
	int r;

	*m = (struct service_match){.name = section_name(s),
		.expected = section_bool(s, OPTION_SERVICE_EXPECTED),
		.expected_by_unit = section_has(s, OPTION_SERVICE_UNIT) &&
				    !section_has(s, OPTION_SERVICE_EXPECTED),
		.stop_grace = section_duration(s, OPTION_SERVICE_STOP_GRACE)};
	m->executables = section_list(s, OPTION_SERVICE_EXECUTABLE, &m->executable_count);
	m->command_lines = section_list(s, OPTION_SERVICE_COMMAND_LINE, &m->command_line_count);
	m->cgroups = section_list(s, OPTION_SERVICE_CGROUP, &m->cgroup_count);
	m->containers = section_list(s, OPTION_SERVICE_CONTAINER, &m->container_count);
	m->pid_files = section_list(s, OPTION_SERVICE_PID_FILE, &m->pid_file_count);
	r = read_users(s, m, ret_no_users);
	if (r == 0)
		r = read_ports(s, m);
	return r < 0 ? r : read_units(s, m);
}

int watched_services_read(const struct config *c, struct watched_services *ret)
{
	const struct section *s = NULL;
	size_t count = 0;
	int r = 0;

	while ((s = config_next(c, SECTION_SERVICE, s)))
		count++;
	*ret = (struct watched_services){.items = calloc(count + 1, sizeof(*ret->items)),
		.no_users = calloc(count + 1, sizeof(*ret->no_users))};
	if (!ret->items || !ret->no_users)
		return -ENOMEM;
	while (r == 0 && (s = config_next(c, SECTION_SERVICE, s))) {
		r = read_service(s, &ret->items[ret->count], &ret->no_users[ret->count]);
		ret->count++;
	}
	return r;
}

void watched_services_done(struct watched_services *w)
{
	for (size_t i = 0; i < w->count; i++) {
		free((uid_t *) (uintptr_t) w->items[i].users);
		free((uint16_t *) (uintptr_t) w->items[i].ports);
		for (size_t n = 0; n < w->items[i].unit_count; n++)
			free((char *) (uintptr_t) w->items[i].units[n]);
		free((char **) (uintptr_t) w->items[i].units);
		free(w->no_users[i]);
	}
	free(w->items);
	free(w->no_users);
}
