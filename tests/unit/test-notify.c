/* SPDX-License-Identifier: Apache-2.0 */
/* The notify role as it runs, sandbox and all, with this test as its supervisor and its engine. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "alerts/signature.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/config_model.h"
#include "daemon/link.h"
#include "tests/unit/server.h"

#define DEADLINE (20 * USEC_PER_SEC)
#define SECRET	 "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

struct result {
	uint64_t id, status, retry_after;
	char text[256];
};

struct fixture {
	sd_event *event;
	struct link *supervisor, *engine;
	pid_t notify, server;
	unsigned port;
	int told[2]; /* what the server was sent, through a pipe */
	char directory[32];
	bool ready;
	struct result results[16];
	size_t count;
};

static int on_alive(struct link *l, struct message *m, void *userdata)
{
	struct fixture *f = userdata;

	f->ready = true;
	return 0;
}

static int on_delivered(struct link *l, struct message *m, void *userdata)
{
	struct fixture *f = userdata;
	struct result *result = &f->results[f->count++];

	assert_int_equal(m->type, MESSAGE_DELIVERED);
	assert_true(f->count < ELEMENTS(f->results));
	result->id = message_u64(m);
	result->status = message_u64(m);
	result->retry_after = message_u64(m);
	snprintf(result->text, sizeof(result->text), "%s", message_string(m));
	return 0;
}

static void on_closed(struct link *l, int reason, void *userdata)
{
	fail_msg("notify closed a link: %s", strerror(-reason));
}

static const struct link_ops supervisor_ops = {on_alive, on_closed};
static const struct link_ops engine_ops = {on_delivered, on_closed};

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

static struct section *add_webhook(struct config *c, const struct fixture *f, const char *name,
	const char *path)
{
	struct section *s;
	char url[128];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", f->port, path);
	assert_int_equal(
		config_add_section(c, SECTION_WEBHOOK, name, &(struct place){0}, &s), 0);
	put(c, s, OPTION_WEBHOOK_URL, url, NULL);
	return s;
}

static void make_slice(const struct fixture *f, struct buf *slice)
{
	_cleanup_config_ struct config *c = config_new(FOR_ALL);
	struct section *s;
	char path[64];

	snprintf(path, sizeof(path), "/tell/%d", f->told[1]);
	s = add_webhook(c, f, "tell", path);
	put(c, s, OPTION_WEBHOOK_SECRET, "file:/secret", SECRET);
	put(c, s, OPTION_WEBHOOK_HEADER, "X-Team: ml", NULL);
	add_webhook(c, f, "plain", path);
	add_webhook(c, f, "failing", "/500");
	add_webhook(c, f, "redirecting", "/redirect");
	add_webhook(c, f, "huge", "/huge");
	s = add_webhook(c, f, "hanging", "/hang?key=hidden");
	put(c, s, OPTION_WEBHOOK_TIMEOUT, "200ms", NULL);
	assert_int_equal(config_slice(c, FOR_NOTIFY, slice), 0);
}

/* Runs the loop until CONDITION holds. */
#define await(f, condition)                                                                        \
	while (!(condition))                                                                       \
	assert_true(sd_event_run((f)->event, DEADLINE) > 0)

static void connect_engine(struct fixture *f)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	f->engine = link_free(f->engine);
	assert_int_equal(
		link_new(f->event, pair[0], FROM_NOTIFY, &engine_ops, f, &f->engine), 0);
	message_begin(&packet, MESSAGE_CONNECT);
	message_put_string(&packet, "engine");
	message_put_u64(&packet, 1);
	assert_int_equal(message_end(&packet), 0);
	assert_int_equal(link_send(f->supervisor, &packet, pair[1]), 0);
	close(pair[1]);
}

static void start_notify(struct fixture *f, const struct buf *slice)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	f->notify = server_fork();
	if (f->notify == 0) {
		/* The role knows descriptor 3 and no other. */
		if (pair[1] == 3 ? fcntl(3, F_SETFD, 0) == 0 : dup2(pair[1], 3) == 3)
			execl("./modelwatch-notify", "modelwatch-notify", NULL);
		_exit(127);
	}
	close(pair[1]);
	assert_int_equal(
		link_new(f->event, pair[0], FROM_ROLE, &supervisor_ops, f, &f->supervisor), 0);
	message_begin(&packet, MESSAGE_CONFIGURE);
	message_put_string(&packet, f->directory);
	message_put_string(&packet, "host");
	message_put_u64(&packet, 0);
	message_put_bytes(&packet, slice->data, slice->size);
	assert_int_equal(message_end(&packet), 0);
	assert_int_equal(link_send(f->supervisor, &packet, -1), 0);
	await(f, f->ready);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	_cleanup_close_ int listener = server_listen(&f->port);
	_cleanup_buf_ struct buf slice = BUF_INIT;

	signal(SIGPIPE, SIG_IGN);
	strcpy(f->directory, "/tmp/test-notify-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	assert_int_equal(pipe(f->told), 0);
	f->server = server_start(listener);
	assert_int_equal(sd_event_new(&f->event), 0);
	make_slice(f, &slice);
	start_notify(f, &slice);
	connect_engine(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	_cleanup_buf_ struct buf packet = BUF_INIT;
	int status;

	message_begin(&packet, MESSAGE_STOP);
	assert_int_equal(message_end(&packet), 0);
	assert_int_equal(link_send(f->supervisor, &packet, -1), 0);
	assert_int_equal(waitpid(f->notify, &status, 0), f->notify);
	assert_int_equal(status, 0);
	kill(f->server, SIGKILL);
	link_free(f->engine);
	link_free(f->supervisor);
	sd_event_unref(f->event);
	close(f->told[0]);
	close(f->told[1]);
	rmdir(f->directory);
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
	assert_int_equal(message_end(&packet), 0);
	assert_int_equal(link_send(f->engine, &packet, -1), 0);
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

/* The new engine sends again what it does not know to be delivered: results for the old one are not
 * for it. The second one that hangs ends behind the first. */
static void test_engine_replaced(void **state)
{
	struct fixture *f = *state;

	deliver(f, 1, "hanging", "{}");
	/* Its answer shows that the first was taken, too. */
	deliver(f, 2, "unknown", "{}");
	await(f, f->count == 1);
	connect_engine(f);
	deliver(f, 3, "hanging", "{}");
	await(f, f->count == 2);
	assert_non_null(result_of(f, 3));
	assert_null(result_of(f, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_results, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_posted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_engine_replaced, setup, teardown),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
