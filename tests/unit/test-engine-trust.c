/* SPDX-License-Identifier: Apache-2.0 */
/* The engine among roles that were taken over: nothing that one of them says lasts. */
#include "tests/unit/engine-fixture.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/engine/program.h"

#define CONFIG "[daemon]\nevaluate = 10ms\n[service llama]\nexecutable = /bin/llama\n"

#define WEBHOOKS 700 /* so many that each has the least room in memory */
#define ROOM	 16

/* A role at the other end of a link of its own. */
struct role_end {
	struct link *link;
	int closed; /* 1 - reason, once it is */
	bool known; /* it was told what is known, and could read it */
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
	int pair[2];

	*end = (struct role_end){0};
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(link_new(f->event, pair[0], FROM_ENGINE, &ops, end, &end->link), 0);
	assert_int_equal(engine_program.peer(f->role, role, pid, pair[1]), 0);
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
		cmocka_unit_test(test_only_persons_act),
		cmocka_unit_test(test_a_refused_test_is_not_kept),
	};

	return cmocka_run_group_tests_name("engine trust", tests, NULL, NULL);
}
