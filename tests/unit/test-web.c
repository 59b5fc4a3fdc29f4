/* SPDX-License-Identifier: Apache-2.0 */
/* The web role as it runs: what its clients get, and what the engine hears of it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "build-config.h"

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "tests/unit/web-fixture.h"

static void test_without_a_database(void **state)
{
	struct fixture *f = *state;
	_cleanup_(response_done) struct response health = get(f, "/healthz"), page = get(f, "/");

	assert_int_equal(health.status, 503);
	assert_string_equal(health.body,
		"{\"status\":\"failing\",\"reasons\":[\"the database is not open\"]}\n");
	assert_int_equal(page.status, 503);
	assert_non_null(strstr(page.body, "the database is not open"));
	assert_status(f, "/v1/status", 503);
	assert_status(f, "/metrics", 503);
	assert_status(f, "/assets/style.css", 200);
	fill_store(f);
	assert_status(f, "/", 200);
}

static void test_without_an_engine(void **state)
{
	struct fixture *f = *state;
	_cleanup_(response_done) struct response a =
		send_request(f, "POST /v1/incidents/17/acknowledge", NULL, "", "", 0);
	json_t *status = get_json(f, "/v1/status");

	assert_int_equal(a.status, 503);
	assert_non_null(strstr(a.body, "{\"error\":\""));
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(status, "roles"), 0), "state")),
		"stopped");
	json_decref(status);
	assert_status(f, "/healthz", 503);
	connect_engine(f);
	/* The link travels behind what was sent before; one exchange later it is there. */
	assert_status(f, "/about", 200);
	assert_status(f, "/healthz", 200);
}

static void test_pages(void **state)
{
	static const char *const targets[] = {"/", PAGE_PATH, "/incidents", "/incidents?state=all",
		"/incidents/17", "/alerts", "/about"};
	struct fixture *f = *state;

	for (size_t i = 0; i < ELEMENTS(targets); i++) {
		_cleanup_(response_done) struct response a = get(f, targets[i]);

		print_message("%s\n", targets[i]);
		assert_int_equal(a.status, 200);
		assert_non_null(strstr(a.text.data, "Content-Type: text/html; charset=utf-8\r\n"));
		assert_non_null(
			strstr(a.text.data, "Content-Security-Policy: default-src 'none';"));
		assert_non_null(strstr(a.text.data, "X-Content-Type-Options: nosniff\r\n"));
		assert_non_null(strstr(a.text.data, "Cache-Control: no-store\r\n"));
		assert_null(strstr(a.body, "<b>"));
		assert_null(strstr(a.body, "<i>"));
	}
}

static void test_rules(void **state)
{
	_cleanup_(response_done) struct response a = get(*state, "/alerts");

	assert_non_null(strstr(a.body, "ServiceDown"));
	assert_non_null(strstr(a.body, "modelwatch_service_up == 0"));
	assert_non_null(strstr(a.body, "warning"));
}

static void test_api(void **state)
{
	struct fixture *f = *state;
	json_t *status = get_json(f, "/v1/status"), *incident = get_json(f, "/v1/incidents/17");
	json_t *list = get_json(f, "/v1/incidents?state=resolved");
	json_t *doctor = get_json(f, "/v1/doctor");

	assert_string_equal(json_string_value(json_object_get(status, "status")), "critical");
	assert_int_equal(json_array_size(json_object_get(status, "incidents")), 1);
	assert_true(json_is_array(json_object_get(status, "weights")));
	assert_string_equal(json_string_value(json_object_get(incident, "title")), "down <b>");
	assert_int_equal(json_array_size(json_object_get(incident, "timeline")), 1);
	assert_true(json_is_array(json_object_get(incident, "alerts")));
	assert_true(json_is_array(json_object_get(incident, "notifications")));
	assert_int_equal(json_array_size(json_object_get(list, "incidents")), 0);
	assert_int_equal(json_array_size(json_object_get(doctor, "checks")), 1);
	json_decref(status);
	json_decref(incident);
	json_decref(list);
	json_decref(doctor);
	json_decref(get_json(f, "/v1/discover"));
}

static void tell_trouble(struct fixture *f, const char *text, bool of_samples)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;

	message_begin(&packet, MESSAGE_TROUBLE);
	message_put_string(&packet, text);
	message_put_u64(&packet, of_samples);
	role_fixture_send(f->role.engine, &packet, -1);
	/* It travels behind what was sent before; one exchange later it is there. */
	assert_status(f, "/about", 200);
}

static void test_trouble(void **state)
{
	struct fixture *f = *state;
	_cleanup_(response_done) struct response health = {0}, page = {0}, about = {0};
	json_t *status;

	tell_trouble(f, "the database cannot be written: because", true);
	health = get(f, "/healthz");
	assert_int_equal(health.status, 503);
	assert_string_equal(health.body, "{\"status\":\"failing\",\"reasons\":["
					 "\"the database cannot be written: because\"]}\n");
	page = get(f, "/");
	assert_non_null(strstr(page.body, "the database cannot be written: because"));
	about = get(f, "/about");
	assert_non_null(strstr(about.body, "failing</span>"));
	status = get_json(f, "/v1/status");
	assert_string_equal(json_string_value(json_object_get(status, "trouble")),
		"the database cannot be written: because");
	json_decref(status);
	tell_trouble(f, "", false);
	assert_status(f, "/healthz", 200);
}

/* A change that cannot be stored is refused before anything changes; one that can is made. */
static void test_commands_in_trouble(void **state)
{
	struct fixture *f = *state;
	unsigned before = f->commands;
	_cleanup_(response_done) struct response full = {0}, samples = {0};

	f->status = 409;
	tell_trouble(f, "the database cannot be written: because", false);
	full = send_request(f, "POST /v1/incidents/17/note", NULL, "", "{\"comment\":\"x\"}", 15);
	assert_int_equal(full.status, 503);
	assert_string_equal(full.body, "{\"error\":\"nothing was changed: "
				       "the database cannot be written: because\"}\n");
	assert_int_equal(f->commands, before);
	tell_trouble(f, "the database cannot be written: because", true);
	samples = send_request(f, "POST /v1/incidents/17/note", NULL, "", "{\"comment\":\"x\"}", 15);
	assert_int_equal(samples.status, 409);
	assert_int_equal(f->commands, before + 1);
	tell_trouble(f, "", false);
}

/* The engine is gone with what it was told: nobody knows whether it did it. */
static void test_command_unanswered(void **state)
{
	static const char request[] =
		"POST /v1/incidents/17/resolve HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n";
	struct fixture *f = *state;
	unsigned before = f->commands;
	_cleanup_(response_done) struct response a = {.text = BUF_INIT};
	_cleanup_close_ int fd = dial(f, false);
	sd_event_source *source;

	f->status = 0;
	assert_int_equal(write(fd, request, strlen(request)), strlen(request));
	assert_int_equal(sd_event_add_io(f->role.event, &source, fd, EPOLLIN, on_answer, &a), 0);
	await(f, f->commands > before);
	connect_engine(f);
	await(f, a.done);
	sd_event_source_disable_unref(source);
	assert_non_null(text_after(a.text.data, "HTTP/1.1 504 "));
	assert_non_null(strstr(a.text.data, "what was asked may still take effect"));
}

/* However long a collector has been silent, it is named. */
static void test_silence(void **state)
{
	struct fixture *f = *state;
	_cleanup_(response_done) struct response health = {0};
	char name[] = "collector", process[] = "process";
	char metric[] = "modelwatch_collector_last_success_timestamp_seconds";
	struct label label = {name, process};
	const struct series series = {metric, {&label, 1}};
	int64_t now_ms = usec_to_ms(clock_wall()), then_ms = now_ms - 3 * 60 * 60 * 1000;
	struct sample sample = {.value = (double) then_ms / 1000};

	while (store_expire(f->store, now_ms + 60000, UINT64_MAX) > 0)
		;
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_series(f->store, &series, &sample.series), 0);
	assert_int_equal(store_append(f->store, then_ms, &sample, 1), 0);
	assert_int_equal(store_commit(f->store), 0);
	health = get(f, "/healthz");
	assert_int_equal(health.status, 503);
	assert_non_null(strstr(health.body, "\"collector process last reported 3h"));
}

static void test_metrics(void **state)
{
	struct fixture *f = *state;
	_cleanup_(response_done) struct response text = get(f, "/metrics");
	_cleanup_(response_done) struct response open =
		send_request(f, "GET /metrics", NULL, "Accept: application/openmetrics-text\r\n", "", 0);

	assert_int_equal(text.status, 200);
	assert_non_null(strstr(text.body, "modelwatch_service_up{service=\"" SERVICE "\"} 1\n"));
	assert_non_null(strstr(open.text.data, "Content-Type: application/openmetrics-text; "
					       "version=1.0.0; charset=utf-8\r\n"));
	assert_true(text_ends_with(open.body, "# EOF\n"));
}

static void test_errors(void **state)
{
	static const struct {
		const char *request, *shows;
		unsigned status;
	} cases[] = {
		{"GET /nothing", "<h1>There is nothing here</h1>", 404},
		{"GET /services/nobody", "<h1>", 404},
		{"GET /v1/incidents/18", "{\"error\":\"there is no incident 18\"", 404},
		{"GET /incidents/18", "there is no incident 18", 404},
		{"GET /v1/incidents/x", "{\"error\":\"", 404},
		{"GET /v1/nothing", "{\"error\":\"", 404},
		{"GET /v1/incidents?state=odd", "{\"error\":\"'state' expects open, resolved or all\"", 400},
		{"GET /incidents?state=odd", "&#39;state&#39; expects open, resolved or all", 400},
		{"GET /v1/incidents?state=open&state=all", "{\"error\":\"the query has a key twice\"", 400},
		{"GET /v1/incidents?other=1", "{\"error\":\"", 400},
		/* Cut after so many bytes, it would end in the middle of a character. */
		{"GET /incidents?state=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xa9",
			"<h1>", 400},
		{"GET /services/%zz", "<h1>", 400},
		{"POST /v1/status", "{\"error\":\"", 405},
		{"DELETE /", "<h1>", 405},
		{"POST /v1/incidents/x/note", "{\"error\":\"", 404},
		{"POST /v1/incidents/17/note", "comment is missing", 400},
		{"GET /assets/none.css", "{\"error\":\"", 404},
		{"GET /assets/head.mustache", "{\"error\":\"", 404},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(response_done) struct response a =
			send_request(f, cases[i].request, NULL, "", "", 0);

		print_message("%s\n", cases[i].request);
		assert_int_equal(a.status, cases[i].status);
		assert_non_null(strstr(a.body, cases[i].shows));
		assert_non_null(strstr(a.text.data, "Content-Security-Policy: "));
		if (a.status == 405)
			assert_non_null(strstr(a.text.data, "Allow: "));
	}
}

static void test_head(void **state)
{
	struct fixture *f = *state;
	_cleanup_(response_done) struct response a = send_request(f, "HEAD /v1/status", NULL, "", "", 0);

	assert_int_equal(a.status, 200);
	assert_int_equal(strlen(a.body), 0);
	assert_non_null(strstr(a.text.data, "Content-Type: application/json\r\n"));
}

static void test_hosts(void **state)
{
	struct fixture *f = *state;
	_cleanup_(response_done) struct response own =
		send_request(f, "GET /v1/status", "gpu7:80", "", "", 0);
	_cleanup_(response_done) struct response other =
		send_request(f, "GET /v1/status", "evil.example", "", "", 0);

	assert_int_equal(own.status, 200);
	assert_int_equal(other.status, 421);
	assert_non_null(strstr(other.body, "{\"error\":\""));
}

static void test_commands(void **state)
{
	static const char body[] = "{\"comment\":\"mine\"}";
	struct fixture *f = *state;
	_cleanup_(response_done) struct response done = {0}, again = {0}, test = {0};
	json_t *incident;

	f->status = 200;
	done = send_request(f, "POST /v1/incidents/17/acknowledge", NULL, "", body, strlen(body));
	assert_int_equal(done.status, 200);
	assert_string_equal(f->command, "acknowledge 17 {\"comment\":\"mine\"}");
	assert_int_equal(f->peer, getpid());
	incident = json_loads(done.body, 0, NULL);
	assert_string_equal(
		json_string_value(json_object_get(incident, "acknowledged_by")), "mara");
	assert_true(json_is_array(json_object_get(incident, "timeline")));
	json_decref(incident);

	f->status = 409;
	again = send_request(f, "POST /v1/incidents/17/acknowledge", NULL, "", "", 0);
	assert_int_equal(again.status, 409);
	assert_string_equal(again.body, "{\"error\":\"so already\"}\n");

	f->status = 200;
	test = send_request(f, "POST /v1/webhooks/on%20call/test", NULL, "", "{}", 2);
	assert_int_equal(test.status, 200);
	assert_string_equal(f->command, "test-webhook on call {}");
}

static void test_refused_commands(void **state)
{
	struct fixture *f = *state;
	unsigned before = f->commands;
	_cleanup_free_ char *large = malloc(5000000);
	_cleanup_(response_done) struct response tcp = {0}, huge = {0};

	tcp = send_request(f, "POST /v1/incidents/17/acknowledge", "localhost", "", "{}", 2);
	assert_int_equal(tcp.status, 403);
	assert_non_null(strstr(tcp.body, "{\"error\":\""));
	memset(large, '[', 5000000);
	huge = send_request(f, "POST /v1/incidents/17/note", NULL, "", large, 5000000);
	assert_int_equal(huge.status, 400);
	assert_non_null(strstr(huge.body, "larger than"));
	assert_int_equal(f->commands, before);
}

/* Sends the request and the end of it, which `web` sees at once: it was stopped after it accepted. */
static void say_and_end(struct fixture *f, bool tcp, const char *request, struct response *ret)
{
	_cleanup_close_ int fd = dial(f, tcp);
	sd_event_source *source;

	assert_status(f, "/assets/style.css", 200);
	assert_int_equal(kill(f->role.pid, SIGSTOP), 0);
	assert_int_equal(write(fd, request, strlen(request)), strlen(request));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_int_equal(kill(f->role.pid, SIGCONT), 0);
	assert_int_equal(sd_event_add_io(f->role.event, &source, fd, EPOLLIN, on_answer, ret), 0);
	await(f, ret->done);
	sd_event_source_disable_unref(source);
}

/* A connection closed in the middle of a request keeps no slot. */
static void test_half_requests(void **state)
{
	static const char *const requests[] = {
		"GET / HTTP/1.1\r\nHost: local", "POST /v1/incidents/17/note HTTP/1.1\r\nHost: "
						 "any\r\nContent-Length: 9\r\n\r\n{\"c"};
	struct fixture *f = *state;

	for (size_t i = 0; i < ELEMENTS(requests); i++) {
		_cleanup_(response_done) struct response a = {.text = BUF_INIT};

		say_and_end(f, false, requests[i], &a);
		assert_int_equal(a.text.size, 0);
	}
}

/* A whole request with its end at once: it is answered, and the connection ends with that. */
static void test_half_closed(void **state)
{
	static const char *const requests[] = {"GET /metrics HTTP/1.1\r\nHost: any\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nHost: any\r\nAcce{t: */*\r\n\r\n",
		"POST /v1/incidents/17/note HTTP/1.1\r\nHost: any\r\nContent-Length: 2\r\n\r\n{}",
		"GET / HTTP/1.1\r\nHost: any\r\n\r\nGET / HTTP/1.1\r\nHost: any\r\n\r\n"};
	struct fixture *f = *state;

	for (size_t i = 0; i < ELEMENTS(requests); i++) {
		_cleanup_(response_done) struct response a = {.text = BUF_INIT};

		say_and_end(f, i % 2, requests[i], &a);
		assert_int_equal(strncmp(a.text.data, "HTTP/1.1 ", 9), 0);
	}
}

static bool is_open(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* All slots taken by silent connections: one that its client closes is free at once, and where none
 * is, the longest waiting is closed. */
static void test_connection_limit(void **state)
{
	struct fixture *f = *state;
	size_t open = 0;
	int silent[64];

	for (size_t i = 0; i < ELEMENTS(silent); i++)
		silent[i] = dial(f, false);
	close(silent[0]);
	silent[0] = dial(f, false);
	assert_status(f, "/assets/style.css", 200);
	for (size_t i = 0; i < ELEMENTS(silent); i++) {
		open += is_open(silent[i]);
		close(silent[i]);
	}
	assert_true(open > ELEMENTS(silent) / 2);
	assert_status(f, "/assets/style.css", 200);
}

#define MANY 4000 /* series, each a line of more than 500 bytes */

static void put_many(struct fixture *f)
{
	int64_t now_ms = usec_to_ms(clock_wall()) + 1000;
	static struct sample samples[MANY];
	char value[501];

	assert_int_equal(store_begin(f->store), 0);
	for (size_t i = 0; i < MANY; i++) {
		struct label label = {(char[]){"path"}, value};
		struct series s = {(char[]){"many"}, {&label, 1}};

		snprintf(value, sizeof(value), "%0500zu", i);
		assert_int_equal(store_series(f->store, &s, &samples[i].series), 0);
	}
	assert_int_equal(store_append(f->store, now_ms, samples, MANY), 0);
	assert_int_equal(store_commit(f->store), 0);
}

/* Clients that ask for much and read nothing make us keep it: up to a limit, and not for ever. */
static void test_slow_readers(void **state)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\nHost: any\r\n\r\n";
	struct fixture *f = *state;
	int readers[40];

	put_many(f);
	for (size_t i = 0; i < ELEMENTS(readers); i++) {
		readers[i] = dial(f, false);
		assert_int_equal(
			write(readers[i], request, strlen(request)), strlen(request));
	}
	assert_status(f, "/metrics", 503);
	assert_status(f, "/v1/status", 200);
	for (size_t i = 0; i < ELEMENTS(readers); i++)
		close(readers[i]);
	assert_status(f, "/assets/style.css", 200);
	assert_status(f, "/metrics", 200);
}

/* Bytes of the role's own memory that are in use. */
static long read_anonymous(const struct fixture *f)
{
	char name[64], line[256];
	long kib = 0;
	FILE *status;

	snprintf(name, sizeof(name), "/proc/%d/status", f->role.pid);
	status = fopen(name, "r");
	assert_non_null(status);
	while (fgets(line, sizeof(line), status))
		if (strncmp(line, "RssAnon:", 8) == 0)
			kib = strtol(line + 8, NULL, 10);
	fclose(status);
	return kib * 1024;
}

static void put_long_timeline(struct fixture *f)
{
	char text[4001], type[] = "note", actor[] = "mara";
	struct timeline_entry entry = {
		.incident = 17, .time_ms = 1, .type = type, .actor = actor, .text = text};

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(store_begin(f->store), 0);
	for (size_t i = 0; i < 900; i++)
		assert_int_equal(store_add_timeline(f->store, &entry), 0);
	assert_int_equal(store_commit(f->store), 0);
}

/* What a large document needed is given back soon after. */
static void test_memory_is_given_back(void **state)
{
	struct fixture *f = *state;

#ifdef MW_RELAXED_SANDBOX
	skip(); /* sanitizers keep what was freed, to see who uses it */
#endif
	put_long_timeline(f);
	/* Every role gives back once what starting up needed. */
	for (size_t i = 0; i < 2; i++) {
		assert_status(f, "/v1/incidents/17", 200);
		assert_status(f, "/incidents/17", 200);
		await(f, read_anonymous(f) < 8 << 20);
	}
}

/* The same where somebody reads slowly when it is looked for the first time, and nobody asks again. */
static void test_memory_behind_a_slow_reader(void **state)
{
	static const char request[] = "GET /v1/incidents/17 HTTP/1.1\r\nHost: any\r\n\r\n";
	struct fixture *f = *state;
	usec_t begin;
	int reader;

#ifdef MW_RELAXED_SANDBOX
	skip();
#endif
	reader = dial(f, false);
	assert_int_equal(write(reader, request, strlen(request)), strlen(request));
	assert_status(f, "/incidents/17", 200);
	begin = clock_monotonic();
	await(f, usec_since(clock_monotonic(), begin) > 3 * USEC_PER_SEC);
	close(reader);
	await(f, read_anonymous(f) < 8 << 20);
}

/* The engine set a damaged file aside and began another. */
static void test_another_database(void **state)
{
	struct fixture *f = *state;
	json_t *status;
	char name[128];

	f->store = store_close(f->store);
	snprintf(name, sizeof(name), "%s/damaged.db", f->role.directory);
	assert_int_equal(rename(f->database, name), 0);
	assert_status(f, "/v1/status", 503);
	assert_int_equal(store_open(f->database, &f->store, NULL), 0);
	status = get_json(f, "/v1/status");
	assert_int_equal(json_array_size(json_object_get(status, "services")), 0);
	json_decref(status);
}

int main(void)
{
	/* In this order: each goes on from where the one before it stopped. */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_database),
		cmocka_unit_test(test_without_an_engine),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_api),
		cmocka_unit_test(test_trouble),
		cmocka_unit_test(test_commands_in_trouble),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_refused_commands),
		cmocka_unit_test(test_command_unanswered),
		cmocka_unit_test(test_half_requests),
		cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_connection_limit),
		cmocka_unit_test(test_slow_readers),
		cmocka_unit_test(test_memory_is_given_back),
		cmocka_unit_test(test_memory_behind_a_slow_reader),
		cmocka_unit_test(test_another_database),
		cmocka_unit_test(test_silence),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
