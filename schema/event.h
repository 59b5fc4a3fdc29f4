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
	const char *type;    /* one of those below */
	const char *service; /* "" where it belongs to none */
	usec_t time;	     /* wall */
	int64_t pid;	     /* of a process event: the main process; else 0 */
	uint64_t start;	     /* its start in clock ticks since boot, field 22 of /proc/PID/stat */
	const char *reason;  /* of an exit: a word of exit_reason_name(); else "" */
	const struct evidence *evidence;
	size_t evidence_count;
	const struct sample *samples; /* the values that it changes, committed with it */
	size_t sample_count;
};

/* A main process of a service began: a new row of what is known, no incident by itself. */
#define EVENT_PROCESS_STARTED "process-started"
/* A main process of a service ended, with its reason. */
#define EVENT_PROCESS_EXITED "process-exited"
/* A main process of a service lives on, but is the service's no longer: the configuration changed, or
 * the program that it runs. Its row is forgotten, and its end will be nobody's. */
#define EVENT_PROCESS_RELEASED "process-released"
/* A configured service that is expected was not found when the collector began to look. */
#define EVENT_SERVICE_MISSING "service-missing"
/* A discovered service is no longer there to be watched: its series ended. Or a configured one that was
 * missing may be there, but whether it is cannot be seen. */
#define EVENT_SERVICE_ENDED "service-ended"

/* The series ended: Prometheus's stale NaN, in one bit pattern. */
double sample_stale(void);
bool sample_is_stale(double value);

/* The value of a fact of the topic "doctor" under the key "state". */
enum check_state {
	CHECK_OK,
	CHECK_LIMITED,  /* it works, but not all of it */
	CHECK_MISSING,  /* the host does not give what is needed */
	CHECK_FAILING,
	CHECK_DISABLED, /* it failed, and is not tried again before a reload */
	CHECK_STATES,
};
const char *check_state_name(enum check_state s);

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
	/* False while so many events wait for the engine that new processes are to be left alone. */
	bool (*has_room)(void *userdata);
	/* Collecting ends for this reason, -errno. */
	void (*failed)(void *userdata, int reason);
	void *userdata;
};

/* What the engine remembers of a service for a collector that starts (again): the main processes
 * it knew and the values it had, so that nothing is missed or counted twice. */
struct known_process {
	char *service;
	int64_t pid;
	uint64_t start;
	char *boot; /* /proc/sys/kernel/random/boot_id when it was seen */
};
struct known_value {
	struct series series; /* a modelwatch_service_* counter, or modelwatch_service_up */
	double value;
};
struct known {
	struct known_process *processes;
	size_t process_count;
	struct known_value *values;
	size_t value_count;
};

void known_done(struct known *k);

/* What the kernel gives to processes. */
bool process_id_is_valid(int64_t pid);
/* True for what known_read() takes. */
bool known_process_is_valid(const struct known_process *p);
/* Bytes of what known_write() makes of it. */
size_t known_process_size(const struct known_process *p);
size_t known_value_size(const struct series *s);

/* The wire form of what travels inside messages; the readers are pure and take foreign bytes:
 * -EBADMSG, -ENOMEM. A list from a reader is the caller's. */
void evidence_write(const struct evidence *list, size_t count, struct buf *b);
int evidence_read(const void *data, size_t size, struct evidence **ret, size_t *ret_count);
void samples_write(const struct sample *list, size_t count, struct buf *b);
int samples_read(const void *data, size_t size, struct sample **ret, size_t *ret_count);
void known_write(const struct known *k, struct buf *b);
int known_read(const void *data, size_t size, struct known *ret);
