/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that change something, on their way to the engine and back.
 *
 * Layer: daemon/web. The engine decides, and reads who asks from the connection itself. */
#pragma once

#include "daemon/base/text.h"
#include "daemon/role.h"
#include "daemon/web/connections.h"

/* How long VERB may take. The engine answers at once, but a test of a webhook takes its receiver's time:
 * as long as the connection of who asked has for its answer, less what handing it over may take. */
static inline usec_t command_timeout(const char *verb)
{
	return text_equal(verb, "test-webhook") ? CONNECTION_RESPONSE_TIMEOUT - 5 * USEC_PER_SEC
						 : 15 * USEC_PER_SEC;
}

struct commands;

/* BODY is the engine's JSON; NULL where there is none: 503 no engine or too many wait, 504 the engine
 * has it and did not answer in time, or is another one by now. Called once, from the loop or from
 * within commands_send(). */
typedef void (*command_done_fn)(void *userdata, unsigned status, const void *body, size_t size);

struct command_request {
	const char *verb, *argument;
	const char *body; /* JSON */
	int fd;           /* the connection of who asks, over the unix socket */
};

int commands_new(struct role *r, struct commands **ret);

/* Answers all that wait with 504. */
struct commands *commands_free(struct commands *c);

void commands_send(
	struct commands *c, const struct command_request *q, command_done_fn done, void *userdata);

/* The engine's REPLY. -EBADMSG where it is no HTTP status. */
int commands_reply(struct commands *c, struct message *m);

/* The engine is another one: what waits will not be answered by it. */
void commands_forget(struct commands *c);

/* `web` leaves: who waits is answered, with 504 if need be, while its connection is still there. */
void commands_leave(struct commands *c);
