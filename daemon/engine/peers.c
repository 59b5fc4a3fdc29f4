/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "daemon/engine/engine.h"
#include "daemon/journal.h"

/* Asks the supervisor to end a role that broke the protocol or does not read. */
static void complain(struct peer *p, const char *why)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;
	struct link *supervisor = role_supervisor(p->engine->role);

	message_begin(&packet, MESSAGE_END_ROLE);
	message_put_u64(&packet, (uint64_t) p->pid);
	message_put_string(&packet, why);
	if (message_end(&packet) == 0 && supervisor)
		link_send(supervisor, &packet, -1);
}

static void remove_peer(struct peer *p)
{
	struct engine *e = p->engine;

	for (size_t i = 0; i < e->peer_count; i++)
		if (e->peers[i] == p) {
			/* They stay in the order of their age: the newest is spoken to. */
			e->peer_count--;
			memmove(&e->peers[i], &e->peers[i + 1],
				(e->peer_count - i) * sizeof(e->peers[0]));
			break;
		}
	deliveries_disconnected(e, p->pid);
	link_free(p->link);
	free(p->series);
	free(p);
}

static int on_message(struct link *l, struct message *m, void *userdata)
{
	struct peer *p = userdata;

	switch (m->type) {
	case MESSAGE_DELIVERED:
		return deliveries_result(p, m);
	case MESSAGE_COMMAND:
		return commands_message(p, m);
	case MESSAGE_UNIT:
	case MESSAGE_UNITS:
		return units_message(p, m);
	default:
		return ingest_message(p, m);
	}
}

static void on_closed(struct link *l, int reason, void *userdata)
{
	struct peer *p = userdata;

	struct engine *e = p->engine;
	const struct role_row *row = p->row;

	if (reason < 0) {
		journal_write(JOURNAL_ROLE_UNREACHABLE, WITH(.role = p->row->name, .error = reason),
			"role %s (pid %" PRIi64 ") broke its link", p->row->name, p->pid);
		complain(p, reason == -EBADMSG ? "it sent what it may not send"
					       : "what it sent could not be taken");
	}
	remove_peer(p);
	/* What a predecessor said after a reload of services that are no longer configured. */
	if (row->sender == FROM_COLLECTOR && services_configure(e) < 0)
		journal_failure(-ENOMEM, "services that are no longer configured may stay");
	if (row->sender == FROM_UNITS && !peers_newest(e, ROLE_UNITS))
		units_lost(e);
}

static const struct link_ops ops = {on_message, on_closed};

/* What predecessors of the role have sent counts before its successor is told what is known. */
static void drain_predecessors(struct engine *e, const struct role_row *row)
{
	for (size_t i = e->peer_count; i > 0; i--)
		if (i <= e->peer_count && e->peers[i - 1]->row == row)
			link_drain(e->peers[i - 1]->link);
}

static void tell_trouble(struct peer *p)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;

	if (p->row->sender != FROM_WEB)
		return;
	message_begin(&packet, MESSAGE_TROUBLE);
	message_put_string(&packet, p->engine->trouble ? p->engine->trouble : "");
	message_put_u64(&packet, p->engine->trouble_of_samples);
	peer_send(p, &packet);
}

void peers_tell_trouble(struct engine *e)
{
	for (size_t i = 0; i < e->peer_count; i++)
		tell_trouble(e->peers[i]);
}

/* What a role is told first. One that is gone already, or cannot be told, is no error of ours. */
static void greet(struct peer *p)
{
	struct engine *e = p->engine;
	const struct role_row *row = p->row;
	int r = 0;

	if (row->sender == FROM_COLLECTOR) {
		r = services_configure(e);
		facts_forget(e, row->name);
		if (r == 0)
			r = handover_send(p);
		if (r == 0 && row == &role_rows[ROLE_PROCESS])
			r = units_send(p);
	} else if (row->sender == FROM_UNITS) {
		facts_forget(e, row->name);
		units_lost(e);
	}
	if (r < 0 && r != -EPIPE) {
		journal_write(JOURNAL_ROLE_UNREACHABLE, WITH(.role = p->row->name, .error = r),
			"cannot tell role %s what is known", p->row->name);
		complain(p, "it could not be told what is known");
	}
	if (r < 0)
		remove_peer(p);
	else if (row->sender == FROM_NOTIFY) {
		webhooks_replaced(e);
		deliveries_send(e);
	} else if (e->trouble)
		tell_trouble(p);
}

int peers_add(struct engine *e, const char *name, int64_t pid, int fd)
{
	const struct role_row *row = role_row_find(name);
	_cleanup_close_ int owned = fd;
	struct peer *p;
	int r;

	role_pids_add(e, pid);
	if (!row || row->sender == FROM_ENGINE || e->peer_count == PEERS_MAX) {
		journal_write(JOURNAL_FAILURE, NULL, "cannot speak to role %s: %s", name,
			row ? "too many roles" : "there is no such role");
		return 0;
	}
	drain_predecessors(e, row);
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = (struct peer){.engine = e, .row = row, .pid = pid};
	r = link_new(role_event(e->role), TAKE_FD(owned), row->sender, &ops, p, &p->link);
	if (r < 0) {
		free(p);
		return r;
	}
	e->peers[e->peer_count++] = p;
	greet(p);
	return 0;
}

void peers_drop(struct engine *e)
{
	while (e->peer_count > 0) {
		struct peer *p = e->peers[e->peer_count - 1];
		size_t before = e->peer_count;

		link_drain(p->link);
		if (e->peer_count == before)
			remove_peer(p);
	}
}

int peer_send(struct peer *p, struct buf *packet)
{
	int r = message_end(packet);

	if (r == 0)
		r = link_send(p->link, packet, -1);
	if (r == -ENOBUFS)
		complain(p, "it does not read what it is sent");
	return r;
}

struct peer *peers_newest(struct engine *e, enum role_number role)
{
	for (size_t i = e->peer_count; i > 0; i--)
		if (e->peers[i - 1]->row == &role_rows[role])
			return e->peers[i - 1];
	return NULL;
}

void peers_acknowledge(struct engine *e)
{
	for (size_t i = 0; i < e->peer_count; i++) {
		struct peer *p = e->peers[i];
		_cleanup_buf_ struct buf packet = BUF_INIT;

		if (p->done == p->told)
			continue;
		message_begin(&packet, MESSAGE_DONE);
		message_put_u64(&packet, p->done);
		if (peer_send(p, &packet) == 0)
			p->told = p->done;
	}
}
