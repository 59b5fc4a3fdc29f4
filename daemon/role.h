/* SPDX-License-Identifier: Apache-2.0 */
/* The life of every role's program but the supervisor.
 *
 * Layer: daemon. role_run() is the whole of a role's main(): it reads descriptor 3 for what the
 * supervisor passes (descriptors, then the configuration slice), calls start(), enters the sandbox of
 * the role's row in roles.def, says that it is ready, and runs the loop with a heartbeat until the
 * supervisor says stop or is gone. The link to the engine arrives after that, and again whenever the
 * engine was restarted. */
#pragma once

#include <sys/types.h>
#include <systemd/sd-event.h>

#include "daemon/base/clock.h"
#include "daemon/config/config.h"
#include "daemon/link.h"

#define ROLE_DESCRIPTORS_MAX 32 /* descriptors that the supervisor passes to one role */

struct role;

struct role_program {
	const char *name;     /* "notify": the row of roles.def */
	unsigned engine_says; /* FROM_ENGINE, or 0 for a role without a link to the engine */
	/* Everything that needs more than the sandbox leaves. The configuration and the descriptors
	 * are there. A negative return ends the program; it has logged why. */
	int (*start)(struct role *r);
	/* The engine is (again) at the other end of role_engine(). May be NULL. */
	int (*connected)(struct role *r);
	/* A message of the engine. May be NULL. */
	int (*message)(struct role *r, struct message *m);
	/* A new configuration for a running role: the engine alone. NULL: such a role is replaced. */
	int (*reconfigure)(struct role *r, const struct config *old);
	/* A link to another role, the engine alone: takes FD. NULL elsewhere. */
	int (*peer)(struct role *r, const char *name, int64_t pid, int fd);
	/* What the supervisor tells of roles and reloads, the engine alone. */
	int (*told)(struct role *r, struct message *m);
	/* The supervisor says stop. NULL: the loop ends at once; else role_exit() is to end it soon. */
	void (*leave)(struct role *r);
	/* Before the loop ends. May be NULL. */
	void (*stop)(struct role *r);
};

/* Returns the process's exit status. */
int role_run(const struct role_program *program);

sd_event *role_event(struct role *r);
const struct config *role_config(const struct role *r);
void role_set_userdata(struct role *r, void *userdata);
void *role_userdata(const struct role *r);

/* The state directory, the host's name, and the id of the group modelwatch ((gid_t) -1 for none), as
 * the supervisor knows them. */
const char *role_state_directory(const struct role *r);
const char *role_host(const struct role *r);
gid_t role_group(const struct role *r);

/* The link to the engine, or NULL while there is none. */
struct link *role_engine(struct role *r);
/* The link to the supervisor. */
struct link *role_supervisor(struct role *r);

/* Sends to the engine; -ENOTCONN while there is none, -EPIPE where it is gone. Any other failure of
 * the link ends the program: its successor gets a new one. */
int role_send(struct role *r, struct buf *packet, int fd);

/* Takes the descriptor passed under that name, or -1. Several of one name come in their order. */
int role_take_descriptor(struct role *r, const char *name);
/* Takes the next one whose name begins with PREFIX, in the order in which they came, or -1. */
int role_take_next_descriptor(struct role *r, const char *prefix);

/* Ends the loop: the program exits with STATUS (sysexits(3)). */
void role_exit(struct role *r, int status);
