/* SPDX-License-Identifier: Apache-2.0 */
/* A role and this test at the other ends of its links: its supervisor and its engine, or, where the
 * engine itself is tested, the roles around it. What goes wrong here fails the test. Include after
 * cmocka.h. */
#pragma once

#include <sys/types.h>
#include <systemd/sd-event.h>

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/config/config.h"
#include "daemon/link.h"

/* Runs the loop until CONDITION holds, at most for DEADLINE, which only a hang takes; heartbeats
 * alone do not put the end off. */
#define role_fixture_await(event, deadline, condition)                                             \
	for (usec_t _begin = clock_monotonic(); !(condition);) {                                   \
		assert_true(sd_event_run(event, deadline) >= 0);                                   \
		assert_true(usec_since(clock_monotonic(), _begin) < (deadline));                   \
	}

/* Makes a link and becomes one end of it. Returns the other end, the caller's, which SENDER (a FROM_
 * bit) gets. */
int role_fixture_link(sd_event *event, unsigned sender, const struct link_ops *ops, void *userdata,
	struct link **ret);

/* Completes the packet and sends it with a copy of FD (-1 for none). */
void role_fixture_send(struct link *l, struct buf *packet, int fd);

/* As `closed` of a link_ops: the end of the link fails the test. */
void role_fixture_closed(struct link *l, int reason, void *userdata);

/* The program of a role as it runs, sandbox and all, in a child process. */
struct role_fixture {
	sd_event *event;
	struct link *supervisor, *engine; /* our ends; no engine before role_fixture_connect() */
	pid_t pid;
	char directory[64]; /* the state directory */
	bool ready;
};

/* Makes the loop and the directory. */
void role_fixture_make(struct role_fixture *f);

/* Starts ./modelwatch-NAME, which waits to be configured then. */
void role_fixture_start(struct role_fixture *f, const char *name);

/* Passes READER's (a FOR_ bit) slice of the configuration, and returns when the role is ready, within
 * DEADLINE. */
void role_fixture_configure(
	struct role_fixture *f, const struct config *c, unsigned reader, usec_t deadline);

/* Gives the role, which is SENDER (a FROM_ bit), a link to an engine that OPS play, in place of the
 * one before. */
void role_fixture_connect(struct role_fixture *f, unsigned sender, const struct link_ops *ops,
	void *userdata);

/* Tells the role to stop: it has to, without a fault. */
void role_fixture_stop(struct role_fixture *f);

/* The loop, our ends and the directory with all that is in it. */
void role_fixture_remove(struct role_fixture *f);
