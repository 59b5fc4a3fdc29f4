/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP in: the one file that knows libmicrohttpd, on the event loop.
 *
 * Layer: daemon/web. Connections, their memory, number and time are bounded; a body
 * over HTTP_BODY_MAX is read and thrown away, and said to be too large. So are the bytes of all
 * answers that were not taken yet: beyond them, 503. Every request is answered once, at once or
 * later. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "daemon/base/buf.h"

#define HTTP_BODY_MAX    65536 /* bytes */
#define HTTP_ADDRESS_MAX 64    /* bytes of a numeric address, the final NUL included */

struct http_server;
struct http_exchange; /* a request and its answer */

/* Lives until the request is answered. */
struct http_request {
	const char *method;
	const char *target; /* path and query, as they came */
	const char *host;   /* header, or NULL */
	/* Headers, or NULL. */
	const char *accept, *content_type, *origin, *fetch_site;
	const void *body;
	size_t body_size;
	/* What is wrong with the head: answer 400 and say so; NULL for nothing. */
	const char *fault;
	bool body_too_large;
	bool local; /* over a unix socket */
	/* At which the connection arrived; "" over a unix socket. */
	char address[HTTP_ADDRESS_MAX];
	int fd; /* the connection */
};

struct http_answer {
	unsigned status;
	const char *content_type;
	const char *allow;    /* the Allow header, or "" */
	bool cacheable;       /* for a few minutes; else never */
	bool last;            /* the connection ends with it */
	struct buf body;      /* taken over, unless... */
	const char *constant; /* ... this is set: bytes that live for ever */
	size_t constant_size;
};

/* Answers by http_exchange_answer(), before it returns or later. */
typedef void (*http_request_fn)(
	struct http_exchange *x, const struct http_request *q, void *userdata);

int http_server_new(sd_event *event, http_request_fn fn, void *userdata, struct http_server **ret);

/* Will serve what a listening socket accepts; takes FD. Who connects waits in its queue until... */
int http_server_listen(struct http_server *s, int fd);
/* ...this. */
int http_server_begin(struct http_server *s);

typedef void (*http_left_fn)(void *userdata);

/* Accepts nobody any more: who is in a listening socket's queue is for others that have it. Every
 * connection is closed as soon as it is owed no answer. Then, and after CONNECTIONS_LEAVE_TIMEOUT at the
 * latest, FN is called, perhaps more than once. */
void http_server_leave(struct http_server *s, http_left_fn fn);

/* True while an answer waits to be read. */
bool http_server_is_sending(const struct http_server *s);

/* Unanswered exchanges must be answered before. */
struct http_server *http_server_free(struct http_server *s);

/* Takes the body. Once for each exchange, which is not to be used after it. */
void http_exchange_answer(struct http_exchange *x, struct http_answer *answer);
