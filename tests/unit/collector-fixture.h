/* SPDX-License-Identifier: Apache-2.0 */
/* The real collector over real processes, with a sink that writes down what it is told. */
#pragma once

#include <limits.h>
#include <sys/types.h>

#include "collectors/process/collector.h"
#include "collectors/process/procfs.h"

#define SERVERS_MAX  32
#define MATCHES_MAX  4
#define PORTS_MAX    4
#define INTERVAL     (20 * USEC_PER_MSEC)

/* The words of what is told of the service "llama". */
#define STARTED	  EVENT_PROCESS_STARTED
#define EXITED	  EVENT_PROCESS_EXITED
#define RELEASED  EVENT_PROCESS_RELEASED
#define MISSING	  EVENT_SERVICE_MISSING
#define ENDED	  EVENT_SERVICE_ENDED
#define UP	  "modelwatch_service_up llama"
#define PROCESSES "modelwatch_service_processes llama"
#define RESTARTS  "modelwatch_service_restarts_total llama"
#define EXITS	  "modelwatch_service_exits_total llama "
#define GAUGE(x)  "modelwatch_service_" x " llama"

/* A copy of what was told; everything is freed with the fixture. */
struct told_event {
	char *type, *service, *reason;
	pid_t pid;
	uint64_t start, stack;
	char *command_line;
	char *evidence; /* lines of NAME=TEXT */
	struct sample *samples;
	size_t sample_count;
};

struct told_series {
	char *name; /* METRIC SERVICE[ VALUE of the other label] */
	double value;
	bool any, stale;
	unsigned count; /* samples, those of events included */
	bool counter;
};

struct told_fact {
	char *name; /* TOPIC SUBJECT KEY */
	char *value;
};

struct server {
	pid_t pid;
	int input, output;
};

struct collector_fixture {
	char directory[64];
	char cgroups[80]; /* what stands for the tree of cgroups */
	char program[PATH_MAX]; /* a copy of served.c's program, or of sh */
	sd_event *event;
	struct sink sink;
	bool connector; /* wanted */
	int obstacle;	/* why there is none */
	int events_socket; /* what stands for it, taken; 0 for nothing */
	bool discovery;
	bool full; /* the sink takes no more starts */
	usec_t orphan_wait; /* longer than any test, unless one says otherwise */
	struct collector *collector;
	void (*prepared)(struct collector_fixture *f); /* called before it starts, or NULL */
	const void *prepared_data;
	struct service_match matches[MATCHES_MAX];
	size_t match_count;
	const char *program_list[1];
	char command_line[80]; /* of fixture_command_line() */
	const char *command_line_list[1];
	uid_t user; /* ours: what processes of others are is hidden from an ordinary user */
	struct server servers[SERVERS_MAX];
	size_t server_count;
	int ports[PORTS_MAX]; /* sockets that keep them */
	size_t port_count;
	struct told_event *events;
	size_t event_count;
	struct told_series *series;
	size_t series_count;
	struct told_fact *facts;
	size_t fact_count;
	unsigned ticks;
};

/* cmocka set-up and tear-down. What is started is killed with all that it started. */
int collector_fixture_open(void **state);
int collector_fixture_open_connected(void **state); /* skips where there is no connector */
int collector_fixture_close(void **state);

/* Rows of a table of tests: without the kernel's process events, with them, both. */
#define WITHOUT(test)                                                                              \
	cmocka_unit_test_setup_teardown(test, collector_fixture_open, collector_fixture_close)
#define WITH(test)                                                                                 \
	{                                                                                          \
		#test "_connected", test, collector_fixture_open_connected,                        \
			collector_fixture_close, NULL                                              \
	}
#define BOTH(test) WITHOUT(test), WITH(test)

/* Copies PROGRAM (of the build, or a path) as NAME: what servers run and the service is found by. */
void fixture_program(struct collector_fixture *f, const char *program, const char *name);

/* What the cgroup of the servers says of kills for lack of memory from now on, in the hierarchy that is
 * looked at: of none unless a test says otherwise. False where there is no such hierarchy. CGROUP_OTHER: it
 * cannot be read, and the count of the host has to do, which rises with what others do. */
bool fixture_oom_kills(
	struct collector_fixture *f, enum cgroup_hierarchy hierarchy, unsigned kills);

/* A service found by the fixture's program; change what it gives before fixture_begin(). */
struct service_match *fixture_service(struct collector_fixture *f, const char *name);

/* Finds the service by the last argument of programs in the fixture's directory, whatever else it is
 * found by; once a fixture. */
void fixture_command_line(
	struct collector_fixture *f, struct service_match *m, const char *argument);

/* Starts to collect; KNOWN may be NULL. */
void fixture_begin(struct collector_fixture *f, const struct known *known);

/* Starts the program with ARGUMENTS (a NULL-terminated list; NULL for none) and returns when it runs. */
struct server *fixture_server(struct collector_fixture *f, const char *const *arguments);
/* A port of 127.0.0.1 that is nobody else's while the fixture lives, and a server that listens to it, as one
 * of weights. */
uint16_t free_port(struct collector_fixture *f);
struct server *server_of_weights(
	struct collector_fixture *f, uint16_t port, const char *weights);
struct server *listening_server(struct collector_fixture *f, uint16_t port);
/* One of the service "llama", seen by a collector that began. */
struct server *fixture_running(struct collector_fixture *f);
void server_say(struct server *s, const char *line);
/* A number that it writes. */
pid_t server_hear(struct server *s);
/* Ends it by a signal, or waits for its end (0), and takes the zombie away. Returns its status. */
int server_end(struct server *s, int signal);
uint64_t server_start_ticks(pid_t pid);

/* Runs the loop until so many events of that type (and service, unless NULL) were told; the last of
 * them. Fails after a time that only a hang takes. */
const struct told_event *fixture_await(
	struct collector_fixture *f, const char *type, const char *service, size_t count);
size_t fixture_events(struct collector_fixture *f, const char *type, const char *service);
/* Runs the loop for so many ticks more. */
void fixture_ticks(struct collector_fixture *f, unsigned count);
/* Runs the loop until the series has that value. */
void fixture_await_value(struct collector_fixture *f, const char *series, double value);
/* Runs the loop until the fact has that value. */
void fixture_await_fact(struct collector_fixture *f, const char *name, const char *value);

/* The series, or one that has no value. */
const struct told_series *fixture_series(struct collector_fixture *f, const char *name);
/* The value of a series in an event; NAN where it changes it not, or ends it. */
double event_value(struct collector_fixture *f, const struct told_event *e, const char *series);
bool event_has(struct collector_fixture *f, const struct told_event *e, const char *series);
/* "" for none. */
const char *fixture_fact(struct collector_fixture *f, const char *name);
