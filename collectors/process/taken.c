/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that match a service and are another one's: a process belongs to the first one, in the order of
 * the configuration, that it matches. Who looks for it under the other name is told so. */
#include "collectors/process/taken.h"

#include <limits.h>

#include "collectors/process/scan.h"
#include "collectors/process/search.h"

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

/* The one that was told stays it while it may be: it is not always the same that is found first. */
static const struct process *find_told(struct service *s)
{
	struct collector *c = s->collector;
	struct process *p = s->taken > 0 ? scan_find(c, s->taken) : NULL;

	return p && is_taken(s, p) &&
			       (search_matches(s, p, false) ||
				       bounded_reader_waits_for(c->reader, p->pid))
		       ? p
		       : NULL;
}

const struct process *taken_find(struct service *s)
{
	unsigned room = s->match->port_count > 0 ? FILES_OF_MAX : UINT_MAX;
	const struct process *told;
	struct process *p = NULL;

	if (s->match->pid_file_count > 0)
		return find_by_pid_file(s);
	told = find_told(s);
	if (told)
		return told;
	while (room > 0 && (p = map_next(s->collector->processes, &s->taken_next, NULL, NULL))) {
		if (!is_taken(s, p))
			continue;
		if (search_matches(s, p, false))
			break;
		room--;
	}
	/* Where there was no room for all of them the next look goes on. */
	if (p && room == 0)
		return NULL;
	s->taken_next = 0;
	return p;
}
