/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor's three files share: its state (supervisor.c), the places of its roles
 * (slots.c) and what these are told (tell.c).
 *
 * Layer: daemon; included by these alone. */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/grants.h"
#include "daemon/supervisor/instance.h"
#include "daemon/supervisor/leaving.h"
#include "daemon/supervisor/listeners.h"
#include "daemon/supervisor/restart.h"
#include "daemon/supervisor/supervisor.h"

/* The place of one role. */
struct slot {
	struct supervisor *supervisor;
	const struct role_row *row;
	char *program;
	struct buf slice;
	bool needed; /* by the configuration: nothing runs here where it is not */
	struct instance *current;
	struct instance *next;	   /* a replacement that is not ready yet */
	struct leaving leaving;
	bool outdated; /* the current one was not replaced as it should be: the next reload tries again */
	bool unconnected; /* the current one has no engine: its successor is to have it */
	struct restart restart;
	sd_event_source *delayed; /* the next start waits for it */
	uint64_t restarts;
};

struct supervisor {
	const struct supervisor_options *options;
	sd_event *event;
	struct config *config;
	struct listeners listeners;
	int grants[GRANTS]; /* what the role `process` reads, or negative */
	char *host;
	gid_t group;
	struct slot slots[ROLES];
	sd_event_source *watch;	   /* looks after heartbeats */
	sd_event_source *deadline; /* of a stop's next step */
	size_t stop_step;
	usec_t reported;	   /* the roles' usage, monotonic */
	usec_t refused;		   /* since then, in wall time, what is on disk is refused; 0: it is not */
	char *refusal;		   /* the first of the reasons of the last reload; NULL for none */
	bool announced;		   /* READY=1 was sent */
	bool stopping;
	int status;
};

/* Prepares the slots; nothing runs yet. 0 or -errno. */
int slots_prepare(struct supervisor *s);
void slots_done(struct supervisor *s);

/* Starts the engine; the others follow when it is ready. */
void slots_start(struct supervisor *s);

/* After a reload: the engine gets its slice, be it the same, and other roles are replaced where theirs
 * or FORCED (a bit for each role_number) says so. 0 or -errno; nothing changed then. */
int slots_reconfigure(struct supervisor *s, const struct config *config, unsigned forced);

/* Kills what missed its heartbeat, does not start or does not go; tells the engine of the roles' usage
 * now and then. */
void slots_check(struct supervisor *s);
/* After a time in which nothing ran: everybody's silence begins anew. */
void slots_forgive(struct supervisor *s);
bool slots_engine_starts(const struct supervisor *s);

/* Stops every role but the engine, and that when the others are gone. */
void slots_stop(struct supervisor *s);
void slots_stop_engine(struct supervisor *s);
void slots_kill_others(struct supervisor *s);
void slots_kill(struct supervisor *s);
bool slots_all_gone(const struct supervisor *s);
bool slots_all_running(const struct supervisor *s);

/* To a new instance: what its role is passed; then the configuration, after which it starts. */
void tell_descriptors(const struct slot *slot, struct instance *i);
void tell_configuration(struct slot *slot, struct instance *i);
/* To it and the engine, where both run: a fresh pair of sockets between them. */
void tell_connection(struct supervisor *s, struct instance *i);

/* To the engine, where it runs: how a role is, and all; for its metrics, and for alerts about roles. */
void tell_role(const struct slot *slot);
void tell_roles(struct supervisor *s);
/* ...the reload that was refused, or that none is. */
void tell_refusal(struct supervisor *s);
/* ...every reload, with its CONFIG, before that is the supervisor's: some of what it does lasts until the
 * next one, whatever that changes. First it hears whether another `notify` comes with it. */
void tell_reload(struct supervisor *s, const struct config *config, bool other_notify);

/* Called by slots.c: something started or ended. */
void supervisor_changed(struct supervisor *s);
/* A role cannot start at all: the daemon ends with STATUS. */
void supervisor_fail(struct supervisor *s, int status);
