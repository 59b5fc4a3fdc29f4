/* SPDX-License-Identifier: Apache-2.0 */
/* How each webhook is: how much waits for it, whether it takes anything, and what `doctor` says of it. */
#include "daemon/base/log.h"
#include "daemon/engine/engine.h"

#define SHARE_MIN 16 /* of memory's notifications, however many webhooks there are */

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

/* What `doctor` says of the webhook; empty texts take it back. */
static void tell(struct engine *e, const char *name, const char *state, const char *text,
	const char *remedy)
{
	_cleanup_buf_ struct buf subject = BUF_INIT;
	const char *role = role_rows[ROLE_ENGINE].name;

	buf_printf(&subject, "webhook %s", name);
	if (buf_error(&subject) < 0 ||
		facts_put(e, role, "doctor", subject.data, "state", state) < 0 ||
		facts_put(e, role, "doctor", subject.data, "text", text) < 0 ||
		facts_put(e, role, "doctor", subject.data, "remedy", remedy) < 0)
		log_warning("out of memory: doctor does not know how webhook %s is", name);
}

static void tell_failure(
	struct engine *e, const char *name, const struct webhook_entry *w, const char *why)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	char since[RFC3339_MAX];

	clock_format(usec_from_ms(w->failed_ms), since);
	if (w->disabled)
		buf_printf(&text,
			"It answered 410 Gone at %s: nothing is sent to it until the next reload.",
			since);
	else
		buf_printf(&text, "Notifications are lost since %s: %s.", since, why);
	tell(e, name, check_state_name(w->disabled ? CHECK_DISABLED : CHECK_FAILING),
		text.data ? text.data : "",
		"Correct its section, or take it out, and reload the daemon; then try it with"
		" modelwatch test-webhook.");
}

void webhook_settled(struct engine *e, const char *name, const struct delivery *said,
	enum delivery_result outcome)
{
	struct webhook_entry *w = webhook_get(e, name);

	if (!w || outcome == DELIVERY_AGAIN)
		return;
	if (outcome == DELIVERY_DONE && w->failed_ms > 0 && !w->disabled)
		tell(e, name, "", "", "");
	if (outcome == DELIVERY_DONE) {
		w->failed_ms = w->disabled ? w->failed_ms : 0;
		return;
	}
	if (w->failed_ms == 0 || (outcome == DELIVERY_DISABLED && !w->disabled))
		w->failed_ms = engine_now(e);
	w->disabled |= outcome == DELIVERY_DISABLED;
	tell_failure(e, name, w, said->text);
}

void webhooks_enable(struct engine *e)
{
	struct webhook_entry *w;
	size_t position = 0;

	while ((w = map_next(e->webhooks, &position, NULL, NULL))) {
		w->disabled = false;
		w->failed_ms = 0;
	}
	facts_forget(e, role_rows[ROLE_ENGINE].name);
}
