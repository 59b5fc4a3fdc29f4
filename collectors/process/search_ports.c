/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes have the sockets that listen to the ports of services.
 *
 * A pass looks at the open files of every process once for all services without a main process, in as
 * many turns as it takes. What is likely comes first: processes of the user who made one of the sockets,
 * and the youngest of them. A new pass begins when there is a socket that the last one did not know, or
 * a while after it; in between only new processes are looked at. */
#include <stdlib.h>
#include <string.h>

#include "collectors/process/private.h"
#include "daemon/base/text.h"

#define WANTED_MAX     1024 /* sockets that are looked for at once */
#define HITS_MAX       64   /* of them in one look at a process */
#define AGAIN_AFTER    (30 * USEC_PER_SEC) /* one got the socket otherwise, or became another program */
#define ANCESTRY_FILES 65536 /* open files of all ancestors of one process that are looked at */

struct wanted {
	uint64_t inode;
	uid_t owner;
	struct service *service; /* a configured one: it stays */
	bool seen;		 /* among the open files of some process */
};

struct port_search {
	uint64_t number; /* of the pass */
	struct wanted wanted[WANTED_MAX];
	size_t count;
	bool going; /* not every process was looked at yet */
	bool first; /* with one of these sockets */
	bool asked; /* somebody wants to know what is missing when this pass is over */
	usec_t again; /* monotonic */
};

struct port_search *port_search_free(struct port_search *s)
{
	free(s);
	return NULL;
}

static void add_wanted(
	struct wanted *wanted, size_t *count, const struct socket_table *t, struct service *s)
{
	for (size_t i = 0; i < t->count && *count < WANTED_MAX; i++)
		if (search_wants_port(s->match, t->items[i].port))
			wanted[(*count)++] = (struct wanted){
				t->items[i].inode, t->items[i].owner, s, false};
}

/* Of services that nobody is known of; where there are none, not even the table is read. */
static size_t find_wanted(struct turn *t, struct wanted *wanted)
{
	const struct socket_table *table = NULL;
	struct service *s;
	size_t position = 0, count = 0;

	while ((s = map_next(t->collector->services, &position, NULL, NULL))) {
		if (s->mains > 0 || !search_by_port(s))
			continue;
		if (!table)
			table = socket_tables_get(&t->tables, 0);
		if (table)
			add_wanted(wanted, &count, table, s);
	}
	return count;
}

static bool is_known(const struct port_search *s, const struct wanted *w)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->wanted[i].inode == w->inode && s->wanted[i].service == w->service)
			return true;
	return false;
}

static bool all_known(const struct port_search *s, const struct wanted *wanted, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!is_known(s, &wanted[i]))
			return false;
	return true;
}

static void begin_pass(struct port_search *s, const struct wanted *wanted, size_t count)
{
	s->first = !all_known(s, wanted, count);
	memcpy(s->wanted, wanted, count * sizeof(*wanted));
	s->count = count;
	s->number++;
	s->going = true;
}

struct candidate {
	pid_t pid;
	bool of_owner;
	uint64_t start;
};

static int by_likelihood(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->of_owner != y->of_owner)
		return x->of_owner ? -1 : 1;
	if (x->start != y->start)
		return x->start > y->start ? -1 : 1;
	/* Of one clock tick: numbers are given upwards. */
	return x->pid > y->pid ? -1 : x->pid < y->pid;
}

static bool is_of_owner(const struct port_search *s, struct process *p)
{
	/* The user is read once for each pass. */
	if (p->owner_read != s->number && proc_read_owner(p->collector->root, p->pid, &p->owner) < 0)
		return false;
	p->owner_read = s->number;
	for (size_t i = 0; i < s->count; i++)
		if (s->wanted[i].owner == p->owner)
			return true;
	return false;
}

/* The processes that the pass did not look at yet. *RET_COUNT is 0 without memory, too. */
static struct candidate *find_candidates(
	struct collector *c, const struct port_search *s, size_t *ret_count)
{
	struct candidate *list = calloc(map_size(c->processes) + 1, sizeof(*list));
	struct process *p;
	size_t position = 0, count = 0;

	while (list && (p = map_next(c->processes, &position, NULL, NULL)))
		if (p->searched != s->number && !p->kernel && !(p->service && p->service->match))
			list[count++] = (struct candidate){p->pid, is_of_owner(s, p), p->start};
	if (count > 1)
		qsort(list, count, sizeof(*list), by_likelihood);
	*ret_count = count;
	return list;
}

/* What opens sockets for others and keeps them, as systemd does, is not the server. */
static bool is_manager(struct collector *c, const struct process *p)
{
	struct identity i;
	bool manager;

	if (p->pid == 1 || p->kernel)
		return true;
	if (proc_read_identity(c->root, p->pid, IDENTITY_COMM, &i) < 0)
		return true;
	manager = text_equal(i.comm, "systemd");
	identity_done(&i);
	return manager;
}

struct holding {
	uint64_t inode;
	bool found;
};

static void on_held(void *userdata, uint64_t inode)
{
	struct holding *h = userdata;

	h->found |= inode == h->inode;
}

/* *FILES is how many open files may be looked at. */
static bool holds(struct collector *c, pid_t pid, uint64_t inode, size_t *files)
{
	struct holding h = {.inode = inode};
	long position = 0;
	int r = 1;

	while (r == 1 && !h.found && *files >= FILES_AT_ONCE) {
		*files -= FILES_AT_ONCE;
		r = proc_walk_sockets(c->root, pid, &position, FILES_AT_ONCE, on_held, &h);
	}
	return h.found;
}

/* A server's workers share its socket: it is the ancestor of them that has it, too. */
static struct process *find_listener(struct process *p, uint64_t inode)
{
	struct collector *c = p->collector;
	size_t files = ANCESTRY_FILES;

	for (size_t i = 0; i < ANCESTORS_MAX; i++) {
		struct process *parent = scan_find(c, p->parent);

		if (!parent || is_manager(c, parent) || !holds(c, parent->pid, inode, &files))
			break;
		p = parent;
	}
	return p;
}

/* What of the wanted a process has. */
struct hits {
	struct port_search *search;
	const struct wanted *items[HITS_MAX];
	size_t count;
};

static void on_socket(void *userdata, uint64_t inode)
{
	struct hits *h = userdata;

	for (size_t i = 0; i < h->search->count; i++) {
		struct wanted *w = &h->search->wanted[i];

		if (w->inode != inode)
			continue;
		w->seen = true;
		if (h->count < HITS_MAX)
			h->items[h->count++] = w;
	}
}

static void take_hits(struct process *p, const struct hits *h)
{
	if (h->count == 0 || is_manager(p->collector, p))
		return;
	for (size_t i = 0; i < h->count; i++)
		search_take(h->items[i]->service, find_listener(p, h->items[i]->inode), true);
}

static void look_at(struct turn *t, struct port_search *s, struct process *p)
{
	struct hits hits = {.search = s};
	int r;

	if (p->searching != s->number)
		p->search_position = 0;
	p->searching = s->number;
	do
		r = proc_walk_sockets(t->collector->root, p->pid, &p->search_position,
			FILES_AT_ONCE, on_socket, &hits);
	while (r == 1 && !search_turn_is_over(t));
	if (r != 1)
		p->searched = s->number;
	take_hits(p, &hits);
}

/* Everybody was looked at: what is not found now may belong to a process that is younger than the last
 * listing. Else we lack the right to look, or another key does not hold. */
static void end_pass(struct collector *c, struct port_search *s)
{
	s->going = false;
	s->again = clock_monotonic() + AGAIN_AFTER;
	for (size_t i = 0; s->first && i < s->count; i++)
		if (s->wanted[i].service->mains == 0)
			c->listed = 0;
	for (size_t i = 0; s->asked && i < c->options.service_count; i++)
		service_check_missing(service_get(c, c->options.services[i].name));
	s->asked = false;
}

static void look_at_candidates(struct turn *t, struct port_search *s)
{
	struct collector *c = t->collector;
	size_t count, i = 0;
	_cleanup_free_ struct candidate *list = find_candidates(c, s, &count);

	while (i < count) {
		struct process *p = scan_find(c, list[i].pid);

		if (p && !(p->service && p->service->match))
			look_at(t, s, p);
		if (p && p->searched != s->number && !(p->service && p->service->match))
			return; /* its turn goes on */
		i++;
		if (search_turn_is_over(t))
			break;
	}
	if (i == count && s->going)
		end_pass(c, s);
}

static struct port_search *get(struct collector *c)
{
	if (!c->port_search)
		c->port_search = calloc(1, sizeof(*c->port_search));
	if (!c->port_search)
		collector_fail(c, -ENOMEM);
	return c->port_search;
}

bool search_ports(struct turn *t)
{
	struct port_search *s = get(t->collector);
	struct wanted wanted[WANTED_MAX];
	size_t count = s ? find_wanted(t, wanted) : 0;

	if (!s)
		return false;
	if (count > 0 && (!all_known(s, wanted, count) ||
				 (!s->going && clock_monotonic() >= s->again)))
		begin_pass(s, wanted, count);
	if (count > 0 || s->going)
		look_at_candidates(t, s);
	return s->going;
}

void search_ports_of(struct turn *t, struct service *service)
{
	struct port_search *s = get(t->collector);
	const struct socket_table *table = s ? socket_tables_get(&t->tables, 0) : NULL;
	struct wanted wanted[WANTED_MAX];
	size_t count = 0;

	if (table)
		add_wanted(wanted, &count, table, service);
	if (count == 0)
		return;
	begin_pass(s, wanted, count);
	look_at_candidates(t, s);
}

bool search_has_unseen_socket(struct service *service)
{
	struct port_search *s = get(service->collector);
	struct socket_tables tables = {.root = service->collector->root};
	const struct socket_table *table = s && !s->going ? socket_tables_get(&tables, 0) : NULL;
	bool unseen = false;

	for (size_t i = 0; table && i < s->count && !unseen; i++)
		unseen = s->wanted[i].service == service && !s->wanted[i].seen &&
			 socket_table_find(table, s->wanted[i].inode);
	socket_tables_done(&tables);
	return unseen;
}

bool search_is_pending(struct collector *c)
{
	if (!c->port_search || !c->port_search->going)
		return false;
	c->port_search->asked = true;
	return true;
}
