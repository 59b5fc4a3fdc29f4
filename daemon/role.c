/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/role.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>

#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/journal.h"
#include "daemon/roles.h"
#include "daemon/sandbox.h"
#include "daemon/trim.h"

#define SUPERVISOR_FD	3 /* the channel to the supervisor: the only descriptor that is inherited */
#define HEARTBEAT_EVERY (3 * USEC_PER_SEC)
#define FLUSH_TIMEOUT	(500 * USEC_PER_MSEC)

struct descriptor {
	char *name;
	int fd;
};

struct role {
	const struct role_program *program;
	const struct role_row *row;
	sd_event *event;
	sd_event_source *heartbeat;
	bool trimmed;
	struct link *supervisor;
	struct link *engine;
	struct config *config;
	char *state_directory;
	char *host;
	gid_t group;
	struct descriptor descriptors[ROLE_DESCRIPTORS_MAX];
	size_t descriptor_count;
	bool started;
	bool exiting;
	void *userdata;
};

sd_event *role_event(struct role *r)
{
	return r->event;
}

const struct config *role_config(const struct role *r)
{
	return r->config;
}

void role_set_userdata(struct role *r, void *userdata)
{
	r->userdata = userdata;
}

void *role_userdata(const struct role *r)
{
	return r->userdata;
}

const char *role_state_directory(const struct role *r)
{
	return r->state_directory;
}

const char *role_host(const struct role *r)
{
	return r->host;
}

gid_t role_group(const struct role *r)
{
	return r->group;
}

struct link *role_engine(struct role *r)
{
	return r->engine;
}

struct link *role_supervisor(struct role *r)
{
	return r->supervisor;
}

void role_exit(struct role *r, int status)
{
	/* The first reason is the cause; what follows from it must not hide it. */
	if (!r->exiting)
		sd_event_exit(r->event, status);
	r->exiting = true;
}

int role_take_descriptor(struct role *r, const char *name)
{
	for (size_t i = 0; i < r->descriptor_count; i++)
		if (r->descriptors[i].fd >= 0 && text_equal(r->descriptors[i].name, name))
			return TAKE_FD(r->descriptors[i].fd);
	return -1;
}

int role_take_next_descriptor(struct role *r, const char *prefix)
{
	for (size_t i = 0; i < r->descriptor_count; i++)
		if (r->descriptors[i].fd >= 0 && text_after(r->descriptors[i].name, prefix))
			return TAKE_FD(r->descriptors[i].fd);
	return -1;
}

static int keep_descriptor(struct role *r, struct message *m)
{
	struct descriptor *d = &r->descriptors[r->descriptor_count];

	if (m->fd < 0 || r->descriptor_count == ROLE_DESCRIPTORS_MAX)
		return -EBADMSG;
	d->name = strdup(message_string(m));
	if (!d->name)
		return -ENOMEM;
	d->fd = TAKE_FD(m->fd);
	r->descriptor_count++;
	return 0;
}

static int say_alive(struct role *r, const char *what)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;
	int e;

	message_begin(&packet, MESSAGE_ALIVE);
	message_put_string(&packet, what);
	e = message_end(&packet);
	return e < 0 ? e : link_send(r->supervisor, &packet, -1);
}

static int on_heartbeat(sd_event_source *source, uint64_t now, void *userdata)
{
	struct role *r = userdata;

	/* A supervisor that does not read is stuck, not gone: the next beat says the same. */
	say_alive(r, "alive");
	/* The first beat comes when starting up is over: its memory is not needed any more. */
	if (!r->trimmed)
		trim_memory();
	r->trimmed = true;
	sd_event_source_set_time_relative(source, HEARTBEAT_EVERY);
	return 0;
}

/* Everything that the role needs was passed: start, give up what is not needed, say so. */
static int start(struct role *r)
{
	int e = r->program->start(r);

	if (e < 0)
		return e;
	e = sandbox_enter(r->row, r->state_directory);
	if (e < 0)
		return journal_failure(e, "cannot enter the sandbox");
	e = sd_event_add_time_relative(r->event, &r->heartbeat, CLOCK_MONOTONIC, HEARTBEAT_EVERY,
		HEARTBEAT_EVERY / 4, on_heartbeat, r);
	if (e >= 0)
		e = sd_event_source_set_enabled(r->heartbeat, SD_EVENT_ON);
	if (e < 0)
		return e;
	r->started = true;
	return say_alive(r, "ready");
}

static int take_configuration(struct role *r, struct message *m)
{
	struct config *old = r->config, *config;
	const char *state_directory = message_string(m), *host = message_string(m);
	uint64_t group = message_u64(m);
	size_t size;
	const void *slice = message_bytes(m, &size);
	int e = config_unslice(slice, size, &config);

	if (e < 0)
		return journal_failure(e, "cannot read the configuration slice");
	r->config = config;
	if (r->started) {
		e = r->program->reconfigure ? r->program->reconfigure(r, old) : 0;
		config_free(old);
		return e;
	}
	r->group = (gid_t) (group - 1);
	r->state_directory = strdup(state_directory);
	r->host = strdup(host);
	if (!r->state_directory || !r->host)
		return -ENOMEM;
	return start(r);
}

static int on_engine_message(struct link *l, struct message *m, void *userdata)
{
	struct role *r = userdata;

	return r->program->message ? r->program->message(r, m) : -EBADMSG;
}

static void engine_failed(struct role *r, int reason)
{
	journal_failure(reason, "the link to the engine failed");
	role_exit(r, EX_SOFTWARE);
}

static void on_engine_closed(struct link *l, int reason, void *userdata)
{
	struct role *r = userdata;

	r->engine = link_free(r->engine);
	/* Where the engine is gone, another comes; a running one would never be heard of again. */
	if (reason < 0 && reason != -EPIPE)
		engine_failed(r, reason);
}

static const struct link_ops engine_ops = {on_engine_message, on_engine_closed};

static int connect_peer(struct role *r, struct message *m)
{
	const char *name = message_string(m);
	int64_t pid = (int64_t) message_u64(m);
	int e;

	if (m->fd < 0)
		return -EBADMSG;
	if (r->program->peer)
		return r->program->peer(r, name, pid, TAKE_FD(m->fd));
	r->engine = link_free(r->engine);
	e = link_new(r->event, TAKE_FD(m->fd), r->program->engine_says, &engine_ops, r, &r->engine);
	if (e < 0)
		return journal_failure(e, "cannot use the link to the engine");
	return r->program->connected ? r->program->connected(r) : 0;
}

static int on_supervisor_message(struct link *l, struct message *m, void *userdata)
{
	struct role *r = userdata;

	switch (m->type) {
	case MESSAGE_DESCRIPTOR:
		return keep_descriptor(r, m);
	case MESSAGE_CONFIGURE:
		return take_configuration(r, m);
	case MESSAGE_CONNECT:
		return r->started ? connect_peer(r, m) : -EBADMSG;
	case MESSAGE_ROLE:
	case MESSAGE_SUCCESSOR:
	case MESSAGE_REFUSED:
		return r->program->told ? r->program->told(r, m) : 0;
	case MESSAGE_STOP:
		if (r->started && r->program->leave)
			r->program->leave(r);
		else
			role_exit(r, EXIT_SUCCESS);
		return 0;
	default:
		return -EBADMSG;
	}
}

static void on_supervisor_closed(struct link *l, int reason, void *userdata)
{
	struct role *r = userdata;

	/* Without a supervisor nothing restarts us or tells us to stop: end in order. */
	r->supervisor = link_free(r->supervisor);
	role_exit(r, reason == 0 ? EXIT_SUCCESS : EX_SOFTWARE);
}

static const struct link_ops supervisor_ops = {on_supervisor_message, on_supervisor_closed};

int role_send(struct role *r, struct buf *packet, int fd)
{
	int e = message_end(packet);

	if (e < 0)
		return e;
	if (!r->engine)
		return -ENOTCONN;
	e = link_send(r->engine, packet, fd);
	/* After -EPIPE the loop reads what the engine said last, and then its end. */
	if (e < 0 && e != -EPIPE)
		engine_failed(r, e);
	return e;
}

static void role_done(struct role *r)
{
	if (r->engine)
		link_flush(r->engine, FLUSH_TIMEOUT);
	link_free(r->engine);
	link_free(r->supervisor);
	sd_event_source_disable_unref(r->heartbeat);
	config_free(r->config);
	free(r->state_directory);
	free(r->host);
	for (size_t i = 0; i < r->descriptor_count; i++) {
		free(r->descriptors[i].name);
		close_fd(&r->descriptors[i].fd);
	}
	sd_event_unref(r->event);
}

/* As many as allowed, where that is fewer than needed. */
static void raise_open_files(rlim_t needed)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
		return;
	limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int prepare(struct role *r)
{
	int e;

	/* The supervisor alone acts on the terminal's and the administrator's signals. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	raise_open_files(r->row->open_files);
	e = sd_event_new(&r->event);
	if (e < 0)
		return e;
	return link_new(r->event, SUPERVISOR_FD, FROM_SUPERVISOR, &supervisor_ops, r, &r->supervisor);
}

int role_run(const struct role_program *program)
{
	struct role r = {.program = program, .row = role_row_find(program->name), .group = (gid_t) -1};
	const char *level = getenv("MODELWATCH_LOG_LEVEL");
	char name[64];
	int e;

	snprintf(name, sizeof(name), "modelwatch-%s", program->name);
	log_open(name);
	if (level && log_level_parse(level) >= 0)
		log_set_level(log_level_parse(level));
	if (fcntl(SUPERVISOR_FD, F_GETFD) < 0 || !r.row) {
		journal_write(JOURNAL_STARTED_BY_HAND, NULL, "this program is started by modelwatchd alone");
		return EX_USAGE;
	}
	e = prepare(&r);
	if (e >= 0)
		e = sd_event_loop(r.event);
	if (r.started && program->stop)
		program->stop(&r);
	role_done(&r);
	return e < 0 ? EX_SOFTWARE : e;
}
