/* SPDX-License-Identifier: Apache-2.0 */
/* One run of a prepared statement: parameters in their order, then rows and their columns in
 * theirs, with a sticky error.
 *
 * Layer: schema, within the store. Put and get freely; query_step() and query_run() tell. After the
 * first failure every later call does nothing and every column reads as nothing. */
#pragma once

#include "daemon/base/cleanup.h"
#include "schema/database.h"

struct query {
	struct database *database;
	sqlite3_stmt *statement;
	int column; /* put or got last */
	bool write; /* its failure makes the transaction fail */
	int error;
};

#define _cleanup_query_ _cleanup_(query_done)

/* For reading; and for changing, which must stand inside a transaction: after one of its changes
 * failed, all others and its commit fail with the same error. */
struct query query_read(struct database *d, enum statement statement);
struct query query_write(struct database *d, enum statement statement);
/* Makes the statement ready for its next run. */
void query_done(struct query *q);

void query_put_i64(struct query *q, int64_t value);
void query_put_time(struct query *q, int64_t ms);	     /* 0 becomes NULL: "not" */
void query_put_id(struct query *q, int64_t id);		     /* 0 becomes NULL: a new row */
void query_put_f64(struct query *q, double value);	     /* NaN becomes NULL */
void query_put_text(struct query *q, const char *text);	     /* NULL becomes "" */
void query_put_text_or_null(struct query *q, const char *text);
/* DATA must live on until the query is done. */
void query_put_blob(struct query *q, const void *data, size_t size);

/* 1: there is a row; 0: no more; or the error. */
int query_step(struct query *q);
/* Runs to the end, without rows. */
int query_run(struct query *q);

int64_t query_get_i64(struct query *q); /* NULL gives 0 */
double query_get_f64(struct query *q);	/* NULL gives NaN */
/* Texts are copies; free() them. NULL after an error. */
char *query_get_text(struct query *q); /* NULL gives "" */
char *query_get_text_or_null(struct query *q);
/* Belongs to the query, until its next step. */
const char *query_look_text(struct query *q);
const void *query_look_blob(struct query *q, size_t *ret_size);

/* The database says so itself: it is damaged where a column holds what never was put there. */
void query_fail(struct query *q, int r);
