/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that listen and sockets that are open, of this process and a child. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "collectors/process/proc_sockets.h"
#include "daemon/base/cleanup.h"

#define SOCKETS 40
#define CROWD	10000 /* sockets that listen: more than a table has room for */

/* A socket that listens at a port of 127.0.0.1. */
static int listen_anywhere(uint16_t *ret_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *) &address, length), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &length), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

/* One that listens at that port of every address, for as long as the process lives. */
static bool listen_at(uint16_t port)
{
	const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && bind(fd, (const struct sockaddr *) &address, sizeof(address)) == 0 &&
	       listen(fd, 1) == 0;
}

static uint64_t inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

/* However many processes of one network namespace are asked about, its table is read once. */
static void test_one_table_for_all(void **state)
{
	_cleanup_close_ int root = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct socket_tables tables = {.root = root};
	const struct socket_table *t;
	const struct tcp_listener *l;
	uint16_t port;
	_cleanup_close_ int fd = listen_anywhere(&port);
	uint64_t digest;
	pid_t child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	t = socket_tables_get(&tables, getpid());
	assert_non_null(t);
	l = socket_table_find(t, inode_of(fd));
	assert_non_null(l);
	assert_int_equal(l->port, port);
	assert_int_equal(l->owner, geteuid());
	assert_null(socket_table_find(t, 1));
	digest = t->digest;
	assert_ptr_equal(socket_tables_get(&tables, 0), t);
	assert_ptr_equal(socket_tables_get(&tables, child), t);
	assert_int_equal(tables.count, 1);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_null(socket_tables_get(&tables, child));
	socket_tables_done(&tables);
	/* Another socket is another table. */
	close_fd(&fd);
	t = socket_tables_get(&tables, 0);
	assert_non_null(t);
	assert_true(t->digest != digest);
	socket_tables_done(&tables);
}

struct seen {
	uint64_t inodes[SOCKETS];
	unsigned times[SOCKETS];
};

static void on_socket(void *userdata, uint64_t inode)
{
	struct seen *s = userdata;

	for (size_t i = 0; i < SOCKETS; i++)
		s->times[i] += s->inodes[i] == inode;
}

/* In pieces of any size each socket is seen once. */
static void test_walk_in_pieces(void **state)
{
	static const size_t pieces[] = {1, 2, 7, SOCKETS, 1000};
	_cleanup_close_ int root = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct seen seen = {.times = {0}};
	int fds[SOCKETS], r;

	for (size_t i = 0; i < SOCKETS; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		seen.inodes[i] = inode_of(fds[i]);
	}
	for (size_t n = 0; n < ELEMENTS(pieces); n++) {
		long position = 0;

		memset(seen.times, 0, sizeof(seen.times));
		do
			r = proc_walk_sockets(root, getpid(), &position, pieces[n], on_socket, &seen);
		while (r == 1);
		assert_int_equal(r, 0);
		for (size_t i = 0; i < SOCKETS; i++)
			assert_int_equal(seen.times[i], 1);
	}
	for (size_t i = 0; i < SOCKETS; i++)
		close_fd(&fds[i]);
}

static bool is_port(void *userdata, uint16_t port)
{
	const uint16_t *wanted = userdata;

	return port == *wanted;
}

/* How many sockets of the wanted port a table shows that has no room for all others. */
static int count_among_many(uint16_t wanted)
{
	_cleanup_close_ int root = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct socket_tables tables = {.root = root, .keeps = is_port, .userdata = &wanted};
	const struct socket_table *t;
	int found = 0;

	t = socket_tables_get(&tables, 0);
	for (size_t i = 0; t && i < t->count; i++)
		found += t->items[i].port == wanted;
	if (!t || !t->cut)
		found = -1;
	socket_tables_done(&tables);
	return found;
}

enum { IMPOSSIBLE = 100, DIFFERS = 101 };

/* In a child with a network of its own. */
static int try_crowded_table(void)
{
	const struct rlimit limit = {CROWD + 100, CROWD + 100};

	if (unshare(CLONE_NEWNET) < 0 || setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return IMPOSSIBLE;
	for (size_t i = 0; i < CROWD; i++)
		if (!listen_at((uint16_t) (1 + i)))
			return IMPOSSIBLE;
	for (uint16_t port = 1; port < CROWD; port += CROWD / 64)
		if (count_among_many(port) != 1)
			return DIFFERS;
	return 0;
}

/* Who fills the table with sockets of other ports hides none that matters. */
static void test_crowded_table(void **state)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(try_crowded_table());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == IMPOSSIBLE)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_table_for_all),
		cmocka_unit_test(test_walk_in_pieces),
		cmocka_unit_test(test_crowded_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
