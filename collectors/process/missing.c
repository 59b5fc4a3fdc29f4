/* SPDX-License-Identifier: Apache-2.0 */
/* Why a configured service has no process: none matches it, another service has the one that does, or it
 * may be one that could not be looked at. */
#include "collectors/process/missing.h"

#include "collectors/process/scan.h"
#include "collectors/process/search.h"
#include "collectors/process/service.h"
#include "collectors/process/taken.h"
#include "collectors/process/tell.h"

#define LOOK_EVERY (5 * USEC_PER_SEC) /* it may take a look at every main process */

static size_t count_overlooked(const struct service *s)
{
	const struct service_match *m = s->match;
	const struct process *p;
	size_t position = 0, count = 0;
	pid_t pid;

	for (size_t i = 0; i < m->pid_file_count; i++) {
		if (search_read_pid_file(m->pid_files[i], &pid) < 0)
			continue;
		p = scan_find(s->collector, pid);
		count += p && !p->service && p->unread;
	}
	if (m->pid_file_count > 0)
		return count;
	while ((p = map_next(s->collector->processes, &position, NULL, NULL)))
		count += !p->service && p->unread;
	return count;
}

static void tell(struct service *s, const struct process *taken, size_t overlooked)
{
	s->taken = taken ? taken->pid : 0;
	s->overlooked = !taken && overlooked > 0;
	tell_missing(s, taken, overlooked);
}

void missing_tell(struct service *s)
{
	tell(s, taken_find(s), count_overlooked(s));
}

/* That there are some by now that cannot be looked at is no news: who was there when it was told could. */
static void check(struct service *s)
{
	const struct process *taken = taken_find(s);
	size_t overlooked = count_overlooked(s);

	if ((taken ? taken->pid : 0) != s->taken || (s->overlooked && overlooked == 0))
		tell(s, taken, overlooked);
}

void missing_check(struct collector *c)
{
	usec_t now = clock_monotonic();

	if (now < c->missing_due)
		return;
	c->missing_due = now + LOOK_EVERY;
	for (size_t i = 0; i < c->options.service_count; i++) {
		struct service *s = service_get(c, c->options.services[i].name);

		if (s->missing)
			check(s);
	}
}
