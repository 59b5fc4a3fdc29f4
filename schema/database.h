/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to the database: opening, errors, transactions and its prepared statements.
 *
 * Layer: schema; the ground of store.h and store_read.h, seen by nobody else. A statement is
 * prepared when it is first used and kept until the connection closes. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/clock.h"

/* "MWTS": tells our file from any other application's. */
#define DATABASE_APPLICATION_ID 0x4D575453

enum statement {
#define STATEMENT(name, sql) STATEMENT_##name,
#include "schema/statements.def"
#undef STATEMENT
	STATEMENT_COUNT
};

struct database {
	sqlite3 *connection;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	bool reader;	  /* may not write; errors of locking mean that no writer is there */
	usec_t read_time; /* how long one statement may take; 0 for no limit */
	usec_t deadline;  /* of the statement that runs; monotonic */
	int failed;	  /* the first error of a write inside this transaction, or 0 */
};

/* Opens an existing file. 0 or -errno as in store.h; D is closed after a failure. */
int database_open_writer(struct database *d, const char *path);
int database_open_reader(struct database *d, const char *path);
void database_close(struct database *d);

/* Closes without the final checkpoint: the file stays as it is. */
void database_abandon(struct database *d);

/* What CODE, a result of SQLite, means as -errno. */
int database_errno(const struct database *d, int code);

/* Runs SQL without parameters; results are dropped. What a reader runs may be run again. */
int database_execute(struct database *d, const char *sql);
/* The one number that SQL gives. */
int database_number(struct database *d, const char *sql, int64_t *ret);

bool database_in_transaction(const struct database *d);
