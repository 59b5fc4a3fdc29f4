/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications that are given up, and what follows from that: who was not told of an incident is not
 * told of its end. */
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/engine/engine.h"
#include "daemon/journal.h"

static bool is_end(const struct notification *n)
{
	return text_equal(n->type, "incident.resolved");
}

static struct delivery_entry *find_entry(struct engine *e, int64_t id)
{
	for (size_t i = 0; i < e->delivery_count; i++)
		if (e->deliveries[i].notification.id == id)
			return &e->deliveries[i];
	return NULL;
}

static bool has_failed(const struct delivery_entry *d)
{
	return d->notification.state == NOTIFICATION_FAILED;
}

/* The row may be behind what memory knows. */
static bool row_has_failed(struct engine *e, const struct notification *row)
{
	const struct delivery_entry *d =
		row->state == NOTIFICATION_PENDING ? find_entry(e, row->id) : NULL;

	return d ? has_failed(d) : row->state == NOTIFICATION_FAILED;
}

/* Without memory it stays as it is until the next look. */
static void fail(struct delivery_entry *d, const char *why)
{
	struct notification *n = &d->notification;

	if (text_replace(&n->last_error, why) < 0)
		return;
	n->state = NOTIFICATION_FAILED;
	d->changed = true;
}

/* True where the webhook heard of the incident since it opened last, or will. */
static bool is_told(struct engine *e, const struct notification *failed,
	const struct notification *list, size_t count)
{
	bool told = false;

	for (size_t i = 0; i < count; i++) {
		const struct notification *n = &list[i];

		if (n->id == failed->id || !text_equal(n->webhook, failed->webhook))
			continue;
		if (is_end(n) && n->id < failed->id)
			told = false;
		else if (!is_end(n))
			told |= !row_has_failed(e, n);
	}
	return told;
}

/* One that waits in the database alone. */
struct sought {
	struct engine *engine;
	int64_t id;
	struct delivery_entry *found;
};

/* It is the first that is read, or it waits no longer. */
static int take_sought(void *userdata, const struct notification *n)
{
	struct sought *s = userdata;

	if (n->id == s->id)
		s->found = deliveries_take(s->engine, n);
	return -ECANCELED;
}

static struct delivery_entry *take_from_database(struct engine *e, int64_t id)
{
	struct sought sought = {e, id, NULL};

	reader_pending(store_reader(e->store), id - 1, take_sought, &sought);
	return sought.found;
}

/* The end of what it never heard of is no news to the webhook. */
static void cancel_ends(struct engine *e, const struct notification *failed,
	const struct notification *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct notification *n = &list[i];
		struct delivery_entry *d;

		if (n->state != NOTIFICATION_PENDING || !is_end(n) ||
			!text_equal(n->webhook, failed->webhook))
			continue;
		d = find_entry(e, n->id);
		if (!d)
			d = take_from_database(e, n->id);
		if (d && d->notification.state == NOTIFICATION_PENDING)
			fail(d, "the webhook was not told of the incident");
	}
}

void undeliverable_forget(struct engine *e, int64_t id)
{
	const struct delivery_entry *d = find_entry(e, id);
	struct notification failed, *list;
	size_t count;

	if (!d || d->notification.incident == 0 || is_end(&d->notification))
		return;
	/* What follows may move the entries; their texts stay where they are. */
	failed = d->notification;
	if (reader_notifications(store_reader(e->store), failed.incident, failed.webhook, &list,
		    &count) < 0)
		return;
	if (!is_told(e, &failed, list, count)) {
		alerting_not_told(e->alerting, failed.incident, failed.webhook);
		cancel_ends(e, &failed, list, count);
	}
	notification_list_free(list, count);
}

/* Why the notification waits in vain, or NULL. */
static const char *why_never(struct engine *e, const struct delivery_entry *d)
{
	const struct notification *n = &d->notification;
	const struct section *webhook =
		config_find(role_config(e->role), SECTION_WEBHOOK, n->webhook);

	if (!webhook)
		return "the webhook is no longer configured";
	if (!webhook_is_built_in(webhook))
		return "nothing is sent to webhooks of its type";
	if (!outbox_is_over(n, delivery_age(d)))
		return NULL;
	return *n->last_error ? n->last_error : "it waited too long";
}

static void give_up(struct engine *e, struct delivery_entry *d, const char *why)
{
	struct delivery_answer answer = {.retry_after = -1};
	const struct notification *n = &d->notification;

	fail(d, why);
	if (!has_failed(d))
		return;
	journal_write(JOURNAL_NOTIFICATION_GIVEN_UP, WITH(.webhook = n->webhook, .incident = n->incident),
		"notification %s to webhook %s: %s; given up", n->message_id, n->webhook, n->last_error);
	answer.text = n->last_error;
	if (!config_find(role_config(e->role), SECTION_WEBHOOK, n->webhook))
		return;
	webhook_settled(e, n->webhook, &answer, DELIVERY_FAILED);
	deliveries_count(e, n->webhook, "failed");
}

/* True where a later one of its incident and webhook was given up, too: that speaks for both. */
static bool is_followed(const struct engine *e, size_t i)
{
	const struct notification *n = &e->deliveries[i].notification;

	for (size_t k = i + 1; k < e->delivery_count; k++) {
		const struct notification *later = &e->deliveries[k].notification;

		if (later->incident == n->incident && !is_end(later) &&
			has_failed(&e->deliveries[k]) && text_equal(later->webhook, n->webhook))
			return true;
	}
	return false;
}

void undeliverable_look(struct engine *e)
{
	size_t count = e->delivery_count, given_up = 0;

	for (size_t i = 0; i < count; i++) {
		struct delivery_entry *d = &e->deliveries[i];
		const char *why = NULL;

		/* What is under way may still get there. */
		if (d->notification.state == NOTIFICATION_PENDING && d->carrier == 0)
			why = why_never(e, d);
		if (!why)
			continue;
		give_up(e, d, why);
		given_up++;
	}
	if (given_up == 0)
		return;
	for (size_t i = 0; i < count; i++)
		if (has_failed(&e->deliveries[i]) && !is_followed(e, i))
			undeliverable_forget(e, e->deliveries[i].notification.id);
	engine_commit_soon(e);
}
