/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of the units that services are: the last word of systemd of each.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include <sys/types.h>

#include "collectors/process/match.h"
#include "daemon/base/map.h"
#include "schema/unit.h"

struct collector;
struct service;

struct known_unit {
	struct unit_state state;
	pid_t main;    /* its last main process; 0 where it had none since it began */
	pid_t asked;   /* the last main process that was asked to stop; 0 for none */
	bool stopping; /* it is asked to stop, or was and did not begin anew, */
	usec_t stopping_since; /* of clock_boot(): since then */
	bool told;     /* how its last run ended, or that is not for us to tell */
	bool old;      /* not told since all are told anew */
	bool disabled; /* it was enabled when that was judged last, and is not any more */
};

/* What was told of a service's units, so that only news are. */
enum unit_fact {
	UNIT_FACT_NAME,
	UNIT_FACT_STATE,
	UNIT_FACT_RESULT,
	UNIT_FACT_RESTARTS,
	UNIT_FACT_FILE,
	UNIT_FACTS,
};
struct unit_telling {
	char *facts[UNIT_FACTS]; /* NULL for nothing */
	char *failure;		 /* why it could not begin; NULL for nothing */
	bool looked;		 /* what systemd says was looked at, since we began */
};
void unit_telling_done(struct unit_telling *t);

/* For map_free(). */
void known_unit_free(void *unit);
/* True for a service that is found by its units. */
bool units_has(const struct service *s);
/* The next unit of the service, from *POSITION (0 first) on; NULL behind the last. */
struct known_unit *units_next(const struct service *s, size_t *position);
/* True while nobody can tell whether it should have a process now: units were not told yet, or one begins,
 * ends or waits for that. */
bool units_are_moving(const struct service *s);
/* True where it should be there by what its units are: at least one is enabled, or cannot be. */
bool units_are_enabled(const struct service *s);
/* By clock_boot(): when the last of its units that rest in success was asked to stop; 0 for none. */
usec_t units_stopped_since(const struct service *s);
/* True where all of them rest in success, and nobody but who asked for it made them. */
bool units_rest(const struct service *s);
/* True where its unit began anew after the main process PID, and systemd did not do that by itself. */
bool units_were_restarted(const struct service *s, pid_t pid);
/* True where one runs, as systemd sees it. */
bool units_run(const struct service *s);
/* True where one ended in failure, or was stopped though nobody asked for that. */
bool units_have_failed(const struct service *s);
/* Why there is no main process: "vllm.service is inactive (dead)". */
void units_explain(const struct service *s, struct buf *b);
/* "a.service, b.service": those that are known, else what they are configured by. */
void units_write_names(const struct service *s, struct buf *b);
/* What systemd said of units until now has its consequences, for all services. */
void units_look_at_all(struct collector *c);
