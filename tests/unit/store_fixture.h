/* SPDX-License-Identifier: Apache-2.0 */
/* A store in a directory of its own, for the store's tests. */
#pragma once

#include <limits.h>

#include "schema/store.h"

struct fixture {
	char directory[64];
	char path[128]; /* of the database */
	struct store *store;
};

/* cmocka set-up and tear-down: a directory and an open store; nothing of it stays. */
int fixture_open(void **state);
int fixture_close(void **state);
/* The directory alone. */
int fixture_make(void **state);

/* Opens the store (again). */
void fixture_reopen(struct fixture *f);

/* A series METRIC without labels, as an id. Inside a transaction. */
uint32_t fixture_series(struct fixture *f, const char *metric);

/* One moment of COUNT series (ids from 1) that all have VALUE, committed. */
int fixture_tick(struct fixture *f, int64_t time_ms, uint32_t count, double value);

/* How many moments since SINCE_MS and the newest of series METRIC. */
struct fixture_range {
	size_t count;
	int64_t first_ms, last_ms;
	double last;
};
int fixture_read(struct reader *r, const char *metric, struct fixture_range *ret);

/* Runs SQL on the file over a connection of its own. */
void fixture_sql(const char *path, const char *sql);
