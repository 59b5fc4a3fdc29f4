/* SPDX-License-Identifier: Apache-2.0 */
/* What we lack the rights to see: an ordinary user is shown the command lines of all processes, but the
 * executables and open files of its own alone. Where it is one of those that would tell whose a process
 * is, the service is neither up nor down to us. */
#include "collectors/process/unseen.h"

#include "collectors/process/doctor.h"
#include "collectors/process/scan.h"
#include "collectors/process/search.h"
#include "collectors/process/service.h"
#include "collectors/process/unit_search.h"

#define LOOK_EVERY (5 * USEC_PER_SEC) /* it may take a look at every process */

/* True where nothing that can be seen of the process speaks against the service. */
static bool may_be_of(struct process *p, const struct service_match *m)
{
	struct collector *c = p->collector;
	struct identity i;
	bool may;

	if (!p->hidden || p->service || proc_read_identity(c->reader, p->pid, c->identity, &i) < 0)
		return false;
	may = search_judge(c, m, &i) == MATCH_UNSEEN;
	identity_done(&i);
	return may;
}

static bool any_may_be_of(struct collector *c, const struct service_match *m)
{
	struct process *p;
	size_t position = 0;

	while ((p = map_next(c->processes, &position, NULL, NULL)))
		if (may_be_of(p, m))
			return true;
	return false;
}

static bool may_be_of_pid_file(struct service *s, const char *path)
{
	struct process *p;
	pid_t pid;
	int r = search_read_pid_file(path, &pid);

	if (r < 0)
		return proc_is_denied(r);
	p = scan_find(s->collector, pid);
	return p && may_be_of(p, s->match);
}

struct named {
	struct collector *collector;
	const struct service_match *match;
	bool may_be;
};

static void look_at_named(void *userdata, pid_t pid)
{
	struct named *n = userdata;
	struct process *p = scan_find(n->collector, pid);

	n->may_be |= p && may_be_of(p, n->match);
}

static bool may_be_of_units(struct service *s)
{
	struct named n = {s->collector, s->match, false};

	unit_search_each(s, look_at_named, &n);
	return n.may_be;
}

bool unseen_may_run(struct service *s)
{
	const struct service_match *m = s->match;

	if (units_has(s))
		return may_be_of_units(s);
	for (size_t i = 0; i < m->pid_file_count; i++)
		if (may_be_of_pid_file(s, m->pid_files[i]))
			return true;
	if (m->pid_file_count > 0)
		return false;
	return any_may_be_of(s->collector, m) && (m->port_count == 0 || search_has_unseen_socket(s));
}

void unseen_check_missing(struct collector *c)
{
	usec_t now = clock_monotonic();

	if (now < c->unseen_due)
		return;
	c->unseen_due = now + LOOK_EVERY;
	for (size_t i = 0; i < c->options.service_count; i++) {
		struct service *s = service_get(c, c->options.services[i].name);

		if (s->missing && unseen_may_run(s))
			doctor_unseen(s);
	}
}
