/* SPDX-License-Identifier: Apache-2.0 */
/* The engine among roles that were taken over: nothing that one of them says lasts. */
#include "tests/unit/engine-fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/engine/program.h"
#include "schema/known.h"
#include "schema/store.h"

#define CONFIG "[daemon]\nevaluate = 10ms\n[service llama]\nexecutable = /bin/llama\n"

#define LONG_NAME_BYTES 5000
#define WEBHOOKS	700 /* so many that each has the least room in memory */
#define ROOM		16

/* A role at the other end of a link of its own. */
struct role_end {
	struct link *link;
	int closed; /* 1 - reason, once it is */
	bool known; /* it was told what is known, and could read it */
	size_t processes, command_lines; /* in that */
};

static int on_message(struct link *l, struct message *m, void *userdata)
{
	struct role_end *end = userdata;
	struct known known;
	const void *bytes;
	size_t size;

	if (m->type != MESSAGE_KNOWN)
		return 0;
	bytes = message_bytes(m, &size);
	assert_int_equal(known_read(bytes, size, &known), 0);
	end->processes = known.process_count;
	for (size_t i = 0; i < known.process_count; i++)
		end->command_lines += known.processes[i].command_line[0] != '\0';
	known_done(&known);
	end->known = true;
	return 0;
}

static void on_closed(struct link *l, int reason, void *userdata)
{
	struct role_end *end = userdata;

	end->closed = 1 - reason;
}

static void connect_end(struct engine_fixture *f, const char *role, int64_t pid, struct role_end *end)
{
	static const struct link_ops ops = {on_message, on_closed};
	int fd;

	*end = (struct role_end){0};
	fd = role_fixture_link(f->event, FROM_ENGINE, &ops, end, &end->link);
	assert_int_equal(engine_program.peer(f->role, role, pid, fd), 0);
}

static char long_name[LONG_NAME_BYTES + 1];

static void put_samples(struct buf *b, const char *collector)
{
	message_begin(b, MESSAGE_SAMPLES);
	message_put_string(b, collector);
	message_put_u64(b, 1);
}

static void put_event(struct buf *b, const char *type, const char *service, uint64_t pid,
	const char *command_line)
{
	_cleanup_buf_ struct buf evidence = BUF_INIT, samples = BUF_INIT;

	evidence_write(NULL, 0, &evidence);
	samples_write(NULL, 0, &samples);
	message_begin(b, MESSAGE_EVENT);
	message_put_u64(b, 1);
	message_put_string(b, type);
	message_put_string(b, service);
	message_put_u64(b, 1);
	message_put_u64(b, pid);
	message_put_u64(b, 1);
	message_put_u64(b, 1);
	message_put_string(b, command_line);
	message_put_string(b, "");
	message_put_bytes(b, evidence.data, evidence.size);
	message_put_bytes(b, samples.data, samples.size);
}

static void put_fact(struct buf *b, const char *topic, const char *subject)
{
	message_begin(b, MESSAGE_FACT);
	message_put_string(b, topic);
	message_put_string(b, subject);
	message_put_string(b, "discovered");
	message_put_string(b, "yes");
}

static void put_declare(struct buf *b, const char *service)
{
	message_begin(b, MESSAGE_DECLARE);
	message_put_u64(b, 0);
	message_put_string(b, "modelwatch_service_up");
	message_put_string(b, "service");
	message_put_string(b, service);
}

/* What a collector may not say, by number; false behind the last. */
static bool put_lie(struct buf *b, size_t i)
{
	static const struct {
		const char *type, *service; /* NULL: a name that is far too long */
		uint64_t pid;
		const char *command_line; /* NULL: "" */
	} events[] = {
		{EVENT_PROCESS_STARTED, "llama", 0, NULL},
		{EVENT_PROCESS_STARTED, "llama", UINT64_C(1) << 31, NULL},
		{EVENT_PROCESS_STARTED, "llama", UINT64_MAX, NULL},
		{EVENT_PROCESS_EXITED, "llama", 0, NULL},
		{EVENT_PROCESS_RELEASED, "llama", 0, NULL},
		{EVENT_PROCESS_STARTED, "", 100, NULL},
		{EVENT_PROCESS_STARTED, NULL, 100, NULL},
		{EVENT_PROCESS_STARTED, "a b", 100, NULL},
		{EVENT_PROCESS_STARTED, "llama", 100, long_name},
		{EVENT_SERVICE_ENDED, NULL, 0, NULL},
		{EVENT_SERVICE_ENDED, "llama", UINT64_C(1) << 40, NULL},
	};

	if (i < ELEMENTS(events)) {
		put_event(b, events[i].type, events[i].service ? events[i].service : long_name,
			events[i].pid, events[i].command_line ? events[i].command_line : "");
		return true;
	}
	switch (i - ELEMENTS(events)) {
	case 0:
		put_samples(b, "");
		return true;
	case 1:
		put_samples(b, long_name);
		return true;
	case 2:
		put_samples(b, "notify");
		return true;
	case 3:
		put_fact(b, "service", long_name);
		return true;
	case 4:
		put_fact(b, "service", "");
		return true;
	case 5:
		put_fact(b, long_name, "x");
		return true;
	case 6:
		put_declare(b, long_name + LONG_NAME_BYTES - 200);
		return true;
	default:
		return false;
	}
}

/* It ends the one that says it, and leaves nothing from which the next engine or the next collector
 * could not begin. */
static void test_lies_end_their_collector(void **state)
{
	struct engine_fixture f;
	struct role_end end;

	memset(long_name, 'x', LONG_NAME_BYTES);
	for (size_t i = 0;; i++) {
		_cleanup_buf_ struct buf lie = BUF_INIT;

		if (!put_lie(&lie, i))
			break;
		engine_fixture_make(&f, CONFIG);
		engine_fixture_start(&f);
		connect_end(&f, "process", 1000011, &end);
		engine_fixture_await(&f, end.known);
		role_fixture_send(end.link, &lie, -1);
		engine_fixture_await(&f, end.closed);
		link_free(end.link);
		engine_fixture_event(&f, EVENT_PROCESS_STARTED, 100, 1);
		engine_fixture_await(&f, f.done == f.last_event);
		engine_fixture_stop(&f);
		engine_fixture_start(&f);
		connect_end(&f, "process", 1000012, &end);
		engine_fixture_await(&f, end.known);
		link_free(end.link);
		engine_fixture_stop(&f);
		engine_fixture_remove(&f);
	}
}

/* What an engine believed that was not so careful is not handed on. */
static void test_what_is_known_can_be_read(void **state)
{
	char boot[] = "boot", service[] = "llama";
	const struct process_record records[] = {
		{service, 0, 1, boot, 1, service},
		{service, INT64_C(1) << 31, 1, boot, 1, service},
		{long_name, 100, 1, boot, 1, service},
		{service, 101, 1, long_name, 1, service},
		{service, 102, 1, boot, 1, long_name},
	};
	_cleanup_free_ char *path = NULL;
	struct engine_fixture f;
	struct role_end end;
	struct store *store;

	memset(long_name, 'x', LONG_NAME_BYTES);
	engine_fixture_make(&f, CONFIG);
	path = engine_fixture_database(&f);
	assert_int_equal(store_open(path, &store, NULL), 0);
	assert_int_equal(store_begin(store), 0);
	for (size_t i = 0; i < ELEMENTS(records); i++)
		assert_int_equal(store_put_process(store, &records[i]), 0);
	assert_int_equal(store_commit(store), 0);
	store_close(store);
	engine_fixture_start(&f);
	connect_end(&f, "process", 1000011, &end);
	engine_fixture_await(&f, end.known);
	link_free(end.link);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

#define WIDE_SERIES 5000
#define WIDE_LABEL  2000 /* bytes: all of them do not fit into one message */

static void send_wide_series(struct engine_fixture *f, struct link *l)
{
	char label[WIDE_LABEL + 1] = "";

	memset(label, 'x', WIDE_LABEL);
	for (uint64_t i = 0; i < WIDE_SERIES; i++) {
		_cleanup_buf_ struct buf declaration = BUF_INIT, samples = BUF_INIT;

		label[snprintf(label, sizeof(label), "%" PRIu64, i)] = 'x';
		message_begin(&declaration, MESSAGE_DECLARE);
		message_put_u64(&declaration, i);
		message_put_string(&declaration, "modelwatch_service_wide_total");
		message_put_string(&declaration, "wide");
		message_put_string(&declaration, label);
		role_fixture_send(l, &declaration, -1);
		put_samples(&samples, "process");
		message_put_u64(&samples, i);
		message_put_f64(&samples, 1);
		role_fixture_send(l, &samples, -1);
		/* No more at once than a link takes. */
		while (i % 100 == 0 && sd_event_run(f->event, 0) > 0)
			;
	}
}

/* More than a message takes does not keep every later collector from being told anything. */
static void test_what_is_known_fits(void **state)
{
	struct engine_fixture f;
	struct role_end end;

	engine_fixture_make(&f, CONFIG);
	engine_fixture_start(&f);
	connect_end(&f, "process", 1000011, &end);
	send_wide_series(&f, end.link);
	link_free(end.link);
	connect_end(&f, "process", 1000012, &end);
	engine_fixture_await(&f, end.known || end.closed);
	assert_true(end.known);
	link_free(end.link);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

/* Command lines that do not fit keep no process from being handed on. */
static void test_known_command_lines_fit(void **state)
{
	enum { PROCESSES = 4000 };
	char boot[] = "boot", service[] = "llama", command_line[EVENT_COMMAND_LINE_MAX + 1] = "";
	_cleanup_free_ char *path = NULL;
	struct engine_fixture f;
	struct role_end end;
	struct store *store;

	memset(command_line, 'x', EVENT_COMMAND_LINE_MAX);
	engine_fixture_make(&f, CONFIG);
	path = engine_fixture_database(&f);
	assert_int_equal(store_open(path, &store, NULL), 0);
	assert_int_equal(store_begin(store), 0);
	for (int64_t i = 0; i < PROCESSES; i++)
		assert_int_equal(store_put_process(store, &(struct process_record){service, 100 + i,
			1, boot, 1, command_line}), 0);
	assert_int_equal(store_commit(store), 0);
	store_close(store);
	engine_fixture_start(&f);
	connect_end(&f, "process", 1000011, &end);
	engine_fixture_await(&f, end.known || end.closed);
	assert_int_equal(end.processes, PROCESSES);
	assert_in_range(end.command_lines, 1, PROCESSES - 1);
	link_free(end.link);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

/* Nor does one that is no text, of a database that somebody edited. */
static void test_known_command_line_is_no_text(void **state)
{
	char boot[] = "boot", service[] = "llama", command_line[] = "\xff";
	_cleanup_free_ char *path = NULL;
	struct engine_fixture f;
	struct role_end end;
	struct store *store;

	engine_fixture_make(&f, CONFIG);
	path = engine_fixture_database(&f);
	assert_int_equal(store_open(path, &store, NULL), 0);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_put_process(store,
				 &(struct process_record){service, 100, 1, boot, 1, command_line}),
		0);
	assert_int_equal(store_commit(store), 0);
	store_close(store);
	engine_fixture_start(&f);
	connect_end(&f, "process", 1000011, &end);
	engine_fixture_await(&f, end.known || end.closed);
	assert_int_equal(end.processes, 1);
	assert_int_equal(end.command_lines, 0);
	link_free(end.link);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

/* A process that connects and waits to be told to go, or goes at once. */
static pid_t connect_child(const struct sockaddr_un *address, bool stays, int *ret_leash)
{
	int leash[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(leash), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		close(leash[1]);
		if (connect(fd, (const struct sockaddr *) address, sizeof(*address)) < 0)
			_exit(1);
		_exit(stays && read(leash[0], &byte, 1) != 0);
	}
	close(leash[0]);
	*ret_leash = leash[1];
	return pid;
}

/* Kernels that do not tell of a peer's process cannot tell that it is gone. */
static bool kernel_tells_of_peers(int fd)
{
	int pidfd;
	socklen_t size = sizeof(pidfd);

	if (getsockopt(fd, SOL_SOCKET, 77, &pidfd, &size) < 0)
		return errno != ENOPROTOOPT;
	close(pidfd);
	return true;
}

static void test_only_persons_act(void **state)
{
	static const struct {
		const char *role; /* what it was, or NULL */
		bool connected;	  /* the engine still has a link to it */
		bool stays;	  /* it lives when its request comes */
		unsigned status;
	} cases[] = {
		{NULL, false, true, 404},
		{NULL, false, false, 403},
		{"notify", true, true, 403},
		{"notify", false, true, 403},
		{"notify", false, false, 403},
		{"process", false, true, 403},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct sockaddr_un address;
		struct engine_fixture f;
		struct role_end end = {0};
		_cleanup_close_ int listener = -1, accepted = -1, leash = -1;
		pid_t pid;

		engine_fixture_make(&f, CONFIG);
		engine_fixture_start(&f);
		listener = engine_fixture_listen(&f, &address);
		pid = connect_child(&address, cases[i].stays, &leash);
		accepted = accept(listener, NULL, NULL);
		if (cases[i].role)
			connect_end(&f, cases[i].role, pid, &end);
		if (!cases[i].connected)
			end.link = link_free(end.link);
		if (!cases[i].stays)
			assert_int_equal(waitpid(pid, NULL, 0), pid);
		if (cases[i].role || cases[i].stays || kernel_tells_of_peers(accepted)) {
			/* The engine notices that a link is closed. */
			engine_fixture_event(&f, EVENT_PROCESS_STARTED, 100, 1);
			engine_fixture_await(&f, f.done == f.last_event);
			engine_fixture_command_over(&f, accepted, "acknowledge", "1");
			engine_fixture_await(&f, f.status != 0);
			assert_int_equal(f.status, cases[i].status);
		}
		close_fd(&leash);
		if (cases[i].stays)
			assert_int_equal(waitpid(pid, NULL, 0), pid);
		link_free(end.link);
		engine_fixture_stop(&f);
		engine_fixture_remove(&f);
	}
}

static int count_one(void *userdata, const struct notification *n)
{
	size_t *count = userdata;

	(*count)++;
	return 0;
}

/* A test that was refused because there is no room is not sent when there is. */
static void test_a_refused_test_is_not_kept(void **state)
{
	_cleanup_buf_ struct buf config = BUF_INIT;
	_cleanup_free_ char *path = NULL;
	struct engine_fixture f;
	struct reader *reader;
	size_t count = 0;

	buf_add_string(&config, CONFIG "[webhook dead]\nurl = http://127.0.0.1:9/\n");
	for (unsigned i = 0; i < WEBHOOKS; i++)
		buf_printf(&config, "[webhook w%u]\nurl = http://127.0.0.1:9/\n", i);
	engine_fixture_make(&f, config.data);
	engine_fixture_start(&f);
	for (size_t i = 0; i < ROOM; i++)
		engine_fixture_command(&f, "test-webhook", "dead");
	engine_fixture_command(&f, "test-webhook", "dead");
	engine_fixture_await(&f, f.replies > 0);
	assert_int_equal(f.status, 503);
	path = engine_fixture_database(&f);
	assert_int_equal(reader_open(path, &reader), 0);
	assert_int_equal(reader_pending(reader, 0, count_one, &count), 0);
	assert_int_equal(count, ROOM);
	reader_close(reader);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lies_end_their_collector),
		cmocka_unit_test(test_what_is_known_can_be_read),
		cmocka_unit_test(test_what_is_known_fits),
		cmocka_unit_test(test_known_command_lines_fit),
		cmocka_unit_test(test_known_command_line_is_no_text),
		cmocka_unit_test(test_only_persons_act),
		cmocka_unit_test(test_a_refused_test_is_not_kept),
	};

	return cmocka_run_group_tests_name("engine trust", tests, NULL, NULL);
}
