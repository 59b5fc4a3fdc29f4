/* SPDX-License-Identifier: Apache-2.0 */
/* How each webhook is: how much waits for it, whether it takes anything, and what `doctor` says of it. */
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/engine/engine.h"
#include "daemon/journal.h"

#define SHARE_MIN 16 /* of memory's notifications, however many webhooks there are */
#define NOTIFY_AWAITED (15 * USEC_PER_SEC) /* a new `notify`, after a reload */

struct webhook_entry *webhook_get(struct engine *e, const char *name)
{
	struct webhook_entry *w = map_get_string(e->webhooks, name);

	if (w)
		return w;
	w = calloc(1, sizeof(*w));
	if (w && map_put_string(e->webhooks, name, w, NULL) == 0)
		return w;
	free(w);
	return NULL;
}

void webhooks_done(struct engine *e)
{
	map_free(e->webhooks, free);
}

size_t webhook_share(struct engine *e)
{
	const struct section *s = NULL;
	size_t count = 0, share;

	while ((s = config_next(role_config(e->role), SECTION_WEBHOOK, s)))
		count++;
	share = DELIVERIES_MAX / (count > 0 ? count : 1);
	return share > SHARE_MIN ? share : SHARE_MIN;
}

static void name_check(const char *name, struct buf *subject)
{
	buf_printf(subject, "webhook %s", name);
}

static void log_ignorance(const char *name)
{
	journal_failure(-ENOMEM, "doctor does not know how webhook %s is", name);
}

/* What `doctor` says of the webhook. */
static void tell(struct engine *e, const char *name, enum check_state state, const char *text,
	const char *remedy)
{
	_cleanup_buf_ struct buf subject = BUF_INIT;

	name_check(name, &subject);
	if (buf_error(&subject) < 0 ||
		facts_doctor(e, subject.data, state, text, remedy) < 0)
		log_ignorance(name);
}

static void retract(struct engine *e, const char *name)
{
	_cleanup_buf_ struct buf subject = BUF_INIT;

	name_check(name, &subject);
	if (buf_error(&subject) < 0 || facts_doctor_retract(e, subject.data) < 0)
		log_ignorance(name);
}

static void tell_failure(
	struct engine *e, const char *name, const struct webhook_entry *w, const char *why)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	char since[RFC3339_MAX];

	/* What came of a last try is of no use to somebody whom nothing else is sent. */
	if (w->unknown_type)
		return;
	clock_format(usec_from_ms(w->failed_ms), since);
	if (w->disabled)
		buf_printf(&text,
			"It answered 410 Gone at %s: nothing is sent to it until the next reload.",
			since);
	else
		buf_printf(&text, "It takes nothing since %s: %s. %s", since, why,
			w->lost ? "Notifications are lost." : "What waits is tried again.");
	tell(e, name, w->disabled ? CHECK_DISABLED : CHECK_FAILING, text.data ? text.data : "",
		"Mend the receiver; or correct its section, or take it out, and reload the daemon."
		" Then try it with modelwatch test-webhook.");
}

/* Nothing is known against it any more. */
static void clear(struct engine *e, const char *name, struct webhook_entry *w)
{
	if (w->failed_ms > 0 && !w->unknown_type)
		retract(e, name);
	w->disabled = w->lost = false;
	w->failed_ms = 0;
}

/* The name of an entry, for map_next(): its key is not terminated. */
static char *next_webhook(struct engine *e, size_t *position, struct webhook_entry **ret)
{
	const void *key;
	size_t size;

	*ret = map_next(e->webhooks, position, &key, &size);
	return *ret ? strndup(key, size) : NULL;
}

bool webhook_is_built_in(const struct section *s)
{
	return text_equal(section_string(s, OPTION_WEBHOOK_TYPE), "webhook");
}

/* A section of a type that is not built in is accepted, and nobody should count on it. */
static void tell_type(struct engine *e, const struct section *s)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct webhook_entry *w = webhook_get(e, section_name(s));

	if (w) {
		clear(e, section_name(s), w);
		w->unknown_type = true;
	}
	buf_printf(&text, "This version has no webhooks of type %s: nothing is sent to it.",
		section_string(s, OPTION_WEBHOOK_TYPE));
	tell(e, section_name(s), CHECK_DISABLED, text.data ? text.data : "",
		"Give it the type webhook, or take its section out, and reload the daemon.");
}

void webhooks_configure(struct engine *e)
{
	const struct section *s = NULL;
	struct webhook_entry *w;
	size_t position = 0;
	char *name;

	while ((name = next_webhook(e, &position, &w))) {
		if (w->unknown_type)
			retract(e, name);
		w->unknown_type = false;
		free(name);
	}
	while ((s = config_next(role_config(e->role), SECTION_WEBHOOK, s)))
		if (!webhook_is_built_in(s))
			tell_type(e, s);
}

void webhook_settled(struct engine *e, const char *name, const struct delivery_answer *said,
	enum delivery_result outcome)
{
	struct webhook_entry *w = webhook_get(e, name);

	if (!w || (outcome == DELIVERY_DONE && w->disabled))
		return;
	if (outcome == DELIVERY_DONE) {
		clear(e, name, w);
		return;
	}
	if (w->failed_ms == 0)
		w->failed_ms = engine_now(e);
	if (outcome == DELIVERY_DISABLED && !w->disabled) {
		journal_write(JOURNAL_WEBHOOK_DISABLED, WITH(.webhook = name),
			"webhook %s answered 410: it is disabled until the next reload", name);
		w->failed_ms = engine_now(e);
		w->disabled = true;
	}
	w->lost |= outcome == DELIVERY_FAILED;
	tell_failure(e, name, w, said->text);
}

void webhook_restored(struct engine *e, const struct notification *n)
{
	struct webhook_entry *w = n->attempts > 0 && n->incident != 0
					  ? map_get_string(e->webhooks, n->webhook)
					  : NULL;

	if (!w)
		return;
	if (w->failed_ms == 0)
		w->failed_ms = n->created_ms;
	tell_failure(e, n->webhook, w, n->last_error);
}

/* What waited for it goes out. */
static void enable(struct engine *e, const char *name, struct webhook_entry *w)
{
	deliveries_hurry(e, name);
	clear(e, name, w);
}

int webhooks_expect_notify(struct engine *e, struct message *m)
{
	e->notify_expected = clock_monotonic();
	while (message_more(m)) {
		struct webhook_entry *w = webhook_get(e, message_string(m));

		if (!w)
			return -ENOMEM;
		w->held = true;
	}
	return 0;
}

void webhooks_reconfigured(struct engine *e)
{
	struct webhook_entry *w;
	size_t position = 0;
	char *name;

	while ((name = next_webhook(e, &position, &w))) {
		if (!config_find(role_config(e->role), SECTION_WEBHOOK, name))
			clear(e, name, w);
		else if (w->disabled && e->notify_expected == 0)
			enable(e, name, w);
		free(name);
	}
	webhooks_configure(e);
}

void webhooks_replaced(struct engine *e)
{
	struct webhook_entry *w;
	size_t position = 0;
	char *name;

	if (e->notify_expected == 0)
		return;
	e->notify_expected = 0;
	while ((name = next_webhook(e, &position, &w))) {
		w->held = false;
		if (w->disabled)
			enable(e, name, w);
		else if (w->count == 0)
			clear(e, name, w);
		else if (w->failed_ms > 0)
			deliveries_hurry(e, name);
		free(name);
	}
}

void webhooks_tick(struct engine *e)
{
	if (e->notify_expected > 0 &&
		usec_since(clock_monotonic(), e->notify_expected) >= NOTIFY_AWAITED)
		webhooks_replaced(e);
}

bool webhook_takes(struct engine *e, const struct notification *n)
{
	const struct webhook_entry *w = map_get_string(e->webhooks, n->webhook);

	/* A test is what a person asked for, also of a webhook that is disabled. */
	return !w || !(w->held || (w->disabled && n->incident != 0));
}
