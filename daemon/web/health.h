/* SPDX-License-Identifier: Apache-2.0 */
/* Whether modelwatch itself works: every role runs, every collector reported in time, and systemd can
 * be asked where services are units.
 *
 * Layer: daemon/web. Pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "schema/records.h"

struct collector_report {
	const char *name;
	int64_t last_ms; /* its last success; 0 for never */
};

struct health {
	const struct role_record *roles;
	size_t role_count;
	const struct collector_report *collectors;
	size_t collector_count;
	bool engine; /* we are connected to the engine; what its row says may be its last words */
	const char *trouble; /* why the database cannot be written, or NULL */
	const char *systemd; /* why it cannot be asked about units, or NULL */
	int64_t interval_ms;
	int64_t now_ms;
};

/* A collector whose last report is so old says nothing about now. */
bool health_is_late(int64_t last_ms, int64_t interval_ms, int64_t now_ms);

/* {"status":"ok"|"failing","reasons":[...]}, or NULL without memory. */
json_t *health_json(const struct health *h);

/* True where that says ok. */
bool health_is_ok(const json_t *json);
