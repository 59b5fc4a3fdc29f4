/* SPDX-License-Identifier: Apache-2.0 */
/* Where collectors send what they find: samples, events and facts.
 *
 * Layer: schema. A collector knows this header and nothing of messages, rules or SQL. The sink is
 * implemented by the role that runs the collector, or by a test. */
#pragma once

#include "schema/event.h"
#include "schema/series.h"

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
