/* SPDX-License-Identifier: Apache-2.0 */
/* Reads that are waited for no longer than they deserve. A pipe in the place of /proc/PID/cmdline keeps
 * its reader waiting until somebody writes. */
#include "collectors/process/bounded_read.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "collectors/process/proc_reader.h"
#include "daemon/base/file.h"

#define PROMPT 77 /* a process that answers */
#define STUCK  100 /* the first of those that do not */
#define STRANGER 500 /* a user */
#define PATIENCE (10 * USEC_PER_SEC)
#define PAUSE	 1000 /* microseconds between two looks */

struct world {
	char path[64];
	int root;
	struct bounded_reader *reader;
};

static void write_file(struct world *w, pid_t pid, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%d/%s", w->path, pid, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void add_process(struct world *w, pid_t pid, unsigned user, unsigned start)
{
	char path[128], text[512];

	snprintf(path, sizeof(path), "%s/%d", w->path, pid);
	assert_int_equal(mkdir(path, 0700), 0);
	/* The user stands in the status where the directory is root's. */
	if (geteuid() == 0)
		snprintf(text, sizeof(text), "Name:\tx\nUid:\t%u\t%u\t%u\t%u\n", user, user, user, user);
	else
		text[0] = '\0';
	write_file(w, pid, "status", text);
	snprintf(text, sizeof(text),
		"%d (x) S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 %u 1000 10 "
		"18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
		pid, start);
	write_file(w, pid, "stat", text);
}

static void add_stuck(struct world *w, pid_t pid, unsigned user)
{
	char path[128];

	add_process(w, pid, user, 5);
	snprintf(path, sizeof(path), "%s/%d/cmdline", w->path, pid);
	assert_int_equal(mkfifo(path, 0600), 0);
}

/* Lets its reader go on, with TEXT. */
static void release(struct world *w, pid_t pid, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%d/cmdline", w->path, pid);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
	close(fd);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	strcpy(w->path, "/tmp/mw-bounded-XXXXXX");
	assert_non_null(mkdtemp(w->path));
	w->root = open(w->path, O_PATH | O_DIRECTORY);
	assert_true(w->root >= 0);
	assert_int_equal(bounded_reader_new(w->root, &w->reader), 0);
	add_process(w, PROMPT, 0, 3);
	write_file(w, PROMPT, "cmdline", "prompt");
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char command[128];

	bounded_reader_free(w->reader);
	close(w->root);
	snprintf(command, sizeof(command), "rm -r %s", w->path);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

static int ask(struct world *w, pid_t pid, bool late, struct buf *b)
{
	const struct bounded_request request = {.pid = pid,
		.name = "cmdline",
		.fd = -1,
		.limit = BOUNDED_READ_MAX,
		.wait = BOUNDED_WAIT,
		.late = late};

	buf_reset(b);
	return bounded_read(w->reader, &request, b, NULL);
}

static int take_late(struct world *w, pid_t pid, struct buf *b)
{
	buf_reset(b);
	return bounded_read_late(w->reader, pid, "cmdline", b, NULL);
}

static void assert_answers(struct world *w, pid_t pid, const char *text)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	/* Where the machine is busy even a prompt answer may come too late. */
	usec_t end = clock_monotonic() + PATIENCE;
	int r;

	while ((r = ask(w, pid, false, &b)) < 0 && clock_monotonic() < end)
		usleep(PAUSE);
	assert_int_equal(r, 0);
	assert_string_equal(b.data, text);
}

static void assert_refused(struct world *w, pid_t pid, int error)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	assert_int_equal(ask(w, pid, false, &b), error);
	assert_int_equal(b.size, 0);
}

static void wait_until_returned(struct world *w, pid_t pid)
{
	usec_t end = clock_monotonic() + PATIENCE;

	while (bounded_reader_waits_for(w->reader, pid) && clock_monotonic() < end)
		usleep(PAUSE);
	assert_false(bounded_reader_waits_for(w->reader, pid));
}

static bool is_in(const pid_t *pids, size_t count, pid_t pid)
{
	for (size_t i = 0; i < count; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

static bool collects(struct world *w, pid_t pid)
{
	pid_t pids[UNREAD_MAX];
	bool more, full;

	return is_in(pids, bounded_reader_collect(w->reader, pids, &more, &full), pid);
}

static size_t count_stuck(struct world *w)
{
	struct stuck stuck;
	size_t position = 0, count = 0;

	while (bounded_reader_next_stuck(w->reader, &position, &stuck))
		count++;
	return count;
}

static void test_reads(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf b = BUF_INIT;

	assert_answers(w, PROMPT, "prompt");
	assert_int_equal(ask(w, 4711, false, &b), -ENOENT);
	assert_int_equal(count_stuck(w), 0);
}

static void test_reads_at_most_the_limit(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct bounded_request request = {.pid = PROMPT, .name = "cmdline", .limit = 4};
	_cleanup_close_ int fd = openat(w->root, "77/cmdline", O_RDONLY);

	request.wait = PATIENCE;
	request.fd = -1;
	assert_int_equal(bounded_read(w->reader, &request, &b, NULL), 0);
	assert_string_equal(b.data, "prom");
	buf_reset(&b);
	request.fd = fd;
	assert_int_equal(bounded_read(w->reader, &request, &b, NULL), 0);
	assert_string_equal(b.data, "prom");
}

static void test_one_that_is_stuck_holds_nobody_else(void **state)
{
	struct world *w = *state;

	add_stuck(w, STUCK, 0);
	assert_refused(w, STUCK, -ETIMEDOUT);
	assert_true(bounded_reader_waits_for(w->reader, STUCK));
	assert_refused(w, STUCK, -EBUSY);
	assert_answers(w, PROMPT, "prompt");
	assert_false(collects(w, STUCK));
	assert_int_equal(count_stuck(w), 1);
	release(w, STUCK, "late");
	wait_until_returned(w, STUCK);
	assert_int_equal(count_stuck(w), 0);
	assert_true(collects(w, STUCK));
	assert_false(collects(w, STUCK));
}

static size_t count_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	size_t count = 0;

	assert_non_null(tasks);
	while (readdir(tasks))
		count++;
	closedir(tasks);
	return count;
}

/* The leak check says whether it frees what is left to it. */
static void test_a_thread_that_outlives_its_reader(void **state)
{
	struct world *w = *state;
	size_t before = count_threads();
	usec_t deadline = clock_monotonic() + PATIENCE;

	add_stuck(w, STUCK, 0);
	assert_refused(w, STUCK, -ETIMEDOUT);
	w->reader = bounded_reader_free(w->reader);
	assert_true(count_threads() > before);
	release(w, STUCK, "late");
	while (count_threads() > before && clock_monotonic() < deadline)
		usleep(PAUSE);
	assert_int_equal(count_threads(), before);
}

/* What a process was when it was asked is not what it is. */
static void test_a_late_answer_is_old(void **state)
{
	struct world *w = *state;

	add_stuck(w, STUCK, 0);
	assert_refused(w, STUCK, -ETIMEDOUT);
	release(w, STUCK, "old");
	wait_until_returned(w, STUCK);
	assert_refused(w, STUCK, -ETIMEDOUT);
	release(w, STUCK, "");
	wait_until_returned(w, STUCK);
}

static void test_a_late_answer_that_will_do(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf b = BUF_INIT;

	add_stuck(w, STUCK, 0);
	assert_int_equal(take_late(w, STUCK, &b), -ENODATA);
	assert_int_equal(ask(w, STUCK, true, &b), -ETIMEDOUT);
	assert_int_equal(ask(w, STUCK, true, &b), -EBUSY);
	assert_int_equal(take_late(w, STUCK, &b), -EBUSY);
	release(w, STUCK, "late");
	wait_until_returned(w, STUCK);
	/* It is kept for one collection. */
	assert_false(collects(w, STUCK));
	assert_int_equal(take_late(w, STUCK, &b), 0);
	assert_string_equal(b.data, "late");
	assert_int_equal(take_late(w, STUCK, &b), -ENODATA);
}

static int ask_stat(struct world *w, pid_t pid)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	const struct bounded_request request = {
		.pid = pid, .name = "stat", .fd = -1, .limit = BOUNDED_READ_MAX, .wait = PATIENCE};

	return bounded_read(w->reader, &request, &b, NULL);
}

/* Other files of the process are read before it is taken. */
static void test_a_late_answer_outlives_other_requests(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf b = BUF_INIT;

	add_stuck(w, STUCK, 0);
	assert_int_equal(ask(w, STUCK, true, &b), -ETIMEDOUT);
	assert_int_equal(ask_stat(w, STUCK), -EBUSY);
	release(w, STUCK, "late");
	wait_until_returned(w, STUCK);
	assert_int_equal(ask_stat(w, STUCK), 0);
	assert_int_equal(take_late(w, STUCK, &b), 0);
	assert_string_equal(b.data, "late");
}

/* A process that hangs, answers and hangs again collects no threads. */
static void test_a_late_answer_is_replaced(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf b = BUF_INIT;

	add_stuck(w, STUCK, 0);
	for (size_t i = 0; i < AWAY_MAX + 1; i++) {
		assert_int_equal(ask(w, STUCK, true, &b), -ETIMEDOUT);
		release(w, STUCK, i < AWAY_MAX ? "older" : "newest");
		wait_until_returned(w, STUCK);
	}
	assert_int_equal(take_late(w, STUCK, &b), 0);
	assert_string_equal(b.data, "newest");
	assert_int_equal(take_late(w, STUCK, &b), -ENODATA);
}

static void test_a_late_answer_that_nobody_wants(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf b = BUF_INIT;

	add_stuck(w, STUCK, 0);
	assert_int_equal(ask(w, STUCK, true, &b), -ETIMEDOUT);
	release(w, STUCK, "late");
	wait_until_returned(w, STUCK);
	assert_false(collects(w, STUCK));
	assert_true(collects(w, STUCK));
	assert_int_equal(take_late(w, STUCK, &b), -ENODATA);
}

/* Its number is another process's now. */
static void test_a_number_that_is_used_again(void **state)
{
	struct world *w = *state;
	char path[128], moved[128];

	add_stuck(w, STUCK, 0);
	assert_refused(w, STUCK, -ETIMEDOUT);
	snprintf(path, sizeof(path), "%s/%d", w->path, STUCK);
	snprintf(moved, sizeof(moved), "%s/%d", w->path, STUCK + 1);
	assert_int_equal(rename(path, moved), 0);
	add_process(w, STUCK, 0, 6);
	write_file(w, STUCK, "cmdline", "new");
	assert_answers(w, STUCK, "new");
	release(w, STUCK + 1, "");
	while (count_stuck(w) > 0)
		usleep(PAUSE);
}

static void fill(struct world *w, size_t count, unsigned user)
{
	size_t before = count_stuck(w);

	for (size_t i = before; i < before + count; i++) {
		add_stuck(w, STUCK + (pid_t) i, user);
		assert_refused(w, STUCK + (pid_t) i, -ETIMEDOUT);
	}
}

static void release_all(struct world *w)
{
	for (size_t i = 0, count = count_stuck(w); i < count; i++) {
		release(w, STUCK + (pid_t) i, "");
		wait_until_returned(w, STUCK + (pid_t) i);
	}
}

/* Whoever makes many stuck processes keeps us from looking at these alone. */
static void test_a_user_has_a_share(void **state)
{
	struct world *w = *state;
	pid_t pids[UNREAD_MAX], one_more = 1000;
	bool more, full;

	if (geteuid() != 0)
		skip();
	fill(w, AWAY_OF_USER, STRANGER);
	add_process(w, one_more, STRANGER, 5);
	write_file(w, one_more, "cmdline", "one more");
	assert_refused(w, one_more, -EBUSY);
	assert_answers(w, PROMPT, "prompt");
	assert_true(is_in(
		pids, bounded_reader_collect(w->reader, pids, &more, &full), one_more));
	assert_true(full);
	release_all(w);
	assert_answers(w, one_more, "one more");
}

/* Nor do several users together, or one with many numbers, keep us from root's. */
static void test_users_together_have_a_share(void **state)
{
	struct world *w = *state;
	pid_t one_more = 1000;

	if (geteuid() != 0)
		skip();
	for (unsigned i = 0; i < AWAY_OF_USERS; i++)
		fill(w, 1, STRANGER + i);
	add_process(w, one_more, STRANGER + AWAY_OF_USERS, 5);
	write_file(w, one_more, "cmdline", "one more");
	assert_refused(w, one_more, -EBUSY);
	assert_answers(w, PROMPT, "prompt");
	fill(w, AWAY_MAX - AWAY_OF_USERS, 0);
	assert_refused(w, PROMPT, -EBUSY);
	release_all(w);
	assert_answers(w, one_more, "one more");
}

/* Where root has taken many places, the others' share is what it was. */
static void test_a_share_is_of_what_is_taken_by_users(void **state)
{
	struct world *w = *state;
	pid_t one_more = 1000;

	if (geteuid() != 0)
		skip();
	fill(w, AWAY_OF_USERS, 0);
	add_process(w, one_more, STRANGER, 5);
	write_file(w, one_more, "cmdline", "one more");
	assert_answers(w, one_more, "one more");
	release_all(w);
}

static void test_all_are_bounded(void **state)
{
	struct world *w = *state;

	if (geteuid() != 0)
		skip();
	fill(w, AWAY_MAX, 0);
	assert_refused(w, PROMPT, -EBUSY);
	release_all(w);
	assert_true(collects(w, PROMPT));
	assert_answers(w, PROMPT, "prompt");
}

static void test_more_than_are_kept_in_mind(void **state)
{
	struct world *w = *state;
	pid_t pids[UNREAD_MAX];
	bool more, full;

	if (geteuid() != 0)
		skip();
	fill(w, AWAY_MAX, 0);
	for (pid_t pid = 1000; pid < 1000 + UNREAD_MAX + 1; pid++)
		assert_refused(w, pid, -EBUSY);
	assert_int_equal(bounded_reader_collect(w->reader, pids, &more, &full), UNREAD_MAX);
	assert_true(more);
	assert_int_equal(bounded_reader_collect(w->reader, pids, &more, &full), 0);
	assert_false(more);
	release_all(w);
}

/* In a child: USER makes a user namespace, says so, and waits until it may be another user there. */
static void be_subordinate(uid_t user, int told, int allowed)
{
	char byte = 0;

	if (setresuid(user, user, user) < 0 || unshare(CLONE_NEWUSER) < 0)
		_exit(1);
	if (write(told, &byte, 1) != 1 || read(allowed, &byte, 1) != 1)
		_exit(1);
	if (setresuid(3, 3, 3) < 0 || write(told, &byte, 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void allow_users(pid_t pid)
{
	static const char map[] = "0 100000 10\n";
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, map, strlen(map)), (ssize_t) strlen(map));
	close(fd);
}

/* However many subordinate users somebody has, they count as that one. */
static void test_subordinate_users(void **state)
{
	int root = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC), told[2], allowed[2];
	struct stat process = {0};
	uid_t account = 0;
	char name[16];
	bool possible;
	char byte = 0;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	assert_int_equal(pipe(told), 0);
	assert_int_equal(pipe(allowed), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		be_subordinate(STRANGER, told[1], allowed[0]);
	close(told[1]);
	possible = read(told[0], &byte, 1) == 1;
	if (possible) {
		allow_users(pid);
		snprintf(name, sizeof(name), "%d", pid);
		assert_int_equal(write(allowed[1], &byte, 1), 1);
		assert_int_equal(read(told[0], &byte, 1), 1);
		assert_int_equal(fstatat(root, name, &process, 0), 0);
		assert_int_equal(proc_read_account(root, pid, &account), 0);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(told[0]);
	close(allowed[0]);
	close(allowed[1]);
	close(root);
	if (!possible)
		skip(); /* nobody but root may make namespaces here */
	assert_int_equal(process.st_uid, 100003);
	assert_int_equal(account, STRANGER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_reads),
		TEST(test_reads_at_most_the_limit),
		TEST(test_one_that_is_stuck_holds_nobody_else),
		TEST(test_a_thread_that_outlives_its_reader),
		TEST(test_a_late_answer_is_old),
		TEST(test_a_late_answer_that_will_do),
		TEST(test_a_late_answer_that_nobody_wants),
		TEST(test_a_late_answer_outlives_other_requests),
		TEST(test_a_late_answer_is_replaced),
		TEST(test_a_number_that_is_used_again),
		TEST(test_a_user_has_a_share),
		TEST(test_users_together_have_a_share),
		TEST(test_a_share_is_of_what_is_taken_by_users),
		TEST(test_all_are_bounded),
		TEST(test_more_than_are_kept_in_mind),
#undef TEST
		cmocka_unit_test(test_subordinate_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
