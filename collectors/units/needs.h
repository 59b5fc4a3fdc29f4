/* SPDX-License-Identifier: Apache-2.0 */
/* What a unit needs, and how it came and went, as GetAll() has it.
 *
 * Layer: collectors. What the bus says is foreign: every name is checked for its length. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "daemon/base/clock.h"

#define NEEDS_MAX	32   /* names of one list, */
#define NEEDS_BYTES_MAX 4096 /* and of these together; others are left out */

struct needs_list {
	char *names[NEEDS_MAX];
	size_t count, size;
};

/* Times are of CLOCK_MONOTONIC; 0 for never. */
struct needs {
	char *active; /* ActiveState; NULL where it was not told: such a one is not to be judged */
	bool has_job;
	usec_t active_exit, inactive_enter;
	struct needs_list bound; /* systemd stops this one when one of them leaves by itself */
	struct needs_list other; /* ...only together with them */
};

/* Reads an array a{sv} of properties of the interface Unit. -EBADMSG, -ENOMEM, or what sd-bus says; also then
 * *RET is for needs_done(). */
int needs_read(sd_bus_message *m, struct needs *ret);
void needs_done(struct needs *n);
