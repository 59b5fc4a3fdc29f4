/* SPDX-License-Identifier: Apache-2.0 */
/* What a collector that starts (again) goes on from.
 *
 * Layer: schema. Pure. */
#pragma once

#include "schema/series.h"

/* What the engine remembers of a service for a collector that starts (again): the main processes
 * it knew and the values it had, so that nothing is missed or counted twice. */
struct known_process {
	char *service;
	int64_t pid;
	uint64_t start;
	char *boot; /* /proc/sys/kernel/random/boot_id when it was seen */
	uint64_t stack;	    /* as in struct event */
	char *command_line; /* as in struct event */
};
struct known_value {
	/* A modelwatch_service_* counter, _up, _expected, _stopped or _stop_time_seconds. */
	struct series series;
	double value;
};
struct known {
	struct known_process *processes;
	size_t process_count;
	struct known_value *values;
	size_t value_count;
};

void known_done(struct known *k);

/* True for what known_read() takes. */
bool known_process_is_valid(const struct known_process *p);
/* Bytes of what known_write() makes of it, but for the text of its command line. */
size_t known_process_size(const struct known_process *p);
size_t known_value_size(const struct series *s);

/* The wire form inside a message. The reader takes foreign bytes: -EBADMSG, -ENOMEM; *RET is for
 * known_done(). */
void known_write(const struct known *k, struct buf *b);
int known_read(const void *data, size_t size, struct known *ret);
