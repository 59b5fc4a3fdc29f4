/* SPDX-License-Identifier: Apache-2.0 */
/* The watch of units: its connection to the bus, and to systemd upon that. */
#include "collectors/units/units.h"

#include <errno.h>
#include <string.h>

#include "collectors/units/decide.h"
#include "collectors/units/model.h"
#include "daemon/base/text.h"

#define BUS_NAME      "org.freedesktop.DBus"
#define BUS_PATH      "/org/freedesktop/DBus"
#define LOCAL_NAME    "org.freedesktop.DBus.Local"
#define LOCAL_PATH    "/org/freedesktop/DBus/Local"
#define ANSWER_WITHIN (10 * USEC_PER_SEC)
#define NAME_MAX_BUS  255 /* bytes of a name on the bus, by its specification */

static void connect_bus(struct units *w);

void units_check(struct units *w, int r)
{
	if (r < 0)
		w->sink->failed(w->sink->userdata, r);
}

/* Once, until it is otherwise, or for another reason. */
static void tell_known(struct units *w, bool known, int why)
{
	if (w->told && w->known == known && w->why == why)
		return;
	w->told = true;
	w->known = known;
	w->why = why;
	units_check(w, w->sink->known(w->sink->userdata, known, why));
}

bool units_are_told(const struct units *w, sd_bus_message *m)
{
	const char *sender = sd_bus_message_get_sender(m);

	return w->owner && sender && text_equal(sender, w->owner);
}

/* Whatever was heard of systemd until now may be old. */
static void forget_owner(struct units *w)
{
	free(TAKE_POINTER(w->owner));
	manager_forget(w);
	for (size_t i = 0; i < w->count; i++)
		unit_disconnect(w->units[i]);
	calls_end(w);
}

static void disconnect(struct units *w)
{
	forget_owner(w);
	manager_unsubscribe(w);
	w->disconnected = sd_bus_slot_unref(w->disconnected);
	w->owner_changed = sd_bus_slot_unref(w->owner_changed);
	w->owner_call = sd_bus_slot_unref(w->owner_call);
	if (w->bus)
		sd_bus_detach_event(w->bus);
}

/* What is left of the bus that is gone ends outside of its own callbacks. */
static int on_retry(sd_event_source *source, uint64_t now, void *userdata)
{
	struct units *w = userdata;

	w->retry = sd_event_source_disable_unref(w->retry);
	w->bus = sd_bus_close_unref(w->bus);
	connect_bus(w);
	return 0;
}

void units_lose(struct units *w, int why)
{
	usec_t wait = units_backoff(w->failures);
	int r;

	if (w->retry)
		return;
	w->failures++;
	disconnect(w);
	r = sd_event_add_time_relative(w->event, &w->retry, CLOCK_MONOTONIC, wait, wait / 10,
		on_retry, w);
	tell_known(w, false, why);
	units_check(w, r);
}

void units_drop(struct units *w, struct unit *u)
{
	size_t i = 0;

	while (w->units[i] != u)
		i++;
	w->units[i] = w->units[--w->count];
	unit_free(u);
}

/* What a glob meant before and is not there any more. */
static void sweep(struct units *w)
{
	for (size_t i = w->count; i > 0; i--) {
		struct unit *u = w->units[i - 1];

		if (u->listed)
			continue;
		unit_unloaded(u);
		units_drop(w, u);
	}
}

/* Everything was asked, and there may be units that there is no room for. Where there is some again they are
 * asked for; false then. */
static bool settle_crowd(struct units *w)
{
	if (w->refused && w->count < UNITS_MAX) {
		manager_ask(w);
		return false;
	}
	if (!w->refused == !w->crowded)
		return true;
	free(w->crowded);
	w->crowded = w->refused ? strdup(w->refused) : NULL;
	if (w->refused && !w->crowded)
		units_check(w, -ENOMEM);
	else
		w->sink->crowded(w->sink->userdata, w->crowded);
	return true;
}

/* Those of which everything is wanted. Returns how many are asked something in *RET. 0, or -errno. */
static int ask_wholly(struct units *w, size_t *ret)
{
	size_t under_way = 0;
	int r = 0;

	for (size_t i = 0; i < w->count; i++)
		under_way += unit_is_asked(w->units[i]);
	for (size_t i = 0; i < w->count && under_way < UNITS_ASKED_AT_ONCE && r >= 0; i++)
		if (w->units[i]->wanted && !unit_is_asked(w->units[i])) {
			r = unit_ask(w->units[i]);
			under_way++;
		}
	*ret = under_way;
	return r;
}

static int make_calls(struct units *w)
{
	int r = 0;

	for (enum unit_call call = 0; call < CALLS; call++)
		for (size_t i = 0; i < w->count && r >= 0; i++)
			if (w->units[i]->due[call] && !w->units[i]->calls[call] && calls_have_room(w))
				r = unit_make_call(w->units[i], call);
	return r;
}

void units_go_on(struct units *w)
{
	size_t causes = 0, under_way = 0;
	int r;

	if (!w->owner)
		return;
	r = manager_ask_jobs(w);
	if (r >= 0)
		r = causes_go_on(w, &causes);
	/* systemd answers one call after the other: nothing else keeps it from saying why. */
	if (r >= 0 && causes > 0)
		return;
	if (r >= 0)
		r = ask_wholly(w, &under_way);
	if (r >= 0)
		r = make_calls(w);
	if (r < 0) {
		units_lose(w, r);
		return;
	}
	if (w->list || w->subscribe || w->reloading || under_way > 0)
		return;
	if (w->again) {
		manager_ask(w);
		return;
	}
	if (w->asking) {
		w->failures = 0;
		sweep(w);
	}
	if (!settle_crowd(w) || !w->asking)
		return;
	w->asking = false;
	tell_known(w, true, 0);
}

/* OWNER is the process that systemd is on the bus; "": none. */
static void take_owner(struct units *w, const char *owner)
{
	forget_owner(w);
	if (!*owner) {
		tell_known(w, false, -EHOSTUNREACH);
		return;
	}
	w->owner = strdup(owner);
	if (w->owner)
		manager_meet(w);
	else
		units_lose(w, -ENOMEM);
}

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct units *w = userdata;
	const char *owner = "";
	int r = -sd_bus_message_get_errno(m);

	w->owner_call = sd_bus_slot_unref(w->owner_call);
	if (sd_bus_message_is_method_error(m, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
		r = 0;
	else if (r == 0)
		r = sd_bus_message_read(m, "s", &owner);
	if (r >= 0 && strlen(owner) > NAME_MAX_BUS)
		r = -EBADMSG;
	if (r < 0)
		units_lose(w, r);
	else
		take_owner(w, owner);
	return 0;
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct units *w = userdata;
	const char *sender = sd_bus_message_get_sender(m), *name, *before, *owner;
	int r;

	/* The bus lets nobody else be this sender. */
	if (!sender || !text_equal(sender, BUS_NAME))
		return 0;
	r = sd_bus_message_read(m, "sss", &name, &before, &owner);
	if (r >= 0 && strlen(owner) > NAME_MAX_BUS)
		r = -EBADMSG;
	if (r < 0)
		units_lose(w, r);
	else if (text_equal(name, SYSTEMD))
		take_owner(w, owner);
	return 0;
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	units_lose(userdata, -ECONNRESET);
	return 0;
}

/* Asks who systemd is: everything else follows. */
static int find_owner(struct units *w)
{
	int r = sd_bus_match_signal_async(w->bus, &w->disconnected, LOCAL_NAME, LOCAL_PATH, LOCAL_NAME,
		"Disconnected", on_disconnected, NULL, w);

	if (r >= 0)
		r = sd_bus_add_match_async(w->bus, &w->owner_changed,
			"type='signal',sender='" BUS_NAME "',path='" BUS_PATH "',interface='" BUS_NAME
			"',member='NameOwnerChanged',arg0='" SYSTEMD "'",
			on_owner_changed, NULL, w);
	if (r >= 0)
		r = manager_subscribe(w);
	if (r >= 0)
		r = sd_bus_call_method_async(w->bus, &w->owner_call, BUS_NAME, BUS_PATH, BUS_NAME,
			"GetNameOwner", on_owner, w, "s", SYSTEMD);
	return r;
}

static int open_bus(struct units *w)
{
	int r = sd_bus_new(&w->bus);

	if (r >= 0)
		r = sd_bus_set_address(w->bus, w->options->address);
	if (r >= 0)
		r = sd_bus_set_bus_client(w->bus, true);
	if (r >= 0)
		r = sd_bus_set_method_call_timeout(w->bus, ANSWER_WITHIN);
	if (r >= 0)
		r = sd_bus_start(w->bus);
	if (r >= 0)
		r = sd_bus_attach_event(w->bus, w->event, SD_EVENT_PRIORITY_NORMAL);
	return r;
}

static void connect_bus(struct units *w)
{
	int r = open_bus(w);

	if (r >= 0)
		r = find_owner(w);
	if (r < 0)
		units_lose(w, r);
}

int units_new(sd_event *event, const struct units_sink *sink, const struct units_options *options,
	struct units **ret)
{
	struct units *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	*w = (struct units){.event = event, .sink = sink, .options = options};
	/* From the loop, as every time. */
	r = sd_event_add_time_relative(event, &w->retry, CLOCK_MONOTONIC, 0, 0, on_retry, w);
	if (r < 0) {
		free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void units_repeat(struct units *w)
{
	/* It may be dropped: another one takes its place, that was seen before. */
	for (size_t i = w->count; i > 0; i--)
		cause_give_up(w->units[i - 1]);
	for (size_t i = 0; i < w->count; i++) {
		buf_done(&w->units[i]->told);
		unit_tell(w->units[i]);
	}
	if (w->crowded)
		w->sink->crowded(w->sink->userdata, w->crowded);
	if (w->told)
		units_check(w, w->sink->known(w->sink->userdata, w->known, w->why));
	units_go_on(w);
}

struct units *units_free(struct units *w)
{
	if (!w)
		return NULL;
	disconnect(w);
	w->retry = sd_event_source_disable_unref(w->retry);
	sd_bus_close_unref(w->bus);
	for (size_t i = 0; i < w->count; i++)
		unit_free(w->units[i]);
	for (size_t i = 0; i < ENDED_KEPT; i++)
		free(w->ended_of[i]);
	free(w->refused);
	free(w->crowded);
	free(w);
	return NULL;
}
