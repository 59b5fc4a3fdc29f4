/* SPDX-License-Identifier: Apache-2.0 */
/* What untrusted clients send to the web role: targets, hosts, bodies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/base/cleanup.h"
#include "daemon/web/command_body.h"
#include "daemon/web/commands.h"
#include "daemon/web/connections.h"
#include "daemon/web/head_check.h"
#include "daemon/web/host_check.h"
#include "daemon/web/route.h"
#include "tests/unit/random.h"

#define MUTATIONS 1000

static void test_routes(void **state)
{
	static const struct {
		const char *method, *target;
		unsigned status;
		enum route_id route; /* with 200 */
		const char *argument, *query;
	} cases[] = {
		{"GET", "/", 200, ROUTE_HOME, "", ""},
		{"HEAD", "/", 200, ROUTE_HOME, "", ""},
		{"GET", "/?utm_source=x", 200, ROUTE_HOME, "", ""},
		{"GET", "/services/llama", 200, ROUTE_SERVICE, "llama", ""},
		{"GET", "/services/a%2Fb%20c", 200, ROUTE_SERVICE, "a/b c", ""},
		{"GET", "/services/%c3%bc", 200, ROUTE_SERVICE, "\xc3\xbc", ""},
		{"GET", "/services/a+b", 200, ROUTE_SERVICE, "a+b", ""},
		{"GET", "/services/%2e%2e", 200, ROUTE_SERVICE, "..", ""},
		{"GET", "/incidents/17", 200, ROUTE_INCIDENT, "17", ""},
		{"GET", "/incidents?state=all", 200, ROUTE_INCIDENTS, "", "all"},
		{"GET", "/v1/incidents?state=open", 200, ROUTE_V1_INCIDENTS, "", "open"},
		{"GET", "/v1/incidents?state=a%2Bb+c", 200, ROUTE_V1_INCIDENTS, "", "a+b c"},
		{"GET", "/v1/incidents?", 200, ROUTE_V1_INCIDENTS, "", ""},
		{"GET", "/v1/incidents?&&state=open&", 200, ROUTE_V1_INCIDENTS, "", "open"},
		{"POST", "/v1/incidents/17/acknowledge", 200, ROUTE_V1_ACKNOWLEDGE, "17", ""},
		{"POST", "/v1/webhooks/on%20call/test", 200, ROUTE_V1_WEBHOOK_TEST, "on call", ""},
		{"GET", "/v1/incidents?state", 400, ROUTES, "", ""},
		{"GET", "/v1/incidents?other=1", 400, ROUTES, "", ""},
		{"GET", "/v1/incidents?state=%zz", 400, ROUTES, "", ""},
		{"GET", "/services/%", 400, ROUTES, "", ""},
		{"GET", "/services/%4", 400, ROUTES, "", ""},
		{"GET", "/services/%00", 400, ROUTES, "", ""},
		{"GET", "/services/%0a", 400, ROUTES, "", ""},
		{"GET", "/services/%ff", 400, ROUTES, "", ""},
		{"GET", "http://a/", 400, ROUTES, "", ""},
		{"GET", "", 400, ROUTES, "", ""},
		{"OPTIONS", "*", 400, ROUTES, "", ""},
		{"GET", "//", 404, ROUTES, "", ""},
		{"GET", "/services/", 404, ROUTES, "", ""},
		{"GET", "/services/a/b", 404, ROUTES, "", ""},
		{"GET", "/v1/", 404, ROUTES, "", ""},
		{"GET", "/V1/status", 404, ROUTES, "", ""},
		{"GET", "/../../etc/passwd", 404, ROUTES, "", ""},
		{"POST", "/", 405, ROUTES, "", ""},
		{"get", "/", 405, ROUTES, "", ""},
		{"GET", "/v1/incidents/1/note", 405, ROUTES, "", ""},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct route_match m;

		print_message("%s %s\n", cases[i].method, cases[i].target);
		assert_int_equal(
			route_resolve(cases[i].method, cases[i].target, &m), cases[i].status);
		if (cases[i].status == 200) {
			assert_int_equal(m.route->id, cases[i].route);
			assert_string_equal(m.argument, cases[i].argument);
			assert_string_equal(m.query, cases[i].query);
		}
		if (cases[i].status == 400)
			assert_true(*m.why);
	}
}

/* What others add to a query is ignored, but where it could have been meant for a key that is. */
static void test_decorated_routes(void **state)
{
	static const struct {
		const char *target;
		unsigned status;
	} cases[] = {
		{"/?utm_source=x", 200},
		{"/incidents?x=1&state=all", 200},
		{"/healthz?x=1", 200},
		{"/metrics?format=%zz&&=", 200},
		{"/v1/status?x", 200},
		{"/assets/style.css?v=2", 200},
		{"/v1/incidents?x=1&state=all", 400},
		{"/v1/incidents?state=open&state=all", 400},
		{"/v1/incidents?state=open&st%61te=open", 400},
		{"/v1/incidents?state=&state=", 400},
		{"/incidents?state=open&x=1&state=all", 400},
		{"/incidents?x=1&x=2&state=all", 200},
		{"/v1/status?state=open&state=all", 200},
		{"/v1/incidents?State=all", 400},
	};
	struct route_match m;

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		assert_int_equal(route_resolve("GET", cases[i].target, &m), cases[i].status);
}

static void test_route_answers(void **state)
{
	char target[ROUTE_TARGET_MAX + 2] = "/";
	struct route_match m;

	assert_int_equal(route_resolve("PUT", "/v1/status", &m), 405);
	assert_string_equal(m.allow, "GET, HEAD");
	assert_int_equal(route_resolve("GET", "/v1/webhooks/a/test", &m), 405);
	assert_string_equal(m.allow, "POST");
	assert_int_equal(route_resolve("GET", "/services/a", &m), 200);
	assert_int_equal(m.depth, 1);
	assert_int_equal(route_resolve("GET", "/a/b/c?d=/e", &m), 404);
	assert_int_equal(m.depth, 2);

	memset(target + 1, 'a', ROUTE_TARGET_MAX);
	assert_int_equal(route_resolve("GET", target, &m), 414);
	memcpy(target, "/services/", 10);
	target[ROUTE_TARGET_MAX] = '\0';
	assert_int_equal(route_resolve("GET", target, &m), 400);
	target[10 + ROUTE_ARGUMENT_MAX] = '\0';
	assert_int_equal(route_resolve("GET", target, &m), 200);

	assert_true(route_is_page("/"));
	assert_true(route_is_page("/nothing"));
	assert_false(route_is_page("/v1/nothing"));
	assert_false(route_is_page("/healthz"));
}

static void test_hosts(void **state)
{
	static const char *const allowed[] = {"gpu7.example.net", "[2001:db8::7]"};
	static const struct host_names names = {
		"gpu7", "https://page.example:8443/mw", allowed, ELEMENTS(allowed)};
	static const struct {
		const char *header, *address;
		bool served;
	} cases[] = {
		{"localhost", "127.0.0.1", true},
		{"LocalHost:9178", "127.0.0.1", true},
		{"127.0.0.1", "127.0.0.1", true},
		{"127.0.0.1:80", "127.0.0.1", true},
		{"[::1]:9178", "::1", true},
		{"[0:0:0:0:0:0:0:1]", "::1", true},
		{"gpu7", "10.0.0.1", true},
		{"gpu7.example.net:443", "10.0.0.1", true},
		{"page.example", "127.0.0.1", true},
		{"[2001:db8::7]", "127.0.0.1", true},
		{NULL, "127.0.0.1", false},
		{"", "127.0.0.1", false},
		{":80", "127.0.0.1", false},
		{"127.0.0.2", "127.0.0.1", false},
		{"[::1]", "127.0.0.1", false},
		{"[::1", "::1", false},
		{"::1", "::1", false},
		{"localhost.evil.example", "127.0.0.1", false},
		{"localhost:80:90", "127.0.0.1", false},
		{"localhost:8x", "127.0.0.1", false},
		{"localhost@evil.example", "127.0.0.1", false},
		{"evil.example/localhost", "127.0.0.1", false},
		{"gpu7.", "127.0.0.1", false},
		{"page.example/mw", "127.0.0.1", false},
	};
	char longest[400];

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		print_message("%s at %s\n", cases[i].header ? cases[i].header : "(none)",
			cases[i].address);
		assert_int_equal(
			host_is_served(cases[i].header, cases[i].address, &names), cases[i].served);
	}
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_false(host_is_served(longest, "127.0.0.1", &names));
	assert_false(host_is_served("a", "", &(struct host_names){"b", "", NULL, 0}));
}

static void test_origins(void **state)
{
	static const struct host_names names = {
		"gpu7", "https://page.example:8443/mw", NULL, 0};
	static const struct {
		const char *origin, *fetch_site, *host;
		bool own;
	} cases[] = {
		{NULL, NULL, "localhost", true},
		{NULL, NULL, NULL, true},
		{"http://localhost:9178", NULL, "LocalHost:9178", true},
		{"https://page.example:8443", NULL, "backend", true},
		{"https://page.example:8443", NULL, NULL, true},
		{"https://evil.example", "same-origin", "localhost", true},
		{NULL, "same-origin", "localhost", true},
		{NULL, "none", "localhost", true},
		{NULL, "cross-site", "localhost", false},
		{NULL, "same-site", "localhost", false},
		{"http://localhost", "cross-site", "localhost", false},
		{NULL, "", "localhost", false},
		{"null", NULL, "null", false},
		{"", NULL, "", false},
		{"http://", NULL, "", false},
		{"http://evil.example", NULL, "localhost", false},
		{"http://localhost:1", NULL, "localhost", false},
		{"http://localhost.evil.example", NULL, "localhost", false},
		{"https://page.example", NULL, "localhost", false},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		assert_int_equal(origin_is_own(cases[i].origin, cases[i].fetch_site, cases[i].host,
					 &names),
			cases[i].own);
	assert_false(origin_is_own(
		"x", NULL, "localhost", &(struct host_names){"b", "", NULL, 0}));
}

static void test_content_types(void **state)
{
	assert_false(command_body_is_json(NULL));
	assert_true(command_body_is_json("application/json"));
	assert_true(command_body_is_json("Application/JSON;charset=utf-8"));
	assert_false(command_body_is_json(""));
	assert_false(command_body_is_json("text/plain"));
	assert_false(command_body_is_json("application/jsonp"));
	assert_false(command_body_is_json("application/x-www-form-urlencoded"));
	assert_false(command_body_is_json("multipart/form-data; boundary=application/json"));
}

/* Cuts a head in place, as the library does: lines end with CR LF or LF, a NUL ends a string. */
static void cut(char *text, size_t size, struct head *ret)
{
	char *at = text, *end = text + size;

	*ret = (struct head){.method = text, .size = size};
	for (bool first = true; at < end; first = false) {
		char *line = at, *feed = memchr(at, '\n', (size_t) (end - at));
		char *stop = feed > line && feed[-1] == '\r' ? feed - 1 : feed;

		assert_non_null(feed);
		at = feed + 1;
		memset(stop, 0, (size_t) (at - stop));
		if (first) {
			ret->target_place = memchr(line, ' ', (size_t) (stop - line));
			ret->version = memrchr(line, ' ', (size_t) (stop - line));
			line[ret->target_place++ - line] = '\0';
			line[ret->version++ - line] = '\0';
			ret->target = ret->target_place;
		} else if (*line) {
			char *value = strchr(line, ':');

			assert_non_null(value);
			*value++ = '\0';
			value += strspn(value, " \t");
			ret->fields[ret->count++] =
				(struct head_field){line, value, strlen(line), strlen(value)};
		}
	}
}

#define HEAD(text) (text "\r\n"), sizeof(text "\r\n") - 1
#define GET	   "GET / HTTP/1.1\r\nHost: a\r\n"

static void test_heads(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		const char *fault; /* a word of it; NULL for none */
	} cases[] = {
		{HEAD(GET), NULL},
		{HEAD("GET /?a=b HTTP/1.1\r\nhost:a\r\nX:\r\nY:  \t b\tc \r\n"), NULL},
		{HEAD("GET / HTTP/1.0\r\n"), NULL},
		{HEAD("GET /\xc3\xbc HTTP/1.1\r\nHost: a\r\nX: \xff\r\n"), NULL},
		{HEAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"), NULL},
		{HEAD("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n"), NULL},
		{HEAD("GET / HTTP/1.1\r\n"), "Host is missing"},
		{HEAD(GET "Host: a\r\n"), "Host is there twice"},
		{HEAD(GET "HOST: b\r\n"), "Host is there twice"},
		{HEAD("G{T / HTTP/1.1\r\nHost: a\r\n"), "method"},
		{HEAD("GET http://a/ HTTP/1.1\r\nHost: a\r\n"), "not a path"},
		{HEAD("GET a:1 HTTP/1.1\r\nHost: a\r\n"), "not a path"},
		{HEAD("GET /a b HTTP/1.1\r\nHost: a\r\n"), "target"},
		{HEAD("GET /\r HTTP/1.1\r\nHost: a\r\n"), "target"},
		{HEAD(GET "Acce{t: b\r\n"), "field"},
		{HEAD(GET "X : b\r\n"), "field"},
		{HEAD(GET " X: b\r\n"), "field"},
		{HEAD(GET ": b\r\n"), "field"},
		{HEAD(GET "X: b\rY: c\r\n"), "field"},
		{HEAD("GET /\0 HTTP/1.1\r\nHost: a\r\n"), "NUL"},
		{HEAD("GET /\0?a HTTP/1.1\r\nHost:a\r\n"), "NUL"},
		{HEAD("GET\0 / HTTP/1.1\r\nHost:a\r\n"), "NUL"},
		{HEAD("GET / HTTP/1.1\0\r\nHost:a\r\n"), "NUL"},
		{HEAD("GET / HTTP/1.1\r\nHost: a\0.b\r\n"), "NUL"},
		{HEAD("GET  / HTTP/1.1\r\nHost: a\r\n"), "target"},
		{HEAD("GET / HTTP/1.1\nHost: a\r\n"), "carriage return"},
		{HEAD("GET / HTTP/1.1\r\nHost: a\n"), "carriage return"},
		{HEAD(GET "Content-Length: 2\r\nContent-Length: 2\r\n"), "Content-Length"},
		{HEAD(GET "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"), "exclude"},
		{HEAD(GET "Transfer-Encoding: chunked\r\ntransfer-encoding: chunked\r\n"), "once"},
		{HEAD(GET "Transfer-Encoding: gzip, chunked\r\n"), "once"},
		{HEAD(GET "Transfer-Encoding: xchunked\r\n"), "once"},
		{HEAD(GET "Transfer-Encoding:\r\n"), "once"},
		{HEAD("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"), "HTTP/1.1"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_free_ char *text = malloc(cases[i].size);
		const char *fault;
		struct head head;

		print_message("%s\n", cases[i].text);
		memcpy(text, cases[i].text, cases[i].size);
		cut(text, cases[i].size, &head);
		fault = head_find_fault(&head, true);
		if (!cases[i].fault)
			assert_null(fault);
		else
			assert_true(fault && strstr(fault, cases[i].fault));
	}
}

static void test_many_fields(void **state)
{
	struct head head = {.method = "GET", .target = "/", .version = "HTTP/1.1"};

	for (size_t i = 0; i < HEAD_FIELDS_MAX; i++)
		head.fields[i] = (struct head_field){i > 0 ? "X" : "Host", "a", i > 0 ? 1 : 4, 1};
	head.count = HEAD_FIELDS_MAX;
	assert_null(head_find_fault(&head, false));
	head.count++;
	assert_non_null(head_find_fault(&head, false));
}

static void test_connections(void **state)
{
	const usec_t start = USEC_PER_DAY;
	struct connection *first, *second;
	struct connections c;

	connections_init(&c);
	assert_true(connections_next_timeout(&c) == USEC_INFINITY);
	first = connections_add(&c, 7, start);
	assert_true(connections_next_timeout(&c) == start + CONNECTION_REQUEST_TIMEOUT);
	assert_false(connections_must_close(&c, first, start + CONNECTION_REQUEST_TIMEOUT - 1));
	assert_true(connections_must_close(&c, first, start + CONNECTION_REQUEST_TIMEOUT));
	/* Served, it has its time anew, and waits anew behind that. */
	connection_set_served(first, true, start + 1);
	assert_true(connections_next_timeout(&c) == start + 1 + CONNECTION_RESPONSE_TIMEOUT);
	connection_set_served(first, false, start + 2);
	assert_true(connections_next_timeout(&c) == start + 2 + CONNECTION_REQUEST_TIMEOUT);

	/* Without a free slot the longest waiting is closed, and no other. */
	second = connections_add(&c, 8, start + 3);
	for (int fd = 9; fd < 7 + CONNECTIONS_MAX; fd++)
		assert_non_null(connections_add(&c, fd, start + 4));
	assert_null(connections_add(&c, 100, start + 4));
	assert_true(connections_next_timeout(&c) == start + 2 + CONNECTION_IDLE_MIN);
	assert_false(connections_must_close(&c, first, start + 2 + CONNECTION_IDLE_MIN - 1));
	assert_true(connections_must_close(&c, first, start + 2 + CONNECTION_IDLE_MIN));
	assert_false(connections_must_close(&c, second, start + 3 + CONNECTION_IDLE_MIN));
	connection_set_served(first, true, start + 5);
	assert_true(connections_must_close(&c, second, start + 3 + CONNECTION_IDLE_MIN));
	/* With a free slot none is closed for others. */
	connections_remove(&c, first);
	assert_false(connections_must_close(&c, second, start + 3 + CONNECTION_IDLE_MIN));
	assert_non_null(connections_add(&c, 100, start + 6));
}

/* Where nobody is accepted any more: who is owed an answer has a while, a new one the time to ask. */
static void test_connections_that_leave(void **state)
{
	const usec_t start = USEC_PER_DAY, leaving = start + CONNECTION_FIRST_TIMEOUT / 2;
	const usec_t end = leaving + CONNECTIONS_LEAVE_TIMEOUT;
	struct connection *used, *new, *begun;
	struct connections c;

	connections_init(&c);
	used = connections_add(&c, 7, start);
	connection_begin(used);
	connection_set_served(used, true, start + 1);
	connection_set_served(used, false, start + 2);
	new = connections_add(&c, 8, start);
	begun = connections_add(&c, 9, start);
	connection_begin(begun);
	assert_false(connections_must_close(&c, used, leaving) || connections_have_left(&c, end));

	connections_leave(&c, leaving);
	assert_true(connections_must_close(&c, used, leaving));
	assert_true(connections_next_timeout(&c) == leaving);
	assert_false(connections_must_close(&c, new, start + CONNECTION_FIRST_TIMEOUT - 1));
	assert_true(connections_must_close(&c, new, start + CONNECTION_FIRST_TIMEOUT));
	assert_false(connections_must_close(&c, begun, end - 1));
	assert_true(connections_must_close(&c, begun, end));
	connection_set_served(begun, true, leaving + 1);
	assert_false(connections_must_close(&c, begun, end - 1));

	assert_false(connections_have_left(&c, end - 1));
	assert_true(connections_have_left(&c, end));
	connections_remove(&c, used);
	connections_remove(&c, new);
	connections_remove(&c, begun);
	assert_true(connections_have_left(&c, leaving));
}

/* A receiver may take half a minute, and who asked hears of it while the connection lasts. */
static void test_command_timeout(void **state)
{
	assert_true(command_timeout("test-webhook") < CONNECTION_RESPONSE_TIMEOUT);
	assert_true(command_timeout("test-webhook") > 30 * USEC_PER_SEC);
	assert_true(command_timeout("note") < command_timeout("test-webhook"));
}

static void test_bodies(void **state)
{
	static const struct {
		const char *body, *expected, *why;
		bool comment_needed;
	} cases[] = {
		{"", "{}", NULL, false},
		{"{}", "{}", NULL, false},
		{"{\"comment\":\"a <b>\\nc\"}", "{\"comment\":\"a <b>\\nc\"}", NULL, false},
		{" { \"comment\" : \"\xc3\xbc\" } ", "{\"comment\":\"\xc3\xbc\"}", NULL, true},
		{"", NULL, "comment is missing", true},
		{"{}", NULL, "comment is missing", true},
		{"{\"comment\":\" \\n\"}", NULL, "comment is missing", true},
		{"[]", NULL, "the body must be a JSON object", false},
		{"{", NULL, "the body is not JSON", false},
		{"{} x", NULL, "the body is not JSON", false},
		{"5", NULL, "the body is not JSON", false},
		{"{\"comment\":1}", NULL, "comment must be a string", false},
		{"{\"comment\":\"a\",\"comment\":\"b\"}", NULL, "the body is not JSON", false},
		{"{\"comment\":\"a\",\"who\":\"root\"}", NULL, "the body may have one key: comment",
			false},
		{"{\"comment\":\"\\u0000\"}", NULL, "the body is not JSON", false},
		{"{\"comment\":\"\\u001b[31m\"}", NULL, "comment has a control character", false},
		{"{\"comment\":\"\xff\"}", NULL, "the body is not JSON", false},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_free_ char *text = NULL;
		const char *why = NULL;
		int r = command_body_read(
			cases[i].body, strlen(cases[i].body), cases[i].comment_needed, &text, &why);

		print_message("%s\n", cases[i].body);
		assert_int_equal(r, cases[i].why ? -EBADMSG : 0);
		if (cases[i].why)
			assert_string_equal(why, cases[i].why);
		else
			assert_string_equal(text, cases[i].expected);
	}
}

/* Broken bodies: each is refused in words, or means what it says. */
static void test_malformed_bodies(void **state)
{
	static const char *const bodies[] = {"{\"comment\":\"I am on it \xc3\xbc\"}",
		"{\"comment\":\"a\\u00fc\\ud83d\\ude00b\"}",
		"{\"comment\":{\"a\":[1,2.5e3,null]}}"};
	static const char bytes[] = "{}[]\":,\\u0 \n\t-+.eE\x01\x7f\xff\xc3\0";
	unsigned refused = 0, taken = 0;
	struct random random = random_of(random_seed(), 0);

	while (refused < MUTATIONS) {
		char body[64];
		size_t size;
		_cleanup_free_ char *text = NULL;
		const char *why = NULL;
		int r;

		size = (size_t) snprintf(
			body, sizeof(body), "%s", bodies[random_below(&random, ELEMENTS(bodies))]);
		for (size_t changes = 1 + random_below(&random, 3); changes > 0; changes--)
			body[random_below(&random, size)] =
				bytes[random_below(&random, sizeof(bytes) - 1)];
		if (random_below(&random, 4) == 0)
			size = random_below(&random, size);
		r = command_body_read(body, size, random_below(&random, 2), &text, &why);
		assert_true(r == 0 || r == -EBADMSG);
		if (r < 0) {
			assert_true(why && *why);
			refused++;
		} else {
			assert_true(text[0] == '{');
			taken++;
		}
	}
	assert_true(taken > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_decorated_routes),
		cmocka_unit_test(test_route_answers),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_content_types),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_many_fields),
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_connections_that_leave),
		cmocka_unit_test(test_command_timeout),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_malformed_bodies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
