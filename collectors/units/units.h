/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd says of the units that services are: watched over the system bus, never polled.
 *
 * Layer: collectors. The protocol is org.freedesktop.systemd1(5). Every call is asynchronous. A bus that is
 * not there, does not answer, says nonsense or goes away is tried again (250 ms .. 10 s), and then
 * everything is asked anew. Signals count from the process that has systemd's name alone: anybody may
 * send others. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "schema/unit.h"

#define UNITS_MAX 256 /* units watched at one time: a bus takes so many subscriptions of one connection */

struct units_sink {
	/* The unit's state changed; its `load` is "" where it is gone, and nobody named it but a glob.
	 * 0, or -errno: the watch fails. */
	int (*unit)(void *userdata, const struct unit_state *u);
	/* True: all that are asked for were told. False: what was told may be old, since WHY (-errno), which
	 * is told again where it changes. */
	int (*known)(void *userdata, bool known, int why);
	/* There are more than UNITS_MAX: NAME and others are not watched; NULL: all are again. */
	void (*crowded)(void *userdata, const char *name);
	/* Watching ends for this reason, -errno. */
	void (*failed)(void *userdata, int reason);
	void *userdata;
};

struct units_options {
	const char *address;      /* of the bus, as sd_bus_set_address(3) takes it */
	const char *const *names; /* of units, complete; also globs */
	size_t name_count;
};

struct units;

/* Begins to connect. SINK and what OPTIONS points to must live on. 0, -ENOMEM, -errno of the loop. */
int units_new(sd_event *event, const struct units_sink *sink, const struct units_options *options,
	struct units **ret);
struct units *units_free(struct units *w);

/* Tells everything once more. */
void units_repeat(struct units *w);
