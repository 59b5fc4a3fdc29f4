/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine tells of services, webhooks and incidents is so. */
#include "tests/unit/engine-fixture.h"

#include <string.h>

#include "alerts/outbox.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

#define RULE                                                                                       \
	"[alert ServiceDown]\nexpr = modelwatch_service_up == 0\nseverity = critical\n"            \
	"group-by = service\nsummary = down{{#reason}}: {{ reason }}{{/reason}}\n"
#define NO_RULE                                                                                    \
	"[daemon]\nevaluate = 10ms\ndiscovery = no\nreopen = 1ms\n"                                \
	"[service llama]\nexecutable = /bin/llama\n"
#define CONFIG NO_RULE RULE
#define LARGE                                                                                      \
	"[alert Large]\nexpr = modelwatch_service_resident_bytes > 10\nseverity = critical\n"     \
	"group-by = rule\nsummary = large{{#reason}}: {{ reason }}{{/reason}}\n"
#define HUGE                                                                                       \
	"[alert Huge]\nexpr = modelwatch_service_resident_bytes > 100\nseverity = critical\n"     \
	"group-by = rule\nsummary = huge{{#reason}}: {{ reason }}{{/reason}}\n"
#define WEBHOOK "[webhook oncall]\nurl = http://127.0.0.1:9/\n"

/* By how much our monotonic clock is fast: no test waits for a day. */
static usec_t later;

usec_t __real_clock_monotonic(void);
usec_t __wrap_clock_monotonic(void);
usec_t __wrap_clock_monotonic(void)
{
	return __real_clock_monotonic() + later;
}

static void send_event(struct engine_fixture *f, const char *type, int64_t pid, double up)
{
	engine_fixture_event(f, type, pid, up);
	engine_fixture_await(f, f->done == f->last_event);
}

static struct reader *open_reader(const struct engine_fixture *f)
{
	_cleanup_free_ char *path = engine_fixture_database(f);
	struct reader *reader;

	assert_int_equal(reader_open(path, &reader), 0);
	return reader;
}

/* The newest incident is called TITLE, its service has the reason REASON. */
static void check_story(const struct engine_fixture *f, const char *title, const char *reason)
{
	struct reader *reader = open_reader(f);
	struct incident *incidents;
	struct service_record *services;
	size_t count;

	assert_int_equal(reader_incidents(reader, INCIDENTS_ALL, 1, &incidents, &count), 0);
	assert_string_equal(incidents[0].title, title);
	incident_list_free(incidents, count);
	assert_int_equal(reader_services(reader, &services, &count), 0);
	assert_int_equal(count, 1);
	assert_string_equal(services[0].reason, reason);
	service_list_free(services, count);
	reader_close(reader);
}

/* What is known of an end is of no use to say why the service is down another time. */
static void test_each_end_has_its_reason(void **state)
{
	struct engine_fixture f;

	engine_fixture_make(&f, CONFIG);
	engine_fixture_start(&f);
	send_event(&f, EVENT_PROCESS_STARTED, 100, 1);
	f.reason = "killed";
	send_event(&f, EVENT_PROCESS_EXITED, 100, 0);
	check_story(&f, "down: killed", "killed");
	send_event(&f, EVENT_PROCESS_STARTED, 101, 1);
	send_event(&f, EVENT_PROCESS_STARTED, 102, 1);
	check_story(&f, "down: killed", "");
	f.reason = "one of two";
	send_event(&f, EVENT_PROCESS_EXITED, 102, 1);
	check_story(&f, "down: killed", "");
	send_event(&f, EVENT_SERVICE_MISSING, 0, 0);
	check_story(&f, "down", "");
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

static bool newest_is(const struct engine_fixture *f, const char *title)
{
	struct reader *reader = open_reader(f);
	struct incident *incidents;
	bool is_so;
	size_t count;

	assert_int_equal(reader_incidents(reader, INCIDENTS_ALL, 1, &incidents, &count), 0);
	is_so = count > 0 && text_equal(incidents[0].title, title);
	incident_list_free(incidents, count);
	reader_close(reader);
	return is_so;
}

/* An alert that goes on says why it began; where the service runs well again that explains nothing more. */
static void test_restart_brings_back_no_reason(void **state)
{
	struct engine_fixture f;

	engine_fixture_make(&f, CONFIG LARGE HUGE);
	engine_fixture_start(&f);
	send_event(&f, EVENT_PROCESS_STARTED, 100, 1);
	f.reason = "killed";
	send_event(&f, EVENT_PROCESS_EXITED, 100, 0);
	send_event(&f, EVENT_PROCESS_STARTED, 101, 1);
	engine_fixture_resident(&f, 50);
	engine_fixture_await(&f, newest_is(&f, "large: killed"));
	engine_fixture_stop(&f);
	engine_fixture_start(&f);
	engine_fixture_resident(&f, 500);
	engine_fixture_await(&f, newest_is(&f, "huge"));
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

/* What is paged only later, as a stop that lasts, says why as well. */
static void test_restart_keeps_the_reason(void **state)
{
	struct engine_fixture f;

	engine_fixture_make(&f, NO_RULE);
	engine_fixture_start(&f);
	send_event(&f, EVENT_PROCESS_STARTED, 100, 1);
	f.reason = "stopped";
	send_event(&f, EVENT_PROCESS_EXITED, 100, 0);
	engine_fixture_stop(&f);
	engine_fixture_start(&f);
	engine_fixture_reload(&f, CONFIG);
	engine_fixture_await(&f, newest_is(&f, "down: stopped"));
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

/* What doctor says of the webhook has TEXT in it; "" for nothing at all. */
static bool doctor_says(const struct engine_fixture *f, const char *text)
{
	struct reader *reader = open_reader(f);
	struct fact *facts;
	bool found = false, any = false;
	size_t count;

	assert_int_equal(reader_facts(reader, "doctor", &facts, &count), 0);
	for (size_t i = 0; i < count; i++) {
		any |= text_equal(facts[i].subject, "webhook oncall");
		found |= text_equal(facts[i].subject, "webhook oncall") &&
			 text_equal(facts[i].key, "text") && strstr(facts[i].value, text);
	}
	fact_list_free(facts, count);
	reader_close(reader);
	return *text ? found : !any;
}

static void go_down(struct engine_fixture *f)
{
	send_event(f, EVENT_PROCESS_STARTED, 100, 1);
	send_event(f, EVENT_PROCESS_EXITED, 100, 0);
}

/* A webhook that takes nothing is known by its first failure, until it takes something; a reload and
 * another engine know it, too. */
static void test_webhook_that_takes_nothing(void **state)
{
	struct engine_fixture f;

	engine_fixture_make(&f, CONFIG WEBHOOK);
	f.answer = 0;
	engine_fixture_start(&f);
	go_down(&f);
	engine_fixture_await(&f, doctor_says(&f, "because. What waits is tried again."));
	engine_fixture_reload(&f, CONFIG WEBHOOK "severity = critical\n");
	assert_true(doctor_says(&f, "because"));
	engine_fixture_stop(&f);
	engine_fixture_start(&f);
	engine_fixture_await(&f, doctor_says(&f, "because"));
	f.answer = 200;
	engine_fixture_await(&f, doctor_says(&f, ""));
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

/* It may be called by a name as long as it likes: it ends nobody, and is cut. */
static void test_failure_with_a_long_text(void **state)
{
	char text[3 * OUTBOX_ERROR_MAX + 1] = "";
	struct engine_fixture f;
	struct notification *list;
	struct reader *reader;
	size_t count;

	memset(text, 'x', sizeof(text) - 1);
	engine_fixture_make(&f, CONFIG WEBHOOK);
	f.answer = 404;
	f.because = text;
	engine_fixture_start(&f);
	go_down(&f);
	engine_fixture_await(&f, doctor_says(&f, "xxx. Notifications are lost."));
	reader = open_reader(&f);
	assert_int_equal(reader_notifications(reader, 1, NULL, &list, &count), 0);
	assert_int_equal(strlen(list[0].last_error), OUTBOX_ERROR_MAX);
	notification_list_free(list, count);
	reader_close(reader);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

static void test_webhook_that_is_gone(void **state)
{
	static const struct {
		unsigned answer;
		const char *said;
	} cases[] = {{500, "tried again"}, {404, "are lost"}, {410, "410 Gone"}};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct engine_fixture f;

		engine_fixture_make(&f, CONFIG WEBHOOK);
		f.answer = cases[i].answer;
		engine_fixture_start(&f);
		go_down(&f);
		engine_fixture_await(&f, doctor_says(&f, cases[i].said));
		engine_fixture_reload(&f, CONFIG);
		assert_true(doctor_says(&f, ""));
		engine_fixture_stop(&f);
		engine_fixture_remove(&f);
	}
}

/* True where the notifications of that type and incident stand so: p, d and f. */
static bool outbox_is(
	const struct engine_fixture *f, int64_t incident, const char *type, const char *expected)
{
	static const char letters[] = {[NOTIFICATION_PENDING] = 'p',
		[NOTIFICATION_DELIVERED] = 'd', [NOTIFICATION_FAILED] = 'f'};
	_cleanup_buf_ struct buf found = BUF_INIT;
	struct reader *reader = open_reader(f);
	struct notification *list;
	size_t count;

	assert_int_equal(reader_notifications(reader, incident, NULL, &list, &count), 0);
	for (size_t i = 0; i < count; i++)
		if (text_equal(list[i].type, type))
			buf_add_char(&found, letters[list[i].state]);
	notification_list_free(list, count);
	reader_close(reader);
	return text_equal(found.data ? found.data : "", expected);
}

static void check_outbox(const struct engine_fixture *f, const char *type, const char *expected)
{
	assert_true(outbox_is(f, 1, type, expected));
}

/* Who could not be told of an incident is not told of its end, whether the same engine knows or the
 * next. */
static void test_end_of_what_nobody_heard_of(void **state)
{
	for (unsigned restart = 0; restart < 2; restart++) {
		struct engine_fixture f;

		engine_fixture_make(&f, CONFIG WEBHOOK);
		f.answer = 404;
		engine_fixture_start(&f);
		go_down(&f);
		engine_fixture_await(&f, doctor_says(&f, "are lost"));
		if (restart) {
			engine_fixture_stop(&f);
			engine_fixture_start(&f);
		}
		f.answer = 200;
		send_event(&f, EVENT_PROCESS_STARTED, 101, 1);
		check_outbox(&f, "incident.opened", "f");
		check_outbox(&f, "incident.resolved", "");
		engine_fixture_stop(&f);
		engine_fixture_remove(&f);
	}
}

/* An end that waits behind an opening that is tried again fails with it. */
static void test_end_that_waits(void **state)
{
	struct engine_fixture f;

	engine_fixture_make(&f, CONFIG WEBHOOK);
	f.answer = 500;
	engine_fixture_start(&f);
	go_down(&f);
	send_event(&f, EVENT_PROCESS_STARTED, 101, 1);
	check_outbox(&f, "incident.resolved", "p");
	engine_fixture_await(&f, doctor_says(&f, "tried again"));
	f.answer = 404;
	engine_fixture_await(&f, doctor_says(&f, "are lost"));
	check_outbox(&f, "incident.opened", "f");
	check_outbox(&f, "incident.resolved", "f");
	assert_int_equal(engine_fixture_posts(&f, "oncall", "incident.resolved"), 0);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

#define WEBHOOKS 700 /* so many that memory holds but a few notifications of each */

/* An end that waits in the database, because memory has no room for it, fails with its opening, too. */
static void test_end_that_waits_in_the_database(void **state)
{
	_cleanup_buf_ struct buf config = BUF_INIT;
	struct engine_fixture f;

	buf_add_string(&config, CONFIG WEBHOOK);
	for (size_t i = 0; i < WEBHOOKS; i++)
		buf_printf(&config,
			"[webhook w%zu]\nurl = http://127.0.0.1:9/\nmatch = service=other\n", i);
	engine_fixture_make(&f, config.data);
	f.hold = true;
	engine_fixture_start(&f);
	go_down(&f);
	engine_fixture_await(&f, f.held > 0);
	/* Tests take the room that there is; one that finds none is refused. */
	while (f.status != 503) {
		engine_fixture_command(&f, "test-webhook", "oncall");
		send_event(&f, EVENT_PROCESS_RELEASED, 1, 0);
	}
	send_event(&f, EVENT_PROCESS_STARTED, 101, 1);
	check_outbox(&f, "incident.resolved", "p");
	engine_fixture_answer(&f, 404);
	engine_fixture_await(&f, outbox_is(&f, 1, "incident.opened", "f"));
	check_outbox(&f, "incident.resolved", "f");
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

/* What is under way when its webhook leaves the configuration may still get there. */
static void test_under_way_to_a_webhook_that_is_gone(void **state)
{
	struct engine_fixture f;

	engine_fixture_make(&f, CONFIG WEBHOOK);
	f.hold = true;
	engine_fixture_start(&f);
	go_down(&f);
	engine_fixture_await(&f, f.held > 0);
	engine_fixture_reload(&f, CONFIG);
	engine_fixture_command(&f, "acknowledge", "1");
	engine_fixture_await(&f, f.status == 200);
	check_outbox(&f, "incident.opened", "p");
	engine_fixture_answer(&f, 200);
	engine_fixture_await(&f, outbox_is(&f, 1, "incident.opened", "d"));
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

/* What waited for it is given up; back again, it is not told of the end of what it never heard of. */
static void test_webhook_that_went_and_came(void **state)
{
	for (unsigned restart = 0; restart < 2; restart++) {
		struct engine_fixture f;

		engine_fixture_make(&f, CONFIG WEBHOOK);
		f.answer = 500;
		engine_fixture_start(&f);
		go_down(&f);
		engine_fixture_command(&f, "acknowledge", "1");
		engine_fixture_await(&f, f.status == 200);
		engine_fixture_await(&f, doctor_says(&f, "tried again"));
		engine_fixture_reload(&f, CONFIG);
		engine_fixture_await(&f, outbox_is(&f, 1, "incident.opened", "f"));
		check_outbox(&f, "incident.acknowledged", "f");
		if (restart) {
			engine_fixture_stop(&f);
			engine_fixture_start(&f);
		}
		f.answer = 200;
		engine_fixture_reload(&f, CONFIG WEBHOOK);
		send_event(&f, EVENT_PROCESS_STARTED, 101, 1);
		check_outbox(&f, "incident.resolved", "");
		engine_fixture_stop(&f);
		engine_fixture_remove(&f);
	}
}

/* What waited a day for a webhook that was disabled is given up, and not posted by a reload. */
static void test_too_old_for_a_webhook_that_was_disabled(void **state)
{
	struct engine_fixture f;
	size_t posts;

	engine_fixture_make(&f, CONFIG WEBHOOK LARGE);
	f.answer = 410;
	engine_fixture_start(&f);
	go_down(&f);
	engine_fixture_await(&f, doctor_says(&f, "410 Gone"));
	engine_fixture_resident(&f, 20);
	engine_fixture_await(&f, outbox_is(&f, 2, "incident.opened", "p"));
	posts = f.post_count;
	later += 24 * 60 * USEC_PER_MIN;
	engine_fixture_await(&f, outbox_is(&f, 2, "incident.opened", "f"));
	assert_true(doctor_says(&f, "410 Gone"));
	f.answer = 200;
	engine_fixture_reload(&f, CONFIG WEBHOOK LARGE);
	engine_fixture_command(&f, "test-webhook", "oncall");
	engine_fixture_await(&f, f.status == 200);
	assert_int_equal(f.post_count, posts + 1);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
	later = 0;
}

/* A `notify` that a reload announced and that does not come is not awaited for ever: neither by a webhook
 * that is new, nor by one that was disabled. */
static void test_notify_that_does_not_come(void **state)
{
	struct engine_fixture f;

	engine_fixture_make(&f, CONFIG WEBHOOK);
	f.answer = 410;
	engine_fixture_start(&f);
	go_down(&f);
	engine_fixture_await(&f, doctor_says(&f, "410 Gone"));
	f.answer = 200;
	engine_fixture_announce_notify(&f, "new");
	engine_fixture_reload(
		&f, CONFIG WEBHOOK LARGE "[webhook new]\nurl = http://127.0.0.1:9/\n");
	engine_fixture_resident(&f, 20);
	engine_fixture_await(&f, outbox_is(&f, 2, "incident.opened", "pp"));
	for (size_t i = 0; i < 3; i++) {
		engine_fixture_command(&f, "acknowledge", "2");
		engine_fixture_await(&f, f.status > 0);
	}
	assert_int_equal(f.post_count, 1);
	assert_true(doctor_says(&f, "410 Gone"));
	later = USEC_PER_MIN;
	engine_fixture_await(&f, outbox_is(&f, 2, "incident.opened", "dd"));
	assert_true(doctor_says(&f, ""));
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
	later = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_end_has_its_reason),
		cmocka_unit_test(test_restart_brings_back_no_reason),
		cmocka_unit_test(test_restart_keeps_the_reason),
		cmocka_unit_test(test_webhook_that_takes_nothing),
		cmocka_unit_test(test_failure_with_a_long_text),
		cmocka_unit_test(test_webhook_that_is_gone),
		cmocka_unit_test(test_end_of_what_nobody_heard_of),
		cmocka_unit_test(test_end_that_waits),
		cmocka_unit_test(test_end_that_waits_in_the_database),
		cmocka_unit_test(test_under_way_to_a_webhook_that_is_gone),
		cmocka_unit_test(test_webhook_that_went_and_came),
		cmocka_unit_test(test_too_old_for_a_webhook_that_was_disabled),
		cmocka_unit_test(test_notify_that_does_not_come),
	};

	return cmocka_run_group_tests_name("engine tells", tests, NULL, NULL);
}
