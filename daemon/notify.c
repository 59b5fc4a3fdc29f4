/* SPDX-License-Identifier: Apache-2.0 */
/* modelwatch-notify: posts what the engine hands it and says what the receiver answered. It decides
 * nothing: what is tried when, and again, is the engine's. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "alerts/outbox.h"
#include "alerts/signature.h"
#include "daemon/base/file.h"
#include "daemon/base/text.h"
#include "daemon/fetch.h"
#include "daemon/journal.h"
#include "daemon/role.h"
#include "daemon/trim.h"

#define UNDER_WAY_MAX 64		 /* deliveries; the engine bounds those of a webhook */
#define WAITING_MAX   10000		 /* deliveries; the engine knows no more */
#define OVER_MAX      256		 /* deliveries whose result is kept */
#define ANSWER_MAX    (64 * 1024)	 /* bytes of an answer; only its status counts */
#define CA_FILE_MAX   (4 * 1024 * 1024)	 /* bytes */
#define STACK_BYTES   (512 * 1024)	 /* of a thread; all are the resolver's */
#define IDLE_AFTER    (30 * USEC_PER_SEC) /* without a delivery, memory is given back */
#define LEAVE_TIMEOUT (1500 * USEC_PER_MSEC) /* to end what is under way; the supervisor waits for 2 s */

/* A certificate authority's file, read before the sandbox closes. */
struct authority {
	const char *webhook; /* its name, in the configuration */
	int fd;		     /* sealed copy */
	char *path;	     /* of the copy: what libcurl opens */
};

/* A delivery waits, is under way, is over. */
struct delivery {
	TAILQ_ENTRY(delivery) entry;
	struct notify *notify;
	uint64_t outbox_id;
	char *message_id;
	const struct section *webhook;
	struct buf body;     /* while it waits */
	uint64_t connection; /* the link over which its result is wanted */
	/* Once it is over, what delivered() takes. */
	unsigned status;
	int64_t retry_after;
	char *text; /* NULL: there was no memory for it */
};

struct queue {
	TAILQ_HEAD(, delivery) list;
	size_t count;
};

struct notify {
	struct role *role;
	struct fetcher *fetcher;
	struct authority *authorities;
	size_t authority_count;
	sd_event_source *idle;
	sd_event_source *leaving; /* the end of its time; NULL while it stays */
	uint64_t connection; /* counts the links to the engine */
	struct queue waiting, under_way, over;
};

static void queue_add(struct queue *q, struct delivery *d)
{
	TAILQ_INSERT_TAIL(&q->list, d, entry);
	q->count++;
}

static void queue_remove(struct queue *q, struct delivery *d)
{
	TAILQ_REMOVE(&q->list, d, entry);
	q->count--;
}

static struct delivery *queue_find(
	const struct queue *q, uint64_t outbox_id, const char *message_id)
{
	struct delivery *d;

	TAILQ_FOREACH(d, &q->list, entry)
		if (d->outbox_id == outbox_id && text_equal(d->message_id, message_id))
			return d;
	return NULL;
}

static void delivery_free(struct delivery *d)
{
	free(d->message_id);
	buf_done(&d->body);
	free(d->text);
	free(d);
}

/* NULL without memory. */
static struct delivery *delivery_new(struct notify *n, uint64_t outbox_id, const char *message_id,
	const struct section *webhook, const void *body, size_t size)
{
	struct delivery *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->notify = n;
	d->outbox_id = outbox_id;
	d->message_id = strdup(message_id);
	d->webhook = webhook;
	d->connection = n->connection;
	buf_add(&d->body, body, size);
	if (d->message_id && buf_error(&d->body) == 0)
		return d;
	delivery_free(d);
	return NULL;
}

static void queue_clear(struct queue *q)
{
	struct delivery *d;

	while ((d = TAILQ_FIRST(&q->list))) {
		queue_remove(q, d);
		delivery_free(d);
	}
}

/* The answer to a delivery. STATUS 0 is a transport error. */
static int delivered(struct notify *n, uint64_t outbox_id, unsigned status, int64_t retry_after,
	const char *text)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;

	message_begin(&packet, MESSAGE_DELIVERED);
	message_put_u64(&packet, outbox_id);
	message_put_u64(&packet, status);
	message_put_u64(&packet, (uint64_t) (retry_after + 1));
	message_put_string(&packet, text);
	return role_send(n->role, &packet, -1);
}

static bool is_success(unsigned status)
{
	return status >= 200 && status < 300;
}

/* What went wrong, for people; "" after success. Of the receiver's answer only the status and the
 * host of a redirect: its text may repeat the URL, which is a secret. */
static void describe(const struct fetch_response *response, struct buf *b)
{
	_cleanup_free_ char *text = NULL;
	unsigned status = response->status;

	if (is_success(status))
		return;
	if (status == 0) {
		text = text_printable(response->error, strlen(response->error));
		buf_add_string(b, text ? text : "");
	} else if (status >= 300 && status < 400 && *response->redirect_host) {
		text = text_printable(response->redirect_host, strlen(response->redirect_host));
		buf_printf(b, "answered %u: redirects to %s, not followed", status,
			text ? text : "another host");
	} else
		buf_printf(b, "answered %u", status);
}

/* Tells the engine of a delivery that is over, and forgets it. A result stays in `over` when no engine
 * took it, and when it is a success: if the engine dies before storing it, the next one asks again. */
static void tell(struct delivery *d)
{
	struct notify *n = d->notify;
	int r = -ENOTCONN;

	if (d->connection == n->connection)
		r = delivered(n, d->outbox_id, d->status, d->retry_after, d->text ? d->text : "");
	if (r < 0 || is_success(d->status))
		return;
	queue_remove(&n->over, d);
	delivery_free(d);
}

static void finish(struct delivery *d, unsigned status, int64_t retry_after, const char *text)
{
	struct notify *n = d->notify;
	struct delivery *oldest = TAILQ_FIRST(&n->over.list);

	if (n->over.count == OVER_MAX) {
		queue_remove(&n->over, oldest);
		delivery_free(oldest);
	}
	queue_remove(&n->under_way, d);
	queue_add(&n->over, d);
	d->status = status;
	d->retry_after = retry_after;
	d->text = strdup(text);
	if (d->text)
		text_truncate(d->text, OUTBOX_ERROR_MAX);
	tell(d);
}

/* The header lines of one try, the lines of the configuration last. */
struct headers {
	const char **lines;
	size_t count;
	struct buf type, id, timestamp, signature;
};

static void headers_done(struct headers *h)
{
	free(h->lines);
	buf_done(&h->type);
	buf_done(&h->id);
	buf_done(&h->timestamp);
	buf_done(&h->signature);
}

/* The Standard Webhooks headers; the time is that of the try, in seconds. */
static int headers_make(struct headers *h, const struct section *webhook, const char *message_id,
	const void *body, size_t size)
{
	const char *secret = section_string(webhook, OPTION_WEBHOOK_SECRET);
	int64_t now = (int64_t) (clock_wall() / USEC_PER_SEC);
	struct buf *ours[] = {&h->type, &h->id, &h->timestamp, &h->signature};
	_cleanup_free_ char *signature = NULL;
	const char *const *lines;
	size_t count;
	int r;

	buf_add_string(&h->type, "Content-Type: application/json");
	buf_printf(&h->id, "webhook-id: %s", message_id);
	buf_printf(&h->timestamp, "webhook-timestamp: %" PRIi64, now);
	if (*secret) {
		r = signature_make(
			secret, strlen(secret), message_id, now, body, size, &signature);
		if (r < 0)
			return r;
		buf_printf(&h->signature, "webhook-signature: %s", signature);
	}
	lines = section_list(webhook, OPTION_WEBHOOK_HEADER, &count);
	h->lines = calloc(ELEMENTS(ours) + count, sizeof(*h->lines));
	if (!h->lines)
		return -ENOMEM;
	for (size_t i = 0; i < ELEMENTS(ours); i++) {
		if (buf_error(ours[i]) < 0)
			return buf_error(ours[i]);
		if (ours[i]->size > 0)
			h->lines[h->count++] = ours[i]->data;
	}
	for (size_t i = 0; i < count; i++)
		h->lines[h->count++] = lines[i];
	return 0;
}

static const char *or_null(const char *text)
{
	return *text ? text : NULL;
}

static const char *authority_of(const struct notify *n, const struct section *webhook)
{
	for (size_t i = 0; i < n->authority_count; i++)
		if (text_equal(n->authorities[i].webhook, section_name(webhook)))
			return n->authorities[i].path;
	return or_null(section_string(webhook, OPTION_WEBHOOK_CA));
}

static void on_answer(const struct fetch_response *response, void *userdata);

static int post(struct delivery *d)
{
	_cleanup_(headers_done) struct headers headers = {0};
	const struct section *webhook = d->webhook;
	size_t count;
	const char *const *urls = section_list(webhook, OPTION_WEBHOOK_URL, &count);
	struct fetch_request request = {
		.method = "POST",
		.body = d->body.data,
		.body_size = d->body.size,
		.timeout = section_duration(webhook, OPTION_WEBHOOK_TIMEOUT),
		.body_limit = ANSWER_MAX,
		.ca = authority_of(d->notify, webhook),
		.certificate = or_null(section_string(webhook, OPTION_WEBHOOK_CLIENT_CERTIFICATE)),
		.key = or_null(section_string(webhook, OPTION_WEBHOOK_CLIENT_KEY)),
		.proxy = or_null(section_string(webhook, OPTION_WEBHOOK_PROXY)),
	};
	int r;

	if (count == 0)
		return -EINVAL;
	request.url = urls[0];
	r = headers_make(&headers, webhook, d->message_id, d->body.data, d->body.size);
	if (r < 0)
		return r;
	request.headers = headers.lines;
	request.header_count = headers.count;
	return fetch_start(d->notify->fetcher, &request, on_answer, d);
}

/* While there is no engine nothing begins: the next one sends again what it wants delivered. */
static void post_waiting(struct notify *n)
{
	struct delivery *d;
	int r;

	while (n->under_way.count < UNDER_WAY_MAX && role_engine(n->role) &&
		(d = TAILQ_FIRST(&n->waiting.list))) {
		queue_remove(&n->waiting, d);
		queue_add(&n->under_way, d);
		r = post(d);
		buf_done(&d->body);
		if (r < 0)
			finish(d, 0, -1,
				r == -EINVAL ? "the url or a header cannot be used" : strerror(-r));
	}
}

static int on_idle(sd_event_source *source, uint64_t now, void *userdata)
{
	trim_memory();
	return 0;
}

/* Ends the role that was told to stop, once nothing is under way. */
static void leave_if_done(struct notify *n)
{
	if (n->leaving && n->under_way.count == 0)
		role_exit(n->role, EXIT_SUCCESS);
}

static void on_answer(const struct fetch_response *response, void *userdata)
{
	struct delivery *d = userdata;
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct notify *n = d->notify;

	if (sd_event_source_set_time_relative(n->idle, IDLE_AFTER) >= 0)
		sd_event_source_set_enabled(n->idle, SD_EVENT_ONESHOT);
	describe(response, &text);
	finish(d, response->status, response->retry_after, text.data ? text.data : "");
	post_waiting(n);
	leave_if_done(n);
}

/* A new engine sends again what it does not know to be delivered: what the one before it had begun
 * is not begun twice. */
static bool is_known(struct notify *n, uint64_t outbox_id, const char *message_id)
{
	struct delivery *under_way = queue_find(&n->under_way, outbox_id, message_id);
	struct delivery *over = queue_find(&n->over, outbox_id, message_id);

	if (under_way)
		under_way->connection = n->connection;
	if (over) {
		over->connection = n->connection;
		tell(over);
	}
	return under_way || over;
}

static int deliver(struct notify *n, struct message *m)
{
	uint64_t outbox_id = message_u64(m);
	const struct section *webhook =
		config_find(role_config(n->role), SECTION_WEBHOOK, message_string(m));
	const char *message_id = message_string(m);
	struct delivery *d;
	size_t size;
	const void *body = message_bytes(m, &size);

	/* Without an answer the engine hands it to our successor, or to the daemon's next run. */
	if (n->leaving)
		return 0;
	if (!webhook)
		return delivered(n, outbox_id, 0, -1, "no such webhook is configured");
	if (is_known(n, outbox_id, message_id))
		return 0;
	if (n->waiting.count >= WAITING_MAX)
		return delivered(n, outbox_id, 0, -1, "too many deliveries wait");
	d = delivery_new(n, outbox_id, message_id, webhook, body, size);
	if (!d)
		return delivered(n, outbox_id, 0, -1, "out of memory");
	queue_add(&n->waiting, d);
	post_waiting(n);
	return 0;
}

/* The sandbox hides files: their authorities are kept as sealed copies. A file that cannot be read
 * now is tried by its path, and each delivery says what is wrong. */
static int keep_authority(struct notify *n, const struct section *webhook)
{
	struct authority *a = &n->authorities[n->authority_count];
	const char *path = section_string(webhook, OPTION_WEBHOOK_CA);
	_cleanup_buf_ struct buf pem = BUF_INIT;
	_cleanup_close_ int fd = -1;
	int r;

	if (!*path)
		return 0;
	r = file_read(path, CA_FILE_MAX, &pem);
	if (r < 0) {
		journal_write(JOURNAL_WEBHOOK_AUTHORITIES, WITH(.webhook = section_name(webhook), .error = r),
			"webhook %s: cannot read %s", section_name(webhook), path);
		return 0;
	}
	fd = file_seal("authority", pem.data, pem.size);
	if (fd < 0)
		return fd;
	if (asprintf(&a->path, "/proc/self/fd/%d", fd) < 0)
		return -ENOMEM;
	a->webhook = section_name(webhook);
	a->fd = TAKE_FD(fd);
	n->authority_count++;
	return 0;
}

static int keep_authorities(struct notify *n)
{
	const struct config *config = role_config(n->role);
	const struct section *webhook = NULL;
	size_t count = 0;
	int r = 0;

	while ((webhook = config_next(config, SECTION_WEBHOOK, webhook)))
		count++;
	n->authorities = calloc(count + 1, sizeof(*n->authorities));
	if (!n->authorities)
		return -ENOMEM;
	while (r == 0 && (webhook = config_next(config, SECTION_WEBHOOK, webhook)))
		r = keep_authority(n, webhook);
	return r;
}

static void notify_free(struct notify *n)
{
	fetcher_free(n->fetcher);
	queue_clear(&n->waiting);
	queue_clear(&n->under_way);
	queue_clear(&n->over);
	sd_event_source_disable_unref(n->idle);
	sd_event_source_disable_unref(n->leaving);
	for (size_t i = 0; i < n->authority_count; i++) {
		close(n->authorities[i].fd);
		free(n->authorities[i].path);
	}
	free(n->authorities);
	free(n);
}

/* libcurl resolves each name in a thread, which lives until the resolver gives the name up, however early
 * the delivery did. With stacks of the usual 8 MiB some sixty names that hang would take all the memory that
 * the role may have. */
static int limit_stacks(void)
{
	pthread_attr_t attributes;
	int error = pthread_attr_init(&attributes);

	if (error > 0)
		return -error;
	error = pthread_attr_setstacksize(&attributes, STACK_BYTES);
	if (error == 0)
		error = pthread_setattr_default_np(&attributes);
	pthread_attr_destroy(&attributes);
	return -error;
}

static int start(struct notify *n)
{
	sd_event *event = role_event(n->role);
	int r = limit_stacks();

	if (r < 0)
		return journal_failure(r, "cannot limit the stacks of threads");
	r = fetcher_new(event, &n->fetcher);
	if (r < 0)
		return journal_failure(r, "cannot start libcurl");
	r = keep_authorities(n);
	if (r < 0)
		return journal_failure(r, "cannot keep certificates");
	/* Once for what starting took, then again whenever a burst of deliveries is over. */
	r = sd_event_add_time_relative(
		event, &n->idle, CLOCK_MONOTONIC, USEC_PER_SEC, USEC_PER_SEC, on_idle, n);
	return r < 0 ? journal_failure(r, "cannot add a timer") : 0;
}

static int notify_start(struct role *role)
{
	struct notify *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	n->role = role;
	TAILQ_INIT(&n->waiting.list);
	TAILQ_INIT(&n->under_way.list);
	TAILQ_INIT(&n->over.list);
	role_set_userdata(role, n);
	r = start(n);
	if (r < 0)
		notify_free(n);
	return r;
}

static void notify_stop(struct role *r)
{
	notify_free(role_userdata(r));
}

static int on_leave_timeout(sd_event_source *source, uint64_t now, void *userdata)
{
	struct notify *n = userdata;

	role_exit(n->role, EXIT_SUCCESS);
	return 0;
}

/* What a receiver has already is ended and told of, so that our successor does not post it again. */
static void notify_leave(struct role *r)
{
	struct notify *n = role_userdata(r);

	if (n->leaving)
		return;
	queue_clear(&n->waiting);
	if (sd_event_add_time_relative(role_event(r), &n->leaving, CLOCK_MONOTONIC, LEAVE_TIMEOUT,
		    USEC_PER_MSEC, on_leave_timeout, n) < 0)
		role_exit(r, EXIT_SUCCESS);
	leave_if_done(n);
}

static int notify_connected(struct role *r)
{
	struct notify *n = role_userdata(r);

	n->connection++;
	/* Not begun: the new engine chooses anew. */
	queue_clear(&n->waiting);
	return 0;
}

static int notify_message(struct role *r, struct message *m)
{
	return m->type == MESSAGE_DELIVER ? deliver(role_userdata(r), m) : -EBADMSG;
}

int main(void)
{
	static const struct role_program program = {
		.name = "notify",
		.engine_says = FROM_ENGINE,
		.start = notify_start,
		.connected = notify_connected,
		.message = notify_message,
		.leave = notify_leave,
		.stop = notify_stop,
	};

	return role_run(&program);
}
