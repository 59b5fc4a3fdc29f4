/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/units/needs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/units/properties.h"
#include "daemon/base/cleanup.h"

#define NAMES_MAX 65536 /* in one property */

static int read_active(sd_bus_message *m, void *field)
{
	return properties_read_text(m, 's', UNIT_WORD_MAX, field);
}

static int read_has_job(sd_bus_message *m, void *field)
{
	bool *ret = field;
	uint32_t number;
	int r = sd_bus_message_read(m, "(uo)", &number, NULL);

	if (r >= 0)
		*ret = number != 0;
	return r;
}

static int add_name(struct needs_list *list, const char *name)
{
	size_t size = strlen(name) + 1;

	if (size > UNIT_NAME_MAX + 1)
		return -EBADMSG;
	if (list->count == NEEDS_MAX || list->size + size > NEEDS_BYTES_MAX)
		return 0;
	list->names[list->count] = strdup(name);
	if (!list->names[list->count])
		return -ENOMEM;
	list->size += size;
	return (int) ++list->count;
}

static int read_names(sd_bus_message *m, void *field)
{
	const char *name;
	size_t count = 0;
	int r = sd_bus_message_enter_container(m, 'a', "s");

	while (r >= 0 && (r = sd_bus_message_read(m, "s", &name)) > 0)
		r = ++count > NAMES_MAX ? -EBADMSG : add_name(field, name);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* systemd 252, src/core/unit-dependency-atom.c: what stops retroactively, and what hands on stops alone. */
static const struct property rows[] = {
	{"ActiveExitTimestampMonotonic", "t", properties_read_time, offsetof(struct needs, active_exit)},
	{"ActiveState", "s", read_active, offsetof(struct needs, active)},
	{"BindsTo", "as", read_names, offsetof(struct needs, bound)},
	{"InactiveEnterTimestampMonotonic", "t", properties_read_time,
		offsetof(struct needs, inactive_enter)},
	{"Job", "(uo)", read_has_job, offsetof(struct needs, has_job)},
	{"PartOf", "as", read_names, offsetof(struct needs, other)},
	{"Requires", "as", read_names, offsetof(struct needs, other)},
	{"Requisite", "as", read_names, offsetof(struct needs, other)},
	{"StopPropagatedFrom", "as", read_names, offsetof(struct needs, bound)},
};

int needs_read(sd_bus_message *m, struct needs *ret)
{
	*ret = (struct needs){0};
	return properties_read_rows(m, rows, ELEMENTS(rows), ret);
}

static void list_done(struct needs_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->names[i]);
	list->count = list->size = 0;
}

void needs_done(struct needs *n)
{
	free(TAKE_POINTER(n->active));
	list_done(&n->bound);
	list_done(&n->other);
}
