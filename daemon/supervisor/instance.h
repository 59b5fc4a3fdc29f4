/* SPDX-License-Identifier: Apache-2.0 */
/* One running program of a role, as the supervisor sees it: its process, its channel, its state.
 *
 * Layer: daemon. Fork and exec with descriptor 3 alone; everything else is passed over the channel. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "daemon/base/clock.h"
#include "daemon/link.h"
#include "daemon/roles.h"

enum instance_state {
	INSTANCE_STARTING, /* until it says ready */
	INSTANCE_RUNNING,
	INSTANCE_HUNG, /* killed, but not gone */
	INSTANCE_STOPPING,
};

struct instance;

struct instance_ops {
	/* It is in its sandbox and serves. */
	void (*ready)(struct instance *i, void *userdata);
	/* The engine: the process PID broke the rules. */
	void (*complained)(struct instance *i, int64_t pid, const char *why, void *userdata);
	/* Its process is gone; the instance is the owner's to free. CODE and STATUS as in waitid(2). */
	void (*exited)(struct instance *i, int code, int status, void *userdata);
};

/* Starts PROGRAM. */
int instance_new(sd_event *event, const struct role_row *row, const char *program,
	const struct instance_ops *ops, void *userdata, struct instance **ret);
/* Kills what still runs; its process is reaped by the loop. */
struct instance *instance_free(struct instance *i);

const struct role_row *instance_row(const struct instance *i);
pid_t instance_pid(const struct instance *i);
enum instance_state instance_state(const struct instance *i);
bool instance_is_running(const struct instance *i); /* false for NULL */
const char *instance_state_name(enum instance_state state);
/* Monotonic times: of its start; of its last sign of life, or when it was asked to stop. */
usec_t instance_started(const struct instance *i);
usec_t instance_alive(const struct instance *i);
/* Its silence until now is forgiven. */
void instance_forgive(struct instance *i);

/* Sends a packet that is not completed yet. Failures end the instance, not the caller. */
void instance_send(struct instance *i, struct buf *packet, int fd);
void instance_pass(struct instance *i, const char *name, int fd);

/* Asks it to stop in order; the caller sees it exit. */
void instance_stop(struct instance *i);
/* SIGKILL; STATE is INSTANCE_HUNG or INSTANCE_STOPPING. */
void instance_kill(struct instance *i, enum instance_state state);
