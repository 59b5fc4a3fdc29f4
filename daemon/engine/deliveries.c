/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox: what is pending lies here and in the database; `notify` posts it and says what came of
 * it. alerts/outbox.h decides.
 *
 * The life of a delivery: pending (its row is durable) -> under way (a `notify` carries it) -> settled
 * (delivered, failed, or due again later) -> durable (the row is written; delivered and failed ones
 * leave memory). Until it is durable the next one of its incident waits, so that after a kill nothing
 * is posted again behind its successor. */
#include <string.h>
#include <sys/random.h>

#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/engine/engine.h"
#include "daemon/journal.h"

#define STATUS_MAX 999 /* of HTTP */

static int copy_notification(const struct notification *from, struct notification *ret)
{
	struct notification n = *from;

	n.message_id = strdup(from->message_id);
	n.webhook = strdup(from->webhook);
	n.type = strdup(from->type);
	n.last_error = strdup(from->last_error ? from->last_error : "");
	n.body = strdup(from->body);
	if (!n.message_id || !n.webhook || !n.type || !n.last_error || !n.body) {
		notification_done(&n);
		return -ENOMEM;
	}
	*ret = n;
	return 0;
}

static int add_entry(struct engine *e, const struct notification *n, int64_t age_ms,
	struct command *waiting)
{
	struct delivery_entry *entries, new = {
		.age_ms = age_ms, .since = clock_monotonic(), .waiting = waiting};
	int r;

	entries = reallocarray(e->deliveries, e->delivery_count + 1, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	e->deliveries = entries;
	r = copy_notification(n, &new.notification);
	if (r < 0)
		return r;
	e->deliveries[e->delivery_count++] = new;
	return 0;
}

static bool has_room(struct engine *e, const struct webhook_entry *w)
{
	return !w->overflowed && w->count < webhook_share(e);
}

bool deliveries_have_room(struct engine *e, const char *webhook)
{
	const struct webhook_entry *w = map_get_string(e->webhooks, webhook);

	return !w || has_room(e, w);
}

int deliveries_add(struct engine *e, const struct notification *n, int64_t age_ms,
	struct command *waiting)
{
	struct webhook_entry *w = webhook_get(e, n->webhook);
	int r;

	if (!w)
		return -ENOMEM;
	if (n->id <= w->newest)
		return 0;
	r = has_room(e, w) ? add_entry(e, n, age_ms, waiting) : -ENOBUFS;
	if (r < 0 && !w->overflowed)
		journal_write(JOURNAL_WEBHOOK_CROWDED, WITH(.webhook = n->webhook),
			"webhook %s takes nothing: more than %zu notifications wait for it",
			n->webhook, w->count);
	w->overflowed = r < 0;
	if (r < 0)
		return r;
	w->newest = n->id;
	w->count++;
	return 0;
}

struct delivery_entry *deliveries_take(struct engine *e, const struct notification *n)
{
	struct webhook_entry *w = webhook_get(e, n->webhook);

	if (!w || add_entry(e, n, 0, NULL) < 0)
		return NULL;
	w->count++;
	return &e->deliveries[e->delivery_count - 1];
}

static int load_one(void *userdata, const struct notification *n)
{
	struct engine *e = userdata;
	int r = deliveries_add(e, n, outbox_restored_age(n, engine_now(e)), NULL);

	return r == -ENOBUFS ? 0 : r;
}

static int restore_one(void *userdata, const struct notification *n)
{
	int r = load_one(userdata, n);

	webhook_restored(userdata, n);
	return r;
}

int deliveries_restore(struct engine *e)
{
	return reader_pending(store_reader(e->store), 0, restore_one, e);
}

/* Takes in what waited in the database for room. */
static void refill(struct engine *e)
{
	size_t share = webhook_share(e), position = 0;
	int64_t after = INT64_MAX;
	struct webhook_entry *w;

	while ((w = map_next(e->webhooks, &position, NULL, NULL))) {
		if (!w->overflowed || w->count > share / 2)
			continue;
		w->overflowed = false;
		after = w->newest < after ? w->newest : after;
	}
	if (after == INT64_MAX || reader_pending(store_reader(e->store), after, load_one, e) == 0)
		return;
	/* Who knows what was left behind: the next commit looks again. */
	position = 0;
	while ((w = map_next(e->webhooks, &position, NULL, NULL)))
		w->overflowed = true;
}

void deliveries_done(struct engine *e)
{
	for (size_t i = 0; i < e->delivery_count; i++)
		notification_done(&e->deliveries[i].notification);
	free(e->deliveries);
}

void deliveries_disconnected(struct engine *e, int64_t pid)
{
	for (size_t i = 0; i < e->delivery_count; i++)
		if (e->deliveries[i].carrier == pid)
			e->deliveries[i].carrier = 0;
	deliveries_send(e);
}

void deliveries_count(struct engine *e, const char *webhook, const char *result)
{
	struct label labels[] = {{(char *) (uintptr_t) "result", (char *) (uintptr_t) result},
		{(char *) (uintptr_t) "webhook", (char *) (uintptr_t) webhook}};
	struct series series = {
		(char *) (uintptr_t) "modelwatch_notifications_total", {labels, ELEMENTS(labels)}};
	struct value *value;

	if (values_find(e->values, &series, &value) < 0)
		return;
	moments_add(e, value, engine_now(e), value->time_ms > 0 ? value->current + 1 : 1);
}

static void leave(struct engine *e, struct delivery_entry *d)
{
	struct webhook_entry *w = map_get_string(e->webhooks, d->notification.webhook);

	if (w)
		w->count--;
	notification_done(&d->notification);
}

bool deliveries_changed(const struct engine *e)
{
	for (size_t i = 0; i < e->delivery_count; i++)
		if (e->deliveries[i].changed)
			return true;
	return false;
}

int deliveries_write(struct engine *e)
{
	int r = 0;

	for (size_t i = 0; i < e->delivery_count && r >= 0; i++)
		if (e->deliveries[i].changed)
			r = store_put_notification(
				e->store, &e->deliveries[i].notification, NULL);
	return r < 0 ? r : 0;
}

void deliveries_committed(struct engine *e)
{
	size_t kept = 0;

	for (size_t i = 0; i < e->delivery_count; i++) {
		struct delivery_entry *d = &e->deliveries[i];

		d->changed = false;
		if (d->notification.state == NOTIFICATION_PENDING) {
			e->deliveries[kept++] = *d;
			continue;
		}
		if (d->waiting)
			command_tested(e, d->waiting, &d->notification, 0,
				d->notification.last_error);
		leave(e, d);
	}
	e->delivery_count = kept;
	refill(e);
}

/* The receiver is gone for good, it says: until a reload nothing is sent there, and what waits says why. */
static void disable(struct engine *e, const char *webhook)
{
	for (size_t i = 0; i < e->delivery_count; i++) {
		struct delivery_entry *d = &e->deliveries[i];

		if (text_equal(d->notification.webhook, webhook) &&
			d->notification.state == NOTIFICATION_PENDING &&
			text_replace(&d->notification.last_error,
				"the webhook answered 410: it is disabled until the next reload") == 0)
			d->changed = true;
	}
}

int64_t delivery_age(const struct delivery_entry *d)
{
	return d->age_ms + usec_to_ms(usec_since(clock_monotonic(), d->since));
}

static void log_failure(const struct notification *n, const char *why, enum delivery_result outcome)
{
	bool waits = n->state == NOTIFICATION_PENDING;

	journal_write(waits ? JOURNAL_NOTIFICATION_DELAYED : JOURNAL_NOTIFICATION_GIVEN_UP,
		WITH(.webhook = n->webhook, .incident = n->incident), "notification %s to webhook %s: %s; %s",
		n->message_id, n->webhook, why,
		outcome == DELIVERY_AGAIN ? "it is tried again"
		: waits			  ? "it waits for a reload"
					  : "given up");
}

static void settle(struct engine *e, struct delivery_entry *d, const struct delivery_answer *result)
{
	enum delivery_result outcome;
	uint64_t random = 0;
	struct notification *n = &d->notification;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = 0;
	if (outbox_settle(n, result, engine_now(e), delivery_age(d), random, &outcome) < 0)
		return;
	d->changed = true;
	/* A test tells who asked for it. */
	if (n->incident != 0 || outcome == DELIVERY_DONE)
		webhook_settled(e, n->webhook, result, outcome);
	if (outcome == DELIVERY_DISABLED && n->incident != 0)
		disable(e, n->webhook);
	if (outcome == DELIVERY_DONE)
		log_debug("notification %s delivered to webhook %s", n->message_id, n->webhook);
	else
		log_failure(n, result->text, outcome);
	deliveries_count(e, n->webhook,
		outcome == DELIVERY_DONE	 ? "delivered"
		: n->state == NOTIFICATION_PENDING ? "retried"
						 : "failed");
}

static bool is_success(unsigned status)
{
	return status >= 200 && status <= 299;
}

int deliveries_result(struct peer *p, struct message *m)
{
	struct engine *e = p->engine;
	uint64_t id = message_u64(m), status = message_u64(m), retry_after = message_u64(m);
	_cleanup_free_ char *text = strdup(message_string(m));
	struct delivery_answer result = {.status = (unsigned) status, .text = text};

	if (!text)
		return -ENOMEM;
	if (status > STATUS_MAX)
		return -EBADMSG;
	text_truncate(text, OUTBOX_ERROR_MAX);
	/* The receiver chose it: too high a number is no fault of `notify`. */
	result.retry_after = (int64_t) (retry_after < INT64_MAX ? retry_after : INT64_MAX) - 1;
	for (size_t i = 0; i < e->delivery_count; i++) {
		struct delivery_entry *d = &e->deliveries[i];

		if (d->notification.id != (int64_t) id || d->carrier != p->pid)
			continue;
		d->carrier = 0;
		/* What failed for one that a reload replaced may be what the reload mended. */
		if (p != peers_newest(e, ROLE_NOTIFY) && !is_success(result.status)) {
			deliveries_send(e);
			break;
		}
		settle(e, d, &result);
		if (d->waiting) {
			command_tested(e, d->waiting, &d->notification, result.status, text);
			d->waiting = NULL;
		}
		/* Last: it may move the entries. */
		if (d->notification.state == NOTIFICATION_FAILED)
			undeliverable_forget(e, d->notification.id);
		engine_commit_soon(e);
		break;
	}
	return 0;
}

static int send_one(struct engine *e, struct delivery_entry *d)
{
	struct peer *notify = peers_newest(e, ROLE_NOTIFY);
	_cleanup_buf_ struct buf packet = BUF_INIT;
	const struct notification *n = &d->notification;
	int r;

	if (!notify)
		return -ENOTCONN;
	message_begin(&packet, MESSAGE_DELIVER);
	message_put_u64(&packet, (uint64_t) n->id);
	message_put_string(&packet, n->webhook);
	message_put_string(&packet, n->message_id);
	message_put_bytes(&packet, n->body, strlen(n->body));
	r = peer_send(notify, &packet);
	if (r == 0)
		d->carrier = notify->pid;
	return r;
}

static int on_due(sd_event_source *source, uint64_t now, void *userdata)
{
	struct engine *e = userdata;

	e->outbox = sd_event_source_disable_unref(e->outbox);
	deliveries_send(e);
	return 0;
}

static void wait_until(struct engine *e, int64_t due_ms)
{
	int64_t wait = due_ms - engine_now(e);
	usec_t delay = wait > 0 ? usec_from_ms(wait) : USEC_PER_MSEC;

	if (due_ms == INT64_MAX)
		return;
	if (e->outbox)
		sd_event_source_set_time_relative(e->outbox, delay);
	else
		sd_event_add_time_relative(role_event(e->role), &e->outbox, CLOCK_MONOTONIC, delay,
			USEC_PER_MSEC, on_due, e);
}

void deliveries_hurry(struct engine *e, const char *webhook)
{
	int64_t now_ms = engine_now(e);

	for (size_t i = 0; i < e->delivery_count; i++) {
		struct notification *n = &e->deliveries[i].notification;

		if (text_equal(n->webhook, webhook) && n->due_ms > now_ms)
			n->due_ms = now_ms;
	}
}

/* What outbox_choose() takes: all that is not durable, in order. */
struct choice {
	struct notification *pending; /* shallow: read only */
	bool *in_flight, *disabled;
	size_t *chosen;
	size_t count;
};

static void choice_done(struct choice *c)
{
	free(c->pending);
	free(c->in_flight);
	free(c->disabled);
	free(c->chosen);
}

static bool choice_init(struct engine *e, struct choice *c)
{
	size_t count = e->delivery_count;

	*c = (struct choice){
		.pending = calloc(count, sizeof(*c->pending)),
		.in_flight = calloc(count, sizeof(*c->in_flight)),
		.disabled = calloc(count, sizeof(*c->disabled)),
		.chosen = calloc(count, sizeof(*c->chosen)),
	};
	if (!c->pending || !c->in_flight || !c->disabled || !c->chosen)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct delivery_entry *d = &e->deliveries[i];

		c->pending[i] = d->notification;
		/* One that is settled, but not durable, holds its place. */
		c->in_flight[i] = d->carrier != 0 || d->changed;
		c->disabled[i] = !webhook_takes(e, &d->notification);
	}
	c->count = count;
	return true;
}

void deliveries_send(struct engine *e)
{
	struct choice c;
	int64_t next;

	if (e->delivery_count == 0)
		return;
	undeliverable_look(e);
	if (choice_init(e, &c)) {
		size_t chosen = outbox_choose(c.pending, c.in_flight, c.disabled, c.count,
			PER_WEBHOOK, engine_now(e), c.chosen, &next);

		for (size_t i = 0; i < chosen; i++)
			if (send_one(e, &e->deliveries[c.chosen[i]]) < 0)
				break;
		wait_until(e, next);
	}
	choice_done(&c);
}

void deliveries_measure(struct engine *e, int64_t now_ms)
{
	const struct section *s = NULL;

	while ((s = config_next(role_config(e->role), SECTION_WEBHOOK, s))) {
		const struct webhook_entry *w = map_get_string(e->webhooks, section_name(s));

		moments_add_metric(e, "modelwatch_outbox_pending", "webhook", section_name(s), now_ms,
			w ? (double) w->count : 0);
	}
}
