/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, transactions and the WAL. A file is looked at as bytes first, so that one which is not
 * ours, or a newer program's, is refused before SQLite may change it. */
#include "schema/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/base/text.h"
#include "schema/migrate.h"
#include "schema/store_internal.h"

#define DATABASE_MODE	   0640
#define MAX_SERIES_DEFAULT 20000
#define PAGE_SIZE_BYTES	   4096
#define WAL_PAGES_MAX	   (8 * 1024 * 1024 / PAGE_SIZE_BYTES) /* then a commit checkpoints */
#define WAL_PAGES_RETRY	   256 /* growth after which one that readers held up is tried again */
#define CHECKS_MAX	   100 /* tables */

DEFINE_CLEANUP(struct store *, store_close);

/* Sets *RET_WHY, where it is wanted, and returns R. */
static int refuse(char **ret_why, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static int refuse(char **ret_why, int r, const char *format, ...)
{
	va_list arguments;

	if (!ret_why)
		return r;
	va_start(arguments, format);
	if (vasprintf(ret_why, format, arguments) < 0)
		*ret_why = NULL;
	va_end(arguments);
	return r;
}

static int refuse_state(char **ret_why, const char *path, enum migrate_state state)
{
	if (state == MIGRATE_NEWER)
		return refuse(ret_why, -EPROTONOSUPPORT,
			"%s was written by a newer version of modelwatch; it was left untouched",
			path);
	if (state == MIGRATE_FOREIGN)
		return refuse(ret_why, -EPROTONOSUPPORT,
			"%s is another application's database; it was left untouched", path);
	return 0;
}

static int refuse_error(char **ret_why, const char *path, int r)
{
	if (r == -EUCLEAN)
		return refuse(ret_why, r, "%s is damaged or not a database; it was left untouched",
			path);
	return refuse(ret_why, r, "cannot open the database %s: %s", path, strerror(-r));
}

/* Says which of the two is missing or closed: the file or its directory. */
static int refuse_file(char **ret_why, const char *path, int error)
{
	const char *slash = strrchr(path, '/');
	int size = slash ? (int) (slash - path) : 1;
	const char *directory = slash ? path : ".";

	if (error == ENOENT)
		return refuse(ret_why, -error, "the directory %.*s does not exist", size,
			directory);
	return refuse(ret_why, -error, "cannot write the database %s: %s", path, strerror(error));
}

/* Opens or makes the file and reads its first bytes. */
static int inspect_file(const char *path, char **ret_why)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, DATABASE_MODE);
	uint8_t header[MIGRATE_HEADER_SIZE];
	enum migrate_state state;
	ssize_t size;
	int r;

	if (fd < 0)
		return refuse_file(ret_why, path, errno);
	size = pread(fd, header, sizeof(header), 0);
	if (size < 0)
		return refuse_file(ret_why, path, errno);
	r = migrate_inspect_header(header, (size_t) size, &state);
	if (r < 0)
		return refuse_error(ret_why, path, r);
	return refuse_state(ret_why, path, state);
}

/* A rollback journal stands beside a file whose making was cut short: SQLite must repair it before
 * its bytes mean anything. In WAL mode, and so beside any file of ours that is complete, there is
 * none. */
static bool has_journal(const char *path)
{
	_cleanup_buf_ struct buf journal = BUF_INIT;

	buf_add_string(&journal, path);
	buf_add_string(&journal, "-journal");
	return buf_error(&journal) == 0 && access(journal.data, F_OK) == 0;
}

/* Tables are checked one by one, without the samples: they are nearly the whole file and every row
 * of them carries a checksum. */
static int check_tables(struct database *d)
{
	char sql[256];
	int64_t tables, damaged = 0;
	int r = database_number(d, "SELECT count(*) FROM sqlite_master WHERE type = 'table'",
		&tables);

	for (int64_t i = 0; r == 0 && i < tables && i < CHECKS_MAX; i++) {
		snprintf(sql, sizeof(sql),
			"SELECT count(*) FROM pragma_quick_check((SELECT name FROM sqlite_master"
			" WHERE type = 'table' AND name <> 'tick' LIMIT 1 OFFSET %d))"
			" WHERE quick_check <> 'ok'", (int) i);
		r = database_number(d, sql, &damaged);
		if (r == 0 && damaged > 0)
			r = -EUCLEAN;
	}
	return r;
}

/* Makes the connection a usable store: up to date, in WAL mode, sound. */
static int prepare(struct store *s, char **ret_why)
{
	struct database *d = &s->database;
	enum migrate_state state;
	int r = migrate_inspect(d, &state);

	if (r == 0) {
		r = refuse_state(ret_why, s->path, state);
		if (r < 0)
			return r;
		r = state == MIGRATE_EMPTY ? 0 : check_tables(d);
	}
	if (r == 0)
		r = migrate_run(d);
	if (r == 0)
		r = database_execute(d, "PRAGMA journal_mode = WAL");
	/* The file's own header then says its version, also to who looks at its bytes. */
	if (r == 0 && state == MIGRATE_OLDER)
		r = database_execute(d, "PRAGMA wal_checkpoint(TRUNCATE)");
	if (r == 0)
		r = catalogue_refresh(&s->catalogue, d);
	return r < 0 ? refuse_error(ret_why, s->path, r) : 0;
}

static int count_wal(void *userdata, sqlite3 *connection, const char *name, int pages)
{
	struct store *s = userdata;

	s->wal_pages = (uint64_t) pages;
	return SQLITE_OK;
}

static struct store *store_new(const char *path)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->path = strdup(path);
	s->max_series = MAX_SERIES_DEFAULT;
	s->wal_pages_max = WAL_PAGES_MAX;
	s->reader.database = &s->database;
	s->reader.catalogue = &s->catalogue;
	return s->path ? s : store_close(s);
}

int store_open(const char *path, struct store **ret, char **ret_why)
{
	_cleanup_(store_close_pointer) struct store *s = NULL;
	int r;

	if (ret_why)
		*ret_why = NULL;
	if (!has_journal(path)) {
		r = inspect_file(path, ret_why);
		if (r < 0)
			return r;
	}
	s = store_new(path);
	if (!s)
		return -ENOMEM;
	r = database_open_writer(&s->database, path);
	if (r < 0)
		return refuse_error(ret_why, path, r);
	r = prepare(s, ret_why);
	if (r < 0) {
		database_abandon(&s->database);
		return r;
	}
	s->committed_series = s->catalogue.count;
	sqlite3_wal_hook(s->database.connection, count_wal, s);
	*ret = TAKE_POINTER(s);
	return 0;
}

struct store *store_close(struct store *s)
{
	if (!s)
		return NULL;
	if (s->database.connection && database_in_transaction(&s->database))
		store_rollback(s);
	database_close(&s->database);
	catalogue_done(&s->catalogue);
	buf_done(&s->blob);
	free(s->scratch);
	free(s->path);
	free(s);
	return NULL;
}

struct reader *store_reader(struct store *s)
{
	return &s->reader;
}

static int run(struct database *d, enum statement statement)
{
	_cleanup_query_ struct query q = query_read(d, statement);

	return query_run(&q);
}

int store_begin(struct store *s)
{
	assert(!database_in_transaction(&s->database));
	s->database.failed = 0;
	return run(&s->database, STATEMENT_BEGIN_WRITE);
}

int store_commit(struct store *s)
{
	int r = s->database.failed;

	if (r == 0)
		r = run(&s->database, STATEMENT_COMMIT);
	if (r < 0)
		return r;
	s->committed_series = s->catalogue.count;
	/* The samples are safe: a checkpoint that fails is tried again, and its error is the next
	 * one's to report. */
	if (s->wal_pages > s->wal_pages_max)
		store_checkpoint(s);
	return 0;
}

void store_rollback(struct store *s)
{
	/* Some errors have ended the transaction already. */
	if (database_in_transaction(&s->database))
		run(&s->database, STATEMENT_ROLLBACK);
	catalogue_truncate(&s->catalogue, s->committed_series);
	s->database.failed = 0;
}

int store_checkpoint(struct store *s)
{
	int pages = 0, done = 0;
	int code = sqlite3_wal_checkpoint_v2(s->database.connection, NULL,
		SQLITE_CHECKPOINT_PASSIVE, &pages, &done);

	s->wal_pages_max = WAL_PAGES_MAX;
	if (code != SQLITE_OK || done < pages)
		s->wal_pages_max = s->wal_pages + WAL_PAGES_RETRY;
	if (code == SQLITE_OK && done == pages)
		s->wal_pages = 0;
	/* Readers hold it up: what is left stays in the WAL until they are gone. */
	return code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY
		? 0 : database_errno(&s->database, code);
}

static uint64_t file_bytes(const char *path, const char *suffix)
{
	_cleanup_buf_ struct buf name = BUF_INIT;
	struct stat st;

	buf_add_string(&name, path);
	buf_add_string(&name, suffix);
	if (buf_error(&name) < 0 || stat(name.data, &st) < 0)
		return 0;
	return (uint64_t) st.st_size;
}

uint64_t store_bytes(struct store *s)
{
	return file_bytes(s->path, "") + file_bytes(s->path, "-wal");
}

void store_set_max_series(struct store *s, size_t max_series)
{
	s->max_series = max_series;
}
