/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/database.h"

#include <errno.h>
#include <string.h>

#include "daemon/base/buf.h"

#define WRITER_WAIT_MS   100 /* for a lock that somebody's tool holds; nobody else of ours writes */
#define READER_WAIT_MS   250 /* for a writer that recovers the file */
#define READER_TRIES     270 /* each meets a header of the WAL's index that is being written; */
#define READER_AT_ONCE   20  /* after so many the writer may have no processor: each waits 1 ms then */
#define PROGRESS_STEPS   2000 /* of SQLite's virtual machine between two looks at the clock */
#define PATH_ESCAPED_MAX (4 * 4096)

/* A page is 4 KiB. The caches are small: a tick touches a dozen pages, and memory that a monitor
 * takes is taken from the models. */
static const char writer_pragmas[] = "PRAGMA synchronous = FULL;"
				     "PRAGMA secure_delete = OFF;"
				     "PRAGMA temp_store = MEMORY;"
				     "PRAGMA cache_size = -256;"
				     "PRAGMA wal_autocheckpoint = 0;"
				     "PRAGMA journal_size_limit = 8388608;";
static const char reader_pragmas[] = "PRAGMA query_only = ON;"
				     "PRAGMA temp_store = MEMORY;"
				     "PRAGMA cache_size = -256;";

struct meaning {
	int code, r;
};

/* By extended result code first, then by primary code. */
static const struct meaning meanings[] = {
	{SQLITE_IOERR_NOMEM, -ENOMEM},
	{SQLITE_IOERR_CORRUPTFS, -EUCLEAN},
	{SQLITE_READONLY_DIRECTORY, -EACCES},
	{SQLITE_FULL, -ENOSPC},
	{SQLITE_READONLY, -EROFS},
	{SQLITE_IOERR, -EIO},
	{SQLITE_CORRUPT, -EUCLEAN},
	{SQLITE_NOTADB, -EUCLEAN},
	{SQLITE_NOMEM, -ENOMEM},
	{SQLITE_BUSY, -EBUSY},
	{SQLITE_LOCKED, -EBUSY},
	{SQLITE_PROTOCOL, -EBUSY},
	{SQLITE_INTERRUPT, -ETIMEDOUT},
	{SQLITE_PERM, -EACCES},
	{SQLITE_AUTH, -EACCES},
	{SQLITE_TOOBIG, -E2BIG},
	{SQLITE_CONSTRAINT, -EEXIST},
};

/* To a reader, what is locked, to be recovered or not there is the writer's business. */
static const struct meaning reader_meanings[] = {
	{SQLITE_READONLY, -EAGAIN},
	{SQLITE_CANTOPEN, -EAGAIN},
	{SQLITE_BUSY, -EAGAIN},
	{SQLITE_LOCKED, -EAGAIN},
	{SQLITE_PROTOCOL, -EAGAIN},
};

static int find_meaning(const struct meaning *list, size_t count, int code)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].code == code)
			return list[i].r;
	return 0;
}

int database_errno(const struct database *d, int code)
{
	int primary = code & 0xff, system = 0, r = 0;

	if (d->connection && (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN))
		system = sqlite3_system_errno(d->connection);
	if (d->reader)
		r = find_meaning(reader_meanings, ELEMENTS(reader_meanings), primary);
	if (r == 0 && (system == ENOSPC || system == EDQUOT))
		r = -ENOSPC;
	if (r == 0 && primary == SQLITE_CANTOPEN)
		r = system > 0 ? -system : -EIO;
	if (r == 0)
		r = find_meaning(meanings, ELEMENTS(meanings), code);
	if (r == 0)
		r = find_meaning(meanings, ELEMENTS(meanings), primary);
	/* What is left is a schema that is not ours although it says so. */
	return r < 0 ? r : -EUCLEAN;
}

/* A reader may not write the WAL's index. When it finds there what the writer is just changing, SQLite
 * takes it for what a dead writer left. The next look tells: nobody writes a header for long. */
int database_execute(struct database *d, const char *sql)
{
	int code = SQLITE_READONLY_RECOVERY;

	for (int i = 0; i < READER_TRIES && code == SQLITE_READONLY_RECOVERY; i++) {
		if (i >= READER_AT_ONCE)
			sqlite3_sleep(1);
		code = sqlite3_exec(d->connection, sql, NULL, NULL, NULL);
	}
	return code == SQLITE_OK ? 0 : database_errno(d, code);
}

int database_number(struct database *d, const char *sql, int64_t *ret)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(d->connection, sql, -1, &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*ret = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	if (code == SQLITE_DONE)
		return -ENODATA;
	return code == SQLITE_ROW ? 0 : database_errno(d, code);
}

bool database_in_transaction(const struct database *d)
{
	return sqlite3_get_autocommit(d->connection) == 0;
}

/* Interrupts a statement that takes too long. */
static int check_deadline(void *userdata)
{
	const struct database *d = userdata;

	return clock_monotonic() > d->deadline;
}

/* The file as a URI that keeps SQLite from making a shared-memory file: a reader that did would
 * leave one behind that the writer may not open. */
static char *reader_uri(const char *path)
{
	_cleanup_buf_ struct buf b = {.limit = PATH_ESCAPED_MAX};

	buf_add_string(&b, "file:");
	for (; *path; path++)
		if (strchr("%?#", *path))
			buf_printf(&b, "%%%02x", (unsigned char) *path);
		else
			buf_add_char(&b, *path);
	buf_add_string(&b, "?readonly_shm=1");
	return buf_take(&b);
}

/* What may be in a file or its schema is not trusted with more than it needs. */
static void configure(struct database *d)
{
	sqlite3_extended_result_codes(d->connection, 1);
	sqlite3_db_config(d->connection, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(d->connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(d->connection, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	sqlite3_busy_timeout(d->connection, d->reader ? READER_WAIT_MS : WRITER_WAIT_MS);
	if (d->read_time > 0)
		sqlite3_progress_handler(d->connection, PROGRESS_STEPS, check_deadline, d);
}

static int open_connection(struct database *d, const char *name, int flags, const char *pragmas)
{
	int code = sqlite3_open_v2(name, &d->connection, flags | SQLITE_OPEN_NOMUTEX, NULL);
	int r = code == SQLITE_OK ? 0 : database_errno(d, code);

	if (r == 0) {
		configure(d);
		d->deadline = usec_add(clock_monotonic(), d->read_time);
		r = database_execute(d, pragmas);
	}
	if (r < 0)
		database_abandon(d);
	return r;
}

int database_open_writer(struct database *d, const char *path)
{
	*d = (struct database){0};
	return open_connection(d, path, SQLITE_OPEN_READWRITE, writer_pragmas);
}

int database_open_reader(struct database *d, const char *path)
{
	_cleanup_free_ char *uri = reader_uri(path);
	int r;

	*d = (struct database){.reader = true, .read_time = 5 * USEC_PER_SEC};
	if (!uri)
		return -ENOMEM;
	r = open_connection(d, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, reader_pragmas);
	if (r == 0)
		sqlite3_db_config(d->connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return r;
}

void database_close(struct database *d)
{
	for (size_t i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(d->statements[i]);
	sqlite3_close(d->connection);
	*d = (struct database){0};
}

void database_abandon(struct database *d)
{
	if (d->connection)
		sqlite3_db_config(d->connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	database_close(d);
}
