/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's HTTP API over its unix socket, one request at a time.
 *
 * Layer: daemon. Errors are printed here, on stderr; callers return the exit status. */
#pragma once

#include <jansson.h>

#include "daemon/base/buf.h"
#include "daemon/cli/show.h"
#include "daemon/cli/verbs.h"

struct answer {
	unsigned status; /* HTTP */
	struct buf body;
	json_t *json; /* the body; an object */
};
void answer_done(struct answer *a);

/* Sends a request and waits. BODY is JSON, or NULL. UNKNOWN is what to say of a 404; NULL: what the
 * daemon says. 0 with a 2xx answer, -EREMOTEIO with another one (also in *RET: its error was printed),
 * -errno without any. */
int client_request(const struct invocation *i, const char *method, const char *path,
	const char *body, const char *unknown, struct answer *ret);

/* GETs PATH and prints it, by SHOW or with --json as it is. RET may be NULL, else it is the caller's
 * to empty. Returns as client_request() does. */
int client_show(const struct invocation *i, const char *path, const char *unknown, show_fn show,
	struct answer *ret);

/* Prints a body as it is. */
void client_print(const struct buf *body);

/* How to write for people on stdout now. */
struct style client_style(void);

/* The path of the socket, to be freed: --socket, $MODELWATCH_SOCKET, $RUNTIME_DIRECTORY/http.sock,
 * or the installed one. NULL without memory. */
char *client_socket(const struct invocation *i);
