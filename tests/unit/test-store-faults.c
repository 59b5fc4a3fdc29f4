/* SPDX-License-Identifier: Apache-2.0 */
/* Disks that are full or fail, writers that are killed, readers at the same time. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "daemon/base/cleanup.h"
#include "tests/unit/fault-vfs.h"
#include "tests/unit/store_fixture.h"

#define FAULTS_MAX 200 /* writes and syncs of one transaction, at most */
#define KILLS      20
#define MOMENTS    400
#define SERIES     40

static void make_series(struct fixture *f)
{
	char name[16];

	assert_int_equal(store_begin(f->store), 0);
	for (int i = 0; i < SERIES; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		fixture_series(f, name);
	}
	assert_int_equal(store_commit(f->store), 0);
}

/* The values of a series, and no others, are those of the moments 1.. that were committed. */
static void assert_moments(struct fixture *f, size_t count, int64_t last_ms)
{
	struct fixture_range range;

	assert_int_equal(fixture_read(store_reader(f->store), "m0", &range), 0);
	assert_int_equal(range.count, count);
	assert_int_equal(range.last_ms, last_ms);
}

/* Every write and sync of a transaction fails in its turn: the error comes back, nothing of the
 * transaction is there, and the next one succeeds. */
static void fail_each(struct fixture *f, int code, int expected, bool stays)
{
	int64_t time_ms = 1;
	size_t committed = 0;
	int r = -1;

	for (int n = 1; r < 0; n++, time_ms++) {
		assert_true(n < FAULTS_MAX);
		fault_arm(n, code, stays ? INT_MAX : 1);
		r = fixture_tick(f, time_ms, SERIES, 1);
		fault_disarm();
		assert_true(r == 0 || r == expected);
		committed += r == 0;
		assert_moments(f, committed, r == 0 ? time_ms : committed > 0 ? time_ms - 1 : 0);
		time_ms++;
		assert_int_equal(fixture_tick(f, time_ms, SERIES, 2), 0);
		assert_moments(f, ++committed, time_ms);
	}
	/* At least the frames and the sync failed once each, and all is there after a restart. */
	assert_true(committed >= 4);
	fixture_reopen(f);
	assert_moments(f, committed, time_ms - 1);
}

static void test_faults(void **state)
{
	static const struct {
		int code, r;
		bool stays;
	} cases[] = {
		{SQLITE_FULL, -ENOSPC, false},
		{SQLITE_FULL, -ENOSPC, true},
		{SQLITE_IOERR_WRITE, -EIO, false},
		{SQLITE_IOERR_FSYNC, -EIO, true},
		{SQLITE_READONLY, -EROFS, false},
	};

	fault_install();
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		void *made;
		struct fixture *f;

		fixture_open(&made);
		f = made;
		make_series(f);
		fail_each(f, cases[i].code, cases[i].r, cases[i].stays);
		fixture_close(&made);
	}
	fault_remove();
}

/* A checkpoint that fails loses nothing and says so. */
static void test_faults_of_checkpoint(void **state)
{
	void *made;
	struct fixture *f;
	int failures = 0;

	fault_install();
	fixture_open(&made);
	f = made;
	make_series(f);
	for (int i = 1; i < 100; i++) {
		int r;

		assert_int_equal(fixture_tick(f, i, SERIES, 1), 0);
		fault_arm(1 + i % 10, SQLITE_IOERR_WRITE, 1);
		r = store_checkpoint(f->store);
		assert_int_equal(r, fault_disarm() ? 0 : -EIO);
		failures += r < 0;
	}
	assert_true(failures > 0);
	assert_int_equal(store_checkpoint(f->store), 0);
	assert_moments(f, 99, 99);
	fixture_close(&made);
	fault_remove();
}

/* Commits moments from FIRST on and tells each through FD, until it is killed. */
static void write_until_killed(struct fixture *f, int64_t first, int fd)
{
	fixture_reopen(f);
	for (int64_t i = first; i < first + 1000000; i++)
		if (fixture_tick(f, i, SERIES, (double) i) < 0 ||
			write(fd, &i, sizeof(i)) != sizeof(i))
			_exit(1);
	_exit(2);
}

/* Starts a writer, kills it after ACKNOWLEDGED moments and then some; returns the last one told. */
static int64_t kill_writer(struct fixture *f, int64_t first, int acknowledged, useconds_t more)
{
	int64_t last = first - 1, told;
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		write_until_killed(f, first, fds[1]);
	close(fds[1]);
	while (acknowledged-- > 0 && read(fds[0], &told, sizeof(told)) == sizeof(told))
		last = told;
	usleep(more);
	assert_int_equal(kill(pid, SIGKILL), 0);
	while (read(fds[0], &told, sizeof(told)) == sizeof(told))
		last = told;
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	return last;
}

static void test_killed_writer(void **state)
{
	struct fixture *f = *state;
	unsigned seed = (unsigned) getpid();
	int64_t last = 0;

	print_message("seed %u\n", seed);
	make_series(f);
	f->store = store_close(f->store);
	for (int i = 0; i < KILLS; i++) {
		struct fixture_range range;
		int acknowledged = 1 + rand_r(&seed) % 10;
		int64_t told =
			kill_writer(f, last + 1, acknowledged, (useconds_t) (rand_r(&seed) % 3000));

		assert_true(told > last);
		fixture_reopen(f);
		assert_int_equal(fixture_read(store_reader(f->store), "m39", &range), 0);
		/* What was told is there without a gap; one more may be. */
		assert_true(range.last_ms == told || range.last_ms == told + 1);
		assert_int_equal(range.first_ms, 1);
		assert_int_equal(range.count, range.last_ms);
		assert_true((int64_t) range.last == range.last_ms);
		last = range.last_ms;
		f->store = store_close(f->store);
	}
}

struct view {
	size_t count;
	int64_t time_ms;
	double value;
};

/* All values of one moment are the same, or the snapshot is torn. */
static int check_value(void *userdata, const struct series *series, int64_t time_ms, double value)
{
	struct view *v = userdata;

	if (v->count++ > 0 && (v->time_ms != time_ms || v->value < value || v->value > value))
		return -EBADMSG;
	v->time_ms = time_ms;
	v->value = value;
	return 0;
}

/* SQLite shares what it knows of a file within a process, and with a fork: a reader that is to stand
 * apart is forked before the file is open. */
static pid_t fork_reader(struct fixture *f, void (*read_file)(const char *path))
{
	int fds[2];
	pid_t pid;
	char byte = 0;

	f->store = store_close(f->store);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (read(fds[0], &byte, 1) != 1)
			_exit(1);
		read_file(f->path);
		_exit(0);
	}
	fixture_reopen(f);
	assert_int_equal(write(fds[1], &byte, 1), 1);
	close(fds[0]);
	close(fds[1]);
	return pid;
}

/* Reads until the moment LAST is there, checking each snapshot. */
static void read_until(const char *path, int64_t last)
{
	struct reader *reader = NULL;
	int64_t seen = 0;

	assert_int_equal(reader_open(path, &reader), 0);
	while (seen < last) {
		struct view first = {0}, second = {0};

		assert_int_equal(reader_begin(reader), 0);
		assert_int_equal(reader_latest(reader, 0, check_value, &first), 0);
		assert_int_equal(reader_latest(reader, 0, check_value, &second), 0);
		reader_end(reader);
		assert_true(first.count == 0 || first.count == SERIES);
		assert_int_equal(first.time_ms, second.time_ms);
		assert_true(first.time_ms >= seen);
		seen = first.time_ms;
	}
	reader_close(reader);
}

static void read_moments(const char *path)
{
	read_until(path, MOMENTS);
}

static void test_reader_while_writing(void **state)
{
	struct fixture *f = *state;
	pid_t pid;
	int status;

	make_series(f);
	pid = fork_reader(f, read_moments);
	for (int64_t i = 1; i <= MOMENTS; i++) {
		assert_int_equal(fixture_tick(f, i, SERIES, (double) i), 0);
		if (i % 50 == 0)
			assert_int_equal(store_checkpoint(f->store), 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* What a reader sees of the WAL's index while it is being changed is no reason to turn it away. */
static void read_often(const char *path)
{
	enum { OPENS = 2000, READS_EACH = 20 };

	for (int i = 0; i < OPENS; i++) {
		struct reader *reader = NULL;

		assert_int_equal(reader_open(path, &reader), 0);
		for (int j = 0; j < READS_EACH; j++) {
			struct fact *facts;
			size_t count;

			assert_int_equal(reader_begin(reader), 0);
			assert_int_equal(reader_facts(reader, NULL, &facts, &count), 0);
			fact_list_free(facts, count);
			reader_end(reader);
		}
		reader_close(reader);
	}
}

/* The writer does not wait for the disk: most of its time goes by in the index. */
static void test_reader_amid_commits(void **state)
{
	struct fixture *f = *state;
	pid_t pid = fork_reader(f, read_often);
	sqlite3 *writer;
	int status;

	assert_int_equal(sqlite3_open(f->path, &writer), SQLITE_OK);
	sqlite3_busy_timeout(writer, 1000);
	assert_int_equal(
		sqlite3_exec(writer, "PRAGMA synchronous = OFF", NULL, NULL, NULL), SQLITE_OK);
	while (waitpid(pid, &status, WNOHANG) == 0)
		assert_int_equal(
			sqlite3_exec(writer, "REPLACE INTO fact VALUES ('r','t','s','k','v')", NULL,
				NULL, NULL),
			SQLITE_OK);
	sqlite3_close(writer);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The WAL of a snapshot that is held cannot be emptied: it grows, commits go on, and it is emptied
 * when the reader lets go. */
static void test_held_snapshot(void **state)
{
	struct fixture *f = *state;
	struct reader *reader = NULL;
	struct fixture_range range;

	make_series(f);
	assert_int_equal(fixture_tick(f, 1, SERIES, 1), 0);
	assert_int_equal(reader_open(f->path, &reader), 0);
	assert_int_equal(reader_begin(reader), 0);
	assert_int_equal(fixture_read(reader, "m0", &range), 0);
	assert_int_equal(range.count, 1);
	for (int64_t i = 2; i <= 50; i++) {
		assert_int_equal(fixture_tick(f, i, SERIES, 1), 0);
		assert_int_equal(store_checkpoint(f->store), 0);
	}
	assert_int_equal(fixture_read(reader, "m0", &range), 0);
	assert_int_equal(range.count, 1);
	reader_end(reader);
	assert_int_equal(fixture_read(reader, "m0", &range), 0);
	assert_int_equal(range.count, 50);
	reader_close(reader);
}

/* Nobody calls store_checkpoint(): commits bound the WAL by themselves. */
static void test_wal_is_bounded(void **state)
{
	struct fixture *f = *state;
	char wal[160];
	_cleanup_free_ struct sample *samples = NULL;
	uint64_t largest = 0;

	make_series(f);
	samples = calloc(SERIES, sizeof(*samples));
	assert_non_null(samples);
	for (uint32_t i = 0; i < SERIES; i++)
		samples[i].series = i + 1;
	snprintf(wal, sizeof(wal), "%s-wal", f->path);
	for (int64_t i = 0; i < 30; i++) {
		assert_int_equal(store_begin(f->store), 0);
		for (int64_t k = 1; k <= 3000; k++)
			assert_int_equal(store_append(f->store, i * 3000 + k, samples, SERIES), 0);
		assert_int_equal(store_commit(f->store), 0);
		if (store_bytes(f->store) > largest)
			largest = store_bytes(f->store);
	}
	/* 36 MB of samples, and a WAL of a few. */
	assert_in_range(largest, 36000000, 36000000 + 16 * 1024 * 1024);
}

/* Only reading beneath DIRECTORY is left. -ENOSYS or -EOPNOTSUPP where the kernel cannot. */
static int restrict_to_reading(const char *directory)
{
	const struct landlock_ruleset_attr attributes = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
				     LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
				     LANDLOCK_ACCESS_FS_REMOVE_FILE};
	struct landlock_path_beneath_attr beneath = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR};
	_cleanup_close_ int rules =
		(int) syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
	_cleanup_close_ int fd = open(directory, O_PATH | O_CLOEXEC);

	if (rules < 0 || fd < 0)
		return -errno;
	beneath.parent_fd = fd;
	if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0 ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		return -errno;
	return 0;
}

static void test_reader_in_landlock(void **state)
{
	struct fixture *f = *state;
	pid_t pid;
	int status;

	make_series(f);
	assert_int_equal(fixture_tick(f, 5, SERIES, 1), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (restrict_to_reading(f->directory) < 0)
			_exit(77);
		assert_true(open(f->path, O_RDWR | O_CLOEXEC) < 0);
		read_until(f->path, 5);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_faults_of_checkpoint),
		TEST(test_killed_writer),
		TEST(test_reader_while_writing),
		TEST(test_reader_amid_commits),
		TEST(test_held_snapshot),
		TEST(test_wal_is_bounded),
		TEST(test_reader_in_landlock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
