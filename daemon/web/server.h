/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP in: the one file that knows libmicrohttpd, on the event loop.
 *
 * Layer: daemon/web. Connections, their memory, their number and their patience are bounded; a body
 * over SERVER_BODY_MAX is read and thrown away, and said to be too large. So are the bytes of all
 * answers that were not taken yet: beyond them, 503. Every request is answered once, at once or
 * later. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "daemon/base/buf.h"

#define SERVER_BODY_MAX    65536 /* bytes */
#define SERVER_ADDRESS_MAX 64 /* bytes of a numeric address, the final NUL included */

struct server;
struct exchange; /* a request and its answer */

/* Lives until the request is answered. */
struct server_request {
	const char *method;
	const char *target; /* path and query, as they came */
	const char *host;   /* header, or NULL */
	/* Headers, or NULL. */
	const char *accept, *content_type, *origin, *fetch_site;
	const void *body;
	size_t body_size;
	const char *fault; /* what is wrong with the head: answer 400 and say so; NULL for nothing */
	bool body_too_large;
	bool local; /* over a unix socket */
	/* At which the connection arrived; "" over a unix socket. */
	char address[SERVER_ADDRESS_MAX];
	int fd; /* the connection */
};

struct server_answer {
	unsigned status;
	const char *content_type;
	const char *allow;    /* the Allow header, or "" */
	bool cacheable;       /* for a few minutes; else never */
	bool last;            /* the connection ends with it */
	struct buf body;      /* taken over, unless... */
	const char *constant; /* ... this is set: bytes that live for ever */
	size_t constant_size;
};

struct server_ops {
	/* Answers by server_answer(), before it returns or later. */
	void (*request)(struct exchange *x, const struct server_request *q, void *userdata);
};

int server_new(sd_event *event, const struct server_ops *ops, void *userdata, struct server **ret);

/* Serves what a listening socket accepts; takes FD. */
int server_listen(struct server *s, int fd);

/* Unanswered exchanges must be answered before. */
struct server *server_free(struct server *s);

/* Takes the body. Once for each exchange, which is not to be used after it. */
void server_answer(struct exchange *x, struct server_answer *answer);
