/* SPDX-License-Identifier: Apache-2.0 */
/* What people ask for through `web`. Who they are is read here, from the connection that came with the
 * request: a `web` that was taken over cannot claim a name. */
#include <grp.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/log.h"
#include "daemon/base/num.h"
#include "daemon/base/text.h"
#include "daemon/engine/engine.h"

#define COMMENT_MAX  4096 /* bytes */
#define PEER_GROUPS_MAX  1024 /* supplementary groups of a peer */
#define COMMANDS_MAX 64	  /* that wait for their answer */
#define USERS_MAX    65536 /* lines of /etc/passwd that are looked at */

/* The kernel's SO_PEERPIDFD as of Linux 6.5, which older headers lack. */
#define PEER_PIDFD 77

/* A request that waits for what comes of it. */
struct command {
	struct command *next;
	int64_t peer; /* pid of the `web` that asked */
	uint64_t request;
};

static int answer(struct engine *e, int64_t pid, uint64_t request, unsigned status, const char *body)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;

	message_begin(&packet, MESSAGE_REPLY);
	message_put_u64(&packet, request);
	message_put_u64(&packet, status);
	message_put_bytes(&packet, body, strlen(body));
	for (size_t i = 0; i < e->peer_count; i++)
		if (e->peers[i]->pid == pid && e->peers[i]->row == &role_rows[ROLE_WEB])
			return peer_send(e->peers[i], &packet);
	return -ENOTCONN;
}

static int answer_error(struct peer *p, uint64_t request, unsigned status, const char *why)
{
	json_t *body = json_pack("{s:s}", "error", why);
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

	if (text)
		answer(p->engine, p->pid, request, status, text);
	free(text);
	json_decref(body);
	return 0;
}

void commands_done(struct engine *e)
{
	while (e->commands) {
		struct command *next = e->commands->next;

		free(e->commands);
		e->commands = next;
	}
}

static size_t count_commands(const struct engine *e)
{
	size_t count = 0;

	for (const struct command *c = e->commands; c; c = c->next)
		count++;
	return count;
}

/* NULL without memory, or where too many wait. */
static struct command *add_command(struct peer *p, uint64_t request)
{
	struct command *c = NULL;

	if (count_commands(p->engine) < COMMANDS_MAX)
		c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	*c = (struct command){p->engine->commands, p->pid, request};
	p->engine->commands = c;
	return c;
}

/* It waits no more. */
static void remove_command(struct engine *e, struct command *c)
{
	struct command **at = &e->commands;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	free(c);
}

/* True where the peer's supplementary groups hold GROUP. */
static bool is_member(int fd, gid_t group)
{
	gid_t groups[PEER_GROUPS_MAX];
	socklen_t size = sizeof(groups);

	if (group == (gid_t) -1 || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return false;
	for (size_t i = 0; i < size / sizeof(gid_t); i++)
		if (groups[i] == group)
			return true;
	return false;
}

static char *user_name(struct engine *e, uid_t uid)
{
	const struct passwd *user;
	char *name;

	if (e->users) {
		rewind(e->users);
		for (size_t i = 0; i < USERS_MAX && (user = fgetpwent(e->users)); i++)
			if (user->pw_uid == uid)
				return strdup(user->pw_name);
	}
	return asprintf(&name, "uid %u", uid) < 0 ? NULL : name;
}

/* True for a connection that somebody made to a socket with a path. The credentials of a pair of
 * sockets are its maker's, and every role holds one end of one that the supervisor made. */
static bool is_connection(int fd)
{
	struct sockaddr_un address = {0};
	socklen_t size = sizeof(address), type_size = sizeof(int);
	int type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 && type == SOCK_STREAM &&
	       getsockname(fd, (struct sockaddr *) &address, &size) == 0 &&
	       address.sun_family == AF_UNIX && size > sizeof(address.sun_family) &&
	       address.sun_path[0] == '/';
}

/* False where the process that connected is gone. Kernels before 6.5 cannot say; on them only roles
 * that the engine was told of, and the numbers of those that are gone, are known to be no persons. */
static bool is_alive(int fd)
{
	int pidfd = -1;
	_cleanup_close_ int owned = -1;
	socklen_t size = sizeof(pidfd);

	if (getsockopt(fd, SOL_SOCKET, PEER_PIDFD, &pidfd, &size) < 0)
		return errno == ENOPROTOOPT;
	owned = pidfd;
	return poll(&(struct pollfd){.fd = owned, .events = POLLIN}, 1, 0) == 0;
}

/* The known person behind the connection, or NULL. */
static char *identify(struct engine *e, int fd)
{
	struct ucred who;
	socklen_t size = sizeof(who);
	gid_t group = role_group(e->role);

	if (fd < 0 || !is_connection(fd) ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
		return NULL;
	/* A role that was taken over has our user, but is no person. */
	if (who.pid == getppid() || role_pids_have(e, who.pid) || !is_alive(fd))
		return NULL;
	if (who.uid != 0 && who.uid != geteuid() && !is_member(fd, group) &&
		(group == (gid_t) -1 || who.gid != group))
		return NULL;
	return user_name(e, who.uid);
}

/* The "comment" of the request's JSON; an empty body has none. -EBADMSG with the reason in *RET_WHY. */
static int read_comment(const char *text, char **ret, const char **ret_why)
{
	json_error_t error;
	json_t *body, *comment;
	int r = 0;

	*ret_why = "the body must be a JSON object";
	if (!*text) {
		*ret = strdup("");
		return *ret ? 0 : -ENOMEM;
	}
	body = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	comment = json_object_get(body, "comment");
	if (!json_is_object(body))
		r = -EBADMSG;
	else if (comment && !json_is_string(comment)) {
		*ret_why = "comment must be a string";
		r = -EBADMSG;
	} else if (json_string_length(comment) > COMMENT_MAX) {
		*ret_why = "comment is too long";
		r = -EBADMSG;
	} else {
		*ret = strdup(comment ? json_string_value(comment) : "");
		r = *ret ? 0 : -ENOMEM;
	}
	json_decref(body);
	return r;
}

/* A request about an incident, with everything read. */
struct request {
	int64_t incident;
	const char *actor;
	const char *comment;
};

static int acknowledge(struct engine *e, const struct request *q)
{
	return alerting_acknowledge(
		e->alerting, q->incident, q->actor, q->comment, engine_now(e));
}

static int resolve(struct engine *e, const struct request *q)
{
	return alerting_resolve(e->alerting, q->incident, q->actor, q->comment, engine_now(e));
}

static int note(struct engine *e, const struct request *q)
{
	if (!*q->comment)
		return -EINVAL;
	return alerting_note(e->alerting, q->incident, q->actor, q->comment, engine_now(e));
}

static const struct {
	const char *name;
	int (*run)(struct engine *e, const struct request *q);
} verbs[] = {
	{"acknowledge", acknowledge},
	{"resolve", resolve},
	{"note", note},
};

static int answer_unknown(struct peer *p, uint64_t number, int64_t incident)
{
	char text[64];

	snprintf(text, sizeof(text), "there is no incident %" PRIi64, incident);
	return answer_error(p, number, 404, text);
}

/* What is done to an incident twice, or when it is over. */
static int answer_repeated(struct peer *p, uint64_t number, int64_t id)
{
	struct incident incident;
	bool resolved = true;
	char text[64];

	if (reader_incident(store_reader(p->engine->store), id, &incident) == 0) {
		resolved = incident.state == INCIDENT_RESOLVED;
		incident_done(&incident);
	}
	snprintf(text, sizeof(text), "incident %" PRIi64 " is %s already", id,
		resolved ? "resolved" : "acknowledged");
	return answer_error(p, number, 409, text);
}

static int answer_refused(struct peer *p, uint64_t number, int64_t incident, int r)
{
	switch (r) {
	case -ENOENT:
		return answer_unknown(p, number, incident);
	case -ERANGE:
		return answer_error(p, number, 404, "there is no such incident");
	case -EALREADY:
		return answer_repeated(p, number, incident);
	case -EINVAL:
		return answer_error(p, number, 400, "a comment is needed");
	default:
		return answer_error(p, number, 500, strerror(-r));
	}
}

/* It is done, stands in memory and is told of to nobody until it is stored. */
static int answer_unstored(struct peer *p, uint64_t number, int r)
{
	const char *trouble = p->engine->trouble;
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_printf(&text, "%s; what was asked takes effect once it is stored",
		trouble ? trouble : strerror(-r));
	return answer_error(p, number, 503, text.data ? text.data : strerror(-r));
}

static int run_verb(struct peer *p, uint64_t number,
	int (*run)(struct engine *, const struct request *), const char *argument,
	const char *actor, const char *comment)
{
	struct request request = {.actor = actor, .comment = comment};
	int r = num_parse_i64(argument, &request.incident);

	if (r == 0)
		r = run(p->engine, &request);
	if (r == -ENOENT && incidents_recall(p->engine, request.incident) == 0)
		r = run(p->engine, &request);
	if (r < 0)
		return answer_refused(p, number, request.incident, r);
	r = engine_commit(p->engine);
	if (r < 0)
		return answer_unstored(p, number, r);
	answer(p->engine, p->pid, number, 200, "{}");
	return 0;
}

static int refuse_type(struct peer *p, uint64_t number, const struct section *webhook)
{
	char text[256];

	snprintf(text, sizeof(text),
		"this version has no webhooks of type %s: nothing is sent to it",
		section_string(webhook, OPTION_WEBHOOK_TYPE));
	return answer_error(p, number, 409, text);
}

/* A test is stored like any notification, then delivered once; its result is the answer. */
static int test_webhook(struct peer *p, uint64_t number, const char *webhook)
{
	struct engine *e = p->engine;
	const struct section *section =
		config_find(role_config(e->role), SECTION_WEBHOOK, webhook);
	struct notification n = {0};
	struct command *c;
	int r;

	if (!section)
		return answer_error(p, number, 404, "no such webhook");
	if (!webhook_is_built_in(section))
		return refuse_type(p, number, section);
	c = add_command(p, number);
	if (!c)
		return answer_error(p, number, 503, "too many requests wait");
	/* What is refused must not be stored: it would be sent when there is room. */
	r = deliveries_have_room(e, webhook) ? alerting_test_notification(e->alerting, webhook,
						       engine_now(e), &n)
					     : -ENOBUFS;
	if (r == 0)
		r = store_begin(e->store);
	if (r == 0) {
		r = store_put_notification(e->store, &n, &n.id);
		if (r == 0)
			r = store_commit(e->store);
		if (r < 0)
			store_rollback(e->store);
	}
	if (r == 0)
		r = deliveries_add(e, &n, 0, c);
	notification_done(&n);
	if (r < 0) {
		remove_command(e, c);
		return answer_error(p, number, 503,
			r == -ENOBUFS ? "too many notifications wait for it" : strerror(-r));
	}
	deliveries_send(e);
	return 0;
}

void command_tested(struct engine *e, struct command *c, const struct notification *n,
	unsigned status, const char *text)
{
	json_t *body = json_pack("{s:s, s:b, s:i, s:s}", "webhook", n->webhook, "delivered",
		n->state == NOTIFICATION_DELIVERED, "status", (int) status, "error", text);
	_cleanup_free_ char *reply = body ? json_dumps(body, JSON_COMPACT) : NULL;

	json_decref(body);
	answer(e, c->peer, c->request, 200, reply ? reply : "{}");
	remove_command(e, c);
}

int commands_message(struct peer *p, struct message *m)
{
	uint64_t number = message_u64(m);
	const char *verb = message_string(m), *argument = message_string(m);
	const char *body = message_string(m), *why;
	_cleanup_free_ char *actor = NULL, *comment = NULL;
	int r;

	actor = identify(p->engine, m->fd);
	if (!actor)
		return answer_error(p, number, 403,
			"only root, the daemon's user and members of the group modelwatch may "
			"change something, over the unix socket");
	if (text_equal(verb, "test-webhook"))
		return test_webhook(p, number, argument);
	r = read_comment(body, &comment, &why);
	if (r < 0)
		return answer_error(p, number, r == -EBADMSG ? 400 : 500, why);
	for (size_t i = 0; i < ELEMENTS(verbs); i++)
		if (text_equal(verbs[i].name, verb))
			return run_verb(p, number, verbs[i].run, argument, actor, comment);
	return -EBADMSG;
}
