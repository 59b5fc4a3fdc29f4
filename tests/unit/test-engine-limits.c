/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine keeps of what collectors say, and what it ignores because there is too much. */
#include "tests/unit/engine-fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "schema/store.h"

#define SERVICES  5000  /* more than are kept */
#define FACTS	  10000 /* as many as are kept */
#define PROCESSES 10000 /* as many as are kept */
#define CONFIG(daemon) \
	"[daemon]\n" daemon "[service llama]\nexecutable = /bin/llama\n"

static void send_event(struct engine_fixture *f, const char *type, int64_t pid, double up)
{
	engine_fixture_event(f, type, pid, up);
	engine_fixture_await(f, f->done == f->last_event);
}

/* The numbers of the main processes that the database has, and what it says of the service. */
static void check_stored(struct engine_fixture *f, const char *pids, enum service_state state)
{
	_cleanup_free_ char *path = engine_fixture_database(f);
	_cleanup_buf_ struct buf found = BUF_INIT;
	struct process_record *processes;
	struct service_record *services;
	struct reader *reader;
	size_t count;

	assert_int_equal(reader_open(path, &reader), 0);
	assert_int_equal(reader_processes(reader, &processes, &count), 0);
	for (size_t i = 0; i < count; i++)
		buf_printf(&found, "%" PRIi64 " ", processes[i].pid);
	process_list_free(processes, count);
	assert_string_equal(found.data ? found.data : "", pids);
	assert_int_equal(reader_services(reader, &services, &count), 0);
	for (size_t i = 0; i < count; i++)
		if (text_equal(services[i].name, "llama"))
			assert_int_equal(services[i].state, state);
	service_list_free(services, count);
	reader_close(reader);
}

/* A main process that is no longer the service's leaves its row; and so do all of a service that ended
 * as a discovered one while it became a configured one. */
static void test_processes_are_forgotten(void **state)
{
	struct engine_fixture f;

	engine_fixture_make(&f, CONFIG("evaluate = 10ms\n"));
	engine_fixture_start(&f);
	send_event(&f, EVENT_PROCESS_STARTED, 100, 1);
	send_event(&f, EVENT_PROCESS_STARTED, 101, 1);
	check_stored(&f, "100 101 ", SERVICE_UP);
	send_event(&f, EVENT_PROCESS_RELEASED, 100, 1);
	check_stored(&f, "101 ", SERVICE_UP);
	/* Of one that is not known it is no news. */
	send_event(&f, EVENT_PROCESS_RELEASED, 100, 0);
	check_stored(&f, "101 ", SERVICE_UP);
	send_event(&f, EVENT_PROCESS_STARTED, 102, 1);
	send_event(&f, EVENT_SERVICE_ENDED, 0, sample_stale());
	check_stored(&f, "", SERVICE_UNKNOWN);
	send_event(&f, EVENT_PROCESS_STARTED, 103, 1);
	check_stored(&f, "103 ", SERVICE_UP);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

static void check_program(struct engine_fixture *f, uint64_t stack, const char *command_line)
{
	_cleanup_free_ char *path = engine_fixture_database(f);
	struct process_record *processes;
	struct reader *reader;
	size_t count;

	assert_int_equal(reader_open(path, &reader), 0);
	assert_int_equal(reader_processes(reader, &processes, &count), 0);
	assert_int_equal(count, 1);
	assert_true(processes[0].stack == stack);
	assert_string_equal(processes[0].command_line, command_line);
	process_list_free(processes, count);
	reader_close(reader);
}

/* What a main process ran when it was found is kept until it executes something else. */
static void test_program_is_kept(void **state)
{
	static const struct {
		const char *type;
		uint64_t stack;
		const char *command_line, *expected;
		uint64_t expected_stack;
	} cases[] = {
		{EVENT_PROCESS_STARTED, 1, "serve", "serve", 1},
		{EVENT_PROCESS_STARTED, 1, "a title", "serve", 1},
		{EVENT_PROCESS_STARTED, 0, "unseen", "serve", 1},
		{EVENT_PROCESS_STARTED, UINT64_MAX, "serve again", "serve again", UINT64_MAX},
		{EVENT_SERVICE_MISSING, 2, "other", "serve again", UINT64_MAX},
	};
	struct engine_fixture f;

	engine_fixture_make(&f, CONFIG("evaluate = 10ms\n"));
	engine_fixture_start(&f);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		f.stack = cases[i].stack;
		f.command_line = cases[i].command_line;
		send_event(&f, cases[i].type, 100, 1);
		check_program(&f, cases[i].expected_stack, cases[i].expected);
	}
	engine_fixture_stop(&f);
	engine_fixture_start(&f);
	send_event(&f, EVENT_PROCESS_EXITED, 100, 0);
	check_stored(&f, "", SERVICE_DOWN);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

/* One series is kept, whether the service is up; all others come and go unseen. */
static void test_more_series_than_are_kept(void **state)
{
	struct engine_fixture f;

	engine_fixture_make(&f, CONFIG("max-series = 1\n"));
	engine_fixture_start(&f);
	send_event(&f, EVENT_PROCESS_STARTED, 100, 1);
	engine_fixture_resident(&f, 1);
	f.event_series = 1;
	send_event(&f, EVENT_PROCESS_EXITED, 100, 0);
	check_stored(&f, "", SERVICE_UP);
	send_event(&f, EVENT_PROCESS_STARTED, 101, 1);
	engine_fixture_resident(&f, 2);
	send_event(&f, EVENT_SERVICE_ENDED, 0, sample_stale());
	f.event_series = 0;
	send_event(&f, EVENT_PROCESS_STARTED, 102, 1);
	check_stored(&f, "102 ", SERVICE_UP);
	engine_fixture_stop(&f);
	engine_fixture_start(&f);
	send_event(&f, EVENT_PROCESS_EXITED, 102, 0);
	check_stored(&f, "", SERVICE_DOWN);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

/* Nobody makes us forget a configured service by many others. */
static void test_more_services_than_are_kept(void **state)
{
	struct engine_fixture f;
	char name[32];

	engine_fixture_make(&f, CONFIG("evaluate = 10ms\n"));
	engine_fixture_start(&f);
	for (unsigned i = 0; i < SERVICES; i++) {
		snprintf(name, sizeof(name), "other-%u", i);
		engine_fixture_fact(&f, name, "discovered", "yes");
		/* No more at once than a link takes. */
		if (i % 1000 == 0)
			send_event(&f, EVENT_PROCESS_RELEASED, 1, 1);
	}
	send_event(&f, EVENT_PROCESS_STARTED, 100, 1);
	check_stored(&f, "100 ", SERVICE_UP);
	engine_fixture_stop(&f);
	engine_fixture_start(&f);
	send_event(&f, EVENT_PROCESS_EXITED, 100, 0);
	check_stored(&f, "", SERVICE_DOWN);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

/* What ends is told to be discovered no longer when its row is gone: that makes no new one. */
static void test_what_is_taken_back_makes_no_service(void **state)
{
	_cleanup_free_ char *path = NULL;
	struct engine_fixture f;
	struct service_record *services;
	struct reader *reader;
	size_t count;

	engine_fixture_make(&f, CONFIG("evaluate = 10ms\n"));
	engine_fixture_start(&f);
	engine_fixture_fact(&f, "ended", "url", "");
	engine_fixture_fact(&f, "ended", "discovered", "");
	send_event(&f, EVENT_PROCESS_STARTED, 100, 1);
	path = engine_fixture_database(&f);
	assert_int_equal(reader_open(path, &reader), 0);
	assert_int_equal(reader_services(reader, &services, &count), 0);
	assert_int_equal(count, 1);
	assert_string_equal(services[0].name, "llama");
	service_list_free(services, count);
	reader_close(reader);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

/* As many main processes as are kept, of another service. */
static void store_processes(struct engine_fixture *f)
{
	_cleanup_free_ char *path = engine_fixture_database(f);
	char service[] = "other", boot[] = "another boot";
	struct store *store;

	assert_int_equal(store_open(path, &store, NULL), 0);
	assert_int_equal(store_begin(store), 0);
	for (int64_t i = 0; i < PROCESSES; i++) {
		const struct process_record p = {service, 1000 + i, 1, boot, 1, service};

		assert_int_equal(store_put_process(store, &p), 0);
	}
	assert_int_equal(store_commit(store), 0);
	store_close(store);
}

/* One more than that is no fault of the collector, and its end is no news. */
static void test_more_processes_than_are_kept(void **state)
{
	struct engine_fixture f;

	engine_fixture_make(&f, CONFIG("evaluate = 10ms\n"));
	store_processes(&f);
	engine_fixture_start(&f);
	send_event(&f, EVENT_PROCESS_STARTED, 100, 1);
	send_event(&f, EVENT_PROCESS_EXITED, 100, 0);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

static int count_value(void *userdata, const struct series *series, int64_t time_ms, double value)
{
	size_t *count = userdata;

	(*count)++;
	return 0;
}

/* How often it is written when the collector was heard of last. */
static size_t count_reports(struct engine_fixture *f)
{
	_cleanup_free_ char *path = engine_fixture_database(f);
	char metric[] = "modelwatch_collector_last_success_timestamp_seconds";
	char name[] = "collector", process[] = "process";
	struct label label = {name, process};
	struct series series = {metric, {&label, 1}};
	struct reader *reader;
	size_t count = 0;
	int r;

	assert_int_equal(reader_open(path, &reader), 0);
	r = reader_range(reader, &series, 0, INT64_MAX, count_value, &count);
	assert_true(r == 0 || r == -ENOENT);
	reader_close(reader);
	return count;
}

/* A collector that is silent is not forgotten. */
static void test_a_report_is_repeated(void **state)
{
	struct engine_fixture f;
	size_t before;

	engine_fixture_make(&f, CONFIG("interval = 10ms\nevaluate = 10ms\n"));
	engine_fixture_start(&f);
	engine_fixture_resident(&f, 1);
	engine_fixture_await(&f, count_reports(&f) > 0);
	engine_fixture_stop(&f);
	engine_fixture_start(&f);
	before = count_reports(&f);
	engine_fixture_await(&f, count_reports(&f) > before);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

/* What the collector said of "llama" under KEY, or NULL; free() it. */
static char *stored_fact(const struct engine_fixture *f, const char *key)
{
	_cleanup_free_ char *path = engine_fixture_database(f);
	struct reader *reader;
	struct fact *facts;
	char *found = NULL;
	size_t count;

	assert_int_equal(reader_open(path, &reader), 0);
	assert_int_equal(reader_facts(reader, "service", &facts, &count), 0);
	for (size_t i = 0; i < count; i++)
		if (text_equal(facts[i].key, key))
			found = strdup(facts[i].value);
	fact_list_free(facts, count);
	reader_close(reader);
	return found;
}

/* One too many is ignored; what is kept is corrected and taken back as ever, which makes room. */
static void test_more_facts_than_are_kept(void **state)
{
	_cleanup_free_ char *corrected = NULL, *added = NULL;
	struct engine_fixture f;
	char key[32];

	engine_fixture_make(&f, CONFIG("evaluate = 10ms\n"));
	engine_fixture_start(&f);
	for (unsigned i = 0; i < FACTS + 10; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		engine_fixture_fact(&f, "llama", key, "yes");
		/* No more at once than a link takes. */
		if (i % 1000 == 0)
			send_event(&f, EVENT_PROCESS_RELEASED, 1, 1);
	}
	engine_fixture_fact(&f, "llama", "k0", "no");
	engine_fixture_fact(&f, "llama", "k1", "");
	engine_fixture_fact(&f, "llama", "added", "yes");
	send_event(&f, EVENT_PROCESS_STARTED, 100, 1);
	corrected = stored_fact(&f, "k0");
	added = stored_fact(&f, "added");
	assert_string_equal(corrected, "no");
	assert_string_equal(added, "yes");
	assert_null(stored_fact(&f, "k1"));
	snprintf(key, sizeof(key), "k%u", FACTS);
	assert_null(stored_fact(&f, key));
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

/* What is too long is kept as far as it fits, whole characters only, and whoever says it goes on. */
static void test_longer_fact_than_is_kept(void **state)
{
	char value[FACT_VALUE_MAX + 100];
	_cleanup_free_ char *kept = NULL;
	struct engine_fixture f;

	memset(value, 'a', sizeof(value));
	memcpy(value + FACT_VALUE_MAX - 1, "\xc3\xa4", 2);
	value[sizeof(value) - 1] = '\0';
	engine_fixture_make(&f, CONFIG("evaluate = 10ms\n"));
	engine_fixture_start(&f);
	engine_fixture_fact(&f, "llama", "unit", "told before");
	engine_fixture_fact(&f, "llama", "unit", value);
	send_event(&f, EVENT_PROCESS_STARTED, 100, 1);
	kept = stored_fact(&f, "unit");
	assert_non_null(kept);
	assert_int_equal(strlen(kept), FACT_VALUE_MAX - 1);
	assert_memory_equal(kept, value, FACT_VALUE_MAX - 1);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_processes_are_forgotten),
		cmocka_unit_test(test_program_is_kept),
		cmocka_unit_test(test_more_series_than_are_kept),
		cmocka_unit_test(test_more_services_than_are_kept),
		cmocka_unit_test(test_what_is_taken_back_makes_no_service),
		cmocka_unit_test(test_more_processes_than_are_kept),
		cmocka_unit_test(test_a_report_is_repeated),
		cmocka_unit_test(test_more_facts_than_are_kept),
		cmocka_unit_test(test_longer_fact_than_is_kept),
	};

	return cmocka_run_group_tests_name("engine limits", tests, NULL, NULL);
}
