/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/guests.h"

void guests_init(struct guests *g)
{
	g->count = 0;
	for (size_t i = 0; i < GUESTS_MAX; i++)
		g->items[i] = (struct guest){.fd = -1};
}

struct guest *guests_enter(struct guests *g, int fd, usec_t now)
{
	for (size_t i = 0; i < GUESTS_MAX; i++)
		if (g->items[i].fd < 0) {
			g->items[i] = (struct guest){.fd = fd, .since = now};
			g->count++;
			return &g->items[i];
		}
	return NULL;
}

void guests_leave(struct guests *g, struct guest *guest)
{
	guest->fd = -1;
	g->count--;
}

void guest_turn(struct guest *guest, bool served, usec_t now)
{
	guest->served = served;
	guest->since = now;
}

/* The one that gives way in a full house; NULL where the house is not full, or all are served. */
static const struct guest *find_longest(const struct guests *g)
{
	const struct guest *longest = NULL;

	if (g->count < GUESTS_MAX)
		return NULL;
	for (size_t i = 0; i < GUESTS_MAX; i++)
		if (!g->items[i].served && (!longest || g->items[i].since < longest->since))
			longest = &g->items[i];
	return longest;
}

static usec_t end_of(const struct guest *guest, bool gives_way)
{
	usec_t patience = guest->served ? GUEST_SERVED : GUEST_WAITS;

	return usec_add(guest->since, gives_way ? GUEST_WELCOME : patience);
}

bool guests_has_to_go(const struct guests *g, const struct guest *guest, usec_t now)
{
	return now >= end_of(guest, guest == find_longest(g));
}

usec_t guests_next(const struct guests *g)
{
	const struct guest *longest = find_longest(g);
	usec_t next = USEC_INFINITY;

	for (size_t i = 0; i < GUESTS_MAX; i++) {
		const struct guest *guest = &g->items[i];
		usec_t end = end_of(guest, guest == longest);

		if (guest->fd >= 0 && end < next)
			next = end;
	}
	return next;
}
