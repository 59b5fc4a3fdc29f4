/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/supervisor/leaving.h"

#include <stddef.h>

/* A free one, or that of whoever was asked first. */
static struct instance **find_place(struct leaving *l)
{
	struct instance **place = &l->items[0];

	for (size_t n = 1; n < LEAVING_MAX && *place; n++)
		if (!l->items[n] || instance_alive(l->items[n]) < instance_alive(*place))
			place = &l->items[n];
	return place;
}

void leaving_add(struct leaving *l, struct instance *i)
{
	struct instance **place = find_place(l);

	instance_free(*place);
	*place = i;
	instance_stop(i);
}

bool leaving_remove(struct leaving *l, const struct instance *i)
{
	for (size_t n = 0; n < LEAVING_MAX; n++)
		if (l->items[n] == i) {
			l->items[n] = NULL;
			return true;
		}
	return false;
}

void leaving_done(struct leaving *l)
{
	for (size_t n = 0; n < LEAVING_MAX; n++)
		l->items[n] = instance_free(l->items[n]);
}
