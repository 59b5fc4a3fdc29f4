/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that match a service and are another one's: a process belongs to the first one, in the order of
 * the configuration, that it matches. Who looks for it under the other name is told so. */
#include "collectors/process/taken.h"

#include <limits.h>

#include "collectors/process/scan.h"
#include "collectors/process/search.h"
#include "collectors/process/service.h"
#include "collectors/process/tell.h"

#define LOOK_EVERY (5 * USEC_PER_SEC) /* it may take a look at every main process */
#define FILES_OF_MAX 16 /* processes whose open files are looked at in one look for ports */

static bool is_taken(const struct service *s, const struct process *p)
{
	return p->main && p->service != s && p->service->match;
}

static const struct process *find_by_pid_file(struct service *s)
{
	struct process *p;
	pid_t pid;

	for (size_t i = 0; i < s->match->pid_file_count; i++) {
		if (search_read_pid_file(s->match->pid_files[i], &pid) < 0)
			continue;
		p = scan_find(s->collector, pid);
		if (p && is_taken(s, p) && search_matches(s, p, false))
			return p;
	}
	return NULL;
}

const struct process *taken_find(struct service *s)
{
	unsigned room = s->match->port_count > 0 ? FILES_OF_MAX : UINT_MAX;
	struct process *p;
	size_t position = 0;

	if (s->match->pid_file_count > 0)
		return find_by_pid_file(s);
	while (room > 0 && (p = map_next(s->collector->processes, &position, NULL, NULL))) {
		if (!is_taken(s, p))
			continue;
		if (search_matches(s, p, false))
			return p;
		room--;
	}
	return NULL;
}

void taken_check_missing(struct collector *c)
{
	usec_t now = clock_monotonic();

	if (now < c->taken_due)
		return;
	c->taken_due = now + LOOK_EVERY;
	for (size_t i = 0; i < c->options.service_count; i++) {
		struct service *s = service_get(c, c->options.services[i].name);
		const struct process *p = s->missing && !s->taken ? taken_find(s) : NULL;

		if (p)
			tell_missing(s, p);
	}
}
