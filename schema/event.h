/* SPDX-License-Identifier: Apache-2.0 */
/* What collectors send up: samples, events and facts, through one sink.
 *
 * Layer: schema. A collector knows this header and nothing of messages, rules or SQL. The sink is
 * implemented by the role that runs the collector, or by a test. */
#pragma once

#include <stdint.h>

#include "daemon/base/clock.h"
#include "schema/series.h"

/* A named text: an attribute of an event, or evidence that an alert carries. */
struct evidence {
	char *name;
	char *text;
};

/* A value of a series that the sink knows by the id that its declare() gave. */
struct sample {
	uint32_t series;
	double value;
};

/* Something that happened once. Nothing in it is owned by it. */
struct event {
	const char *type;    /* one of event_types below */
	const char *service; /* "" where it belongs to none */
	usec_t time;	     /* wall */
	int64_t pid;	     /* of a process event: the main process; else 0 */
	uint64_t start;	     /* its start in clock ticks since boot, field 22 of /proc/PID/stat */
	const char *reason;  /* of an exit: as INTERFACES names it; else "" */
	const struct evidence *evidence;
	size_t evidence_count;
	const struct sample *samples; /* the values that it changes, committed with it */
	size_t sample_count;
};

/* A main process of a service began: a new row of what is known, no incident by itself. */
#define EVENT_PROCESS_STARTED "process-started"
/* A main process of a service ended, with its reason. */
#define EVENT_PROCESS_EXITED "process-exited"
/* A discovered service is no longer there to be watched: its series ended. */
#define EVENT_SERVICE_ENDED "service-ended"

/* The series ended: Prometheus's stale NaN, in one bit pattern. */
double sample_stale(void);
bool sample_is_stale(double value);

struct sink {
	/* Makes the series known; the id is the sink's. 0 or -errno. Declaring it again gives the
	 * same id. */
	int (*declare)(void *userdata, const struct series *series, uint32_t *ret_id);
	/* A value of this tick. They are stored together at tick(). */
	int (*sample)(void *userdata, uint32_t id, double value);
	/* The tick's samples are complete. COLLECTOR names who collected, NOW is wall time. */
	int (*tick)(void *userdata, const char *collector, usec_t now);
	/* At once, with everything it carries. Copied before it returns; the sink repeats it until
	 * the engine has it. */
	int (*event)(void *userdata, const struct event *event);
	/* Something true until said otherwise: TOPIC ("service", "doctor"), SUBJECT (the service's
	 * name, what doctor reports on), KEY and VALUE; an empty VALUE takes it back. */
	int (*fact)(void *userdata, const char *topic, const char *subject, const char *key,
		const char *value);
	void *userdata;
};

/* What the engine remembers of a service for a collector that starts (again): the main processes
 * it knew and the counters it had, so that nothing is missed or counted twice. */
struct known_process {
	char *service;
	int64_t pid;
	uint64_t start;
	char *boot; /* /proc/sys/kernel/random/boot_id when it was seen */
};
struct known_counter {
	struct series series;
	double value;
};
struct known {
	struct known_process *processes;
	size_t process_count;
	struct known_counter *counters;
	size_t counter_count;
};

void known_done(struct known *k);
