/* SPDX-License-Identifier: Apache-2.0 */
/* What a collector does with processes that answer late: pipes stand for what takes long to read. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "collectors/process/bounded_read.h"
#include "collectors/process/model.h"
#include "collectors/process/resume.h"
#include "collectors/process/scan.h"
#include "collectors/process/service.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/file.h"
#include "tests/unit/collector-fixture.h"

#define PROPORTIONAL GAUGE("proportional_bytes")
#define PATIENCE     (10 * USEC_PER_SEC)
#define PAUSE        1000 /* microseconds between two looks */

/* What stands for /proc where the collector's reader looks. */
struct slow_files {
	char path[80];
	int root;
	pid_t pid;
};

static void path_of(const struct slow_files *w, const char *name, char path[static 128])
{
	snprintf(path, 128, "%s/%d/%s", w->path, w->pid, name);
}

/* From now on the collector reads nothing that may have to wait but NAME of that process, which does. */
static void slow_begin(
	struct slow_files *w, struct collector_fixture *f, pid_t pid, const char *name)
{
	struct collector *c = f->collector;
	char path[128];

	w->pid = pid;
	snprintf(w->path, sizeof(w->path), "%s/proc", f->directory);
	assert_int_equal(mkdir(w->path, 0700), 0);
	snprintf(path, sizeof(path), "%s/%d", w->path, pid);
	assert_int_equal(mkdir(path, 0700), 0);
	path_of(w, name, path);
	assert_int_equal(mkfifo(path, 0600), 0);
	path_of(w, "io", path);
	assert_int_equal(symlink("/proc/self/io", path), 0);
	path_of(w, "comm", path);
	assert_int_equal(symlink("/proc/self/comm", path), 0);
	w->root = open(w->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(w->root >= 0);
	bounded_reader_free(c->reader);
	assert_int_equal(bounded_reader_new(w->root, &c->reader), 0);
}

/* Answers who waits for NAME; unless LATER is NULL, who reads it later finds that at once. */
static void slow_answer(const struct slow_files *w, struct collector *c, const char *name,
	const char *text, const char *later)
{
	usec_t end = clock_monotonic() + PATIENCE;
	char path[128];
	int fd, file;

	path_of(w, name, path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	if (later) {
		assert_int_equal(unlink(path), 0);
		file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_int_equal(write(file, later, strlen(later)), (ssize_t) strlen(later));
		close(file);
	}
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
	close(fd);
	while (bounded_reader_waits_for(c->reader, w->pid) && clock_monotonic() < end)
		usleep(PAUSE);
	assert_false(bounded_reader_waits_for(c->reader, w->pid));
}

static void slow_end(struct slow_files *w)
{
	close(w->root);
}

/* All that may have to wait is read where it is again, when what is under way is over. */
static void slow_pass(struct collector *c)
{
	bounded_reader_free(c->reader);
	assert_int_equal(bounded_reader_new(c->root, &c->reader), 0);
	c->recheck_owed = (double) map_size(c->processes);
}

/* Ticks until the reader waits for the process. */
static void await_waiting(struct collector_fixture *f, pid_t pid)
{
	usec_t end = clock_monotonic() + PATIENCE;

	while (!bounded_reader_waits_for(f->collector->reader, pid) && clock_monotonic() < end)
		fixture_ticks(f, 1);
	assert_true(bounded_reader_waits_for(f->collector->reader, pid));
}

/* A server whose memory takes long to be read, which is being done. */
static struct collector *begin_reading_memory(struct collector_fixture *f, struct slow_files *w)
{
	struct server *s = fixture_running(f);

	slow_begin(w, f, s->pid, "smaps_rollup");
	scan_find(f->collector, s->pid)->use.proportional_due = 0;
	await_waiting(f, s->pid);
	return f->collector;
}

/* Whatever else is read of the process in between. */
static void test_memory_that_is_read_late(void **state)
{
	struct collector_fixture *f = *state;
	struct slow_files w;
	struct collector *c = begin_reading_memory(f, &w);

	slow_answer(&w, c, "smaps_rollup", "Pss: 4711 kB\n", NULL);
	/* All that is dear is read in the next tick. */
	c->slow_due = 0;
	fixture_ticks(f, 1);
	assert_true(fixture_series(f, PROPORTIONAL)->value == 4711 * 1024);
	assert_false(bounded_reader_waits_for(c->reader, w.pid));
	slow_end(&w);
}

/* An answer that nobody came for is lost: it is not asked for again before its time. */
static void test_memory_is_not_read_again_at_once(void **state)
{
	struct collector_fixture *f = *state;
	struct slow_files w;
	struct collector *c = begin_reading_memory(f, &w);
	pid_t pids[UNREAD_MAX];
	bool more, full;

	slow_answer(&w, c, "smaps_rollup", "Pss: 4711 kB\n", NULL);
	for (unsigned i = 0; i < 2; i++)
		bounded_reader_collect(c->reader, pids, &more, &full);
	for (unsigned i = 0; i < 3; i++) {
		fixture_ticks(f, 1);
		assert_false(bounded_reader_waits_for(c->reader, w.pid));
	}
	slow_end(&w);
}

/* The service could be one that nobody could look at. */
static void test_missing_while_one_is_not_seen(void **state)
{
	static const char *const other[] = {"* nobody has this *"};
	struct collector_fixture *f = *state;
	struct service_match *m = fixture_service(f, "llama");
	struct slow_files w;
	struct server *s = fixture_server(f, NULL);
	struct service *service;

	m->executable_count = 0;
	m->command_lines = other;
	m->command_line_count = 1;
	fixture_begin(f, NULL);
	assert_string_equal(
		fixture_await(f, MISSING, "llama", 1)->evidence, "reason=no process matches it\n");
	slow_begin(&w, f, s->pid, "cmdline");
	assert_non_null(scan_examine(f->collector, s->pid));
	assert_true(bounded_reader_waits_for(f->collector->reader, s->pid));
	service = service_get(f->collector, "llama");
	service->was_up = false;
	service_check_missing(service);
	assert_string_equal(fixture_await(f, MISSING, "llama", 2)->evidence,
		"reason=no process matches it, but 1 process could not be looked at\n");
	slow_answer(&w, f->collector, "cmdline", "other", "other");
	f->collector->missing_due = 0;
	fixture_ticks(f, 2);
	assert_string_equal(
		fixture_await(f, MISSING, "llama", 3)->evidence, "reason=no process matches it\n");
	slow_end(&w);
}

/* A server whose child takes its place while nobody can read what the child is. */
struct succession {
	int status;  /* of the server */
	bool before; /* the child was seen to match before */
};

/* What it could not be told to be when it began is told when it answers. */
static void check_told_later(struct collector_fixture *f, const char *text)
{
	const struct told_event *e = fixture_await(f, STARTED, "llama", 2);

	assert_true(e->stack == 0);
	assert_string_equal(e->command_line, "");
	e = fixture_await(f, STARTED, "llama", 3);
	assert_true(e->stack > 0);
	assert_string_equal(e->command_line, text);
}

static void check_succession(struct collector_fixture *f, const struct succession *t)
{
	struct service_match *m = fixture_service(f, "llama");
	char text[PATH_MAX + 16], end[16];
	struct slow_files w;
	struct server *s;
	pid_t child;

	f->orphan_wait = 4 * INTERVAL;
	m->executable_count = m->user_count = 0;
	fixture_command_line(f, m, "--ours");
	s = fixture_server(f, (const char *const[]){"--ours", NULL});
	fixture_begin(f, NULL);
	fixture_await(f, STARTED, "llama", 1);
	server_say(s, "heir\n");
	child = server_hear(s);
	fixture_await_value(f, PROCESSES, 2);
	scan_find(f->collector, child)->matched = t->before;
	slow_begin(&w, f, child, "cmdline");
	snprintf(end, sizeof(end), "exit %d\n", t->status);
	server_say(s, end);
	await_waiting(f, child);
	if (t->before)
		assert_int_equal(fixture_await(f, STARTED, "llama", 2)->pid, child);
	fixture_ticks(f, 5);
	assert_true(fixture_series(f, UP)->value == t->before);
	snprintf(text, sizeof(text), "%s --ours", f->program);
	slow_answer(&w, f->collector, "cmdline", text, text);
	if (t->before)
		check_told_later(f, text);
	slow_pass(f->collector);
	assert_int_equal(fixture_await(f, STARTED, "llama", 2)->pid, child);
	fixture_ticks(f, 2);
	assert_true(fixture_series(f, UP)->value == 1);
	assert_int_equal(fixture_events(f, STARTED, "llama"), t->before ? 3 : 2);
	slow_end(&w);
}

static void test_successor_that_answers_late(void **state)
{
	static const struct succession cases[] = {
		{0, true},
		{0, false},
		{1, true},
		{1, false},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		void *fixture;

		assert_int_equal(collector_fixture_open(&fixture), 0);
		check_succession(fixture, &cases[i]);
		assert_int_equal(collector_fixture_close(&fixture), 0);
	}
}

/* A main process of "llama" that nobody looked at until now, as it is known. It shows a title: if its command
 * line is read at all, which takes long. */
struct known_titled {
	char boot[64], command_line[PATH_MAX + 16];
	struct known_process processes[2];
	struct known known;
	struct slow_files files;
};

/* SERVICES are those that are known to have it, by a command line that ends so: LAST. */
static void known_titled_begin(struct known_titled *k, struct collector_fixture *f,
	const char *const *services, size_t count, const char *last)
{
	static const char *const arguments[] = {"--ours", NULL};
	struct service_match *m = fixture_service(f, "llama");
	struct proc_stat stat;
	struct server *s;

	m->executable_count = m->user_count = 0;
	fixture_command_line(f, m, "--ours");
	fixture_begin(f, NULL);
	s = fixture_server(f, arguments);
	assert_int_equal(proc_read_stat(f->collector->root, s->pid, &stat), 0);
	snprintf(k->boot, sizeof(k->boot), "%s", f->collector->boot);
	snprintf(k->command_line, sizeof(k->command_line), "%s %s", f->program, last);
	for (size_t i = 0; i < count; i++)
		k->processes[i] =
			(struct known_process){.service = (char *) (uintptr_t) services[i],
				.pid = stat.pid,
				.start = stat.start,
				.boot = k->boot,
				.stack = stat.stack,
				.command_line = k->command_line};
	k->known = (struct known){.processes = k->processes, .process_count = count};
	slow_begin(&k->files, f, s->pid, "cmdline");
	assert_int_equal(resume_discovered(f->collector, &k->known), 0);
	assert_int_equal(resume_begin(f->collector, &k->known), 0);
	resume_living(f->collector);
	assert_true(bounded_reader_waits_for(f->collector->reader, s->pid));
}

static void known_titled_end(struct known_titled *k, struct collector_fixture *f)
{
	const struct told_event *e;

	resume_settle(f->collector);
	resume_end(f->collector);
	e = fixture_await(f, STARTED, "llama", 1);
	assert_string_equal(e->command_line, k->command_line);
	assert_int_equal(fixture_events(f, RELEASED, "llama"), 0);
	slow_end(&k->files);
}

static void test_title_that_is_read_late(void **state)
{
	static const char *const services[] = {"llama"};
	struct collector_fixture *f = *state;
	struct known_titled k;

	known_titled_begin(&k, f, services, 1, "--ours");
	slow_answer(&k.files, f->collector, "cmdline", "a title", "a title");
	known_titled_end(&k, f);
}

/* As far as anybody can tell it is what it was; where two services are known to have it, the first one's. */
static void test_title_that_is_not_read(void **state)
{
	static const char *const services[] = {"llama", "other"};
	struct collector_fixture *f = *state;
	struct known_titled k;

	fixture_service(f, "other");
	known_titled_begin(&k, f, services, 2, "--ours");
	known_titled_end(&k, f);
	fixture_await(f, RELEASED, "other", 1);
}

/* It goes on until it answers; then it is what it shows, or was known by, like any other. */
static void test_title_of_what_matches_no_more(void **state)
{
	static const char *const services[] = {"llama"};
	struct collector_fixture *f = *state;
	struct known_titled k;

	known_titled_begin(&k, f, services, 1, "--theirs");
	resume_settle(f->collector);
	resume_end(f->collector);
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, RELEASED, "llama"), 0);
	slow_answer(&k.files, f->collector, "cmdline", "a title", "a title");
	fixture_await(f, RELEASED, "llama", 1);
	fixture_await(f, MISSING, "llama", 1);
	slow_end(&k.files);
}

/* A discovered server that a service names now, and that keeps us waiting, is of that one when it answers. */
static void test_discovered_that_is_configured_now(void **state)
{
	static const char *const services[] = {"vllm-8000"};
	struct collector_fixture *f = *state;
	struct known_titled k;

	known_titled_begin(&k, f, services, 1, "--ours");
	resume_settle(f->collector);
	resume_end(f->collector);
	fixture_ticks(f, 2);
	assert_int_equal(fixture_events(f, STARTED, "llama"), 0);
	slow_answer(&k.files, f->collector, "cmdline", k.command_line, k.command_line);
	slow_pass(f->collector);
	fixture_await(f, STARTED, "llama", 1);
	fixture_ticks(f, 2);
	assert_null(service_get(f->collector, "vllm-8000"));
	assert_true(fixture_series(f, UP)->value == 1);
	slow_end(&k.files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITHOUT(test_memory_that_is_read_late),
		WITHOUT(test_memory_is_not_read_again_at_once),
		WITHOUT(test_missing_while_one_is_not_seen),
		cmocka_unit_test(test_successor_that_answers_late),
		WITHOUT(test_title_that_is_read_late),
		WITHOUT(test_title_that_is_not_read),
		WITHOUT(test_title_of_what_matches_no_more),
		WITHOUT(test_discovered_that_is_configured_now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
