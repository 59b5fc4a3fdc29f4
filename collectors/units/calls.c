/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of the connection that wait for an answer. A bus refuses those beyond its limit, and counts those
 * that nobody waits for any more. */
#include <errno.h>
#include <stdarg.h>

#include "collectors/units/model.h"

static struct call *find_room(struct units *w)
{
	for (size_t i = 0; i < CALLS_AT_ONCE; i++)
		if (!w->calls[i].slot)
			return &w->calls[i];
	return NULL;
}

bool calls_have_room(struct units *w)
{
	return find_room(w) != NULL;
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct call *c = userdata, done = *c;

	sd_bus_slot_unref(c->slot);
	*c = (struct call){0};
	if (done.place) {
		*done.place = NULL;
		done.answer(m, done.userdata, error);
	} else if (sd_bus_message_get_errno(m) == ETIMEDOUT) {
		units_lose(done.units, -ETIMEDOUT);
	}
	units_go_on(done.units);
	return 0;
}

int call_make(struct units *w, const struct call_to *to, struct call **place, const char *types, ...)
{
	struct call *c = find_room(w);
	va_list arguments;
	int r;

	if (!c)
		return -ENOBUFS;
	*c = (struct call){.units = w, .place = place, .answer = to->answer, .userdata = to->userdata};
	va_start(arguments, types);
	r = sd_bus_call_method_asyncv(w->bus, &c->slot, w->owner, to->path, to->interface, to->member,
		on_answer, c, types, arguments);
	va_end(arguments);
	if (r < 0)
		return r;
	*place = c;
	return 0;
}

void call_forget(struct call **place)
{
	if (*place)
		(*place)->place = NULL;
	*place = NULL;
}

void calls_end(struct units *w)
{
	for (size_t i = 0; i < CALLS_AT_ONCE; i++) {
		if (w->calls[i].place)
			*w->calls[i].place = NULL;
		sd_bus_slot_unref(w->calls[i].slot);
		w->calls[i] = (struct call){0};
	}
}
