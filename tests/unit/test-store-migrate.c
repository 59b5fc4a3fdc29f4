/* SPDX-License-Identifier: Apache-2.0 */
/* Databases of every earlier schema are brought up to date, and keep what they hold. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "schema/migrate.h"
#include "tests/unit/store_fixture.h"

/* As a program left it that knew VERSION migrations. */
static void make_version(struct fixture *f, int version)
{
	char sql[128];

	for (int i = 0; i < version; i++)
		fixture_sql(f->path, migrations[i]);
	snprintf(sql, sizeof(sql),
		"PRAGMA application_id = %d; PRAGMA user_version = %d; PRAGMA journal_mode = WAL",
		DATABASE_APPLICATION_ID, version);
	fixture_sql(f->path, sql);
}

/* 7 is open and never flapped; the others as the timeline had it that told alone of it. */
static void add_incidents(struct fixture *f)
{
	fixture_sql(f->path, "INSERT INTO incident (id, state, severity, title, service,"
		" runbook, opened_ms, reopened)"
		" VALUES (7, 'open', 'critical', 'llama is down', 'llama', '', 1, 2),"
		" (8, 'resolved', 'warning', 'flaps', 's', '', 1, 2),"
		" (9, 'open', 'critical', 'settled', 's', '', 1, 2),"
		" (10, 'resolved', 'critical', 'a person ended it', 's', '', 1, 2)");
	fixture_sql(f->path, "INSERT INTO timeline (incident, time_ms, type, actor, text)"
		" VALUES (7, 1, 'opened', 'modelwatch', ''), (8, 2, 'settled', 'modelwatch', ''),"
		" (8, 3, 'flapping', 'modelwatch', ''), (8, 4, 'resolved', 'modelwatch', ''),"
		" (9, 5, 'flapping', 'modelwatch', ''), (9, 6, 'settled', 'modelwatch', ''),"
		" (10, 7, 'flapping', 'modelwatch', ''), (10, 8, 'resolved', 'alice', '')");
}

static void assert_flapping(struct fixture *f)
{
	static const struct {
		int64_t id, flap_turned_ms;
		bool flapping;
	} cases[] = {{7, 0, false}, {8, 3, true}, {9, 6, false}, {10, 8, false}};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(incident_done) struct incident one = {0};

		assert_int_equal(reader_incident(store_reader(f->store), cases[i].id, &one), 0);
		assert_int_equal(one.flap_turned_ms, cases[i].flap_turned_ms);
		assert_int_equal(one.flapping, cases[i].flapping);
		if (one.flapping)
			assert_int_equal(one.held, SEVERITY_WARNING);
	}
}

static void test_every_version(void **state)
{
	for (int version = 1; version < migration_count; version++) {
		struct fixture *f;
		struct incident *list = NULL;
		struct process_record *processes = NULL;
		size_t count = 0;

		assert_int_equal(fixture_make((void **) &f), 0);
		make_version(f, version);
		add_incidents(f);
		fixture_sql(f->path, "INSERT INTO process (service, pid, start, boot)"
			" VALUES ('llama', 100, 1, 'boot')");
		fixture_reopen(f);
		assert_int_equal(reader_processes(store_reader(f->store), &processes, &count), 0);
		assert_int_equal(count, 1);
		assert_true(processes[0].stack == 0);
		assert_string_equal(processes[0].command_line, "");
		process_list_free(processes, count);
		assert_int_equal(reader_incidents(store_reader(f->store), INCIDENTS_OPEN, 10, &list,
					 &count), 0);
		assert_int_equal(count, 2);
		assert_int_equal(list[1].id, 7);
		assert_string_equal(list[1].title, "llama is down");
		assert_int_equal(list[1].reopened, 2);
		assert_int_equal(list[1].untold, 0);
		if (version < 4)
			assert_flapping(f);
		incident_list_free(list, count);
		assert_int_equal(fixture_tick(f, 1, 0, 0), 0);
		fixture_close((void **) &f);
	}
}

/* A reader waits until the writer has done it. */
static void test_reader_waits(void **state)
{
	struct fixture *f = *state;
	struct reader *reader = NULL;

	fixture_reopen(f);
	fixture_sql(f->path, "PRAGMA user_version = 1");
	assert_int_equal(reader_open(f->path, &reader), -EAGAIN);
	fixture_sql(f->path, "ALTER TABLE incident DROP COLUMN untold;"
		"ALTER TABLE process DROP COLUMN stack;"
		"ALTER TABLE process DROP COLUMN command_line;"
		"ALTER TABLE incident DROP COLUMN held;"
		"ALTER TABLE incident DROP COLUMN flap_turned_ms");
	fixture_reopen(f);
	assert_int_equal(reader_open(f->path, &reader), 0);
	reader_close(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_version),
		cmocka_unit_test_setup_teardown(test_reader_waits, fixture_make, fixture_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
