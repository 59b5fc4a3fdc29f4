/* SPDX-License-Identifier: Apache-2.0 */
/* The engine while its database cannot be written, and while a webhook is dead. */
#include "tests/unit/engine-fixture.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "schema/store.h"
#include "tests/unit/fault-vfs.h"

#define FAULTS_MAX 400 /* writes and syncs of one story, at most */

#define RULE                                                                                       \
	"[alert ServiceDown]\nexpr = modelwatch_service_up == 0\nseverity = critical\n"            \
	"group-by = service\nsummary = {{ service }} is down\n"
#define CONFIG                                                                                     \
	"[daemon]\nevaluate = 10ms\ndiscovery = no\n"                                               \
	"[service llama]\nexecutable = /bin/llama\n"                                               \
	"[webhook oncall]\nurl = http://127.0.0.1:9/\n" RULE

static void send_event(struct engine_fixture *f, const char *type, int64_t pid, double up)
{
	engine_fixture_event(f, type, pid, up);
	engine_fixture_await(f, f->done == f->last_event);
}

/* Start, down, page, acknowledgement, up, resolved; each turn is awaited, however long it takes. */
static void tell_story(struct engine_fixture *f)
{
	send_event(f, EVENT_PROCESS_STARTED, 100, 1);
	send_event(f, EVENT_PROCESS_EXITED, 100, 0);
	engine_fixture_await(f, engine_fixture_posts(f, "oncall", "incident.opened") > 0);
	engine_fixture_command(f, "acknowledge", "1");
	engine_fixture_await(f, f->status != 0);
	assert_true(f->status == 200 || f->status == 503); /* a write failed, and is done again */
	engine_fixture_await(f, engine_fixture_posts(f, "oncall", "incident.acknowledged") > 0);
	send_event(f, EVENT_PROCESS_STARTED, 101, 1);
	engine_fixture_await(f, engine_fixture_posts(f, "oncall", "incident.resolved") > 0);
}

static int write_value(void *userdata, const struct series *series, int64_t time_ms, double value)
{
	struct buf *b = userdata;

	buf_printf(b, "%g ", sample_is_stale(value) ? -1 : value);
	return 0;
}

static void check_samples(struct reader *reader, const char *metric, const char *expected)
{
	_cleanup_buf_ struct buf values = BUF_INIT;
	char name[] = "service", value[] = "llama";
	struct label label = {name, value};
	struct series series = {(char *) (uintptr_t) metric, {&label, 1}};

	assert_int_equal(
		reader_range(reader, &series, 0, INT64_MAX, write_value, &values), 0);
	assert_string_equal(values.data, expected);
}

static void check_notifications(struct reader *reader)
{
	struct notification *list;
	size_t count;

	assert_int_equal(reader_notifications(reader, 1, NULL, &list, &count), 0);
	assert_int_equal(count, 3);
	assert_string_equal(list[0].type, "incident.opened");
	assert_string_equal(list[1].type, "incident.acknowledged");
	assert_string_equal(list[2].type, "incident.resolved");
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(list[i].state, NOTIFICATION_DELIVERED);
		assert_int_equal(list[i].attempts, 1);
	}
	notification_list_free(list, count);
}

static void check_incident(struct reader *reader)
{
	_cleanup_buf_ struct buf turns = BUF_INIT;
	struct timeline_entry *list;
	struct incident incident;
	size_t count;

	assert_int_equal(reader_incident(reader, 1, &incident), 0);
	assert_int_equal(incident.state, INCIDENT_RESOLVED);
	assert_true(incident.acknowledged_ms > 0);
	incident_done(&incident);
	assert_int_equal(reader_incident(reader, 2, &incident), -ENOENT);
	assert_int_equal(reader_timeline(reader, 1, &list, &count), 0);
	for (size_t i = 0; i < count; i++)
		buf_printf(&turns, "%s ", list[i].type);
	assert_string_equal(turns.data, "opened acknowledged resolved ");
	timeline_list_free(list, count);
}

/* The database knows all of the story, once. */
static void check_database(const struct engine_fixture *f)
{
	_cleanup_free_ char *path = engine_fixture_database(f);
	struct process_record *processes;
	struct store *store;
	struct reader *reader;
	size_t count;

	assert_int_equal(store_open(path, &store, NULL), 0);
	reader = store_reader(store);
	check_samples(reader, "modelwatch_service_up", "1 0 1 ");
	check_notifications(reader);
	check_incident(reader);
	assert_int_equal(reader_processes(reader, &processes, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(processes[0].pid, 101);
	process_list_free(processes, count);
	store_close(store);
}

/* The story with the NTH write failing, TIMES times. True where it had fewer writes than that. */
static bool run_story(int nth, int code, int times)
{
	struct engine_fixture f;
	bool over;

	engine_fixture_make(&f, CONFIG);
	engine_fixture_start(&f);
	fault_arm(nth, code, times);
	tell_story(&f);
	over = fault_disarm();
	engine_fixture_stop(&f);
	assert_int_equal(f.post_count, 3);
	check_database(&f);
	engine_fixture_remove(&f);
	return over;
}

static void test_nothing_is_lost_or_sent_twice(void **state)
{
	static const struct {
		int code, times;
		int step; /* from one write that fails to the next */
	} cases[] = {
		{SQLITE_FULL, 1, 1},
		{SQLITE_FULL, 12, 3}, /* also what is written without the samples */
		{SQLITE_IOERR_WRITE, 1, 2},
		{SQLITE_IOERR_FSYNC, 3, 4},
		{SQLITE_READONLY, 5, 4},
	};

	fault_install();
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		int n = 1;

		for (; !run_story(n, cases[i].code, cases[i].times); n += cases[i].step)
			assert_true(n < FAULTS_MAX);
		/* Seven commits at least, each with a frame and a sync. */
		assert_true(n > 14);
	}
	fault_remove();
}

/* Why nothing can be written is told to `web`, and when it is over. */
static void test_trouble_is_told(void **state)
{
	static const struct {
		int code;
		const char *text;
	} cases[] = {
		{SQLITE_FULL, "the database cannot be written: No space left on device; until"},
		{SQLITE_IOERR_WRITE, "the database cannot be written: Input/output error; until"},
		{SQLITE_READONLY, "the database cannot be written: Read-only file system; until"},
	};

	fault_install();
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct engine_fixture f;

		engine_fixture_make(&f, CONFIG);
		engine_fixture_start(&f);
		send_event(&f, EVENT_PROCESS_STARTED, 100, 1);
		fault_arm(1, cases[i].code, INT_MAX);
		engine_fixture_event(&f, EVENT_PROCESS_EXITED, 100, 0);
		engine_fixture_await(&f, text_after(f.trouble, cases[i].text));
		assert_int_equal(f.post_count, 0);
		fault_disarm();
		engine_fixture_await(&f, f.post_count == 1 &&
			(!*f.trouble || strstr(f.trouble, "alerting goes on")));
		engine_fixture_stop(&f);
		engine_fixture_remove(&f);
	}
	fault_remove();
}

/* What cannot be stored is said at once, and takes effect when it can. */
static void test_what_is_not_stored_is_said(void **state)
{
	static const struct {
		const char *verb, *argument;
	} commands[] = {{"acknowledge", "1"}, {"test-webhook", "oncall"}};
	struct engine_fixture f;

	fault_install();
	engine_fixture_make(&f, CONFIG);
	engine_fixture_start(&f);
	send_event(&f, EVENT_PROCESS_STARTED, 100, 1);
	send_event(&f, EVENT_PROCESS_EXITED, 100, 0);
	engine_fixture_await(&f, engine_fixture_posts(&f, "oncall", "incident.opened") > 0);
	fault_arm(1, SQLITE_IOERR_WRITE, INT_MAX);
	for (size_t i = 0; i < ELEMENTS(commands); i++) {
		engine_fixture_command(&f, commands[i].verb, commands[i].argument);
		engine_fixture_await(&f, f.status != 0);
		assert_int_equal(f.status, 503);
		assert_non_null(strstr(f.reply, "Input/output error"));
	}
	assert_int_equal(engine_fixture_posts(&f, "oncall", "incident.acknowledged"), 0);
	fault_disarm();
	engine_fixture_await(&f, engine_fixture_posts(&f, "oncall", "incident.acknowledged") > 0);
	assert_int_equal(f.replies, 2);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
	fault_remove();
}

/* Released and taken again while nothing can be stored, a process keeps its row. */
static void test_a_process_that_went_and_came(void **state)
{
	_cleanup_free_ char *path = NULL;
	struct process_record *processes;
	struct engine_fixture f;
	struct reader *reader;
	size_t count;

	fault_install();
	engine_fixture_make(&f, CONFIG);
	engine_fixture_start(&f);
	send_event(&f, EVENT_PROCESS_STARTED, 100, 1);
	fault_arm(1, SQLITE_IOERR_WRITE, INT_MAX);
	engine_fixture_event(&f, EVENT_PROCESS_RELEASED, 100, 0);
	engine_fixture_event(&f, EVENT_PROCESS_STARTED, 100, 1);
	engine_fixture_await(&f, *f.trouble);
	/* What comes after them is answered after them. */
	engine_fixture_command(&f, "test-webhook", "oncall");
	engine_fixture_await(&f, f.status != 0);
	fault_disarm();
	engine_fixture_await(&f, f.done == f.last_event);
	path = engine_fixture_database(&f);
	assert_int_equal(reader_open(path, &reader), 0);
	assert_int_equal(reader_processes(reader, &processes, &count), 0);
	assert_int_equal(count, 1);
	process_list_free(processes, count);
	reader_close(reader);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
	fault_remove();
}

/* What ended unobserved leaves no gauge behind: the collector that tells of it knows of none. */
static void test_gauges_end_with_the_service(void **state)
{
	_cleanup_free_ char *path = NULL;
	struct engine_fixture f;
	struct store *store;

	engine_fixture_make(&f, CONFIG);
	engine_fixture_start(&f);
	send_event(&f, EVENT_PROCESS_STARTED, 100, 1);
	engine_fixture_resident(&f, 4096);
	engine_fixture_stop(&f);
	engine_fixture_start(&f);
	send_event(&f, EVENT_PROCESS_EXITED, 100, 0);
	engine_fixture_stop(&f);
	path = engine_fixture_database(&f);
	assert_int_equal(store_open(path, &store, NULL), 0);
	check_samples(store_reader(store), "modelwatch_service_resident_bytes", "4096 -1 ");
	store_close(store);
	engine_fixture_remove(&f);
}

#define PENDING 10050

/* What an engine before left behind: more for one webhook than memory takes. */
static void fill_outbox(const struct engine_fixture *f)
{
	_cleanup_free_ char *path = engine_fixture_database(f);
	char id[32], webhook[] = "dead", type[] = "incident.opened", error[] = "",
		 body[] = "{\"type\":\"incident.opened\"}";
	struct notification n = {.message_id = id, .webhook = webhook, .type = type,
		.last_error = error, .body = body};
	struct store *store;

	assert_int_equal(store_open(path, &store, NULL), 0);
	assert_int_equal(store_begin(store), 0);
	for (int i = 0; i < PENDING; i++) {
		n.incident = 1000 + i;
		n.created_ms = n.due_ms = usec_to_ms(clock_wall());
		snprintf(id, sizeof(id), "msg_%d", i);
		assert_int_equal(store_put_notification(store, &n, NULL), 0);
	}
	assert_int_equal(store_commit(store), 0);
	store_close(store);
}

static void test_a_dead_webhook_holds_up_no_other(void **state)
{
	struct engine_fixture f;

	engine_fixture_make(&f, CONFIG "[webhook dead]\nurl = http://127.0.0.1:9/\n");
	fill_outbox(&f);
	engine_fixture_start(&f);
	send_event(&f, EVENT_PROCESS_STARTED, 100, 1);
	send_event(&f, EVENT_PROCESS_EXITED, 100, 0);
	engine_fixture_await(&f, engine_fixture_posts(&f, "oncall", "incident.opened") == 1);
	send_event(&f, EVENT_PROCESS_STARTED, 101, 1);
	engine_fixture_await(&f, engine_fixture_posts(&f, "oncall", "incident.resolved") == 1);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_lost_or_sent_twice),
		cmocka_unit_test(test_trouble_is_told),
		cmocka_unit_test(test_what_is_not_stored_is_said),
		cmocka_unit_test(test_a_process_that_went_and_came),
		cmocka_unit_test(test_gauges_end_with_the_service),
		cmocka_unit_test(test_a_dead_webhook_holds_up_no_other),
	};

	return cmocka_run_group_tests_name("engine-faults", tests, NULL, NULL);
}
