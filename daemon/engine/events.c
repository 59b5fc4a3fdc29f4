/* SPDX-License-Identifier: Apache-2.0 */
/* Events that wait for a commit, as copies. */
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/engine/engine.h"

#define EVENTS_MAX 4096

bool events_have_room(const struct engine *e)
{
	return e->event_count < EVENTS_MAX;
}

static void free_event(struct event *event)
{
	/* Of a copy the strings are ours. */
	free((char *) (uintptr_t) event->type);
	free((char *) (uintptr_t) event->service);
	free((char *) (uintptr_t) event->reason);
	evidence_list_free((struct evidence *) (uintptr_t) event->evidence, event->evidence_count);
}

int events_add(struct engine *e, const struct event *event)
{
	struct event *events, new = *event;
	int r;

	events = reallocarray(e->events, e->event_count + 1, sizeof(*events));
	if (!events)
		return -ENOMEM;
	e->events = events;
	new.type = strdup(event->type);
	new.service = strdup(event->service);
	new.reason = strdup(event->reason);
	new.command_line = NULL; /* of the process's row */
	new.samples = NULL;
	new.sample_count = 0;
	r = evidence_list_copy(event->evidence, event->evidence_count,
		(struct evidence **) (uintptr_t) &new.evidence);
	if (r < 0) {
		new.evidence = NULL;
		new.evidence_count = 0;
	}
	if (r < 0 || !new.type || !new.service || !new.reason) {
		free_event(&new);
		return -ENOMEM;
	}
	e->events[e->event_count++] = new;
	return 0;
}

bool events_changed(const struct engine *e)
{
	return e->event_count > 0;
}

int events_write(struct engine *e)
{
	int r = 0;

	for (size_t i = 0; i < e->event_count && r == 0; i++)
		r = store_put_event(e->store, &e->events[i]);
	return r;
}

void events_committed(struct engine *e)
{
	for (size_t i = 0; i < e->event_count; i++) {
		struct event *event = &e->events[i];

		log_debug("committed event %s of %s", event->type, event->service);
		free_event(event);
	}
	free(e->events);
	e->events = NULL;
	e->event_count = 0;
}
