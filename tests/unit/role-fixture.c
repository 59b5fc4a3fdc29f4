/* SPDX-License-Identifier: Apache-2.0 */
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

#include "daemon/base/cleanup.h"
#include "tests/unit/role-fixture.h"
#include "tests/unit/server.h"

int role_fixture_link(sd_event *event, unsigned sender, const struct link_ops *ops, void *userdata,
	struct link **ret)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(link_new(event, pair[0], sender, ops, userdata, ret), 0);
	return pair[1];
}

void role_fixture_send(struct link *l, struct buf *packet, int fd)
{
	assert_int_equal(message_end(packet), 0);
	assert_int_equal(link_send(l, packet, fd), 0);
}

void role_fixture_closed(struct link *l, int reason, void *userdata)
{
	fail_msg("the role closed a link: %s", strerror(-reason));
}

static int on_alive(struct link *l, struct message *m, void *userdata)
{
	struct role_fixture *f = userdata;

	f->ready = true;
	return 0;
}

void role_fixture_make(struct role_fixture *f)
{
	signal(SIGPIPE, SIG_IGN);
	*f = (struct role_fixture){.directory = "/tmp/test-role-XXXXXX"};
	assert_non_null(mkdtemp(f->directory));
	assert_int_equal(sd_event_new(&f->event), 0);
}

void role_fixture_start(struct role_fixture *f, const char *name)
{
	static const struct link_ops ops = {on_alive, role_fixture_closed};
	_cleanup_close_ int channel =
		role_fixture_link(f->event, FROM_ROLE, &ops, f, &f->supervisor);
	char program[64];

	snprintf(program, sizeof(program), "./modelwatch-%s", name);
	f->pid = server_fork();
	assert_true(f->pid >= 0);
	if (f->pid == 0) {
		/* The role knows descriptor 3 and no other. */
		if (channel == 3 ? fcntl(3, F_SETFD, 0) == 0 : dup2(channel, 3) == 3)
			execl(program, program + 2, NULL);
		_exit(127);
	}
}

void role_fixture_configure(
	struct role_fixture *f, const struct config *c, unsigned reader, usec_t deadline)
{
	_cleanup_buf_ struct buf packet = BUF_INIT, slice = BUF_INIT;

	assert_int_equal(config_slice(c, reader, &slice), 0);
	message_begin(&packet, MESSAGE_CONFIGURE);
	message_put_string(&packet, f->directory);
	message_put_string(&packet, "gpu7");
	message_put_u64(&packet, 0);
	message_put_bytes(&packet, slice.data, slice.size);
	role_fixture_send(f->supervisor, &packet, -1);
	role_fixture_await(f->event, deadline, f->ready);
}

void role_fixture_connect(struct role_fixture *f, unsigned sender, const struct link_ops *ops,
	void *userdata)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;
	_cleanup_close_ int channel = -1;

	f->engine = link_free(f->engine);
	channel = role_fixture_link(f->event, sender, ops, userdata, &f->engine);
	message_begin(&packet, MESSAGE_CONNECT);
	message_put_string(&packet, "engine");
	message_put_u64(&packet, 1);
	role_fixture_send(f->supervisor, &packet, channel);
}

void role_fixture_stop(struct role_fixture *f)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;
	int status;

	message_begin(&packet, MESSAGE_STOP);
	role_fixture_send(f->supervisor, &packet, -1);
	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	assert_int_equal(status, 0);
}

void role_fixture_remove(struct role_fixture *f)
{
	char command[128];

	link_free(f->engine);
	link_free(f->supervisor);
	sd_event_unref(f->event);
	snprintf(command, sizeof(command), "rm -r %s", f->directory);
	assert_int_equal(system(command), 0);
}
