/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/connections.h"

void connections_init(struct connections *c)
{
	c->count = 0;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		c->items[i] = (struct connection){.fd = -1};
}

struct connection *connections_add(struct connections *c, int fd, usec_t now)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (c->items[i].fd < 0) {
			c->items[i] = (struct connection){.fd = fd, .since = now};
			c->count++;
			return &c->items[i];
		}
	return NULL;
}

void connections_remove(struct connections *c, struct connection *connection)
{
	connection->fd = -1;
	c->count--;
}

void connection_set_served(struct connection *connection, bool served, usec_t now)
{
	connection->served = served;
	connection->since = now;
}

/* The one to close for others; NULL where a slot is free, or all are served. */
static const struct connection *find_longest_waiting(const struct connections *c)
{
	const struct connection *longest = NULL;

	if (c->count < CONNECTIONS_MAX)
		return NULL;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (!c->items[i].served && (!longest || c->items[i].since < longest->since))
			longest = &c->items[i];
	return longest;
}

/* When its time is over; LONGEST_WAITING: it is the one to close for others. */
static usec_t deadline_of(const struct connection *connection, bool longest_waiting)
{
	usec_t timeout =
		connection->served ? CONNECTION_RESPONSE_TIMEOUT : CONNECTION_REQUEST_TIMEOUT;

	return usec_add(connection->since, longest_waiting ? CONNECTION_IDLE_MIN : timeout);
}

bool connections_must_close(
	const struct connections *c, const struct connection *connection, usec_t now)
{
	return now >= deadline_of(connection, connection == find_longest_waiting(c));
}

usec_t connections_next_timeout(const struct connections *c)
{
	const struct connection *longest = find_longest_waiting(c);
	usec_t next = USEC_INFINITY;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		const struct connection *connection = &c->items[i];
		usec_t deadline = deadline_of(connection, connection == longest);

		if (connection->fd >= 0 && deadline < next)
			next = deadline;
	}
	return next;
}
