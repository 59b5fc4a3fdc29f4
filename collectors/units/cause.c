/* SPDX-License-Identifier: Apache-2.0 */
/* Why systemd stops a unit, where nobody asked for that: something that it is bound to went away, or
 * something that what it needs is bound to. Its needs are followed upward, through what is being stopped,
 * too, to what left by itself. Meanwhile nothing is told of the unit: its job, why it has that, and that it
 * ends come in this order. Many are stopped for one reason, while systemd is busy with that: each looks by
 * itself, from its needs as they were told before, but what several want to know is asked once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collectors/units/decide.h"
#include "collectors/units/model.h"
#include "daemon/base/text.h"

#define ON_THE_WAY_MAX 32 /* units that are asked for one stop */

/* systemd answers after 90 ms where it stops a hundred units at once. Whoever waits for its word of an end
 * does for 400 ms. */
#define LOOK_FOR (250 * USEC_PER_MSEC)

struct on_the_way {
	char *name;
	bool bound; /* what is being stopped is bound to it, or needs it only */
	bool judged;
};

struct cause {
	struct unit *unit;
	struct unit_state before; /* as it was when its job began; with what that is, as far as it is known */
	bool has_before;
	sd_event_source *deadline;
	uint64_t ended; /* jobs of the watch that had by then */
	usec_t since;   /* monotonic: of what leaves, what left since then counts */
	struct on_the_way units[ON_THE_WAY_MAX]; /* the first is the one that is stopped */
	size_t count, current; /* which is to be judged next */
};

struct cause *cause_free(struct cause *c)
{
	if (!c)
		return NULL;
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

static void reach_all(struct cause *c, const struct needs_list *list, bool bound)
{
	for (size_t i = 0; i < list->count; i++) {
		struct on_the_way *u = meet(c, list->names[i]);

		if (!u)
			return;
		u->bound |= bound;
	}
}

static void reach(struct cause *c, const struct needs *n)
{
	reach_all(c, &n->bound, true);
	reach_all(c, &n->other, false);
}

/* What binds first, and last the one that is stopped: what is loaded later may have added to its needs. False
 * where there is nobody to ask any more. */
static bool choose(struct cause *c)
{
	for (int bound = 1; bound >= 0; bound--)
		for (size_t i = 1; i <= c->count; i++) {
			const struct on_the_way *u = &c->units[i % c->count];

			if (!u->judged && u->bound == bound) {
				c->current = i % c->count;
				return true;
			}
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

/* What N says of the one that is to be judged; NULL: who cannot be asked, or says nonsense, explains
 * nothing. */
static void judge(struct cause *c, const struct needs *n)
{
	struct on_the_way *u = &c->units[c->current];
	_cleanup_buf_ struct buf text = BUF_INIT;

	u->judged = true;
	if (n && c->current > 0 && u->bound && units_left_unasked(n, c->since, has_ended(c, u->name)))
		units_put_cause(u->name, n->active, &text);
	if (text.size > 0 && buf_error(&text) == 0) {
		end(c, text.data);
		return;
	}
	if (n && (c->current == 0 || units_leaves(n, c->since)))
		reach(c, n);
	if (!choose(c))
		end(c, "");
}

/* Whom U wants to know of, or NULL. Only for a stop: but what binds is asked for along with the type of the
 * job, as systemd may be late to answer either. */
static const char *wanted(const struct unit *u)
{
	const struct cause *c = u->cause;

	return c && (!u->job_due || c->units[c->current].bound) ? c->units[c->current].name : NULL;
}

static bool wants(const struct unit *u, const char *name)
{
	const char *own = wanted(u);

	return own && text_equal(own, name);
}

/* systemd tells of its jobs before it answers: whoever looks by now may be told what it says. */
static int on_needs(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct question *q = userdata;
	struct units *w = q->units;
	struct needs n = {0};
	bool useful = sd_bus_message_get_errno(m) == 0 && needs_read(m, &n) >= 0 && n.active;

	/* Who is judged may be dropped: another one takes its place, that was judged before. */
	for (size_t i = w->count; i > 0; i--)
		if (!w->units[i - 1]->job_due && wants(w->units[i - 1], q->name))
			judge(w->units[i - 1]->cause, useful ? &n : NULL);
	needs_done(&n);
	return 0;
}

/* Unless it is being asked, or has to wait. 0, or -errno. */
static int ask(struct units *w, const char *name)
{
	_cleanup_free_ char *path = NULL;
	struct question *room = NULL;
	int r;

	for (size_t i = 0; i < QUESTIONS_AT_ONCE; i++) {
		struct question *q = &w->questions[i];

		if (q->call && text_equal(q->name, name))
			return 0;
		if (!q->call)
			room = q;
	}
	if (!room || !calls_have_room(w))
		return 0;
	r = unit_object(name, &path);
	if (r < 0)
		return r;
	room->units = w;
	snprintf(room->name, sizeof(room->name), "%s", name);
	return call_make(w, &(struct call_to){path, PROPERTIES_ACCESS, "GetAll", on_needs, room},
		&room->call, "s", UNIT_INTERFACE);
}

static int on_deadline(sd_event_source *source, uint64_t now, void *userdata)
{
	struct cause *c = userdata;
	struct units *w = c->unit->units;

	end(c, "");
	units_go_on(w);
	return 0;
}

static int begin(struct cause *c)
{
	struct unit *u = c->unit;
	int r = 0;

	if (!meet(c, u->seen.id))
		return -ENOMEM;
	if (u->needs.active)
		reach(c, &u->needs);
	choose(c);
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
	*c = (struct cause){.unit = u,
		.ended = u->units->ended,
		.since = units_left_since(u->seen.began, clock_monotonic())};
	r = begin(c);
	if (r < 0) {
		cause_free(c);
		return r;
	}
	u->cause = c;
	return 0;
}

/* What nobody wants to know any more makes room for what others do. */
static void forget_questions(struct units *w)
{
	for (size_t i = 0; i < QUESTIONS_AT_ONCE; i++) {
		struct question *q = &w->questions[i];
		bool waited = false;

		for (size_t j = 0; q->call && j < w->count && !waited; j++)
			waited = wants(w->units[j], q->name);
		if (!waited)
			call_forget(&q->call);
	}
}

int causes_go_on(struct units *w, size_t *ret)
{
	size_t causes = 0;
	int r = 0;

	forget_questions(w);
	for (size_t i = 0; i < w->count && r >= 0; i++) {
		const char *name = wanted(w->units[i]);

		causes += w->units[i]->cause != NULL;
		if (name)
			r = ask(w, name);
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
