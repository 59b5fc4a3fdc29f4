/* SPDX-License-Identifier: Apache-2.0 */
/* Why a configured service has no process: none matches it, another service has the one that does (a process
 * belongs to the first one, in the order of the configuration, that it matches), or it may be one that could
 * not be looked at.
 *
 * A round looks at each main process once for all of these services, in as many turns as it takes. */
#include "collectors/process/missing.h"

#include "collectors/process/container.h"
#include "collectors/process/doctor.h"
#include "collectors/process/pace.h"
#include "collectors/process/scan.h"
#include "collectors/process/search.h"
#include "collectors/process/service.h"
#include "collectors/process/tell.h"
#include "collectors/process/unit_search.h"

#define LOOK_EVERY   (5 * USEC_PER_SEC)
#define TURN_MAX     (20 * USEC_PER_MSEC)
#define REST_TIMES   49 /* a turn rests for so many times as long as it took */
#define REST_MAX     (10 * USEC_PER_SEC)
#define FILES_MAX    65536 /* open files of one process that are looked at */
#define TOLD_AT_ONCE 4 /* reasons; one that changes again and again is told less and less often */
#define TELL_REST    (10 * USEC_PER_SEC) /* doubled by each telling */
#define DOUBLED_MAX  9 /* times */

void missing_begin(struct service *s)
{
	s->missing = true;
	s->absence = (struct absence){0};
	if (!s->collector->missing_going)
		s->collector->missing_due = 0;
}

void missing_tell(struct service *s)
{
	s->missing = true;
	s->absence = (struct absence){.tellings = 1};
	tell_missing(s, NULL, 0);
}

void missing_begin_because(struct service *s, const char *why)
{
	s->missing = true;
	s->absence = (struct absence){.tellings = 1};
	tell_missing_because(s, why);
}

/* The configured service of that number, if the round looks for a reason and it is missing still. */
static struct service *asked(struct collector *c, size_t number)
{
	struct service *s = service_get(c, c->options.services[number].name);

	return s->missing && s->absence.asked ? s : NULL;
}

/* The one that was told has precedence: it is not always the same that is found first. */
static void note_taken(struct service *s, const struct process *p)
{
	if (s->absence.found == 0 || p->service == s->absence.taken)
		s->absence.found = p->pid;
}

static bool is_taken(const struct service *s, const struct process *p)
{
	return p->main && p->service != s && p->service->match;
}

/* A process whose ports are looked at. */
struct look {
	struct process *process;
	const struct socket_table *table;
};

static void on_socket(void *userdata, uint64_t inode)
{
	const struct look *l = userdata;
	const struct tcp_listener *socket = socket_table_find(l->table, inode);
	struct collector *c = l->process->collector;

	for (size_t i = 0; socket && i < c->options.service_count; i++) {
		struct service *s = asked(c, i);

		if (s && s->absence.judged == l->process->pid &&
			search_wants_port(s->match, socket->port))
			note_taken(s, l->process);
	}
}

static void look_at_ports(struct process *p, struct socket_tables *tables)
{
	struct collector *c = p->collector;
	struct look l = {p, socket_tables_get(tables, p->pid)};
	long position = 0;

	if (!l.table || l.table->count == 0)
		return;
	for (size_t i = 0; i < FILES_MAX / FILES_AT_ONCE; i++)
		if (proc_walk_sockets(c->root, p->pid, &position, FILES_AT_ONCE, on_socket, &l) != 1)
			break;
}

/* True where its ports are to be looked at. */
static bool judge(struct service *s, const struct process *p, const struct identity *i)
{
	if (!is_taken(s, p) || s->match->pid_file_count > 0 || units_has(s) ||
		search_judge(s->collector, s->match, i) != MATCH_YES)
		return false;
	if (s->match->port_count > 0)
		s->absence.judged = p->pid;
	else
		note_taken(s, p);
	return s->match->port_count > 0;
}

/* What was told of one that keeps us waiting stays so. */
static void look_at(struct process *p, struct socket_tables *tables)
{
	struct collector *c = p->collector;
	bool ports = false;
	struct identity i;
	int r = proc_read_identity(c->reader, p->pid, c->identity, &i);

	for (size_t n = 0; n < c->options.service_count; n++) {
		struct service *s = asked(c, n);

		if (s && r == 0)
			ports |= judge(s, p, &i);
		else if (s && proc_is_kept_waiting(r) && p->service == s->absence.taken)
			note_taken(s, p);
	}
	if (r == 0)
		identity_done(&i);
	if (ports)
		look_at_ports(p, tables);
}

static void look_by_pid_file(struct service *s)
{
	struct process *p;
	pid_t pid;

	for (size_t i = 0; i < s->match->pid_file_count; i++) {
		if (search_read_pid_file(s->match->pid_files[i], &pid) < 0)
			continue;
		p = scan_find(s->collector, pid);
		if (p && is_taken(s, p) && search_matches(s, p, false))
			note_taken(s, p);
	}
}

static void look_at_named(void *userdata, pid_t pid)
{
	struct service *s = userdata;
	struct process *p = scan_find(s->collector, pid);

	if (p && is_taken(s, p) && search_matches(s, p, false))
		note_taken(s, p);
}

static void count_named(void *userdata, pid_t pid)
{
	struct service *s = userdata;
	const struct process *p = scan_find(s->collector, pid);

	s->absence.unread += p && !p->service && p->unread;
}

static size_t count_unread_of_units(struct service *s)
{
	s->absence.unread = 0;
	unit_search_each(s, count_named, s);
	return s->absence.unread;
}

static size_t count_overlooked(struct service *s)
{
	const struct service_match *m = s->match;
	const struct process *p;
	size_t position = 0, count = 0;
	pid_t pid;

	if (units_has(s))
		return count_unread_of_units(s);
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

static usec_t rest_after(unsigned tellings)
{
	unsigned doubled = tellings - TOLD_AT_ONCE;

	return tellings < TOLD_AT_ONCE
		       ? 0
		       : TELL_REST << (doubled < DOUBLED_MAX ? doubled : DOUBLED_MAX);
}

/* Its containers are given by their names alone. */
static bool is_by_name(const struct service_match *m)
{
	for (size_t i = 0; i < m->container_count; i++)
		if (container_is_id(m->containers[i]))
			return false;
	return m->container_count > 0;
}

/* That there are some by now that cannot be looked at is no news: who was there when it was told could. */
static void tell_if_news(struct service *s, usec_t now)
{
	struct absence *a = &s->absence;
	const struct process *p = a->found > 0 ? scan_find(s->collector, a->found) : NULL;
	const struct process *taken = p && is_taken(s, p) ? p : NULL;
	const struct service *taker = taken ? taken->service : NULL;
	size_t overlooked = count_overlooked(s);

	/* It begins after all: what becomes of that systemd tells. */
	if (a->tellings == 0 && service_begins(s)) {
		s->missing = s->was_up = false;
		return;
	}
	if (a->tellings > 0 &&
		(now < a->due || (taker == a->taken && !(a->overlooked && overlooked == 0))))
		return;
	a->taken = taker;
	a->overlooked = !taken && overlooked > 0;
	a->tellings++;
	a->due = now + rest_after(a->tellings);
	tell_missing(s, taken, overlooked);
	if (!taken && is_by_name(s->match))
		doctor_unnamed(s);
}

/* False where nobody is missing. */
static bool begin_round(struct collector *c)
{
	bool any = false;

	for (size_t i = 0; i < c->options.service_count; i++) {
		struct service *s = service_get(c, c->options.services[i].name);

		s->absence.asked = s->missing;
		s->absence.found = s->absence.judged = 0;
		any |= s->missing;
	}
	c->missing_next = 0;
	return any;
}

/* Whoever is missing since the round began waits for the next one, which begins at once then. */
static void end_round(struct collector *c, usec_t now)
{
	c->missing_going = false;
	c->missing_due = now + LOOK_EVERY;
	for (size_t i = 0; i < c->options.service_count; i++) {
		struct service *s = asked(c, i);

		if (s) {
			if (units_has(s))
				unit_search_each(s, look_at_named, s);
			else
				look_by_pid_file(s);
			tell_if_news(s, now);
		} else if (service_get(c, c->options.services[i].name)->missing)
			c->missing_due = now;
	}
}

static void turn(struct collector *c, usec_t begin)
{
	struct socket_tables tables = search_tables(c);
	usec_t now = begin;
	struct process *p = NULL;

	while (usec_since(now, begin) < TURN_MAX &&
		(p = map_next(c->processes, &c->missing_next, NULL, NULL))) {
		if (!p->main || !p->service->match)
			continue;
		look_at(p, &tables);
		now = clock_monotonic();
	}
	socket_tables_done(&tables);
	if (p)
		c->missing_due = now + pace_rest(usec_since(now, begin), REST_TIMES, REST_MAX);
	else
		end_round(c, now);
}

void missing_check(struct collector *c)
{
	usec_t now = clock_monotonic();

	if (now < c->missing_due)
		return;
	if (!c->missing_going)
		c->missing_going = begin_round(c);
	if (c->missing_going)
		turn(c, now);
	else
		c->missing_due = now + LOOK_EVERY;
}
