/* SPDX-License-Identifier: Apache-2.0 */
/* An incident that goes on for a long time: what of it is read, what is kept, and what is found again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/base/cleanup.h"
#include "tests/unit/store_fixture.h"

#define ADD_INCIDENTS                                                                              \
	"INSERT INTO incident (id, state, severity, title, service, runbook, opened_ms,"           \
	" resolved_ms, reopened) VALUES "
#define ADD_NOTIFICATIONS                                                                          \
	"INSERT INTO notification (message_id, incident, webhook, type, state, created_ms,"        \
	" attempts, last_error, body) "
#define COUNT_TO(n) "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " #n ") "

static void test_newest_are_read(void **state)
{
	struct fixture *f = *state;
	struct timeline_entry *turns = NULL;
	struct notification *sent = NULL;
	size_t turn_count = 0, sent_count = 0;

	fixture_sql(f->path, COUNT_TO(3000)
		"INSERT INTO timeline (incident, time_ms, type, actor, text)"
		" SELECT 1, i, 'repeated', 'modelwatch', 'turn' FROM n;");
	fixture_sql(f->path, COUNT_TO(3000) ADD_NOTIFICATIONS
		"SELECT 'm' || i, 1, 'oncall', 'incident.updated', 'delivered', i, 1, '', 'body' FROM n;");
	assert_int_equal(reader_timeline(store_reader(f->store), 1, &turns, &turn_count), 0);
	assert_int_equal(turn_count, 1000);
	assert_int_equal(turns[0].time_ms, 2001);
	assert_int_equal(turns[999].time_ms, 3000);
	timeline_list_free(turns, turn_count);
	assert_int_equal(reader_notifications(store_reader(f->store), 1, NULL, &sent, &sent_count), 0);
	assert_int_equal(sent_count, 1000);
	assert_int_equal(sent[0].created_ms, 2001);
	assert_int_equal(sent[999].created_ms, 3000);
	assert_string_equal(sent[999].body, "");
	notification_list_free(sent, sent_count);
}

/* What tells who was told of it stays, however old it is. */
static void test_old_rows_of_an_open_incident(void **state)
{
	struct fixture *f = *state;
	struct timeline_entry *turns = NULL;
	struct notification *sent = NULL;
	size_t count = 0, steps = 0;
	int r;

	fixture_sql(f->path, ADD_INCIDENTS "(1, 'open', 'critical', 't', 's', '', 1, NULL, 0);");
	fixture_sql(f->path, COUNT_TO(500)
		"INSERT INTO timeline (incident, time_ms, type, actor, text)"
		" SELECT 1, i, 'repeated', 'modelwatch', 'turn' FROM n;");
	fixture_sql(f->path, COUNT_TO(500) ADD_NOTIFICATIONS
		"SELECT 'm' || i, 1, 'oncall', 'incident.updated',"
		" CASE i WHEN 500 THEN 'failed' ELSE 'delivered' END, i, 1, '', '' FROM n;");
	fixture_sql(f->path, ADD_NOTIFICATIONS
		"VALUES ('once', 1, 'other', 'incident.opened', 'delivered', 1, 1, '', ''),"
		" ('waits', 1, 'other', 'incident.updated', 'pending', 1, 1, '', '');");
	while ((r = store_expire(f->store, 451, UINT64_MAX)) > 0)
		assert_true(++steps < 1000);
	assert_int_equal(r, 0);
	assert_int_equal(reader_timeline(store_reader(f->store), 1, &turns, &count), 0);
	assert_int_equal(count, 50);
	assert_int_equal(turns[0].time_ms, 451);
	timeline_list_free(turns, count);

	while ((r = store_expire(f->store, 10000, UINT64_MAX)) > 0)
		assert_true(++steps < 1000);
	assert_int_equal(r, 0);
	assert_int_equal(reader_notifications(store_reader(f->store), 1, NULL, &sent, &count), 0);
	assert_int_equal(count, 4);
	assert_string_equal(sent[0].message_id, "m499");
	assert_string_equal(sent[1].message_id, "m500");
	assert_string_equal(sent[2].message_id, "once");
	assert_string_equal(sent[3].message_id, "waits");
	notification_list_free(sent, count);
}

/* A webhook that was told once long ago knows of it, however often others were told since. */
static void test_told(void **state)
{
	struct fixture *f = *state;
	struct notification *list = NULL;
	size_t count = 0;

	fixture_sql(f->path, ADD_NOTIFICATIONS
		"VALUES ('quiet', 1, 'quiet', 'incident.opened', 'delivered', 1, 1, '', 'body'),"
		" ('lost', 1, 'quiet', 'incident.updated', 'failed', 1, 1, '', 'body');");
	fixture_sql(f->path, COUNT_TO(3000) ADD_NOTIFICATIONS
		"SELECT 'm' || i, 1, 'loud', 'incident.updated', 'delivered', i, 1, '', 'body' FROM n;");
	fixture_sql(f->path, ADD_NOTIFICATIONS
		"VALUES ('last', 1, 'third', 'incident.updated', 'failed', 1, 1, '', 'body'),"
		" ('begin', 1, 'fourth', 'incident.opened', 'delivered', 1, 1, '', 'body'),"
		" ('end', 1, 'fourth', 'incident.resolved', 'failed', 1, 1, '', 'body');");
	assert_int_equal(reader_told(store_reader(f->store), 1, &list, &count), 0);
	assert_int_equal(count, 5);
	assert_string_equal(list[0].message_id, "quiet");
	assert_string_equal(list[1].message_id, "lost");
	assert_string_equal(list[2].message_id, "m3000");
	assert_string_equal(list[3].message_id, "last");
	assert_string_equal(list[4].message_id, "end");
	assert_string_equal(list[0].body, "");
	notification_list_free(list, count);
	assert_int_equal(reader_notifications(store_reader(f->store), 1, "quiet", &list, &count), 0);
	assert_int_equal(count, 2);
	notification_list_free(list, count);
}

static void test_recent_incidents(void **state)
{
	struct fixture *f = *state;
	struct incident *list = NULL;
	struct alert alert = {.fingerprint = (char[]){"f"}, .rule = (char[]){"r"},
		.state = ALERT_FIRING, .incident = 1};
	size_t count = 0;

	fixture_sql(f->path, ADD_INCIDENTS
		"(1, 'resolved', 'critical', 'a person did it', 's', '', 1, 10, 0),"
		" (2, 'resolved', 'critical', 'over', 's', '', 1, 10, 0),"
		" (3, 'resolved', 'critical', 'may reopen', 's', '', 1, 1000, 0),"
		" (4, 'open', 'critical', 'goes on', 's', '', 1, NULL, 0);");
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_put_alert(f->store, &alert), 0);
	assert_int_equal(store_commit(f->store), 0);
	assert_int_equal(
		reader_recent_incidents(store_reader(f->store), 1000, 10, &list, &count), 0);
	assert_int_equal(count, 2);
	assert_int_equal(list[0].id, 3);
	assert_int_equal(list[1].id, 1);
	incident_list_free(list, count);
	assert_int_equal(
		reader_recent_incidents(store_reader(f->store), 1001, 10, &list, &count), 0);
	assert_int_equal(count, 1);
	incident_list_free(list, count);
	assert_int_equal(
		reader_recent_incidents(store_reader(f->store), 0, 2, &list, &count), 0);
	assert_int_equal(count, 2);
	incident_list_free(list, count);
}

/* One that flaps, and does so still when it is read again. */
static void test_flapping_incident(void **state)
{
	struct fixture *f = *state;
	_cleanup_(incident_done) struct incident one = {0};
	struct incident *list = NULL;
	size_t count = 0;
	const struct incident flapping = {.id = 1, .state = INCIDENT_RESOLVED, .resolved_ms = 10,
		.severity = SEVERITY_INFO, .flapping = true, .held = SEVERITY_WARNING,
		.flap_turned_ms = 5};

	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_put_incident(f->store, &flapping), 0);
	assert_int_equal(store_commit(f->store), 0);
	assert_int_equal(reader_incident(store_reader(f->store), 1, &one), 0);
	assert_true(one.flapping);
	assert_int_equal(one.held, SEVERITY_WARNING);
	assert_int_equal(one.flap_turned_ms, 5);
	/* Its end is still to be told, however long ago it was. */
	assert_int_equal(
		reader_recent_incidents(store_reader(f->store), 1000, 10, &list, &count), 0);
	assert_int_equal(count, 1);
	incident_list_free(list, count);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
	const struct CMUnitTest tests[] = {
		TEST(test_newest_are_read),
		TEST(test_old_rows_of_an_open_incident),
		TEST(test_told),
		TEST(test_recent_incidents),
		TEST(test_flapping_incident),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
