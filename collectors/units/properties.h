/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of a unit, as GetAll() and PropertiesChanged have them.
 *
 * Layer: collectors. What the bus says is foreign: every text is checked for its length. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "daemon/base/clock.h"
#include "schema/unit.h"

#define SYSTEMD	       "org.freedesktop.systemd1"
#define UNIT_INTERFACE SYSTEMD ".Unit"

#define UNIT_OBJECT_MAX 1024 /* bytes of an object's path: each of a name's takes three at most */

/* A unit as the bus has it. No text is NULL. */
struct unit_seen {
	struct unit_state state;
	char *id;	 /* the name that signals call it by: `state.name` may be an alias */
	uint32_t job;	 /* its number, or 0 */
	char *job_path;
	usec_t began;	 /* to run, or to try; CLOCK_MONOTONIC, 0 for never */
	bool loads_anew; /* a property changed, and systemd did not say to what */
	bool whole;	 /* what changed last: of the two signals of one change this was the last */
};

/* NAME is copied. -ENOMEM: what is there is for unit_seen_done(). */
int unit_seen_init(struct unit_seen *u, const char *name);
void unit_seen_done(struct unit_seen *u);

/* Nothing runs, nothing waits: as far as is known of a unit that is not loaded. -ENOMEM. */
int unit_seen_rest(struct unit_seen *u, const char *load);

/* Reads an array a{sv} of properties into U. As properties_read_rows(). */
int properties_read(sd_bus_message *m, struct unit_seen *u);
/* The same of the body of PropertiesChanged. */
int properties_read_changed(sd_bus_message *m, struct unit_seen *u);
/* A property that is read into the field of an object, and its type, which is checked. */
struct property {
	const char *name, *type;
	int (*read)(sd_bus_message *m, void *field);
	size_t offset;
};

/* Reads an array a{sv} of properties into OBJECT as the ROWS say; those that they do not have are left out.
 * -EBADMSG, -ENOMEM, or what sd-bus says. */
int properties_read_rows(sd_bus_message *m, const struct property *rows, size_t row_count, void *object);
/* Reads a time into the usec_t *FIELD. As sd-bus says. */
int properties_read_time(sd_bus_message *m, void *field);
/* Reads one text, at most LIMIT bytes, into *FIELD. -EBADMSG, -ENOMEM, or what sd-bus says. */
int properties_read_text(sd_bus_message *m, char type, size_t limit, char **field);
