/* SPDX-License-Identifier: Apache-2.0 */
/* What the store is given it gives back; what is too old it lets go. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/base/cleanup.h"
#include "tests/unit/store_fixture.h"

#define TEXT(s) ((char[]){s})
#define ODD	"gr\xc3\xbc\xc3\x9f" "e \xe2\x9c\x93 'quoted' \"twice\"\n%s\x01"

static void begin(struct fixture *f)
{
	assert_int_equal(store_begin(f->store), 0);
}

static void commit(struct fixture *f)
{
	assert_int_equal(store_commit(f->store), 0);
}

static void test_services(void **state)
{
	struct fixture *f = *state;
	struct service_record a = {.name = TEXT("b"), .state = SERVICE_UP, .discovered = true,
		.since_ms = 5, .restarts = 2, .reason = TEXT(""), .url = TEXT("http://[::1]:80/")};
	struct service_record b = {.name = TEXT(ODD), .state = SERVICE_DOWN, .reason = NULL, .url = NULL};
	struct service_record *list = NULL;
	size_t count = 0;

	begin(f);
	assert_int_equal(store_put_service(f->store, &a), 0);
	assert_int_equal(store_put_service(f->store, &b), 0);
	a.restarts = 3;
	assert_int_equal(store_put_service(f->store, &a), 0);
	commit(f);
	assert_int_equal(reader_services(store_reader(f->store), &list, &count), 0);
	assert_int_equal(count, 2);
	assert_string_equal(list[0].name, "b");
	assert_int_equal(list[0].state, SERVICE_UP);
	assert_true(list[0].discovered);
	assert_int_equal(list[0].since_ms, 5);
	assert_int_equal(list[0].restarts, 3);
	assert_string_equal(list[0].url, "http://[::1]:80/");
	assert_string_equal(list[1].name, ODD);
	assert_int_equal(list[1].state, SERVICE_DOWN);
	assert_false(list[1].discovered);
	assert_int_equal(list[1].since_ms, 0);
	assert_string_equal(list[1].reason, "");
	assert_string_equal(list[1].url, "");
	service_list_free(list, count);

	begin(f);
	assert_int_equal(store_remove_service(f->store, "b"), 0);
	assert_int_equal(store_remove_service(f->store, "never there"), 0);
	commit(f);
	assert_int_equal(reader_services(store_reader(f->store), &list, &count), 0);
	assert_int_equal(count, 1);
	service_list_free(list, count);
}

static void test_processes(void **state)
{
	struct fixture *f = *state;
	struct process_record p = {.service = TEXT("llama"), .pid = 4194304, .start = UINT64_MAX,
		.boot = TEXT("6ee1b6a2-0000-4000-8000-000000000000"), .stack = UINT64_MAX - 1,
		.command_line = TEXT("llama-server --port 1")};
	struct process_record other = p, *list = NULL;
	size_t count = 0;

	other.start = 1;
	begin(f);
	assert_int_equal(store_put_process(f->store, &p), 0);
	assert_int_equal(store_put_process(f->store, &p), 0);
	assert_int_equal(store_put_process(f->store, &other), 0);
	commit(f);
	assert_int_equal(reader_processes(store_reader(f->store), &list, &count), 0);
	assert_int_equal(count, 2);
	assert_string_equal(list[0].service, "llama");
	assert_int_equal(list[0].pid, 4194304);
	/* Sorted as SQLite sees it: the sign bit is set. */
	assert_true(list[0].start == UINT64_MAX && list[1].start == 1);
	assert_string_equal(list[0].boot, p.boot);
	assert_true(list[0].stack == UINT64_MAX - 1);
	assert_string_equal(list[0].command_line, p.command_line);
	process_list_free(list, count);

	begin(f);
	assert_int_equal(store_remove_process(f->store, &p), 1);
	assert_int_equal(store_remove_process(f->store, &p), 0);
	commit(f);
}

static void test_roles_and_facts(void **state)
{
	struct fixture *f = *state;
	struct role_record role = {.name = TEXT("web"), .pid = 7, .state = TEXT("running"),
		.restarts = 1};
	struct fact facts[] = {
		{TEXT("web"), TEXT("doctor"), TEXT("b"), TEXT("k"), TEXT("1")},
		{TEXT("process"), TEXT("doctor"), TEXT("a"), TEXT("k"), TEXT(ODD)},
		{TEXT("process"), TEXT("service"), TEXT("a"), TEXT("k"), TEXT("3")},
	};
	struct role_record *roles = NULL;
	struct fact *list = NULL;
	size_t count = 0;

	begin(f);
	assert_int_equal(store_put_role(f->store, &role), 0);
	for (size_t i = 0; i < ELEMENTS(facts); i++)
		assert_int_equal(store_put_fact(f->store, &facts[i]), 0);
	commit(f);
	assert_int_equal(reader_roles(store_reader(f->store), &roles, &count), 0);
	assert_int_equal(count, 1);
	assert_string_equal(roles[0].state, "running");
	assert_int_equal(roles[0].pid, 7);
	assert_int_equal(roles[0].restarts, 1);
	role_list_free(roles, count);

	assert_int_equal(reader_facts(store_reader(f->store), NULL, &list, &count), 0);
	assert_int_equal(count, 3);
	fact_list_free(list, count);
	assert_int_equal(reader_facts(store_reader(f->store), "doctor", &list, &count), 0);
	assert_int_equal(count, 2);
	assert_string_equal(list[0].subject, "a");
	assert_string_equal(list[0].role, "process");
	assert_string_equal(list[0].value, ODD);
	assert_string_equal(list[1].subject, "b");
	fact_list_free(list, count);

	begin(f);
	facts[0].value = TEXT("");
	assert_int_equal(store_put_fact(f->store, &facts[0]), 0);
	assert_int_equal(store_clear_facts(f->store, "nobody"), 0);
	commit(f);
	assert_int_equal(reader_facts(store_reader(f->store), NULL, &list, &count), 0);
	assert_int_equal(count, 2);
	fact_list_free(list, count);
	begin(f);
	assert_int_equal(store_clear_facts(f->store, "process"), 0);
	commit(f);
	assert_int_equal(reader_facts(store_reader(f->store), NULL, &list, &count), 0);
	assert_int_equal(count, 0);
	fact_list_free(list, count);
}

static void test_events(void **state)
{
	struct fixture *f = *state;
	const struct evidence evidence[] = {{TEXT("exit"), TEXT(ODD)},
		{TEXT("bytes"), TEXT("\xff")}};
	const struct event e = {.type = EVENT_PROCESS_EXITED, .service = "llama",
		.time = 1769853600123456, .pid = 12, .start = 34, .reason = "oom",
		.evidence = evidence, .evidence_count = 2};

	begin(f);
	assert_int_equal(store_put_event(f->store, &e), 0);
	commit(f);
	f->store = store_close(f->store);
	/* There is no reader of events yet but people's: the row, and the view over it. */
	fixture_sql(f->path, "CREATE TEMP TABLE found AS SELECT 1 FROM event WHERE"
		" time_ms = 1769853600123 AND type = 'process-exited' AND service = 'llama'"
		" AND pid = 12 AND start = 34 AND reason = 'oom'"
		" AND json_array_length(evidence) = 2"
		" AND json_extract(evidence, '$[1].text') = '?';"
		"CREATE TEMP TABLE one (n CHECK (n = 1));"
		"INSERT INTO one SELECT count(*) FROM found;"
		"INSERT INTO one SELECT count(*) FROM recent_events"
		" WHERE time = '2026-01-31T10:00:00.123Z'");
}

static void put_incident(struct fixture *f, int64_t id, enum incident_state state,
	int64_t resolved_ms)
{
	const struct incident i = {.id = id, .state = state, .severity = SEVERITY_CRITICAL,
		.title = TEXT(ODD), .service = TEXT("llama"), .runbook = NULL, .opened_ms = id * 10,
		.resolved_ms = resolved_ms};

	assert_int_equal(store_put_incident(f->store, &i), 0);
}

static void test_incidents(void **state)
{
	struct fixture *f = *state;
	struct reader *reader = store_reader(f->store);
	static const struct {
		enum incident_filter filter;
		size_t limit, count;
		int64_t first;
	} cases[] = {
		{INCIDENTS_ALL, 10, 3, 3},
		{INCIDENTS_ALL, 2, 2, 3},
		{INCIDENTS_ALL, SIZE_MAX, 3, 3},
		{INCIDENTS_OPEN, 10, 2, 3},
		{INCIDENTS_RESOLVED, 10, 1, 2},
		{INCIDENTS_OPEN, 0, 0, 0},
	};
	struct incident *list = NULL, one = {0};
	size_t count = 0;
	int64_t id = 0;

	begin(f);
	assert_int_equal(store_next_incident(f->store, &id), 0);
	assert_int_equal(id, 1);
	for (id = 1; id <= 3; id++)
		put_incident(f, id, id == 2 ? INCIDENT_RESOLVED : INCIDENT_OPEN, id == 2 ? 99 : 0);
	assert_int_equal(store_next_incident(f->store, &id), 0);
	assert_int_equal(id, 4);
	commit(f);

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		assert_int_equal(reader_incidents(reader, cases[i].filter, cases[i].limit, &list,
					 &count), 0);
		assert_int_equal(count, cases[i].count);
		if (count > 0)
			assert_int_equal(list[0].id, cases[i].first);
		incident_list_free(list, count);
	}
	assert_int_equal(reader_incident(reader, 2, &one), 0);
	assert_string_equal(one.title, ODD);
	assert_string_equal(one.runbook, "");
	assert_null(one.acknowledged_by);
	assert_int_equal(one.severity, SEVERITY_CRITICAL);
	assert_int_equal(one.resolved_ms, 99);
	assert_int_equal(one.acknowledged_ms, 0);
	one.acknowledged_by = strdup("ann");
	one.acknowledged_ms = 50;
	one.reopened = 1;
	begin(f);
	assert_int_equal(store_put_incident(f->store, &one), 0);
	commit(f);
	incident_done(&one);
	assert_int_equal(reader_incident(reader, 2, &one), 0);
	assert_string_equal(one.acknowledged_by, "ann");
	assert_int_equal(one.reopened, 1);
	incident_done(&one);
	assert_int_equal(reader_incident(reader, 77, &one), -ENOENT);
}

static void test_timeline(void **state)
{
	struct fixture *f = *state;
	struct timeline_entry t = {.incident = 2, .time_ms = 9, .type = TEXT("note"),
		.actor = TEXT("root"), .text = TEXT(ODD)};
	struct timeline_entry *timeline = NULL;
	size_t count = 0;

	begin(f);
	assert_int_equal(store_add_timeline(f->store, &t), 0);
	t.time_ms = 10;
	assert_int_equal(store_add_timeline(f->store, &t), 0);
	t.incident = 3;
	assert_int_equal(store_add_timeline(f->store, &t), 0);
	commit(f);
	assert_int_equal(reader_timeline(store_reader(f->store), 2, &timeline, &count), 0);
	assert_int_equal(count, 2);
	assert_true(timeline[0].id < timeline[1].id);
	assert_int_equal(timeline[1].time_ms, 10);
	assert_string_equal(timeline[0].actor, "root");
	assert_string_equal(timeline[0].text, ODD);
	timeline_list_free(timeline, count);
}

static struct alert make_alert(const char *fingerprint, enum alert_state alert_state,
	int64_t incident)
{
	struct evidence evidence[] = {{TEXT("exit"), TEXT(ODD)}, {TEXT(""), TEXT("")}};
	struct alert a = {.rule = strdup("ServiceDown"), .fingerprint = strdup(fingerprint),
		.severity = SEVERITY_WARNING, .state = alert_state, .incident = incident,
		.value = 0, .threshold = NAN, .low = -INFINITY, .high = 1e300, .active_ms = 1,
		.started_ms = alert_state == ALERT_PENDING ? 0 : 2, .held_ms = 3,
		.history = UINT64_MAX - 1, .summary = strdup(ODD), .evidence_count = 2};

	assert_int_equal(labels_set(&a.labels, "service", ODD), 0);
	assert_int_equal(evidence_list_copy(evidence, 2, &a.evidence), 0);
	return a;
}

static void put_alert(struct fixture *f, const char *fingerprint, enum alert_state alert_state,
	int64_t incident)
{
	_cleanup_(alert_done) struct alert a = make_alert(fingerprint, alert_state, incident);

	begin(f);
	assert_int_equal(store_put_alert(f->store, &a), 0);
	commit(f);
}

static void test_alert_round_trip(void **state)
{
	struct fixture *f = *state;
	struct alert *list = NULL;
	size_t count = 0;

	put_alert(f, "0123456789abcdef", ALERT_FIRING, 5);
	assert_int_equal(reader_alerts(store_reader(f->store), 5, &list, &count), 0);
	assert_int_equal(count, 1);
	assert_string_equal(list[0].fingerprint, "0123456789abcdef");
	assert_string_equal(list[0].rule, "ServiceDown");
	assert_string_equal(labels_get(&list[0].labels, "service"), ODD);
	assert_int_equal(list[0].severity, SEVERITY_WARNING);
	assert_int_equal(list[0].state, ALERT_FIRING);
	assert_true(list[0].value < 1 && list[0].value > -1 && isnan(list[0].threshold));
	assert_true(isinf(list[0].low) && list[0].high > 1e299);
	assert_int_equal(list[0].held_ms, 3);
	assert_int_equal(list[0].ended_ms, 0);
	assert_true(list[0].history == UINT64_MAX - 1);
	assert_string_equal(list[0].summary, ODD);
	assert_string_equal(list[0].description, "");
	assert_int_equal(list[0].evidence_count, 2);
	assert_string_equal(list[0].evidence[0].text, ODD);
	assert_string_equal(list[0].evidence[1].name, "");
	alert_list_free(list, count);
}

/* Asserts how many alerts an incident has, and the state of the first. */
static void assert_alerts(struct fixture *f, int64_t incident, size_t expected,
	enum alert_state first)
{
	struct alert *list = NULL;
	size_t count = 0;

	assert_int_equal(incident == 0 ? reader_live_alerts(store_reader(f->store), &list, &count)
				       : reader_alerts(store_reader(f->store), incident, &list, &count),
		0);
	assert_int_equal(count, expected);
	if (count > 0)
		assert_int_equal(list[0].state, first);
	alert_list_free(list, count);
}

/* An incident shows its alerts as they ended, also when the same ones fire again in another. */
static void test_alert_in_two_incidents(void **state)
{
	struct fixture *f = *state;

	put_alert(f, "a", ALERT_PENDING, 0);
	assert_alerts(f, 0, 1, ALERT_PENDING);
	put_alert(f, "a", ALERT_FIRING, 1);
	assert_alerts(f, 0, 1, ALERT_FIRING);
	assert_alerts(f, 1, 1, ALERT_FIRING);
	put_alert(f, "a", ALERT_RESOLVED, 1);
	assert_alerts(f, 0, 0, ALERT_INACTIVE);
	put_alert(f, "a", ALERT_PENDING, 0);
	assert_alerts(f, 1, 1, ALERT_RESOLVED);
	begin(f);
	assert_int_equal(store_remove_alert(f->store, "a"), 0);
	commit(f);
	assert_alerts(f, 0, 0, ALERT_INACTIVE);
	assert_alerts(f, 1, 1, ALERT_RESOLVED);
	put_alert(f, "a", ALERT_FIRING, 2);
	assert_alerts(f, 1, 1, ALERT_RESOLVED);
	/* It goes on in a third incident without having ended in the second. */
	put_alert(f, "a", ALERT_FIRING, 3);
	assert_alerts(f, 0, 1, ALERT_FIRING);
	assert_alerts(f, 2, 1, ALERT_RESOLVED);
	assert_alerts(f, 3, 1, ALERT_FIRING);
}

static int64_t put_notification(struct fixture *f, const char *message_id, int64_t incident,
	int64_t created_ms)
{
	char name[32];
	const struct notification n = {.message_id = name, .incident = incident,
		.webhook = TEXT("oncall"), .type = TEXT("incident.opened"),
		.created_ms = created_ms, .due_ms = created_ms, .body = TEXT(ODD)};
	int64_t id = 0;

	snprintf(name, sizeof(name), "%s", message_id);
	assert_int_equal(store_put_notification(f->store, &n, &id), 0);
	return id;
}

/* Notification I of an incident. */
static struct notification get_notification(struct fixture *f, int64_t incident, size_t i)
{
	struct notification *list = NULL, one;
	size_t count = 0;

	assert_int_equal(
		reader_notifications(store_reader(f->store), incident, NULL, &list, &count), 0);
	assert_true(i < count);
	one = list[i];
	list[i] = (struct notification){0};
	notification_list_free(list, count);
	return one;
}

/* The ids of those that are pending, as far as there is room. */
struct pending {
	int64_t ids[4];
	size_t count;
};

static int take_pending(void *userdata, const struct notification *n)
{
	struct pending *p = userdata;

	if (p->count == ELEMENTS(p->ids))
		return -ENOBUFS;
	assert_int_equal(n->state, NOTIFICATION_PENDING);
	assert_string_equal(n->body, ODD);
	p->ids[p->count++] = n->id;
	return 0;
}

static void test_pending(void **state)
{
	struct fixture *f = *state;
	struct reader *reader = store_reader(f->store);
	struct pending all = {0}, behind = {0};
	int64_t ids[5];
	char name[16];

	assert_int_equal(reader_pending(reader, 0, take_pending, &all), 0);
	assert_int_equal(all.count, 0);
	begin(f);
	for (size_t i = 0; i < ELEMENTS(ids); i++) {
		snprintf(name, sizeof(name), "msg_%zu", i);
		ids[i] = put_notification(f, name, 1, 100);
	}
	commit(f);
	assert_int_equal(reader_pending(reader, ids[2], take_pending, &behind), 0);
	assert_int_equal(behind.count, 2);
	assert_int_equal(behind.ids[0], ids[3]);
	assert_int_equal(behind.ids[1], ids[4]);
	assert_int_equal(reader_pending(reader, 0, take_pending, &all), -ENOBUFS);
	assert_int_equal(all.count, ELEMENTS(all.ids));
}

static void test_notifications(void **state)
{
	struct fixture *f = *state;
	struct reader *reader = store_reader(f->store);
	struct notification *list = NULL, one;
	struct pending pending = {0};
	size_t count = 0;
	int64_t first, second;

	begin(f);
	first = put_notification(f, "msg_1", 4, 100);
	second = put_notification(f, "msg_2", 0, 200);
	commit(f);
	assert_true(first > 0 && second > first);
	assert_int_equal(reader_notifications(reader, 4, NULL, &list, &count), 0);
	assert_int_equal(count, 1);
	assert_string_equal(list[0].message_id, "msg_1");
	assert_string_equal(list[0].last_error, "");
	assert_int_equal(list[0].delivered_ms, 0);
	notification_list_free(list, count);

	one = get_notification(f, 4, 0);
	assert_int_equal(one.id, first);
	one.state = NOTIFICATION_DELIVERED;
	one.attempts = 2;
	one.delivered_ms = 300;
	free(one.last_error);
	one.last_error = strdup("502");
	begin(f);
	assert_int_equal(store_put_notification(f->store, &one, NULL), 0);
	commit(f);
	notification_done(&one);
	one = get_notification(f, 4, 0);
	assert_int_equal(one.id, first);
	assert_int_equal(one.state, NOTIFICATION_DELIVERED);
	assert_int_equal(one.attempts, 2);
	assert_int_equal(one.delivered_ms, 300);
	assert_string_equal(one.last_error, "502");
	/* Put again without its body, which stays as it was: take_pending() looks at it. */
	one.state = NOTIFICATION_PENDING;
	begin(f);
	assert_int_equal(store_put_notification(f->store, &one, NULL), 0);
	commit(f);
	assert_int_equal(reader_pending(reader, 0, take_pending, &pending), 0);
	assert_int_equal(pending.count, 2);
	pending.count = 0;
	one.state = NOTIFICATION_DELIVERED;
	begin(f);
	assert_int_equal(store_put_notification(f->store, &one, NULL), 0);
	commit(f);
	notification_done(&one);
	assert_int_equal(reader_pending(reader, 0, take_pending, &pending), 0);
	assert_int_equal(pending.count, 1);
	assert_int_equal(pending.ids[0], second);
	assert_int_equal(reader_notifications(reader, 4, NULL, &list, &count), 0);
	assert_int_equal(count, 1);
	notification_list_free(list, count);
}

/* A webhook-id is there once for ever: a second one fails, and all that stands with it. */
static void test_failed_statement_fails_the_transaction(void **state)
{
	struct fixture *f = *state;
	const struct notification twice = {.message_id = TEXT("msg_1"), .webhook = TEXT("w"),
		.type = TEXT("test"), .body = TEXT("")};
	struct incident one = {0};

	begin(f);
	put_notification(f, "msg_1", 0, 1);
	commit(f);
	begin(f);
	put_incident(f, 1, INCIDENT_OPEN, 0);
	assert_int_equal(store_put_notification(f->store, &twice, NULL), -EEXIST);
	assert_int_equal(store_remove_service(f->store, "x"), -EEXIST);
	assert_int_equal(store_commit(f->store), -EEXIST);
	store_rollback(f->store);
	assert_int_equal(reader_incident(store_reader(f->store), 1, &one), -ENOENT);
	begin(f);
	put_incident(f, 1, INCIDENT_OPEN, 0);
	commit(f);
	assert_int_equal(reader_incident(store_reader(f->store), 1, &one), 0);
	incident_done(&one);
}

static void test_expire_by_age(void **state)
{
	struct fixture *f = *state;
	struct reader *reader = store_reader(f->store);
	struct notification *notifications = NULL;
	struct timeline_entry t = {.incident = 1, .time_ms = 1, .type = TEXT("opened"),
		.actor = TEXT("modelwatch"), .text = TEXT("")};
	struct incident kept = {0};
	struct fixture_range range;
	struct notification settled;
	size_t count = 0;
	int r, steps = 0;

	begin(f);
	fixture_series(f, "m");
	put_incident(f, 1, INCIDENT_RESOLVED, 50);
	put_incident(f, 2, INCIDENT_OPEN, 0);
	assert_int_equal(store_add_timeline(f->store, &t), 0);
	t.incident = 2;
	assert_int_equal(store_add_timeline(f->store, &t), 0);
	put_notification(f, "pending", 1, 1);
	put_notification(f, "settled", 1, 1);
	settled = get_notification(f, 1, 1);
	settled.state = NOTIFICATION_DELIVERED;
	assert_int_equal(store_put_notification(f->store, &settled, NULL), 0);
	notification_done(&settled);
	commit(f);
	put_alert(f, "a", ALERT_RESOLVED, 1);
	put_alert(f, "b", ALERT_FIRING, 2);
	for (int64_t i = 1; i <= 1000; i++)
		assert_int_equal(fixture_tick(f, i * 1000, 1, (double) i), 0);

	while ((r = store_expire(f->store, 900500, UINT64_MAX)) > 0)
		assert_true(++steps < 1000);
	assert_int_equal(r, 0);
	assert_true(steps > 1);
	assert_int_equal(fixture_read(reader, "m", &range), 0);
	assert_int_equal(range.count, 100);
	assert_int_equal(range.first_ms, 901000);
	/* The pending one stays, and so does all of the open incident. */
	assert_int_equal(reader_notifications(reader, 1, NULL, &notifications, &count), 0);
	assert_int_equal(count, 1);
	assert_string_equal(notifications[0].message_id, "pending");
	notification_list_free(notifications, count);
	assert_alerts(f, 1, 0, ALERT_INACTIVE);
	assert_alerts(f, 2, 1, ALERT_FIRING);
	/* The headline stays, too, and its id is not given again. */
	assert_int_equal(reader_incident(reader, 1, &kept), 0);
	incident_done(&kept);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
	const struct CMUnitTest tests[] = {
		TEST(test_services),
		TEST(test_processes),
		TEST(test_roles_and_facts),
		TEST(test_events),
		TEST(test_incidents),
		TEST(test_timeline),
		TEST(test_alert_round_trip),
		TEST(test_alert_in_two_incidents),
		TEST(test_notifications),
		TEST(test_pending),
		TEST(test_failed_statement_fails_the_transaction),
		TEST(test_expire_by_age),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
