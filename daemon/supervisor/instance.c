/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/supervisor/instance.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "daemon/base/log.h"
#include "daemon/journal.h"
#include "daemon/sandbox.h"

#define CHANNEL_FD 3

struct instance {
	const struct role_row *row;
	pid_t pid;
	sd_event_source *child;
	struct link *link;
	enum instance_state state;
	usec_t started, alive;
	const struct instance_ops *ops;
	void *userdata;
};

const struct role_row *instance_row(const struct instance *i)
{
	return i->row;
}

pid_t instance_pid(const struct instance *i)
{
	return i->pid;
}

enum instance_state instance_state(const struct instance *i)
{
	return i->state;
}

bool instance_is_running(const struct instance *i)
{
	return i && i->state == INSTANCE_RUNNING;
}

usec_t instance_started(const struct instance *i)
{
	return i->started;
}

usec_t instance_alive(const struct instance *i)
{
	return i->alive;
}

void instance_forgive(struct instance *i)
{
	i->alive = clock_monotonic();
}

const char *instance_state_name(enum instance_state state)
{
	static const char *const names[] = {
		[INSTANCE_STARTING] = "starting",
		[INSTANCE_RUNNING] = "running",
		[INSTANCE_HUNG] = "hung",
		[INSTANCE_STOPPING] = "stopping",
	};

	return names[state];
}

struct instance *instance_free(struct instance *i)
{
	if (!i)
		return NULL;
	i->link = link_free(i->link);
	if (!i->child) {
		free(i);
		return NULL;
	}
	/* Nobody's any more, but it stays until its process can be reaped, or the loop is gone. */
	i->ops = NULL;
	kill(i->pid, SIGKILL);
	sd_event_source_set_destroy_callback(i->child, free);
	sd_event_source_set_floating(i->child, true);
	sd_event_source_unref(i->child);
	return NULL;
}

/* The few variables that a role may see: no credentials directory, no notification socket. */
static const char *const passed_variables[] = {"JOURNAL_STREAM", "TZ", "NO_COLOR",
	"MODELWATCH_LOG_LEVEL", "DBUS_SYSTEM_BUS_ADDRESS", "ASAN_OPTIONS", "LSAN_OPTIONS",
	"UBSAN_OPTIONS"};

/* Between fork and exec: only calls that are safe there. */
static void __attribute__((noreturn)) run_program(
	const struct role_row *row, const char *program, int channel, char *const environment[])
{
	char *const arguments[] = {(char *) (uintptr_t) program, NULL};
	sigset_t none;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0)
		dup2(null, STDIN_FILENO);
	if (channel == CHANNEL_FD)
		fcntl(channel, F_SETFD, 0);
	else
		dup2(channel, CHANNEL_FD);
	/* What our own starter left open is no role's business. */
	close_range(CHANNEL_FD + 1, ~0U, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (sandbox_limit_capabilities(row->capabilities) == 0)
		execve(program, arguments, environment);
	_exit(EX_OSERR);
}

static int spawn(const struct role_row *row, const char *program, int channel, pid_t *ret)
{
	char *environment[ELEMENTS(passed_variables) + 1];
	size_t count = 0;
	pid_t pid;
	int r = 0;

	for (size_t v = 0; v < ELEMENTS(passed_variables); v++) {
		const char *value = getenv(passed_variables[v]);

		if (!value)
			continue;
		if (asprintf(&environment[count], "%s=%s", passed_variables[v], value) < 0) {
			r = -ENOMEM;
			break;
		}
		count++;
	}
	environment[count] = NULL;
	if (r == 0) {
		pid = fork();
		if (pid == 0)
			run_program(row, program, channel, environment);
		if (pid < 0)
			r = -errno;
		else
			*ret = pid;
	}
	while (count > 0)
		free(environment[--count]);
	return r;
}

static int on_child(sd_event_source *source, const siginfo_t *info, void *userdata)
{
	struct instance *i = userdata;

	if (!i->ops) {
		sd_event_source_set_floating(source, false);
		return 0;
	}
	i->child = sd_event_source_disable_unref(i->child);
	i->ops->exited(i, info->si_code, info->si_status, i->userdata);
	return 0;
}

static int on_message(struct link *l, struct message *m, void *userdata)
{
	struct instance *i = userdata;
	int64_t pid;

	switch (m->type) {
	case MESSAGE_ALIVE:
		if (i->state != INSTANCE_STOPPING)
			i->alive = clock_monotonic();
		if (i->state == INSTANCE_STARTING) {
			i->state = INSTANCE_RUNNING;
			i->ops->ready(i, i->userdata);
		}
		return 0;
	case MESSAGE_END_ROLE:
		pid = (int64_t) message_u64(m);
		i->ops->complained(i, pid, message_string(m), i->userdata);
		return 0;
	default:
		return -EBADMSG;
	}
}

static void on_closed(struct link *l, int reason, void *userdata)
{
	struct instance *i = userdata;

	i->link = link_free(i->link);
	/* A role without its channel is of no use: its end is handled when the process is gone. */
	if (reason < 0) {
		journal_write(JOURNAL_ROLE_UNREACHABLE, WITH(.role = i->row->name, .error = reason),
			"the channel to role %s failed", i->row->name);
		instance_kill(i, INSTANCE_STOPPING);
	}
}

static const struct link_ops instance_link_ops = {on_message, on_closed};

int instance_new(sd_event *event, const struct role_row *row, const char *program,
	const struct instance_ops *ops, void *userdata, struct instance **ret)
{
	struct instance *i = calloc(1, sizeof(*i));
	int pair[2], r;

	if (!i)
		return -ENOMEM;
	*i = (struct instance){.row = row, .ops = ops, .userdata = userdata};
	i->started = i->alive = clock_monotonic();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		r = -errno;
		free(i);
		return r;
	}
	r = spawn(row, program, pair[1], &i->pid);
	close(pair[1]);
	if (r < 0)
		close(pair[0]);
	else
		r = link_new(event, pair[0], FROM_ROLE, &instance_link_ops, i, &i->link);
	if (r >= 0)
		r = sd_event_add_child(event, &i->child, i->pid, WEXITED, on_child, i);
	if (r < 0) {
		if (i->pid > 0) {
			kill(i->pid, SIGKILL);
			waitpid(i->pid, NULL, 0);
		}
		instance_free(i);
		return r;
	}
	*ret = i;
	return 0;
}

void instance_send(struct instance *i, struct buf *packet, int fd)
{
	int r = message_end(packet);

	if (r >= 0 && i->link)
		r = link_send(i->link, packet, fd);
	if (r < 0 && r != -EPIPE) {
		journal_write(JOURNAL_ROLE_UNREACHABLE, WITH(.role = i->row->name, .error = r),
			"cannot speak to role %s", i->row->name);
		instance_kill(i, INSTANCE_STOPPING);
	}
}

void instance_pass(struct instance *i, const char *name, int fd)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;

	message_begin(&packet, MESSAGE_DESCRIPTOR);
	message_put_string(&packet, name);
	instance_send(i, &packet, fd);
}

void instance_stop(struct instance *i)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;

	i->state = INSTANCE_STOPPING;
	i->alive = clock_monotonic();
	message_begin(&packet, MESSAGE_STOP);
	instance_send(i, &packet, -1);
}

void instance_kill(struct instance *i, enum instance_state state)
{
	i->state = state;
	if (i->child)
		kill(i->pid, SIGKILL);
}
