/* SPDX-License-Identifier: Apache-2.0 */
/* The open connections of one listening socket, and when each must be closed: a slow or silent
 * client is to keep a slot neither for ever nor against all others.
 *
 * Layer: daemon/web. Pure; all times are monotonic. A connection either waits for a request or is being
 * served; bytes that trickle in or out do not extend either time limit. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/clock.h"

#define CONNECTIONS_MAX             64                  /* of one listening socket */
#define CONNECTION_REQUEST_TIMEOUT  (15 * USEC_PER_SEC) /* from its accept or its last answer */
#define CONNECTION_RESPONSE_TIMEOUT (60 * USEC_PER_SEC) /* to make an answer and to take it */
/* Without a free slot, who waits for longer than this may be closed for others. */
#define CONNECTION_IDLE_MIN (1 * USEC_PER_SEC)
/* Of a server that leaves: from its accept until the first request must have begun; and from then on when
 * nobody is accepted any more to the end of the last answer. The supervisor is less patient than 2 s. */
#define CONNECTION_FIRST_TIMEOUT  (500 * USEC_PER_MSEC)
#define CONNECTIONS_LEAVE_TIMEOUT (1500 * USEC_PER_MSEC)

struct connection {
	int fd;       /* -1 while the slot is free */
	bool begun;   /* the first line of a request is there, its answer is not at its end */
	bool served;  /* ...and the request is complete */
	bool used;    /* it had an answer */
	usec_t since; /* when `served` became what it is */
};

struct connections {
	struct connection items[CONNECTIONS_MAX];
	size_t count;
	usec_t leaving; /* since when nobody is accepted any more; 0 while somebody is */
};

void connections_init(struct connections *c);

/* NULL where no slot is free. */
struct connection *connections_add(struct connections *c, int fd, usec_t now);
void connections_remove(struct connections *c, struct connection *connection);

/* From now on nobody is accepted: each must be closed as soon as it is owed no answer. */
void connections_leave(struct connections *c, usec_t now);
/* True where none is left, or waited for any longer. */
bool connections_have_left(const struct connections *c, usec_t now);

/* The first line of a request is there. */
void connection_begin(struct connection *connection);
/* True: its request is complete. False: its answer is at its end. */
void connection_set_served(struct connection *connection, bool served, usec_t now);

/* True where CONNECTION must be closed: its time is over, or no slot is free and it has waited
 * longest of all. */
bool connections_must_close(
	const struct connections *c, const struct connection *connection, usec_t now);

/* When the next one must be closed if nothing happens until then; USEC_INFINITY for never. */
usec_t connections_next_timeout(const struct connections *c);
