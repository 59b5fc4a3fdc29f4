/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/connections.h"

void connections_init(struct connections *c)
{
	c->count = 0;
	c->leaving = 0;
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

void connections_leave(struct connections *c, usec_t now)
{
	c->leaving = now;
}

bool connections_have_left(const struct connections *c, usec_t now)
{
	return c->leaving > 0 &&
	       (c->count == 0 || usec_since(now, c->leaving) >= CONNECTIONS_LEAVE_TIMEOUT);
}

void connection_begin(struct connection *connection)
{
	connection->begun = true;
}

void connection_set_served(struct connection *connection, bool served, usec_t now)
{
	if (!served) {
		connection->begun = false;
		connection->used = true;
	}
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

/* A request that is on its way over a new connection is still answered. */
static usec_t leave_deadline_of(const struct connections *c, const struct connection *connection)
{
	if (connection->begun)
		return usec_add(c->leaving, CONNECTIONS_LEAVE_TIMEOUT);
	return connection->used ? c->leaving
				: usec_add(connection->since, CONNECTION_FIRST_TIMEOUT);
}

/* When its time is over; LONGEST_WAITING: it is the one to close for others. */
static usec_t deadline_of(const struct connections *c, const struct connection *connection,
	const struct connection *longest_waiting)
{
	usec_t timeout =
		connection->served ? CONNECTION_RESPONSE_TIMEOUT : CONNECTION_REQUEST_TIMEOUT;
	usec_t deadline = usec_add(connection->since,
		connection == longest_waiting ? CONNECTION_IDLE_MIN : timeout);
	usec_t leave = c->leaving > 0 ? leave_deadline_of(c, connection) : USEC_INFINITY;

	return leave < deadline ? leave : deadline;
}

bool connections_must_close(
	const struct connections *c, const struct connection *connection, usec_t now)
{
	return now >= deadline_of(c, connection, find_longest_waiting(c));
}

usec_t connections_next_timeout(const struct connections *c)
{
	const struct connection *longest = find_longest_waiting(c);
	usec_t next = USEC_INFINITY;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		const struct connection *connection = &c->items[i];
		usec_t deadline = deadline_of(c, connection, longest);

		if (connection->fd >= 0 && deadline < next)
			next = deadline;
	}
	return next;
}
