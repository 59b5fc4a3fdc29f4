/* SPDX-License-Identifier: Apache-2.0 */
/* The program modelwatch at a socket where an answer waits, or none. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "daemon/base/buf.h"
#include "daemon/base/cleanup.h"
#include "tests/unit/server.h"

#define OUTPUT_MAX 8192

#define STATUS(word)                                                                               \
	"{\"status\":\"" word "\",\"services\":[],\"weights\":[],\"incidents\":[],\"roles\":[]}"
#define TESTED(delivered)                                                                          \
	"{\"webhook\":\"w\",\"delivered\":" delivered ",\"status\":403,\"error\":\"answered 403\"}"

struct program {
	int exit_status;
	char output[OUTPUT_MAX]; /* stdout and stderr */
};

static char directory[] = "/tmp/test-cli-XXXXXX";
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static struct program run(const char *arguments)
{
	struct program p = {0};
	char command[512];
	FILE *pipe;
	int status;

	snprintf(command, sizeof(command), "./modelwatch --socket %s %s 2>&1", address.sun_path,
		arguments);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	p.output[fread(p.output, 1, sizeof(p.output) - 1, pipe)] = '\0';
	status = pclose(pipe);
	assert_true(WIFEXITED(status));
	p.exit_status = WEXITSTATUS(status);
	return p;
}

static void test_answers(void **state)
{
	static const struct {
		const char *arguments, *status, *body;
		int exit_status;
		const char *said; /* somewhere in the output */
	} cases[] = {
		{"status", "200 OK", STATUS("ok"), 0, "ok, no open incident\n"},
		{"status", "200 OK", STATUS("warning"), 1, "WARNING"},
		{"status", "200 OK", STATUS("critical"), 2, "CRITICAL"},
		{"status", "200 OK", STATUS("strange"), 3, "strange"},
		{"status", "503 Unavailable", "{\"error\":\"starting\"}", 3, "modelwatch: starting\n"},
		{"status", "200 OK", "<html>", 3, "no JSON object"},
		{"status", "200 OK", "[]", 3, "no JSON object"},
		{"status", "200 OK", "", 3, "no JSON object"},
		{"status --json", "200 OK", STATUS("critical"), 2, STATUS("critical")},
		{"incidents", "200 OK", "{\"incidents\":[]}", 0, "No incident.\n"},
		{"incidents --json", "200 OK", "{ \"incidents\" : [] }\n", 0,
			"{ \"incidents\" : [] }\n"},
		{"incident 5", "404 Not Found", "{\"error\":\"not here\"}", 1,
			"modelwatch: there is no incident 5; 'modelwatch incidents --all' lists them\n"},
		{"ack 5", "404 Not Found", "{\"error\":\"not there\"}", 1,
			"modelwatch: there is no incident 5; 'modelwatch incidents --all' lists them\n"},
		{"incident 5", "400 Bad Request", "{\"error\":\"no such \\u001bincident\"}", 1,
			"modelwatch: no such ?incident\n"},
		{"incident 5", "500 Oops", "oops", 1, "refused without a reason"},
		{"incident five", "200 OK", "{}", 1, "five is not the number of an incident"},
		{"ack 5 -m 'on it'", "200 OK", "{\"id\":5,\"title\":\"T\"}", 0,
			"Incident 5 acknowledged: T\n"},
		{"ack 5", "409 Conflict", "{\"error\":\"that is so already\"}", 1, "so already\n"},
		{"ack 5 -m $(printf '\\377')", "200 OK", "{}", 1, "not UTF-8"},
		{"resolve 5", "200 OK", "{\"id\":5,\"title\":\"T\"}", 0, "Incident 5 resolved: T\n"},
		{"note 5 -m x", "200 OK", "{\"id\":5,\"title\":\"T\"}", 0, "note: T\n"},
		{"test-webhook w", "200 OK", TESTED("true"), 0, "w: delivered"},
		{"test-webhook w", "200 OK", TESTED("false"), 1, "w: not delivered: answered 403\n"},
		{"test-webhook --json w", "200 OK", TESTED("false"), 1, TESTED("false")},
		{"discover", "200 OK", "{\"services\":[]}", 0, "# No model server"},
		{"doctor", "200 OK", "{\"checks\":[]}", 0, "Nothing is limited.\n"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_close_ int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		_cleanup_buf_ struct buf answer = BUF_INIT;
		struct program p;
		pid_t server;

		assert_int_equal(bind(listener, (struct sockaddr *) &address, sizeof(address)), 0);
		assert_int_equal(listen(listener, 4), 0);
		buf_printf(&answer, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", cases[i].status,
			strlen(cases[i].body), cases[i].body);
		server = server_start_with(listener, answer.data);
		p = run(cases[i].arguments);
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
		unlink(address.sun_path);
		if (!strstr(p.output, cases[i].said))
			fail_msg("%s: %s", cases[i].arguments, p.output);
		assert_int_equal(p.exit_status, cases[i].exit_status);
	}
}

static void test_nobody_there(void **state)
{
	struct program p = run("status");

	assert_int_equal(p.exit_status, 3);
	assert_non_null(strstr(p.output, address.sun_path));
	assert_non_null(strstr(p.output, "is it running?"));
	p = run("incidents");
	assert_int_equal(p.exit_status, 1);
}

static void test_usage(void **state)
{
	static const struct {
		const char *arguments;
		int exit_status;
		const char *said;
	} cases[] = {
		{"", 1, "a verb is missing\nTry 'modelwatch --help'.\n"},
		{"incidnet 5", 1, "did you mean incident?"},
		{"--help", 0, "Usage: modelwatch VERB"},
		{"incident --help", 0, "Usage: modelwatch incident ID"},
		{"--version", 0, "modelwatch "},
		{"check-config /nonexistent/x.conf", 1, "/nonexistent/x.conf"},
		{"check-config --json /nonexistent/x.conf", 1, "{\"valid\":false,\"errors\":[\""},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct program p = run(cases[i].arguments);

		if (!strstr(p.output, cases[i].said))
			fail_msg("%s: %s", cases[i].arguments, p.output);
		assert_int_equal(p.exit_status, cases[i].exit_status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_usage),
	};
	int failed;

	if (!mkdtemp(directory))
		return 1;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/http.sock", directory);
	failed = cmocka_run_group_tests_name("cli-program", tests, NULL, NULL);
	rmdir(directory);
	return failed;
}
