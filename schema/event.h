/* SPDX-License-Identifier: Apache-2.0 */
/* Something that happened once, as a collector tells it, with the evidence of it.
 *
 * Layer: schema. Pure. */
#pragma once

#include "daemon/base/clock.h"
#include "schema/sample.h"

/* A named text: an attribute of an event, or evidence that an alert carries. */
struct evidence {
	char *name;
	char *text;
};

/* Something that happened once. Nothing in it is owned by it. */
struct event {
	const char *type;    /* one of those below */
	const char *service; /* "" where it belongs to none */
	usec_t time;	     /* wall */
	int64_t pid;	     /* of a process event: the main process; else 0 */
	uint64_t start;	     /* its start in clock ticks since boot, field 22 of /proc/PID/stat */
	uint64_t stack; /* of a start: where its stack begins, field 28, new with each exec; 0: unknown */
	const char *command_line; /* of a start: as it was when it was found, without secrets; else "" */
	const char *reason;  /* of an exit: a word of exit_reason_name(); else "" */
	const struct evidence *evidence;
	size_t evidence_count;
	const struct sample *samples; /* the values that it changes, committed with it */
	size_t sample_count;
};

/* A main process of a service began: a new row of what is known, no incident by itself. Told again where it
 * executed what is the service, too. */
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

#define EVENT_COMMAND_LINE_MAX 4096 /* bytes; what is beyond is cut off */

/* What the kernel gives to processes. */
bool process_id_is_valid(int64_t pid);
/* What it says of the main process: that it is the service's now, or no longer. */
bool event_begins_process(const struct event *e);
bool event_ends_process(const struct event *e);

void evidence_list_free(struct evidence *list, size_t count);
int evidence_list_copy(const struct evidence *from, size_t count, struct evidence **ret);

/* The wire form inside messages. The reader takes foreign bytes: -EBADMSG, -ENOMEM; its list is the
 * caller's. */
void evidence_write(const struct evidence *list, size_t count, struct buf *b);
int evidence_read(const void *data, size_t size, struct evidence **ret, size_t *ret_count);
