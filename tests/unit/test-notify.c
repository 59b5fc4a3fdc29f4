/* SPDX-License-Identifier: Apache-2.0 */
/* The notify role as it runs, sandbox and all, with this test as its supervisor and its engine. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "alerts/outbox.h"
#include "alerts/signature.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/config/model.h"
#include "tests/unit/role-fixture.h"
#include "tests/unit/server.h"

#define DEADLINE (20 * USEC_PER_SEC)
#define HELD_MAX 80 /* requests that this test answers itself */
#define SECRET	 "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

#define await(f, condition) role_fixture_await((f)->role.event, DEADLINE, condition)

struct result {
	uint64_t id, status, retry_after;
	char text[256];
	size_t length; /* of the whole text */
};

/* A request to the webhook "held". */
struct held {
	int fd;
	char request[1024];
};

struct fixture {
	struct role_fixture role;
	pid_t server;
	unsigned port;
	int told[2]; /* what the server was sent, through a pipe */
	struct result results[HELD_MAX];
	size_t count;
	sd_event_source *listener; /* of "held" */
	unsigned held_port;
	struct held held[HELD_MAX];
	size_t held_count;
};

static int on_delivered(struct link *l, struct message *m, void *userdata)
{
	struct fixture *f = userdata;
	struct result *result = &f->results[f->count++];

	assert_int_equal(m->type, MESSAGE_DELIVERED);
	assert_true(f->count < ELEMENTS(f->results));
	result->id = message_u64(m);
	result->status = message_u64(m);
	result->retry_after = message_u64(m);
	result->length = (size_t) snprintf(
		result->text, sizeof(result->text), "%s", message_string(m));
	return 0;
}

static const struct link_ops engine_ops = {on_delivered, role_fixture_closed};

/* Gives an option of a webhook; CONTENT is what a secret's text names, or NULL. */
static void put(struct config *c, struct section *s, enum option option, const char *text,
	const char *content)
{
	struct number number;

	assert_int_equal(config_parse(option, text, &number), 0);
	assert_int_equal(section_put(c, s, option, text, &number, &(struct place){0}), 0);
	if (content)
		assert_int_equal(
			value_set_content(c, section_value(s, option), 0, strdup(content)), 0);
}

/* A connection is for one request: answer() closes it. */
static int on_request(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct fixture *f = userdata;
	struct held *held = &f->held[f->held_count];
	size_t size = 0;

	assert_true(f->held_count < ELEMENTS(f->held));
	held->fd = accept(fd, NULL, NULL);
	assert_true(held->fd >= 0);
	while (!strstr(held->request, "\r\n\r\n{") || !text_ends_with(held->request, "}")) {
		ssize_t n = read(held->fd, held->request + size, sizeof(held->request) - 1 - size);

		assert_true(n > 0);
		size += (size_t) n;
	}
	f->held_count++;
	return 0;
}

static void hold_requests(struct fixture *f)
{
	int fd = server_listen(&f->held_port);

	assert_int_equal(sd_event_add_io(f->role.event, &f->listener, fd, EPOLLIN, on_request, f), 0);
	sd_event_source_set_io_fd_own(f->listener, true);
}

/* Returns when the answer was read. */
static void answer(struct fixture *f, size_t i, const char *status)
{
	char byte;

	dprintf(f->held[i].fd, "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		status);
	assert_int_equal(read(f->held[i].fd, &byte, 1), 0);
	close_fd(&f->held[i].fd);
}

static struct section *add_webhook(struct config *c, unsigned port, const char *name,
	const char *path)
{
	struct section *s;
	char url[128];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", port, path);
	assert_int_equal(
		config_add_section(c, SECTION_WEBHOOK, name, &(struct place){0}, &s), 0);
	put(c, s, OPTION_WEBHOOK_URL, url, NULL);
	return s;
}

/* One whose host has a name of more bytes than a failure's text may have. */
static void add_long(struct config *c)
{
	_cleanup_buf_ struct buf url = BUF_INIT;
	struct section *s;

	buf_add_string(&url, "http://");
	for (size_t i = 0; i < 2 * OUTBOX_ERROR_MAX / 4; i++)
		buf_add_string(&url, "xxx.");
	buf_add_string(&url, "invalid/");
	assert_int_equal(buf_error(&url), 0);
	assert_int_equal(
		config_add_section(c, SECTION_WEBHOOK, "long", &(struct place){0}, &s), 0);
	put(c, s, OPTION_WEBHOOK_URL, url.data, NULL);
}

static void configure(struct fixture *f)
{
	_cleanup_config_ struct config *c = config_new(FOR_ALL);
	struct section *s;
	char path[64];

	snprintf(path, sizeof(path), "/tell/%d", f->told[1]);
	s = add_webhook(c, f->port, "tell", path);
	put(c, s, OPTION_WEBHOOK_SECRET, "file:/secret", SECRET);
	put(c, s, OPTION_WEBHOOK_HEADER, "X-Team: ml", NULL);
	add_webhook(c, f->port, "plain", path);
	add_webhook(c, f->port, "failing", "/500");
	add_webhook(c, f->port, "never", "/never");
	add_webhook(c, f->port, "redirecting", "/redirect");
	add_webhook(c, f->port, "huge", "/huge");
	add_webhook(c, f->held_port, "held", "/");
	add_long(c);
	s = add_webhook(c, f->port, "hanging", "/hang?key=hidden");
	put(c, s, OPTION_WEBHOOK_TIMEOUT, "200ms", NULL);
	role_fixture_configure(&f->role, c, FOR_NOTIFY, DEADLINE);
}

static void connect_engine(struct fixture *f)
{
	role_fixture_connect(&f->role, FROM_NOTIFY, &engine_ops, f);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	_cleanup_close_ int listener = server_listen(&f->port);

	role_fixture_make(&f->role);
	assert_int_equal(pipe(f->told), 0);
	f->server = server_start(listener);
	hold_requests(f);
	role_fixture_start(&f->role, "notify");
	configure(f);
	connect_engine(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->role.pid > 0)
		role_fixture_stop(&f->role);
	kill(f->server, SIGKILL);
	for (size_t i = 0; i < f->held_count; i++)
		close_fd(&f->held[i].fd);
	sd_event_source_unref(f->listener);
	role_fixture_remove(&f->role);
	close(f->told[0]);
	close(f->told[1]);
	free(f);
	return 0;
}

static void deliver(struct fixture *f, uint64_t id, const char *webhook, const char *body)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;

	message_begin(&packet, MESSAGE_DELIVER);
	message_put_u64(&packet, id);
	message_put_string(&packet, webhook);
	message_put_string(&packet, "msg_1");
	message_put_bytes(&packet, body, strlen(body));
	role_fixture_send(f->role.engine, &packet, -1);
}

static struct result *result_of(struct fixture *f, uint64_t id)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->results[i].id == id)
			return &f->results[i];
	return NULL;
}

/* Everything at once: what hangs holds nothing up, and each result is told once. */
static void test_results(void **state)
{
	static const struct {
		const char *webhook;
		uint64_t status, retry_after;
		const char *text;
	} cases[] = {
		{"hanging", 0, 0, NULL}, /* a text with the port */
		{"plain", 204, 0, ""},
		{"failing", 500, 8, "answered 500"},
		{"never", 503, 604801, "answered 503"},
		{"redirecting", 302, 0,
			"answered 302: redirects to elsewhere.example, not followed"},
		{"huge", 200, 0, ""},
		{"unknown", 0, 0, "no such webhook is configured"},
	};
	struct fixture *f = *state;
	char hung[64];

	snprintf(hung, sizeof(hung), "127.0.0.1:%u: no answer within 200ms", f->port);
	for (size_t i = 0; i < ELEMENTS(cases); i++)
		deliver(f, 100 + i, cases[i].webhook, "{}");
	await(f, f->count == ELEMENTS(cases));
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct result *result = result_of(f, 100 + i);

		assert_non_null(result);
		assert_string_equal(result->text, cases[i].text ? cases[i].text : hung);
		assert_int_equal(result->status, cases[i].status);
		assert_int_equal(result->retry_after, cases[i].retry_after);
	}
}

/* The engine takes no more. */
static void test_long_text(void **state)
{
	struct fixture *f = *state;

	deliver(f, 1, "long", "{}");
	await(f, f->count == 1);
	assert_int_equal(f->results[0].status, 0);
	assert_int_equal(f->results[0].length, OUTBOX_ERROR_MAX);
}

static char *header_of(const char *request, const char *name)
{
	const char *line = strcasestr(request, name);

	assert_non_null(line);
	line += strlen(name);
	return strndup(line, strcspn(line, "\r"));
}

static void test_what_is_posted(void **state)
{
	static const char body[] = "{\"id\":\"msg_1\",\"text\":\"gr\xc3\xbc\xc3\x9f\"}";
	struct fixture *f = *state;
	_cleanup_free_ char *time = NULL, *given = NULL, *expected = NULL;
	char request[4096];
	ssize_t size;

	deliver(f, 1, "tell", body);
	await(f, f->count == 1);
	size = read(f->told[0], request, sizeof(request) - 1);
	assert_true(size > 0);
	request[size] = '\0';
	assert_non_null(strstr(request, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(request, "\r\nwebhook-id: msg_1\r\n"));
	assert_non_null(strstr(request, "\r\nX-Team: ml\r\n"));
	assert_true(text_ends_with(request, body));
	time = header_of(request, "\r\nwebhook-timestamp: ");
	given = header_of(request, "\r\nwebhook-signature: ");
	assert_true(llabs(atoll(time) - (long long) (clock_wall() / USEC_PER_SEC)) < 60);
	assert_int_equal(signature_make(SECRET, strlen(SECRET), "msg_1", atoll(time), body,
				 strlen(body), &expected),
		0);
	assert_string_equal(given, expected);

	/* Without a secret there is no signature; the id and the time are there. */
	deliver(f, 2, "plain", body);
	await(f, f->count == 2);
	size = read(f->told[0], request, sizeof(request) - 1);
	assert_true(size > 0);
	request[size] = '\0';
	assert_non_null(strstr(request, "\r\nwebhook-timestamp: "));
	assert_null(strcasestr(request, "webhook-signature"));
}

static void expect(struct fixture *f, size_t number, uint64_t id, uint64_t status)
{
	await(f, f->count == number);
	assert_int_equal(f->results[number - 1].id, id);
	assert_int_equal(f->results[number - 1].status, status);
}

/* That nothing was posted but what was expected shows the next request: it is another one's. */
static void expect_request(struct fixture *f, size_t number, const char *body)
{
	await(f, f->held_count == number);
	assert_true(text_ends_with(f->held[number - 1].request, body));
}

/* The new engine sends again what it does not know to be delivered, and hears of the one try. */
static void test_under_way_while_engine_is_replaced(void **state)
{
	struct fixture *f = *state;

	deliver(f, 1, "held", "{1}");
	expect_request(f, 1, "{1}");
	connect_engine(f);
	deliver(f, 1, "held", "{1}");
	deliver(f, 2, "unknown", "{}");
	expect(f, 1, 2, 0);
	answer(f, 0, "204 No Content");
	expect(f, 2, 1, 204);
	deliver(f, 3, "held", "{3}");
	expect_request(f, 2, "{3}");
}

/* What ends while there is no engine is told when it is asked for. */
static void test_over_while_there_is_no_engine(void **state)
{
	static const struct {
		const char *answer;
		uint64_t status;
	} cases[] = {{"204 No Content", 204}, {"503 Service Unavailable", 503}};
	struct fixture *f = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		deliver(f, i, "held", "{1}");
		expect_request(f, i + 1, "{1}");
		f->role.engine = link_free(f->role.engine);
		answer(f, i, cases[i].answer);
		connect_engine(f);
		deliver(f, i, "held", "{1}");
		expect(f, i + 1, i, cases[i].status);
	}
	deliver(f, 3, "held", "{3}");
	expect_request(f, 3, "{3}");
}

/* A success that the engine forgot is not posted twice; a failure is tried again when it asks. */
static void test_delivered_again(void **state)
{
	struct fixture *f = *state;

	deliver(f, 1, "held", "{1}");
	expect_request(f, 1, "{1}");
	answer(f, 0, "500 Internal Server Error");
	expect(f, 1, 1, 500);
	deliver(f, 1, "held", "{1}");
	expect_request(f, 2, "{1}");
	answer(f, 1, "200 OK");
	expect(f, 2, 1, 200);
	connect_engine(f);
	deliver(f, 1, "held", "{1}");
	expect(f, 3, 1, 200);
	deliver(f, 2, "held", "{2}");
	expect_request(f, 3, "{2}");
}

/* More than may be under way wait, and fail for no reason of ours. */
static void test_many(void **state)
{
	const size_t under_way = 64, many = 70;
	struct fixture *f = *state;

	for (size_t i = 0; i < many; i++)
		deliver(f, i, "held", "{}");
	deliver(f, many, "unknown", "{}");
	await(f, f->held_count == under_way && f->count == 1);
	assert_int_equal(f->results[0].id, many);
	for (size_t i = 0; i < many; i++) {
		await(f, f->held_count > i);
		answer(f, i, "200 OK");
	}
	await(f, f->count == many + 1);
	for (size_t i = 1; i <= many; i++)
		assert_int_equal(f->results[i].status, 200);
}

/* What waits for an engine that is gone is not posted: the next one chooses. */
static void test_waiting_while_engine_is_replaced(void **state)
{
	const size_t under_way = 64;
	struct fixture *f = *state;

	for (size_t i = 0; i <= under_way; i++)
		deliver(f, i, "held", "{1}");
	deliver(f, 100, "unknown", "{}");
	await(f, f->held_count == under_way && f->count == 1);
	connect_engine(f);
	deliver(f, 101, "held", "{2}");
	deliver(f, 102, "unknown", "{}");
	await(f, f->count == 2);
	answer(f, 0, "200 OK");
	expect_request(f, under_way + 1, "{2}");
}

/* What is under way when the role is to stop is told of; what comes then is its successor's. A receiver
 * that does not answer keeps it for a while alone. */
static void test_leaves_in_order(void **state)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;
	struct fixture *f = *state;
	struct pollfd listener = {.events = POLLIN};

	deliver(f, 1, "held", "{1}");
	deliver(f, 2, "held", "{2}");
	await(f, f->held_count == 2);
	message_begin(&packet, MESSAGE_STOP);
	role_fixture_send(f->role.supervisor, &packet, -1);
	deliver(f, 3, "held", "{3}");
	answer(f, 0, "200 OK");
	expect(f, 1, strstr(f->held[0].request, "{1}") ? 1 : 2, 200);
	role_fixture_stop(&f->role);
	f->role.pid = 0;
	listener.fd = sd_event_source_get_io_fd(f->listener);
	assert_int_equal(poll(&listener, 1, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_results, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_posted, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_under_way_while_engine_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_over_while_there_is_no_engine, setup, teardown),
		cmocka_unit_test_setup_teardown(test_delivered_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_waiting_while_engine_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leaves_in_order, setup, teardown),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
