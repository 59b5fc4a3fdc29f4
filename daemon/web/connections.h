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

struct connection {
	int fd;       /* -1 while the slot is free */
	bool served;  /* its request is complete, its answer is not at its end */
	usec_t since; /* when `served` became what it is */
};

struct connections {
	struct connection items[CONNECTIONS_MAX];
	size_t count;
};

void connections_init(struct connections *c);

/* NULL where no slot is free. */
struct connection *connections_add(struct connections *c, int fd, usec_t now);
void connections_remove(struct connections *c, struct connection *connection);

/* True: its request is complete. False: its answer is at its end. */
void connection_set_served(struct connection *connection, bool served, usec_t now);

/* True where CONNECTION must be closed: its time is over, or no slot is free and it has waited
 * longest of all. */
bool connections_must_close(
	const struct connections *c, const struct connection *connection, usec_t now);

/* When the next one must be closed if nothing happens until then; USEC_INFINITY for never. */
usec_t connections_next_timeout(const struct connections *c);
