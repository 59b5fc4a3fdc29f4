/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes have the sockets that listen to the ports of services.
 *
 * A pass looks at the open files of every process once for all services without a main process, in as
 * many turns as it takes. What is likely comes first: processes of the user who made one of the sockets, of
 * these what a main process left, and the youngest of them. A new pass begins when there is a socket that the
 * last one did not know, or a while after it; in between only new processes are looked at. */
#include "collectors/process/search.h"

#include <stdlib.h>

#include "collectors/process/scan.h"
#include "collectors/process/service.h"
#include "collectors/process/wanted.h"
#include "daemon/base/text.h"

#define HITS_MAX       64   /* sockets of services in one look at a process */
#define AGAIN_AFTER    (30 * USEC_PER_SEC) /* one got the socket otherwise, or became another program */
#define ANCESTRY_FILES 65536 /* open files of all ancestors of one process that are looked at */

struct port_search {
	struct port_index index;
	uint64_t number; /* of the pass */
	struct wanted_list wanted;
	const struct service *only; /* whose sockets alone are wanted; NULL for none */
	uid_t *owners; /* whose processes most likely have them; each once, in order */
	size_t owner_count;
	bool going; /* not every process was looked at yet */
	bool first; /* with one of these sockets */
	bool asked; /* somebody wants to know what is missing when this pass is over */
	usec_t again; /* monotonic */
};

struct port_search *port_search_free(struct port_search *s)
{
	if (!s)
		return NULL;
	port_index_done(&s->index);
	wanted_list_done(&s->wanted);
	free(s->owners);
	free(s);
	return NULL;
}

static struct port_search *get(struct collector *c)
{
	struct port_search *s = c->port_search;
	int r;

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	r = s ? port_index_make(c, &s->index) : -ENOMEM;
	if (r < 0) {
		collector_fail(c, r);
		return port_search_free(s);
	}
	c->port_search = s;
	return s;
}

bool search_is_wanted(struct collector *c, uint16_t port)
{
	const struct port_search *s = get(c);

	return s && port_index_has(&s->index, port);
}

/* Takes what is in L: of ONLY, or (NULL) of all services without a main process. */
static int begin_pass(
	struct port_search *s, struct wanted_list *l, const struct service *only)
{
	s->first = !wanted_are_known(l, &s->wanted);
	free(s->owners);
	s->owners = NULL;
	s->owner_count = 0;
	wanted_list_done(&s->wanted);
	s->wanted = *l;
	s->only = only;
	*l = (struct wanted_list){NULL, 0};
	s->number++;
	for (size_t i = 0; i < s->wanted.count; i++)
		s->wanted.items[i].service->port_pass = s->number;
	s->going = true;
	return wanted_list_owners(&s->wanted, &s->owners, &s->owner_count);
}

struct candidate {
	pid_t pid;
	bool of_owner;
	bool left; /* by a main process of a service */
	uint64_t start;
};

static int by_likelihood(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->of_owner != y->of_owner)
		return x->of_owner ? -1 : 1;
	if (x->left != y->left)
		return x->left ? -1 : 1;
	if (x->start != y->start)
		return x->start > y->start ? -1 : 1;
	/* Of one clock tick: numbers are given upwards. */
	return x->pid > y->pid ? -1 : x->pid < y->pid;
}

static bool is_of_owner(const struct port_search *s, struct process *p)
{
	/* The user is read once for each pass. */
	if (p->pass.owner_read != s->number &&
		proc_read_owner(p->collector->root, p->pid, &p->pass.owner) < 0)
		return false;
	p->pass.owner_read = s->number;
	return wanted_is_owner(s->owners, s->owner_count, p->pass.owner);
}

/* Of a configured service's processes, only one that a main process left may have taken its place. While
 * there is a main process there may be any number of them, whoever the users of the service are. */
static bool may_take_its_place(const struct port_search *s, const struct process *p)
{
	const struct service *service = p->service;

	return service->port_pass == s->number &&
	       (service->mains == 0 || service == s->only) && service_has_left(p);
}

static bool may_be_found(const struct port_search *s, const struct process *p)
{
	return !p->kernel &&
	       (!p->service || !p->service->match || may_take_its_place(s, p));
}

/* The processes that the pass did not look at yet. *RET_COUNT is 0 without memory, too. */
static struct candidate *find_candidates(
	struct collector *c, const struct port_search *s, size_t *ret_count)
{
	struct candidate *list = calloc(map_size(c->processes) + 1, sizeof(*list));
	struct process *p;
	size_t position = 0, count = 0;

	while (list && (p = map_next(c->processes, &position, NULL, NULL)))
		if (p->pass.done != s->number && may_be_found(s, p))
			list[count++] = (struct candidate){p->pid,
				is_of_owner(s, p), p->service && p->service->match, p->start};
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
	if (proc_read_identity(c->reader, p->pid, IDENTITY_COMM, &i) < 0)
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
static struct process *find_listener(struct process *p, uint64_t inode, size_t *files)
{
	struct collector *c = p->collector;

	for (size_t i = 0; i < ANCESTORS_MAX; i++) {
		struct process *parent = scan_find(c, p->parent);

		if (!parent || is_manager(c, parent) || !holds(c, parent->pid, inode, files))
			break;
		p = parent;
	}
	return p;
}

/* What of the wanted a process has. */
struct hits {
	struct port_search *search;
	struct wanted items[HITS_MAX];
	size_t count;
};

static void on_socket(void *userdata, uint64_t inode)
{
	struct hits *h = userdata;
	struct wanted_list *l = &h->search->wanted;

	for (size_t i = wanted_list_find(l, inode); i < l->count && l->items[i].inode == inode; i++) {
		l->items[i].seen = true;
		if (h->count < HITS_MAX)
			h->items[h->count++] = l->items[i];
	}
}

static void take_hits(struct process *p, const struct hits *h)
{
	size_t files = ANCESTRY_FILES;

	if (h->count == 0 || is_manager(p->collector, p))
		return;
	for (size_t i = 0; i < h->count; i++) {
		struct process *listener = find_listener(p, h->items[i].inode, &files);

		if (!search_confirm(h->items[i].service, listener, true))
			search_take(h->items[i].service, listener, true);
	}
}

static void look_at(struct turn *t, struct port_search *s, struct process *p)
{
	struct hits hits = {.search = s};
	int r;

	if (p->pass.begun != s->number)
		p->pass.position = 0;
	p->pass.begun = s->number;
	do
		r = proc_walk_sockets(t->collector->root, p->pid, &p->pass.position,
			FILES_AT_ONCE, on_socket, &hits);
	while (r == 1 && !search_turn_is_over(t));
	if (r != 1)
		p->pass.done = s->number;
	take_hits(p, &hits);
}

/* Everybody was looked at: what is not found now may belong to a process that is younger than the last
 * listing. Else we lack the right to look, or another key does not hold. */
static void end_pass(struct collector *c, struct port_search *s)
{
	s->going = false;
	s->again = clock_monotonic() + AGAIN_AFTER;
	for (size_t i = 0; s->first && i < s->wanted.count; i++)
		if (s->wanted.items[i].service->mains == 0)
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

		if (p && may_be_found(s, p))
			look_at(t, s, p);
		if (p && p->pass.done != s->number && may_be_found(s, p))
			return; /* its turn goes on */
		i++;
		if (search_turn_is_over(t))
			break;
	}
	if (i == count && s->going)
		end_pass(c, s);
}

static void start_pass(
	struct turn *t, struct port_search *s, struct wanted_list *l, const struct service *only)
{
	int r = begin_pass(s, l, only);

	if (r < 0)
		collector_fail(t->collector, r);
}

bool search_ports(struct turn *t)
{
	struct port_search *s = get(t->collector);
	struct wanted_list l = {NULL, 0};
	int r = s ? wanted_list_make(&t->tables, &s->index, NULL, &l) : 0;

	if (r < 0)
		collector_fail(t->collector, r);
	if (r < 0 || !s) {
		wanted_list_done(&l);
		return false;
	}
	if (l.count > 0 &&
		(!wanted_are_known(&l, &s->wanted) || (!s->going && clock_monotonic() >= s->again)))
		start_pass(t, s, &l, NULL);
	if (l.count > 0 || s->going)
		look_at_candidates(t, s);
	wanted_list_done(&l);
	return s->going;
}

void search_ports_of(struct turn *t, struct service *service)
{
	struct port_search *s = get(t->collector);
	struct wanted_list l = {NULL, 0};
	int r = s ? wanted_list_make(&t->tables, &s->index, service, &l) : 0;

	if (r < 0)
		collector_fail(t->collector, r);
	if (r == 0 && l.count > 0) {
		start_pass(t, s, &l, service);
		look_at_candidates(t, s);
	}
	wanted_list_done(&l);
}

bool search_has_unseen_socket(struct service *service)
{
	struct port_search *s = get(service->collector);
	struct socket_tables tables = search_tables(service->collector);
	const struct socket_table *table = s && !s->going ? socket_tables_get(&tables, 0) : NULL;
	bool unseen = false;

	for (size_t i = 0; table && i < s->wanted.count && !unseen; i++)
		unseen = s->wanted.items[i].service == service && !s->wanted.items[i].seen &&
			 socket_table_find(table, s->wanted.items[i].inode);
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
