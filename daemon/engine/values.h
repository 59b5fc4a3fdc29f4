/* SPDX-License-Identifier: Apache-2.0 */
/* The newest value of every series, in memory: what rules read, and what waits to be stored.
 *
 * Layer: daemon; the engine. Values live until their series is ended; a silent collector keeps them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "alerts/promql/promql.h"
#include "schema/sample.h"
#include "schema/series.h"

struct value {
	struct series series;
	uint32_t id; /* of the store; valid where it is stored */
	bool stored;
	bool fresh; /* stored by the transaction that is under way: undone if that fails */
	double current;
	int64_t time_ms; /* 0: never had one */
};

/* The time at which a number that comes now stands in the store: TIME_MS, but not before the number
 * that it follows. A tick lies on the grid and an event has its own millisecond, so one may come
 * behind the other with an earlier time; after a restart the last by time counts. */
static inline int64_t value_time(const struct value *v, int64_t time_ms)
{
	return time_ms > v->time_ms ? time_ms : v->time_ms;
}

struct values;

struct values *values_new(void);
struct values *values_free(struct values *v);

void values_limit(struct values *v, size_t max_series);

/* The series' place, made if new: valid until values_free(). -E2BIG over the limit, -EINVAL where it
 * is no valid series, -ENOMEM. */
int values_find(struct values *v, const struct series *series, struct value **ret);

/* The same for METRIC{LABEL="TEXT"} or, with LABEL NULL, METRIC. */
int values_find_simple(struct values *v, const char *metric, const char *label, const char *text,
	struct value **ret);

/* Calls FN for each; an error of it stops and is returned. */
typedef int (*value_fn)(void *userdata, struct value *value);
int values_each(struct values *v, value_fn fn, void *userdata);

/* Where rules read: every series that has a value and did not end. */
struct promql_source values_source(struct values *v);
