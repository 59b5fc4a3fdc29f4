/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/wanted.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/process/search.h"
#include "collectors/process/service.h"

static int by_port(const void *a, const void *b)
{
	const struct port_entry *x = a, *y = b;

	return (x->port > y->port) - (x->port < y->port);
}

/* All ports of all services: they are configured for as long as the collector runs. */
int port_index_make(struct collector *c, struct port_index *ret)
{
	const struct service_match *m = c->options.services;
	struct port_index index = {NULL, 0};
	size_t count = 0;

	for (size_t i = 0; i < c->options.service_count; i++)
		count += m[i].port_count;
	index.entries = calloc(count + 1, sizeof(*index.entries));
	if (!index.entries)
		return -ENOMEM;
	for (size_t i = 0; i < c->options.service_count; i++) {
		struct service *service = service_get(c, m[i].name);

		for (size_t n = 0; search_by_port(service) && n < m[i].port_count; n++)
			index.entries[index.count++] =
				(struct port_entry){m[i].ports[n], service};
	}
	if (index.count > 1)
		qsort(index.entries, index.count, sizeof(*index.entries), by_port);
	*ret = index;
	return 0;
}

void port_index_done(struct port_index *index)
{
	free(index->entries);
	*index = (struct port_index){NULL, 0};
}

/* How many of the COUNT sorted items of SIZE bytes are less than KEY, an item itself: the first one that
 * is not has that position. */
static size_t count_less(const void *items, size_t count, size_t size, const void *key,
	int (*compare)(const void *, const void *))
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare((const char *) items + middle * size, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first entry of the port, or of one after it. */
static size_t find_entry(const struct port_index *index, uint16_t port)
{
	const struct port_entry key = {.port = port};

	return count_less(index->entries, index->count, sizeof(key), &key, by_port);
}

bool port_index_has(const struct port_index *index, uint16_t port)
{
	size_t i = find_entry(index, port);

	return i < index->count && index->entries[i].port == port;
}

void wanted_list_done(struct wanted_list *l)
{
	free(l->items);
	*l = (struct wanted_list){NULL, 0};
}

static int add_wanted(struct wanted_list *l, const struct tcp_listener *socket, struct service *s)
{
	/* It doubles whenever its size is a power of two. */
	if ((l->count & (l->count - 1)) == 0) {
		struct wanted *items = reallocarray(
			l->items, l->count == 0 ? 1 : 2 * l->count, sizeof(*items));

		if (!items)
			return -ENOMEM;
		l->items = items;
	}
	l->items[l->count++] = (struct wanted){socket->inode, socket->owner, s, false};
	return 0;
}

static int by_inode_alone(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	return (x->inode > y->inode) - (x->inode < y->inode);
}

static int by_inode(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;
	int order = by_inode_alone(x, y);

	return order != 0 ? order : strcmp(x->service->name, y->service->name);
}

static bool is_missing(const struct port_entry *e, const struct service *only)
{
	return only ? e->service == only : e->service->mains == 0;
}

static bool is_any_missing(const struct port_index *index, const struct service *only)
{
	for (size_t i = 0; i < index->count; i++)
		if (is_missing(&index->entries[i], only))
			return true;
	return false;
}

static int add_all_of(
	struct wanted_list *l, const struct tcp_listener *socket, const struct port_index *index,
	const struct service *only)
{
	int r = 0;

	for (size_t i = find_entry(index, socket->port);
		i < index->count && index->entries[i].port == socket->port && r == 0; i++)
		if (is_missing(&index->entries[i], only))
			r = add_wanted(l, socket, index->entries[i].service);
	return r;
}

int wanted_list_make(struct socket_tables *tables, const struct port_index *index,
	const struct service *only, struct wanted_list *ret)
{
	const struct socket_table *table =
		is_any_missing(index, only) ? socket_tables_get(tables, 0) : NULL;
	struct wanted_list l = {NULL, 0};
	int r = 0;

	for (size_t i = 0; table && i < table->count && r == 0; i++)
		r = add_all_of(&l, &table->items[i], index, only);
	if (r < 0) {
		wanted_list_done(&l);
		return r;
	}
	if (l.count > 1)
		qsort(l.items, l.count, sizeof(*l.items), by_inode);
	*ret = l;
	return 0;
}

bool wanted_are_known(const struct wanted_list *l, const struct wanted_list *known)
{
	size_t next = 0;

	for (size_t i = 0; i < l->count; i++) {
		while (next < known->count && by_inode(&known->items[next], &l->items[i]) < 0)
			next++;
		if (next == known->count || by_inode(&known->items[next], &l->items[i]) != 0)
			return false;
	}
	return true;
}

static int by_number(const void *a, const void *b)
{
	const uid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool has_user(const struct service_match *m, uid_t user)
{
	for (size_t i = 0; i < m->user_count; i++)
		if (m->users[i] == user)
			return true;
	return m->user_count == 0;
}

static size_t sort_owners(uid_t *owners, size_t count)
{
	size_t kept = 0;

	if (count > 1)
		qsort(owners, count, sizeof(*owners), by_number);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || owners[kept - 1] != owners[i])
			owners[kept++] = owners[i];
	return kept;
}

int wanted_list_owners(const struct wanted_list *l, uid_t **ret, size_t *ret_count)
{
	uid_t *owners = calloc(l->count + 1, sizeof(*owners));
	size_t count = 0;

	if (!owners)
		return -ENOMEM;
	for (size_t i = 0; i < l->count; i++)
		if (has_user(l->items[i].service->match, l->items[i].owner))
			owners[count++] = l->items[i].owner;
	*ret = owners;
	*ret_count = sort_owners(owners, count);
	return 0;
}

bool wanted_is_owner(const uid_t *owners, size_t count, uid_t user)
{
	return count > 0 && bsearch(&user, owners, count, sizeof(*owners), by_number);
}

size_t wanted_list_find(const struct wanted_list *l, uint64_t inode)
{
	const struct wanted key = {.inode = inode};

	return count_less(l->items, l->count, sizeof(key), &key, by_inode_alone);
}
