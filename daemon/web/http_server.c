/* SPDX-License-Identifier: Apache-2.0 */
/* A daemon of libmicrohttpd for each listening socket, so that clients of one do not keep those
 * of another out. Each has an epoll descriptor that hangs on our loop; after every turn its timer is
 * armed anew. The library's own list of arguments is not used: a request's target is kept whole, as
 * it came, and read by route.h. */
#include "daemon/web/http_server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/config/config.h"
#include "daemon/web/connections.h"
#include "daemon/web/head_check.h"

#define BODY_DISCARDED_MAX (16 * 1024 * 1024) /* bytes read and thrown away to be polite */
#define ANSWERS_MAX        (64 * 1024 * 1024) /* bytes of all answers that are not sent yet */
#define CONNECTION_MEMORY  (16 * 1024)        /* bytes: request line and headers must fit */
#define PER_ADDRESS_MAX    32                 /* connections of one address, over TCP */
#define LOG_LINE_MAX       256
/* The library's own limit. */
#define LIBRARY_TIMEOUT_S ((unsigned) (CONNECTION_REQUEST_TIMEOUT / USEC_PER_SEC))

struct http_listener {
	struct http_server *server;
	struct connections connections;
	struct MHD_Daemon *daemon;
	sd_event_source *io, *timer;
};

struct http_server {
	sd_event *event;
	http_request_fn fn;
	void *userdata;
	struct http_listener listeners[LISTENERS_MAX];
	size_t count;
	size_t bytes_in_flight; /* of all answers */
	http_left_fn left;      /* while it leaves; else NULL */
};

struct http_exchange {
	struct http_listener *listener;
	struct MHD_Connection *connection;
	struct connection *slot; /* or NULL */
	char *target;
	struct buf body;
	size_t body_size; /* read until now, with what was thrown away */
	bool begun, passed_on, suspended;
	struct http_request request;
	struct MHD_Response *response; /* NULL until answered */
	size_t reserved;               /* bytes of its body, counted as in flight */
	unsigned status;
};

/* On every answer. Styles and scripts are files of ours alone; nothing may frame or be framed. */
static const struct {
	const char *name, *value;
} security_headers[] = {
	{"Content-Security-Policy",
		"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
		"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
	{"X-Content-Type-Options", "nosniff"},
	{"Referrer-Policy", "no-referrer"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
};

static void on_connection(void *userdata, struct MHD_Connection *connection, void **slot,
	enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct http_listener *l = userdata;

	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*slot = info ? connections_add(&l->connections, info->connect_fd, clock_monotonic())
			     : NULL;
	else if (*slot)
		connections_remove(&l->connections, *slot);
}

static struct connection *find_slot(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* True where it went in the middle of a request. The library watches edges and stops to read after a
 * short read, so it misses an end that came together with the last bytes: such a
 * connection would keep its slot until the library's own timeout. */
static bool is_closed_by_peer(const struct connection *c)
{
	char byte;

	return !c->served && recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Shut down, a connection wakes the library once more, and is closed. */
static void close_connections(const struct connections *connections)
{
	usec_t now = clock_monotonic();

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		const struct connection *c = &connections->items[i];

		if (c->fd >= 0 &&
			(connections_must_close(connections, c, now) || is_closed_by_peer(c)))
			shutdown(c->fd, SHUT_RDWR);
	}
}

static void exchange_free(struct http_exchange *x)
{
	if (!x)
		return;
	if (x->slot)
		connection_set_served(x->slot, false, clock_monotonic());
	x->listener->server->bytes_in_flight -= x->reserved;
	if (x->response)
		MHD_destroy_response(x->response);
	buf_done(&x->body);
	free(x->target);
	free(x);
}

/* What the library would log: a client's doing, of interest to nobody but who looks for it. */
static void on_log(void *userdata, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));

static void on_log(void *userdata, const char *format, va_list arguments)
{
	char text[LOG_LINE_MAX];

	vsnprintf(text, sizeof(text), format, arguments);
	text[strcspn(text, "\n")] = '\0';
	log_debug("http: %s", text);
}

/* The first the library says of a request. What this returns is the exchange from now on; NULL ends
 * the connection at the next step. */
static void *on_target(void *userdata, const char *target, struct MHD_Connection *connection)
{
	struct http_exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->listener = userdata;
	x->connection = connection;
	x->slot = find_slot(connection);
	if (x->slot)
		connection_begin(x->slot);
	x->target = strdup(target);
	if (!x->target) {
		exchange_free(x);
		return NULL;
	}
	x->body.limit = HTTP_BODY_MAX;
	return x;
}

static void on_completed(void *userdata, struct MHD_Connection *connection, void **exchange,
	enum MHD_RequestTerminationCode code)
{
	exchange_free(*exchange);
	*exchange = NULL;
}

/* Targets are decoded by ours: leave them as they came. */
static size_t on_unescape(void *userdata, struct MHD_Connection *connection, char *text)
{
	return strlen(text);
}

/* Writes the numeric address at which the connection arrived; "" for a unix socket. */
static void find_address(int fd, bool *ret_local, char ret[static HTTP_ADDRESS_MAX])
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);

	ret[0] = '\0';
	*ret_local = false;
	if (getsockname(fd, (struct sockaddr *) &address, &size) < 0)
		return;
	if (address.ss_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *) &address)->sin_addr, ret,
			HTTP_ADDRESS_MAX);
	else if (address.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *) &address)->sin6_addr, ret,
			HTTP_ADDRESS_MAX);
	*ret_local = address.ss_family == AF_UNIX;
}

static enum MHD_Result add_field(void *userdata, enum MHD_ValueKind kind, const char *name,
	size_t name_size, const char *value, size_t value_size)
{
	struct head *head = userdata;

	if (head->count < HEAD_FIELDS_MAX)
		head->fields[head->count] =
			(struct head_field){name, value ? value : "", name_size, value_size};
	head->count++;
	return MHD_YES;
}

/* libmicrohttpd 0.9 ends each string of the head with a NUL in place, also where the sender put one;
 * later versions refuse such heads. */
static const char *find_fault(
	const struct http_exchange *x, const char *method, const char *url, const char *version)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	struct head head = {.method = method,
		.target = x->target,
		.target_place = url,
		.version = version,
		.size = info ? info->header_size : 0};

	MHD_get_connection_values_n(x->connection, MHD_HEADER_KIND, add_field, &head);
	return head_find_fault(&head, text_after(MHD_get_version(), "0.9.") != NULL);
}

static const char *find_value(const struct http_exchange *x, const char *name)
{
	return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

static void pass_on(struct http_exchange *x, const char *method, const char *fault)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct http_server *s = x->listener->server;

	x->request = (struct http_request){
		.method = method,
		.target = x->target,
		.host = find_value(x, "Host"),
		.accept = find_value(x, "Accept"),
		.content_type = find_value(x, "Content-Type"),
		.origin = find_value(x, "Origin"),
		.fetch_site = find_value(x, "Sec-Fetch-Site"),
		.fault = fault,
		.body = x->body.data,
		.body_size = x->body.size,
		.body_too_large = x->body_size > HTTP_BODY_MAX,
		.fd = info ? info->connect_fd : -1,
	};
	find_address(x->request.fd, &x->request.local, x->request.address);
	x->passed_on = true;
	if (x->slot)
		connection_set_served(x->slot, true, clock_monotonic());
	s->fn(x, &x->request, s->userdata);
}

static enum MHD_Result take_body(struct http_exchange *x, const char *data, size_t *size)
{
	if (__builtin_add_overflow(x->body_size, *size, &x->body_size) ||
		x->body_size > BODY_DISCARDED_MAX)
		return MHD_NO;
	if (x->body_size <= HTTP_BODY_MAX)
		buf_add(&x->body, data, *size);
	*size = 0;
	return buf_error(&x->body) == -ENOMEM ? MHD_NO : MHD_YES;
}

/* Called when the headers are there, for each part of the body, at its end, and again after a
 * suspended exchange was resumed. */
static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection,
	const char *url, const char *method, const char *version, const char *data, size_t *size,
	void **exchange)
{
	struct http_exchange *x = *exchange;
	const char *fault;

	if (!x)
		return MHD_NO;
	if (!x->begun) {
		x->begun = true;
		fault = find_fault(x, method, url, version);
		if (!fault)
			return MHD_YES;
		pass_on(x, method, fault);
	}
	if (*size > 0)
		return take_body(x, data, size);
	if (!x->passed_on)
		pass_on(x, method, NULL);
	if (x->response)
		return MHD_queue_response(connection, x->status, x->response);
	x->suspended = true;
	MHD_suspend_connection(connection);
	return MHD_YES;
}

/* When the library or a connection's timeout wants the next turn; USEC_INFINITY for never. */
static usec_t find_next_timeout(const struct http_listener *l, usec_t now)
{
	usec_t next = connections_next_timeout(&l->connections);
	MHD_UNSIGNED_LONG_LONG wait_ms;

	if (MHD_get_timeout(l->daemon, &wait_ms) != MHD_YES)
		return next;
	if (wait_ms < LIBRARY_TIMEOUT_S * 1000 && usec_add(now, wait_ms * USEC_PER_MSEC) < next)
		next = usec_add(now, wait_ms * USEC_PER_MSEC);
	return next;
}

static int arm_timer(struct http_listener *l)
{
	usec_t next = find_next_timeout(l, clock_monotonic());
	int r;

	if (next == USEC_INFINITY)
		return sd_event_source_set_enabled(l->timer, SD_EVENT_OFF);
	r = sd_event_source_set_time(l->timer, next);
	return r < 0 ? r : sd_event_source_set_enabled(l->timer, SD_EVENT_ONESHOT);
}

static bool has_left(const struct http_server *s)
{
	usec_t now = clock_monotonic();

	for (size_t i = 0; i < s->count; i++)
		if (!connections_have_left(&s->listeners[i].connections, now))
			return false;
	return true;
}

static int run_library(struct http_listener *l)
{
	bool full = l->connections.count == CONNECTIONS_MAX;

	MHD_run(l->daemon);
	/* At its limit of connections the library does not listen, and begins to only at its next
	 * turn. */
	if (full && l->connections.count < CONNECTIONS_MAX)
		MHD_run(l->daemon);
	close_connections(&l->connections);
	if (l->server->left && has_left(l->server))
		l->server->left(l->server->userdata);
	return arm_timer(l);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	return run_library(userdata);
}

static int on_timer(sd_event_source *source, uint64_t now, void *userdata)
{
	return run_library(userdata);
}

/* Reserves SIZE bytes of the room for answers in flight. False where there is none: slow readers fill
 * it. */
static bool reserve_bytes(struct http_exchange *x, size_t size)
{
	struct http_server *s = x->listener->server;

	if (size > ANSWERS_MAX - s->bytes_in_flight)
		return false;
	s->bytes_in_flight += size;
	x->reserved = size;
	return true;
}

static struct MHD_Response *create_response(struct http_answer *a)
{
	struct MHD_Response *response;
	size_t size = a->body.size;
	char *body;

	if (a->constant)
		return MHD_create_response_from_buffer(
			a->constant_size, (void *) (uintptr_t) a->constant, MHD_RESPMEM_PERSISTENT);
	body = buf_take(&a->body);
	if (!body)
		return NULL;
	response = MHD_create_response_from_buffer(size, body, MHD_RESPMEM_MUST_FREE);
	if (!response)
		free(body);
	return response;
}

static bool add_header(struct MHD_Response *response, const char *name, const char *value)
{
	return MHD_add_response_header(response, name, value) == MHD_YES;
}

/* LAST: no request may follow on the same connection. */
static bool add_headers(struct MHD_Response *response, const struct http_answer *a, bool last)
{
	if (!add_header(response, "Content-Type", a->content_type))
		return false;
	for (size_t i = 0; i < ELEMENTS(security_headers); i++)
		if (!add_header(response, security_headers[i].name, security_headers[i].value))
			return false;
	return (!*a->allow || add_header(response, "Allow", a->allow)) &&
	       (!last || add_header(response, "Connection", "close")) &&
	       add_header(response, "Cache-Control",
		       a->cacheable ? "public, max-age=300" : "no-store");
}

void http_exchange_answer(struct http_exchange *x, struct http_answer *answer)
{
	x->response = reserve_bytes(x, answer->body.size) ? create_response(answer) : NULL;
	x->status = answer->status;
	if (x->response &&
		!add_headers(x->response, answer, answer->last || x->listener->server->left)) {
		MHD_destroy_response(x->response);
		x->response = NULL;
	}
	if (!x->response) {
		/* Without memory, or a place for it: the status alone. */
		x->status = MHD_HTTP_SERVICE_UNAVAILABLE;
		x->response = MHD_create_response_from_buffer(
			0, (void *) (uintptr_t) "", MHD_RESPMEM_PERSISTENT);
	}
	buf_done(&answer->body);
	if (!x->suspended)
		return;
	x->suspended = false;
	MHD_resume_connection(x->connection);
	/* Not from here: who answers may be within a callback of the library. */
	sd_event_source_set_time_relative(x->listener->timer, 0);
	sd_event_source_set_enabled(x->listener->timer, SD_EVENT_ONESHOT);
}

int http_server_new(sd_event *event, http_request_fn fn, void *userdata, struct http_server **ret)
{
	struct http_server *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->event = event;
	s->fn = fn;
	s->userdata = userdata;
	*ret = s;
	return 0;
}

static struct MHD_Daemon *start_daemon(struct http_listener *l, int fd)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
		NULL, NULL, on_request, l, MHD_OPTION_EXTERNAL_LOGGER, on_log, l,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, on_target, l,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, l, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, l, MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, l,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned) CONNECTIONS_MAX,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned) PER_ADDRESS_MAX,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) CONNECTION_MEMORY,
		MHD_OPTION_CONNECTION_TIMEOUT, LIBRARY_TIMEOUT_S, MHD_OPTION_END);
}

static int enable(struct http_listener *l, int io, int timer)
{
	int r = sd_event_source_set_enabled(l->io, io);

	return r < 0 ? r : sd_event_source_set_enabled(l->timer, timer);
}

int http_server_listen(struct http_server *s, int fd)
{
	struct http_listener *l = &s->listeners[s->count];
	const union MHD_DaemonInfo *info;
	int r;

	if (s->count == LISTENERS_MAX) {
		close_fd(&fd);
		return -E2BIG;
	}
	l->server = s;
	connections_init(&l->connections);
	l->daemon = start_daemon(l, fd);
	if (!l->daemon) {
		close_fd(&fd);
		return -EIO;
	}
	s->count++;
	info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	r = info ? sd_event_add_io(s->event, &l->io, info->epoll_fd, EPOLLIN, on_io, l) : -EIO;
	if (r >= 0)
		r = sd_event_add_time_relative(
			s->event, &l->timer, CLOCK_MONOTONIC, 0, USEC_PER_MSEC, on_timer, l);
	if (r >= 0)
		r = enable(l, SD_EVENT_OFF, SD_EVENT_OFF);
	return r < 0 ? r : 0;
}

int http_server_begin(struct http_server *s)
{
	int r = 0;

	for (size_t i = 0; i < s->count && r >= 0; i++)
		r = enable(&s->listeners[i], SD_EVENT_ON, SD_EVENT_ONESHOT);
	return r;
}

void http_server_leave(struct http_server *s, http_left_fn fn)
{
	usec_t now = clock_monotonic();

	s->left = fn;
	for (size_t i = 0; i < s->count; i++) {
		int fd = MHD_quiesce_daemon(s->listeners[i].daemon);

		close_fd(&fd);
		connections_leave(&s->listeners[i].connections, now);
	}
	/* Requests that came until now are begun first. */
	for (size_t i = 0; i < s->count; i++)
		run_library(&s->listeners[i]);
	if (s->count == 0)
		fn(s->userdata);
}

bool http_server_is_sending(const struct http_server *s)
{
	return s->bytes_in_flight > 0;
}

struct http_server *http_server_free(struct http_server *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < s->count; i++) {
		sd_event_source_disable_unref(s->listeners[i].io);
		sd_event_source_disable_unref(s->listeners[i].timer);
		MHD_stop_daemon(s->listeners[i].daemon);
	}
	free(s);
	return NULL;
}
