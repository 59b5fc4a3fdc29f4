/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/query.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

static const char *const statement_sql[] = {
#define STATEMENT(name, sql) [STATEMENT_##name] = sql,
#include "schema/statements.def"
#undef STATEMENT
};

void query_fail(struct query *q, int r)
{
	if (q->error < 0)
		return;
	q->error = r;
	if (q->write && q->database->failed == 0)
		q->database->failed = r;
}

/* Takes a result code of SQLite. */
static void check(struct query *q, int code)
{
	if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE)
		query_fail(q, database_errno(q->database, code));
}

static struct query start(struct database *d, enum statement statement, bool write)
{
	struct query q = {.database = d, .write = write};

	if (write && d->failed < 0)
		q.error = d->failed;
	if (!d->statements[statement] && q.error == 0)
		check(&q, sqlite3_prepare_v3(d->connection, statement_sql[statement], -1,
				  SQLITE_PREPARE_PERSISTENT, &d->statements[statement], NULL));
	q.statement = d->statements[statement];
	if (d->read_time > 0)
		d->deadline = usec_add(clock_monotonic(), d->read_time);
	return q;
}

struct query query_read(struct database *d, enum statement statement)
{
	return start(d, statement, false);
}

struct query query_write(struct database *d, enum statement statement)
{
	/* A failed write may have ended the transaction already. */
	assert(database_in_transaction(d) || d->failed < 0);
	return start(d, statement, true);
}

void query_done(struct query *q)
{
	if (!q->statement)
		return;
	sqlite3_reset(q->statement);
	sqlite3_clear_bindings(q->statement);
	q->statement = NULL;
}

void query_put_i64(struct query *q, int64_t value)
{
	if (q->error == 0)
		check(q, sqlite3_bind_int64(q->statement, ++q->column, value));
}

void query_put_time(struct query *q, int64_t ms)
{
	if (ms != 0)
		query_put_i64(q, ms);
	else
		q->column++;
}

void query_put_id(struct query *q, int64_t id)
{
	query_put_time(q, id);
}

void query_put_f64(struct query *q, double value)
{
	if (q->error == 0)
		check(q, sqlite3_bind_double(q->statement, ++q->column, value));
}

void query_put_text(struct query *q, const char *text)
{
	query_put_text_or_null(q, text ? text : "");
}

void query_put_text_or_null(struct query *q, const char *text)
{
	if (q->error == 0)
		check(q, sqlite3_bind_text(q->statement, ++q->column, text, -1,
				 SQLITE_TRANSIENT));
}

void query_put_blob(struct query *q, const void *data, size_t size)
{
	if (q->error == 0)
		check(q, sqlite3_bind_blob64(q->statement, ++q->column, data, size, SQLITE_STATIC));
}

int query_step(struct query *q)
{
	int code;

	if (q->error < 0)
		return q->error;
	code = sqlite3_step(q->statement);
	check(q, code);
	q->column = 0;
	return q->error < 0 ? q->error : code == SQLITE_ROW;
}

int query_run(struct query *q)
{
	int r;

	do
		r = query_step(q);
	while (r > 0);
	return r;
}

int64_t query_get_i64(struct query *q)
{
	return q->error == 0 ? sqlite3_column_int64(q->statement, q->column++) : 0;
}

double query_get_f64(struct query *q)
{
	int column = q->column++;

	if (q->error < 0 || sqlite3_column_type(q->statement, column) == SQLITE_NULL)
		return NAN;
	return sqlite3_column_double(q->statement, column);
}

const char *query_look_text(struct query *q)
{
	int column = q->column++;
	const unsigned char *text;

	if (q->error < 0)
		return NULL;
	text = sqlite3_column_text(q->statement, column);
	if (!text && sqlite3_column_type(q->statement, column) != SQLITE_NULL)
		query_fail(q, -ENOMEM);
	return (const char *) text;
}

char *query_get_text_or_null(struct query *q)
{
	const char *text = query_look_text(q);
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		query_fail(q, -ENOMEM);
	return copy;
}

char *query_get_text(struct query *q)
{
	const char *text = query_look_text(q);
	char *copy = NULL;

	if (q->error == 0) {
		copy = strdup(text ? text : "");
		if (!copy)
			query_fail(q, -ENOMEM);
	}
	return copy;
}

const void *query_look_blob(struct query *q, size_t *ret_size)
{
	int column = q->column++;
	const void *data;

	*ret_size = 0;
	if (q->error < 0)
		return NULL;
	data = sqlite3_column_blob(q->statement, column);
	*ret_size = (size_t) sqlite3_column_bytes(q->statement, column);
	return data;
}
