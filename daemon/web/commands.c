/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/commands.h"

#include <stdlib.h>

#include "daemon/journal.h"

#define PENDING_MAX   32 /* requests that wait for the engine */
#define LEAVE_TIMEOUT (CONNECTIONS_LEAVE_TIMEOUT - 200 * USEC_PER_MSEC) /* leaves time to say so */

struct pending_command {
	struct commands *commands;
	uint64_t number; /* 0 while free */
	command_done_fn done;
	void *userdata;
	sd_event_source *timer;
};

struct commands {
	struct role *role;
	uint64_t last; /* number given */
	usec_t leave_by; /* nothing is waited for longer; 0 while `web` stays */
	struct pending_command pending[PENDING_MAX];
};

int commands_new(struct role *r, struct commands **ret)
{
	struct commands *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->role = r;
	for (size_t i = 0; i < PENDING_MAX; i++)
		c->pending[i].commands = c;
	*ret = c;
	return 0;
}

static void finish(struct pending_command *p, unsigned status, const void *body, size_t size)
{
	p->number = 0;
	p->timer = sd_event_source_disable_unref(p->timer);
	p->done(p->userdata, status, body, size);
}

void commands_forget(struct commands *c)
{
	for (size_t i = 0; i < PENDING_MAX; i++)
		if (c->pending[i].number > 0)
			finish(&c->pending[i], 504, NULL, 0);
}

struct commands *commands_free(struct commands *c)
{
	if (c)
		commands_forget(c);
	free(c);
	return NULL;
}

static int on_timeout(sd_event_source *source, uint64_t now, void *userdata)
{
	finish(userdata, 504, NULL, 0);
	return 0;
}

void commands_leave(struct commands *c)
{
	c->leave_by = usec_add(clock_monotonic(), LEAVE_TIMEOUT);
	for (size_t i = 0; i < PENDING_MAX; i++)
		if (c->pending[i].number > 0)
			sd_event_source_set_time(c->pending[i].timer, c->leave_by);
}

/* Until when an answer to VERB is waited for. */
static usec_t deadline_of(const struct commands *c, const char *verb)
{
	usec_t deadline = usec_add(clock_monotonic(), command_timeout(verb));

	return c->leave_by > 0 && c->leave_by < deadline ? c->leave_by : deadline;
}

static int send(struct commands *c, uint64_t number, const struct command_request *q)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;

	message_begin(&packet, MESSAGE_COMMAND);
	message_put_u64(&packet, number);
	message_put_string(&packet, q->verb);
	message_put_string(&packet, q->argument);
	message_put_string(&packet, q->body);
	message_put_string(&packet, ""); /* nobody is known over TCP */
	return role_send(c->role, &packet, q->fd);
}

void commands_send(
	struct commands *c, const struct command_request *q, command_done_fn done, void *userdata)
{
	struct pending_command *p = c->pending;
	int r;

	while (p < c->pending + PENDING_MAX && p->number > 0)
		p++;
	if (p == c->pending + PENDING_MAX) {
		done(userdata, 503, NULL, 0);
		return;
	}
	r = sd_event_add_time(role_event(c->role), &p->timer, CLOCK_MONOTONIC,
		deadline_of(c, q->verb), USEC_PER_MSEC, on_timeout, p);
	if (r >= 0)
		r = send(c, c->last + 1, q);
	if (r < 0) {
		p->timer = sd_event_source_disable_unref(p->timer);
		if (r != -ENOTCONN)
			journal_failure(r, "cannot hand %s to the engine", q->verb);
		done(userdata, 503, NULL, 0);
		return;
	}
	p->number = ++c->last;
	p->done = done;
	p->userdata = userdata;
}

int commands_reply(struct commands *c, struct message *m)
{
	uint64_t number = message_u64(m), status = message_u64(m);
	size_t size;
	const void *body = message_bytes(m, &size);

	if (status < 200 || status > 599)
		return -EBADMSG;
	for (size_t i = 0; i < PENDING_MAX; i++)
		if (number > 0 && c->pending[i].number == number)
			finish(&c->pending[i], (unsigned) status, body, size);
	/* One that is not there any more was answered with 504. */
	return 0;
}
