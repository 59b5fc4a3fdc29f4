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

static void test_every_version(void **state)
{
	for (int version = 1; version < migration_count; version++) {
		struct fixture *f;
		struct incident *list = NULL;
		struct process_record *processes = NULL;
		size_t count = 0;

		assert_int_equal(fixture_make((void **) &f), 0);
		make_version(f, version);
		fixture_sql(f->path, "INSERT INTO incident (id, state, severity, title, service,"
			" runbook, opened_ms, reopened)"
			" VALUES (7, 'open', 'critical', 'llama is down', 'llama', '', 1, 2)");
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
		assert_int_equal(count, 1);
		assert_int_equal(list[0].id, 7);
		assert_string_equal(list[0].title, "llama is down");
		assert_int_equal(list[0].reopened, 2);
		assert_int_equal(list[0].untold, 0);
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
		"ALTER TABLE process DROP COLUMN command_line");
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
