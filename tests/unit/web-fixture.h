/* SPDX-License-Identifier: Apache-2.0 */
/* The web role for its tests, which are its supervisor, its engine and its clients. Failures here
 * fail the test. Include after cmocka.h. */
#pragma once

#include <sys/types.h>

#include <jansson.h>

#include "daemon/base/buf.h"
#include "schema/store.h"
#include "tests/unit/role-fixture.h"

/* Shorter than the timeout of a silent connection. */
#define DEADLINE (10 * USEC_PER_SEC)
/* What fill_store() calls the service, and where its page is. */
#define SERVICE   "a b<i>"
#define PAGE_PATH "/services/a%20b%3Ci%3E"

struct fixture {
	struct role_fixture role;
	char path[96], database[96]; /* PATH: of the Unix socket */
	unsigned port;		     /* on 127.0.0.1 */
	struct store *store; /* NULL before fill_store() */
	unsigned status;     /* what the engine answers, 0 nothing; at 200 it does what it is told */
	unsigned commands;
	char command[256]; /* the last: verb, argument, body */
	pid_t peer;        /* who asked */
};

#define await(f, condition) role_fixture_await((f)->role.event, DEADLINE, condition)

/* cmocka set-up and tear-down of a group: ./modelwatch-web, listening and configured with one alert
 * rule, without a database and without an engine; at the end it has to stop as told. */
int setup(void **state);
int teardown(void **state);

/* Gives the role a link to the engine that the test plays, in place of the one before. */
void connect_engine(struct fixture *f);

/* Makes the database: one service, one role, one incident (17), one fact, a minute of samples. */
void fill_store(struct fixture *f);

/* An answer, read to its end. */
struct response {
	struct buf text;
	bool done;
	unsigned status;
	const char *body; /* inside TEXT */
};

void response_done(struct response *a);

/* Reads on into the answer that USERDATA is; as a sd_event_io_handler_t. */
int on_answer(sd_event_source *source, int fd, uint32_t events, void *userdata);

/* A connection of the caller's, over TCP or the Unix socket. */
int dial(struct fixture *f, bool tcp);

/* Sends REQUEST (method and target) with HEADERS (whole lines) and the SIZE bytes of BODY, and
 * awaits the answer; over TCP where HOST is given, else over the Unix socket. */
struct response send_request(struct fixture *f, const char *request, const char *host,
	const char *headers, const char *body, size_t size);

/* GET over the Unix socket. */
struct response get(struct fixture *f, const char *target);

/* GET has to be answered with STATUS. */
void assert_status(struct fixture *f, const char *target, unsigned status);

/* GET has to be answered with 200 and JSON, which becomes the caller's. */
json_t *get_json(struct fixture *f, const char *target);
