/* SPDX-License-Identifier: Apache-2.0 */
/* The engine as it is, in this process: only what role.c does for a role is done here, and this test is
 * the collector, `notify` and `web` at the other ends of its links. Time is real, and awaited.
 *
 * `notify` answers every delivery with 200 at once, but for those of the webhook "dead", of which it
 * says nothing; and it looks that the row of what it is handed is durable. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/un.h>

#include <cmocka.h>

#include "daemon/role.h"
#include "schema/store_read.h"
#include "tests/unit/config-files.h"
#include "tests/unit/role-fixture.h"

#define POSTS_MAX		64
#define ENGINE_FIXTURE_DEADLINE (20 * USEC_PER_SEC)

struct post {
	char message_id[64], webhook[32], type[32];
};

struct engine_fixture {
	sd_event *event;
	struct files files; /* its directory is the state directory */
	struct config *config;
	struct role *role; /* NULL while the engine does not run */
	struct link *process, *notify, *web;
	usec_t began;
	uint64_t last_event, done; /* sent by the collector; durable */
	uint32_t event_series; /* that its events change: 0 is up, 1 the resident memory */
	struct post posts[POSTS_MAX];
	size_t post_count;
	uint64_t stack;		  /* of the starts that the collector tells of */
	const char *command_line; /* as well; NULL for "" */
	const char *reason; /* of the ends that the collector tells of; NULL for none */
	unsigned answer;    /* what `notify` says of a delivery; 200 at first */
	const char *because; /* what went wrong, where that is not 200 */
	bool hold;	    /* it says nothing, but of the first of them when it is told to: */
	uint64_t held;	    /* the id of that, or 0 */
	unsigned status; /* of the last reply to `web`; 0 while it is awaited */
	size_t replies;	 /* to `web`, all in all */
	char reply[256]; /* the body of the last */
	char trouble[256];
};

/* The engine with what CONFIG says, not started. */
void engine_fixture_make(struct engine_fixture *f, const char *config);
void engine_fixture_remove(struct engine_fixture *f);
void engine_fixture_start(struct engine_fixture *f);
void engine_fixture_stop(struct engine_fixture *f);
/* The supervisor announces a reload that replaces `notify`, since that webhook changes. */
void engine_fixture_announce_notify(struct engine_fixture *f, const char *webhook);
/* Another configuration, as after SIGHUP. */
void engine_fixture_reload(struct engine_fixture *f, const char *config);
/* The path of the database; free() it. */
char *engine_fixture_database(const struct engine_fixture *f);

/* The collector tells of a main process of "llama": TYPE is an EVENT_. */
void engine_fixture_event(struct engine_fixture *f, const char *type, int64_t pid, double up);
/* The collector measured the resident memory of "llama". */
void engine_fixture_resident(struct engine_fixture *f, double bytes);
/* The collector states a fact of a service. */
void engine_fixture_fact(
	struct engine_fixture *f, const char *service, const char *key, const char *value);
/* A person with the unix socket asks for VERB. */
void engine_fixture_command(struct engine_fixture *f, const char *verb, const char *argument);
/* The same over a connection that `web` accepted. */
void engine_fixture_command_over(
	struct engine_fixture *f, int accepted, const char *verb, const char *argument);
/* A socket with a path that listens; fills *RET with its address. */
int engine_fixture_listen(struct engine_fixture *f, struct sockaddr_un *ret);

/* `notify` says what came of the first that it held back. */
void engine_fixture_answer(struct engine_fixture *f, unsigned status);
/* How many posts of that type came for the webhook. */
size_t engine_fixture_posts(const struct engine_fixture *f, const char *webhook, const char *type);

#define engine_fixture_await(f, condition)                                                         \
	role_fixture_await((f)->event, ENGINE_FIXTURE_DEADLINE, condition)
