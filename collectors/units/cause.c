/* SPDX-License-Identifier: Apache-2.0 */
/* Why systemd stops a unit, where nobody asked for that: something that it is bound to went away, or
 * something that what it needs is bound to. Its needs are followed upward, through what is being stopped,
 * too, to what left by itself. Meanwhile nothing is told of the unit: its job, why it has that, and that it
 * ends come in this order. */
#include <errno.h>
#include <string.h>

#include "collectors/units/decide.h"
#include "collectors/units/model.h"
#include "daemon/base/text.h"

#define ON_THE_WAY_MAX 32		    /* units that are asked for one stop */
#define ASKED_AT_ONCE  4		    /* causes, each by one call at a time: so some are found soon */
#define LOOK_FOR       (50 * USEC_PER_MSEC) /* whoever waits for systemd's word of an end does for 100 ms */

struct on_the_way {
	char *name;
	bool bound; /* what is being stopped is bound to it, or needs it only */
	bool asked;
};

struct cause {
	struct unit *unit;
	struct unit_state before; /* as it was when its job began; with what that is, as far as it is known */
	bool has_before;
	sd_event_source *deadline;
	struct call *call;
	uint64_t ended;	     /* jobs of the watch that had by then */
	usec_t begin, since; /* monotonic: of what leaves, what left since then counts */
	struct on_the_way units[ON_THE_WAY_MAX]; /* the first is the one that is stopped */
	size_t count, current;
};

struct cause *cause_free(struct cause *c)
{
	if (!c)
		return NULL;
	call_forget(&c->call);
	sd_event_source_disable_unref(c->deadline);
	for (size_t i = 0; i < c->count; i++)
		free(c->units[i].name);
	unit_state_done(&c->before);
	free(c);
	return NULL;
}

/* NULL where there are too many, or no memory. */
static struct on_the_way *meet(struct cause *c, const char *name)
{
	struct on_the_way *u;

	for (size_t i = 0; i < c->count; i++)
		if (text_equal(c->units[i].name, name))
			return &c->units[i];
	if (c->count == ON_THE_WAY_MAX)
		return NULL;
	u = &c->units[c->count];
	u->name = strdup(name);
	if (!u->name)
		return NULL;
	c->count++;
	return u;
}

static void reach(struct cause *c, const struct needs_list *list, bool bound)
{
	for (size_t i = 0; i < list->count; i++) {
		struct on_the_way *u = meet(c, list->names[i]);

		if (!u)
			return;
		u->bound |= bound;
	}
}

/* What binds first. False where there is nobody to ask any more. */
static bool choose(struct cause *c)
{
	for (int bound = 1; bound >= 0; bound--)
		for (size_t i = 0; i < c->count; i++)
			if (!c->units[i].asked && c->units[i].bound == bound) {
				c->current = i;
				return true;
			}
	return false;
}

/* What was held back is told; unit_tell() says the rest. */
static void finish(struct cause *c, const char *text)
{
	struct unit *u = c->unit;
	int r = 0;

	u->cause = NULL;
	if (*text) {
		r = text_replace(&u->seen.state.cause, text);
		if (r >= 0 && c->has_before)
			r = text_replace(&c->before.cause, text);
		if (r >= 0 && c->has_before)
			r = text_replace(&c->before.job, "stop");
	}
	units_check(u->units, r);
	if (r >= 0 && c->has_before && *c->before.job)
		unit_tell_state(u, &c->before);
	cause_free(c);
}

static void end(struct cause *c, const char *text)
{
	struct unit *u = c->unit;
	struct units *w = u->units;

	finish(c, text);
	unit_tell(u);
	if (u->gone) {
		unit_unloaded(u);
		units_drop(w, u);
	}
	units_go_on(w);
}

/* True where a job of that unit ended since we look, or may have. */
static bool has_ended(const struct cause *c, const char *id)
{
	const struct units *w = c->unit->units;

	if (w->ended - c->ended > ENDED_KEPT)
		return true;
	for (uint64_t i = c->ended; i < w->ended; i++)
		if (text_equal(w->ended_of[i % ENDED_KEPT], id))
			return true;
	return false;
}

static void ask_next(struct cause *c);

/* What N says of the unit that was asked. */
static void judge(struct cause *c, const struct needs *n)
{
	const struct on_the_way *u = &c->units[c->current];
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (c->current == 0)
		c->since = units_left_since(n, c->begin);
	else if (u->bound && units_left_unasked(n, c->since, has_ended(c, u->name)))
		units_put_cause(u->name, n->active, &text);
	if (text.size > 0 && buf_error(&text) == 0) {
		end(c, text.data);
		return;
	}
	if (c->current == 0 || units_leaves(n, c->since)) {
		reach(c, &n->bound, true);
		reach(c, &n->other, false);
	}
	ask_next(c);
}

/* Who cannot be asked, or says nonsense, explains nothing. */
static int on_needs(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct cause *c = userdata;
	struct needs n = {0};

	if (sd_bus_message_get_errno(m) == 0 && needs_read(m, &n) >= 0 && n.active)
		judge(c, &n);
	else
		ask_next(c);
	needs_done(&n);
	return 0;
}

static int ask(struct cause *c)
{
	_cleanup_free_ char *path = NULL;
	int r = unit_object(c->units[c->current].name, &path);
	const struct call_to to = {path, PROPERTIES_ACCESS, "GetAll", on_needs, c};

	c->units[c->current].asked = true;
	return r < 0 ? r : call_make(c->unit->units, &to, &c->call, "s", UNIT_INTERFACE);
}

static void ask_next(struct cause *c)
{
	if (!choose(c) || ask(c) < 0)
		end(c, "");
}

static int on_deadline(sd_event_source *source, uint64_t now, void *userdata)
{
	end(userdata, "");
	return 0;
}

static int begin(struct cause *c)
{
	struct unit *u = c->unit;
	int r = 0;

	if (!meet(c, u->seen.id))
		return -ENOMEM;
	if (u->known)
		r = unit_state_copy(&u->seen.state, &c->before);
	c->has_before = r == 0 && u->known;
	if (r == 0)
		r = sd_event_add_time_relative(u->units->event, &c->deadline, CLOCK_MONOTONIC, LOOK_FOR,
			USEC_PER_MSEC, on_deadline, c);
	return r;
}

int cause_begin(struct unit *u)
{
	struct cause *c;
	int r;

	if (u->cause)
		finish(u->cause, "");
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct cause){.unit = u, .ended = u->units->ended, .begin = clock_monotonic()};
	r = begin(c);
	if (r < 0) {
		cause_free(c);
		return r;
	}
	u->cause = c;
	return 0;
}

/* Not before it is known that it may be a stop: others are not looked at. */
static bool waits(const struct unit *u)
{
	return u->cause && !u->cause->units[0].asked && !u->job_due;
}

int causes_go_on(struct units *w, size_t *ret)
{
	size_t under_way = 0, causes = 0;
	int r = 0;

	for (size_t i = 0; i < w->count; i++) {
		under_way += w->units[i]->cause && w->units[i]->cause->call;
		causes += w->units[i]->cause != NULL;
	}
	for (size_t i = 0; i < w->count && under_way < ASKED_AT_ONCE && r >= 0; i++)
		if (waits(w->units[i]) && calls_have_room(w)) {
			r = ask(w->units[i]->cause);
			under_way++;
		}
	*ret = causes;
	return r;
}

bool cause_holds_back(struct unit *u)
{
	const char *job = u->seen.state.job;
	struct cause *c = u->cause;

	if (!c)
		return false;
	/* A restart begins as a stop, and goes on as a start: it may have before it is asked for. */
	if (*job && !(c->before.job && *c->before.job))
		units_check(u->units, text_replace(&c->before.job, job));
	if (!*job || text_equal(job, "stop"))
		return true;
	finish(c, "");
	return false;
}

int cause_note_end(struct units *w, const char *id)
{
	return text_replace(&w->ended_of[w->ended++ % ENDED_KEPT], id);
}

void cause_give_up(struct unit *u)
{
	if (u->cause)
		end(u->cause, "");
}
