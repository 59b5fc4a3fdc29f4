/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/server.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

static void say(int fd, const char *text)
{
	size_t size = strlen(text);

	while (size > 0) {
		ssize_t n = send(fd, text, size, MSG_NOSIGNAL);

		if (n <= 0)
			_exit(0);
		text += n;
		size -= (size_t) n;
	}
}

/* Reads one request with its body; false at the end of the connection. */
static bool hear(int fd, char *request, size_t room)
{
	size_t size = 0, body = 0;
	const char *end, *length;

	for (;;) {
		ssize_t n = read(fd, request + size, room - 1 - size);

		if (n <= 0)
			return false;
		size += (size_t) n;
		request[size] = '\0';
		end = strstr(request, "\r\n\r\n");
		if (!end)
			continue;
		length = strcasestr(request, "content-length:");
		body = length ? strtoul(length + strlen("content-length:"), NULL, 10) : 0;
		if (size >= (size_t) (end + 4 - request) + body)
			return true;
	}
}

static void answer(int fd, const char *status, const char *headers, const char *body)
{
	char text[16384];

	snprintf(text, sizeof(text), "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s", status,
		headers, strlen(body), body);
	say(fd, text);
}

static void answer_retry_date(int fd)
{
	time_t later = time(NULL) + 1000;
	struct tm tm;
	char header[128];

	strftime(header, sizeof(header), "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n",
		gmtime_r(&later, &tm));
	answer(fd, "429 Too Many Requests", header, "");
}

static void answer_large(int fd, const char *begin, const char *again)
{
	say(fd, begin);
	for (int i = 0; i < 100000; i++)
		say(fd, again);
}

static void answer_slowly(int fd)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow";

	for (const char *c = text; *c; c++) {
		char one[2] = {*c, '\0'};

		say(fd, one);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
}

/* /tell/FD: writes the request to a descriptor that the server inherited. */
static void tell(int fd, const char *request, int to)
{
	if (write(to, request, strlen(request)) != (ssize_t) strlen(request))
		_exit(1);
	answer(fd, "204 No Content", "", "");
}

static void answer_path(int fd, const char *request, const char *path)
{
	const char *tell_to = text_after(path, "/tell/");

	if (tell_to)
		tell(fd, request, atoi(tell_to));
	else if (text_equal(path, "/200"))
		answer(fd, "200 OK", "Content-Type: text/plain\r\n", "fine");
	else if (text_equal(path, "/echo"))
		answer(fd, "200 OK", "", request);
	else if (text_equal(path, "/500"))
		answer(fd, "500 Internal Server Error", "Retry-After: 7\r\n", "oops");
	else if (text_equal(path, "/date"))
		answer_retry_date(fd);
	else if (text_equal(path, "/never"))
		answer(fd, "503 Service Unavailable", "Retry-After: 9223372036854775807\r\n", "");
	else if (text_equal(path, "/redirect"))
		answer(fd, "302 Found",
			"Location: https://user:pw@elsewhere.example/secret?token=1\r\n", "");
	else if (text_equal(path, "/hang"))
		pause();
	else if (text_equal(path, "/early"))
		_exit(0);
	else if (text_equal(path, "/half")) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
		_exit(0);
	} else if (text_equal(path, "/huge"))
		answer_large(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
			"0123456789012345678901234567890123456789");
	else if (text_equal(path, "/headers"))
		answer_large(fd, "HTTP/1.1 200 OK\r\n", "X-Filler: 012345678901234567890\r\n");
	else if (text_equal(path, "/garbage")) {
		say(fd, "\x16\x03\x01 nothing of HTTP in it\r\n\r\n");
		_exit(0);
	} else if (text_equal(path, "/slow"))
		answer_slowly(fd);
}

/* ALWAYS: what every request gets; NULL: as its path asks. */
static void serve_connection(int fd, const char *always)
{
	char request[8192], path[256];

	while (hear(fd, request, sizeof(request)))
		if (always)
			say(fd, always);
		else if (sscanf(request, "%*s %255s", path) == 1)
			answer_path(fd, request, path);
	_exit(0);
}

pid_t server_fork(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	return 0;
}

pid_t server_start_with(int listener, const char *always)
{
	pid_t pid = server_fork();

	if (pid != 0)
		return pid;
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (server_fork() == 0)
			serve_connection(fd, always);
		close(fd);
	}
}

pid_t server_start(int listener)
{
	return server_start_with(listener, NULL);
}

int server_listen(unsigned *ret_port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &size), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}
