/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: what is made, what is brought up to date, and what is refused with its bytes as they
 * were. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "daemon/base/file.h"
#include "schema/migrate.h"
#include "tests/unit/store_fixture.h"

#define FILE_MAX (64 * 1024 * 1024)
#define NOBODY	 65534

static void read_file(const char *path, struct buf *b)
{
	buf_reset(b);
	assert_int_equal(file_read(path, FILE_MAX, b), 0);
}

static void write_file(const char *path, const void *data, size_t size)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, data, size), 0);
}

static bool has_file(const struct fixture *f, const char *suffix)
{
	char path[160];

	snprintf(path, sizeof(path), "%s%s", f->path, suffix);
	return access(path, F_OK) == 0;
}

/* Opening fails with R, says SAYS, and leaves the file as it was. */
static void assert_refused(struct fixture *f, int r, const char *says)
{
	_cleanup_buf_ struct buf before = BUF_INIT, after = BUF_INIT;
	_cleanup_free_ char *why = NULL;

	read_file(f->path, &before);
	assert_int_equal(store_open(f->path, &f->store, &why), r);
	assert_null(f->store);
	assert_non_null(why);
	if (!strstr(why, says) || !strstr(why, f->path))
		fail_msg("says: %s", why);
	read_file(f->path, &after);
	assert_int_equal(before.size, after.size);
	assert_memory_equal(before.data, after.data, before.size);
	assert_int_equal(store_open(f->path, &f->store, NULL), r);
}

static void test_new_file(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *id = NULL, *again = NULL;
	_cleanup_buf_ struct buf bytes = BUF_INIT;
	enum migrate_state found;
	struct stat st;

	umask(0022);
	fixture_reopen(f);
	assert_int_equal(reader_host_id(store_reader(f->store), &id), 0);
	assert_int_equal(strlen(id), 32);
	assert_int_equal(strspn(id, "0123456789abcdef"), 32);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_true(has_file(f, "-wal"));
	assert_true(store_bytes(f->store) >= (uint64_t) st.st_size);
	fixture_reopen(f);
	assert_int_equal(reader_host_id(store_reader(f->store), &again), 0);
	assert_string_equal(id, again);
	f->store = store_close(f->store);
	assert_false(has_file(f, "-wal"));
	assert_false(has_file(f, "-journal"));
	read_file(f->path, &bytes);
	assert_int_equal(migrate_inspect_header((const uint8_t *) bytes.data, bytes.size, &found),
		0);
	assert_int_equal(found, MIGRATE_CURRENT);
	assert_int_equal(bytes.data[18], 2); /* WAL */
}

/* What a crash may leave before anything is in the file. */
static void test_empty_file(void **state)
{
	struct fixture *f = *state;

	write_file(f->path, "", 0);
	fixture_reopen(f);
	assert_int_equal(fixture_tick(f, 1, 0, 0), 0);
}

static void test_unfinished_file_is_repaired(void **state)
{
	struct fixture *f = *state;
	_cleanup_buf_ struct buf journal = BUF_INIT;
	char path[160];
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		sqlite3 *db;

		/* The first migration stops half-way, after its pages went to the file. */
		sqlite3_open(f->path, &db);
		sqlite3_exec(db, "PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN IMMEDIATE",
			NULL, NULL, NULL);
		sqlite3_exec(db, migrations[0], NULL, NULL, NULL);
		for (int i = 0; i < 1000; i++)
			sqlite3_exec(db, "INSERT INTO tick (data) VALUES (zeroblob(9000))", NULL,
				NULL, NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	snprintf(path, sizeof(path), "%s-journal", f->path);
	read_file(path, &journal);
	assert_true(journal.size > 0);
	fixture_reopen(f);
	assert_int_equal(fixture_tick(f, 1, 0, 0), 0);
	assert_false(has_file(f, "-journal"));
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *sql;
		int r;
		const char *says;
	} cases[] = {
		{"PRAGMA application_id = 1297568851; PRAGMA user_version = 999;"
		 "CREATE TABLE t (x)", -EPROTONOSUPPORT, "newer version"},
		{"PRAGMA application_id = 1297568851; CREATE TABLE t (x)", -EPROTONOSUPPORT,
			"another application"},
		{"PRAGMA user_version = 1; CREATE TABLE t (x)", -EPROTONOSUPPORT,
			"another application"},
		{"PRAGMA application_id = 252006674; PRAGMA user_version = 1; CREATE TABLE t (x)",
			-EPROTONOSUPPORT, "another application"},
		{"CREATE TABLE t (x)", -EPROTONOSUPPORT, "another application"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		unlink(f->path);
		fixture_sql(f->path, cases[i].sql);
		assert_refused(f, cases[i].r, cases[i].says);
		assert_false(has_file(f, "-wal") || has_file(f, "-shm") || has_file(f, "-journal"));
	}
}

/* The newer version may be told by the WAL alone. */
static void test_newer_in_wal(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db;

	fixture_reopen(f);
	f->store = store_close(f->store);
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 999", NULL, NULL, NULL), 0);
	sqlite3_close(db);
	assert_true(has_file(f, "-wal"));
	assert_refused(f, -EPROTONOSUPPORT, "newer version");
	assert_true(has_file(f, "-wal"));
}

static void test_not_a_database(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[8192];

	memset(bytes, 'x', sizeof(bytes));
	for (size_t size = 1; size <= sizeof(bytes); size += 8191) {
		write_file(f->path, bytes, size);
		assert_refused(f, -EUCLEAN, "damaged or not a database");
		assert_false(has_file(f, "-wal") || has_file(f, "-shm"));
	}
	/* The head of one, and nothing behind it. */
	write_file(f->path, "SQLite format 3", 16);
	assert_refused(f, -EUCLEAN, "damaged");
}

static void test_damaged_file(void **state)
{
	struct fixture *f = *state;
	_cleanup_buf_ struct buf good = BUF_INIT, bad = BUF_INIT;

	fixture_reopen(f);
	f->store = store_close(f->store);
	read_file(f->path, &good);
	/* Each page but the first, one after the other; every table and index has one. The table
	 * of samples is checked row by row when it is read. */
	for (size_t page = 1; page < good.size / 4096; page++) {
		_cleanup_free_ char *why = NULL;
		int r;

		buf_reset(&bad);
		buf_add(&bad, good.data, good.size);
		memset(bad.data + page * 4096, 0xa5, 4096);
		write_file(f->path, bad.data, bad.size);
		r = store_open(f->path, &f->store, &why);
		if (r == 0) {
			assert_int_equal(fixture_tick(f, 1, 0, 0), 0);
			r = fixture_tick(f, 1, 1, 0);
			assert_true(r == -EUCLEAN || r == -EINVAL);
			f->store = store_close(f->store);
		} else
			assert_int_equal(r, -EUCLEAN);
	}
	/* Cut short. */
	write_file(f->path, good.data, good.size / 8192 * 4096);
	assert_refused(f, -EUCLEAN, "damaged");
}

static void test_missing_directory(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *why = NULL, *second = NULL;
	char path[160];

	snprintf(path, sizeof(path), "%s/none/modelwatch.db", f->directory);
	assert_int_equal(store_open(path, &f->store, &why), -ENOENT);
	assert_non_null(strstr(why, "/none does not exist"));
	assert_int_equal(store_open(f->directory, &f->store, &second), -EISDIR);
	assert_non_null(strstr(second, f->directory));
	assert_int_equal(store_open(path, &f->store, NULL), -ENOENT);
}

/* Gives up root's rights, which no mode holds back. */
static void become_nobody(void)
{
	if (getuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
				     setresuid(NOBODY, NOBODY, NOBODY) < 0))
		_exit(99);
}

/* Runs FN as an ordinary user; returns what it returns as an errno. */
static int as_nobody(int (*fn)(struct fixture *f), struct fixture *f)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		become_nobody();
		_exit(-fn(f));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

/* The error, if the reason names the file. */
static int open_as_nobody(struct fixture *f)
{
	_cleanup_free_ char *why = NULL;
	int r = store_open(f->path, &f->store, &why);

	return r == 0 || (why && strstr(why, f->path)) ? r : -98;
}

static void test_no_rights(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(chmod(f->directory, 0755), 0);
	if (getuid() == 0) /* a directory of root's, without the file */
		assert_int_equal(as_nobody(open_as_nobody, f), -EACCES);
	fixture_reopen(f);
	f->store = store_close(f->store);
	assert_int_equal(chmod(f->path, 0444), 0);
	assert_int_equal(as_nobody(open_as_nobody, f), -EACCES);
	/* The file may be written, its directory not: no WAL can be made. */
	assert_int_equal(chmod(f->path, 0666), 0);
	assert_int_equal(chmod(f->directory, 0555), 0);
	assert_int_equal(as_nobody(open_as_nobody, f), -EACCES);
	assert_int_equal(chmod(f->directory, 0755), 0);
}

static void test_reader_without_writer(void **state)
{
	struct fixture *f = *state;
	struct reader *reader = NULL;

	assert_int_equal(reader_open(f->path, &reader), -ENOENT);
	fixture_reopen(f);
	assert_int_equal(reader_open(f->path, &reader), 0);
	reader_close(reader);
	f->store = store_close(f->store);
	assert_int_equal(reader_open(f->path, &reader), -EAGAIN);
	/* The try left nothing that a writer of another user could not open. */
	assert_false(has_file(f, "-wal") || has_file(f, "-shm"));
}

static void test_reader_of_newer_file(void **state)
{
	struct fixture *f = *state;
	struct reader *reader = NULL;

	fixture_reopen(f);
	fixture_sql(f->path, "PRAGMA user_version = 999");
	assert_int_equal(reader_open(f->path, &reader), -EPROTONOSUPPORT);
}

/* A name that means something in a URI. */
static void test_reader_of_odd_name(void **state)
{
	struct fixture *f = *state;
	struct reader *reader = NULL;
	_cleanup_free_ char *id = NULL;

	snprintf(f->path, sizeof(f->path), "%s/a?b#c%%41 d.db", f->directory);
	fixture_reopen(f);
	assert_int_equal(reader_open(f->path, &reader), 0);
	assert_int_equal(reader_host_id(reader, &id), 0);
	reader_close(reader);
}

static int read_as_nobody(struct fixture *f)
{
	struct fixture_range range;
	struct reader *reader;
	int r = reader_open(f->path, &reader);

	if (r == 0)
		r = fixture_read(reader, "m", &range);
	return r == 0 && range.count != 1 ? -98 : r;
}

/* The reading role may read -shm and not write it. */
static void test_reader_of_readonly_files(void **state)
{
	struct fixture *f = *state;
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char path[160];

	umask(0);
	fixture_reopen(f);
	assert_int_equal(store_begin(f->store), 0);
	fixture_series(f, "m");
	assert_int_equal(store_commit(f->store), 0);
	assert_int_equal(fixture_tick(f, 1, 1, 1), 0);
	for (size_t i = 0; i < ELEMENTS(suffixes); i++) {
		snprintf(path, sizeof(path), "%s%s", f->path, suffixes[i]);
		assert_int_equal(chmod(path, 0444), 0);
	}
	assert_int_equal(chmod(f->directory, 0555), 0);
	assert_int_equal(as_nobody(read_as_nobody, f), 0);
	assert_int_equal(chmod(f->directory, 0755), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_close)
	const struct CMUnitTest tests[] = {
		TEST(test_new_file),
		TEST(test_empty_file),
		TEST(test_unfinished_file_is_repaired),
		TEST(test_refusals),
		TEST(test_newer_in_wal),
		TEST(test_not_a_database),
		TEST(test_damaged_file),
		TEST(test_missing_directory),
		TEST(test_no_rights),
		TEST(test_reader_without_writer),
		TEST(test_reader_of_newer_file),
		TEST(test_reader_of_odd_name),
		TEST(test_reader_of_readonly_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
