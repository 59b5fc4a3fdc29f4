/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor tells its roles, and passes to them. */
#include <sys/socket.h>

#include "daemon/journal.h"
#include "daemon/supervisor/private.h"
#include "daemon/supervisor/usage.h"

/* Tells the engine how a role is: for its metrics, and for alerts about roles. */
static void tell_engine_of(struct supervisor *s, const char *name, pid_t pid, const char *state,
	uint64_t restarts)
{
	struct instance *engine = s->slots[ROLE_ENGINE].current;
	_cleanup_buf_ struct buf packet = BUF_INIT;
	struct role_usage usage = {0};

	if (!instance_is_running(engine))
		return;
	if (pid > 0)
		usage_read(pid, &usage);
	message_begin(&packet, MESSAGE_ROLE);
	message_put_string(&packet, name);
	message_put_u64(&packet, (uint64_t) pid);
	message_put_string(&packet, state);
	message_put_u64(&packet, restarts);
	message_put_u64(&packet, usage.resident);
	message_put_f64(&packet, usage.cpu);
	instance_send(engine, &packet, -1);
}

void tell_role(const struct slot *slot)
{
	const struct instance *i = slot->current;

	const char *nothing = slot->needed ? "stopped" : "";

	tell_engine_of(slot->supervisor, slot->row->name, i ? instance_pid(i) : 0,
		i ? instance_state_name(instance_state(i)) : nothing, slot->restarts);
}

void tell_roles(struct supervisor *s)
{
	tell_engine_of(s, "supervisor", getpid(), "running", 0);
	for (size_t i = 0; i < ROLES; i++)
		tell_role(&s->slots[i]);
	s->reported = clock_monotonic();
}

void tell_refusal(struct supervisor *s)
{
	struct instance *engine = s->slots[ROLE_ENGINE].current;
	_cleanup_buf_ struct buf packet = BUF_INIT;

	if (!instance_is_running(engine))
		return;
	message_begin(&packet, MESSAGE_REFUSED);
	message_put_u64(&packet, s->refused);
	message_put_string(&packet, s->refusal ? s->refusal : "");
	instance_send(engine, &packet, -1);
}

static void send_connect(struct instance *to, const char *peer, pid_t pid, int fd)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;

	message_begin(&packet, MESSAGE_CONNECT);
	message_put_string(&packet, peer);
	message_put_u64(&packet, (uint64_t) pid);
	instance_send(to, &packet, fd);
}

void tell_connection(struct supervisor *s, struct instance *i)
{
	struct instance *engine = s->slots[ROLE_ENGINE].current;
	int pair[2];

	if (!instance_is_running(engine) || !instance_is_running(i) || i == engine)
		return;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		journal_write(JOURNAL_ROLE_UNREACHABLE, WITH(.role = instance_row(i)->name, .error = -errno),
			"cannot connect role %s", instance_row(i)->name);
		instance_kill(i, INSTANCE_STOPPING);
		return;
	}
	send_connect(engine, instance_row(i)->name, instance_pid(i), pair[0]);
	send_connect(i, "engine", instance_pid(engine), pair[1]);
	close(pair[0]);
	close(pair[1]);
}

void tell_configuration(struct slot *slot, struct instance *i)
{
	struct supervisor *s = slot->supervisor;
	_cleanup_buf_ struct buf packet = BUF_INIT;

	message_begin(&packet, MESSAGE_CONFIGURE);
	message_put_string(&packet, s->options->state_directory);
	message_put_string(&packet, s->host);
	message_put_u64(&packet, (uint64_t) (gid_t) (s->group + 1));
	message_put_bytes(&packet, slot->slice.data, slot->slice.size);
	instance_send(i, &packet, -1);
}

static void pass_grants(const struct supervisor *s, struct instance *i)
{
	for (size_t g = 0; g < GRANTS; g++)
		if (s->grants[g] >= 0)
			instance_pass(i, grant_name((enum grant) g), s->grants[g]);
}

static void pass_listeners(const struct supervisor *s, struct instance *i)
{
	_cleanup_buf_ struct buf name = BUF_INIT;

	for (size_t l = 0; l < s->listeners.count; l++) {
		buf_reset(&name);
		buf_printf(&name, "listen:%s", s->listeners.items[l].address);
		if (name.data)
			instance_pass(i, name.data, s->listeners.items[l].fd);
	}
}

void tell_descriptors(const struct slot *slot, struct instance *i)
{
	if (slot->row == &role_rows[ROLE_PROCESS])
		pass_grants(slot->supervisor, i);
	else if (slot->row == &role_rows[ROLE_WEB])
		pass_listeners(slot->supervisor, i);
}

/* The webhooks of which the instances in force know nothing, or not how CONFIG has them. */
static void put_changed_webhooks(
	const struct slot *slot, const struct config *config, struct buf *packet)
{
	const struct section *s = NULL;

	while ((s = config_next(config, SECTION_WEBHOOK, s))) {
		const struct section *before =
			config_find(slot->supervisor->config, SECTION_WEBHOOK, section_name(s));

		if (!before || !section_equal(before, s, slot->row->slice))
			message_put_string(packet, section_name(s));
	}
}

static void tell_successor(struct instance *engine, const struct slot *slot, const struct config *config)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;

	message_begin(&packet, MESSAGE_SUCCESSOR);
	put_changed_webhooks(slot, config, &packet);
	instance_send(engine, &packet, -1);
}

void tell_reload(struct supervisor *s, const struct config *config, bool other_notify)
{
	struct slot *slot = &s->slots[ROLE_ENGINE];

	if (!slot->current)
		return;
	if (other_notify)
		tell_successor(slot->current, &s->slots[ROLE_NOTIFY], config);
	tell_configuration(slot, slot->current);
}
