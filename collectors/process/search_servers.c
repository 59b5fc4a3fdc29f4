/* SPDX-License-Identifier: Apache-2.0 */
/* The ports of model servers that nobody configured: they are part of their names.
 *
 * A server has its name when it listens; the socket may be a child's. Processes with the program of a
 * server that descend from each other are one server. Each is asked for itself, the server before its
 * children and who waited longest first, so that nobody keeps others waiting with many of them; and
 * nobody is asked again unless the sockets that listen in its network namespace changed. */
#include "collectors/process/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/process/scan.h"
#include "collectors/process/service.h"
#include "daemon/base/num.h"

#define PORT_SHARE    10 /* a server that has started for so long is asked a tenth of it later */
#define PORT_EVERY    (10 * USEC_PER_SEC) /* but not more seldom */

/* A discovered service without a process. */
struct ghost {
	struct service *service; /* NULL: it was ended */
	uint16_t port;
};

struct ghosts {
	struct ghost items[DISCOVERED_MAX];
	size_t count;
};

/* A process that is to be asked. */
struct question {
	pid_t pid, leader; /* the leader is 0 for a member of a configured service */
	usec_t due;
};

static struct ghosts find_ghosts(struct collector *c)
{
	struct ghosts g = {.count = 0};
	struct service *s;
	size_t position = 0;

	while (g.count < DISCOVERED_MAX && (s = map_next(c->services, &position, NULL, NULL))) {
		const char *dash = s->match || s->mains > 0 ? NULL : strrchr(s->name, '-');
		uint32_t port;

		if (dash && num_parse_u32(dash + 1, &port) == 0 && port <= UINT16_MAX)
			g.items[g.count++] = (struct ghost){s, (uint16_t) port};
	}
	return g;
}

/* One that may have listened to that port there. */
static struct ghost *find_ghost(struct ghosts *g, uint16_t port, enum network network)
{
	for (size_t i = 0; i < g->count; i++) {
		struct service *s = g->items[i].service;

		if (s && g->items[i].port == port &&
			(s->network == NETWORK_UNKNOWN || s->network == network))
			return &g->items[i];
	}
	return NULL;
}

static enum network network_of(struct turn *t, pid_t pid)
{
	const struct socket_table *table = socket_tables_get(&t->tables, pid);
	uint64_t space = table ? table->space : 0;

	table = socket_tables_get(&t->tables, 0);
	return table && table->space == space ? NETWORK_HOST : NETWORK_OTHER;
}

static bool is_server(const struct process *p)
{
	return p->server.kind && !p->service;
}

/* The process that would be the main process of the server that P is of, or NULL. */
static const struct process *leader_of(const struct process *p)
{
	const struct process *leader = is_server(p) ? p : NULL;

	for (size_t i = 0; i < ANCESTORS_MAX; i++) {
		const struct process *parent = scan_find(p->collector, p->parent);

		if (!parent || !is_server(parent))
			break;
		leader = p = parent;
	}
	return leader;
}

static int by_turn(const void *a, const void *b)
{
	const struct question *x = a, *y = b;
	bool x_child = x->pid != x->leader, y_child = y->pid != y->leader;

	if (x_child != y_child)
		return x_child ? 1 : -1;
	if (x->due != y->due)
		return x->due < y->due ? -1 : 1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static struct question *find_questions(struct collector *c, bool members, size_t *ret_count)
{
	struct question *list = calloc(map_size(c->processes) + 1, sizeof(*list));
	usec_t now = clock_monotonic();
	struct process *p;
	size_t position = 0, count = 0;

	while (list && (p = map_next(c->processes, &position, NULL, NULL))) {
		const struct process *leader = p->service || p->kernel ? NULL : leader_of(p);

		if (now >= p->server.due &&
			(leader || (members && p->service && p->service->match)))
			list[count++] = (struct question){
				p->pid, leader ? leader->pid : 0, p->server.due};
	}
	if (count > 1)
		qsort(list, count, sizeof(*list), by_turn);
	*ret_count = count;
	return list;
}

struct asking {
	const struct socket_table *table;
	struct port_look *look;
	struct ghosts *ghosts; /* of a member of a configured service, else NULL */
	enum network network;
};

/* A configured service has what a discovered one had: that one is over. */
static void on_socket(void *userdata, uint64_t inode)
{
	struct asking *a = userdata;
	const struct tcp_listener *l = socket_table_find(a->table, inode);
	struct ghost *ghost;

	if (!l)
		return;
	/* The lowest port is the one that was chosen: others are ephemeral. */
	if (a->look->lowest == 0 || l->port < a->look->lowest)
		a->look->lowest = l->port;
	ghost = a->ghosts ? find_ghost(a->ghosts, l->port, a->network) : NULL;
	if (ghost) {
		service_end(ghost->service);
		ghost->service = NULL;
	}
}

static bool concerns(const struct socket_table *t, struct ghosts *ghosts, enum network network)
{
	for (size_t i = 0; i < t->count; i++)
		if (find_ghost(ghosts, t->items[i].port, network))
			return true;
	return false;
}

/* True where all open files of the process were looked at. */
static bool ask(struct turn *t, struct process *p, struct ghosts *ghosts)
{
	struct collector *c = t->collector;
	/* Another network's table may move the one that was read before. */
	enum network network = network_of(t, p->pid);
	struct asking a = {socket_tables_get(&t->tables, p->pid), &p->server.ports, ghosts,
		network};
	int r;

	if (!a.table || a.table->count == 0 ||
		(ghosts && !concerns(a.table, ghosts, network))) {
		p->server.ports = (struct port_look){.done = true};
		return true;
	}
	if (p->server.ports.digest != a.table->digest)
		p->server.ports = (struct port_look){.digest = a.table->digest};
	if (p->server.ports.done)
		return true;
	do
		r = proc_walk_sockets(c->root, p->pid, &p->server.ports.position, FILES_AT_ONCE,
			on_socket, &a);
	while (r == 1 && !search_turn_is_over(t));
	p->server.ports.done = r != 1;
	return p->server.ports.done;
}

/* True where a configured service without a process is found by that port and takes this one: it is
 * looked for in our own network namespace alone. */
static bool give_to_configured(struct turn *t, struct process *p, uint16_t port)
{
	const struct service_match *m = t->collector->options.services;

	if (network_of(t, p->pid) != NETWORK_HOST)
		return false;
	for (size_t i = 0; i < t->collector->options.service_count; i++) {
		struct service *s = service_get(t->collector, m[i].name);

		if (s->mains == 0 && search_by_port(s) && search_wants_port(s->match, port) &&
			search_take(s, p, false))
			return true;
	}
	return false;
}

static void name_server(struct turn *t, struct process *p, uint16_t port)
{
	struct collector *c = p->collector;
	char name[64];
	struct service *s;

	if (give_to_configured(t, p, port))
		return;
	snprintf(name, sizeof(name), "%s-%u", p->server.kind->name, port);
	s = service_get(c, name);
	if (s && s->match)
		p->server.kind = NULL; /* somebody gave that name to another process */
	if (s && (s->match || s->mains > 0))
		return;
	if (!s && service_new(c, name, NULL, p->server.kind, &s) < 0)
		return;
	s->kind = p->server.kind;
	s->network = network_of(t, p->pid);
	p->matched = true;
	service_adopt(s, p);
}

/* The server's own port comes before any of its children's. */
static void use_answer(struct turn *t, struct process *p, pid_t leader_pid)
{
	struct process *leader = scan_find(t->collector, leader_pid);
	const struct socket_table *table;

	if (p->server.ports.lowest == 0 || !leader || !is_server(leader))
		return;
	table = leader == p ? NULL : socket_tables_get(&t->tables, leader_pid);
	if (table && table->count > 0 &&
		(leader->server.ports.digest != table->digest || !leader->server.ports.done))
		leader->server.due = p->server.due = 0; /* both once more */
	else
		name_server(t, leader, p == leader || leader->server.ports.lowest == 0
					    ? p->server.ports.lowest
					    : leader->server.ports.lowest);
}

/* Loading weights takes minutes: who does is asked less often the longer that takes. */
static usec_t next_question(const struct process *p)
{
	usec_t now = clock_monotonic(), wait = usec_since(now, p->server.found) / PORT_SHARE;

	return now + (wait < PORT_EVERY ? wait : PORT_EVERY);
}

bool search_servers(struct turn *t)
{
	struct collector *c = t->collector;
	struct ghosts ghosts = find_ghosts(c);
	size_t count, i = 0;
	_cleanup_free_ struct question *list = find_questions(c, ghosts.count > 0, &count);

	while (i < count) {
		const struct question *q = &list[i];
		struct process *p = scan_find(c, q->pid);

		/* Its server may have been named since the list was made. */
		if (p && (q->leader > 0 ? !p->service : p->service && p->service->match)) {
			if (!ask(t, p, q->leader == 0 ? &ghosts : NULL))
				return true;
			p->server.due = next_question(p);
			if (q->leader > 0)
				use_answer(t, p, q->leader);
		}
		i++;
		if (search_turn_is_over(t))
			break;
	}
	return i < count;
}
