/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of the units that services are, and what follows when systemd says something new. */
#include "collectors/process/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/process/grace.h"
#include "collectors/process/missing.h"
#include "collectors/process/service.h"
#include "collectors/process/stops.h"
#include "collectors/process/tell.h"
#include "collectors/process/unit_list.h"
#include "collectors/process/unit_search.h"
#include "collectors/process/unit_words.h"
#include "daemon/base/text.h"
#include "schema/records.h"

#define EXPLANATION_MAX 1024 /* bytes of why there is no main process, which people read */

static const char *const fact_keys[UNIT_FACTS] = {
	[UNIT_FACT_NAME] = "unit",
	[UNIT_FACT_STATE] = "unit-state",
	[UNIT_FACT_RESULT] = "unit-result",
	[UNIT_FACT_RESTARTS] = "unit-restarts",
	[UNIT_FACT_FILE] = "unit-file",
};

void unit_telling_done(struct unit_telling *t)
{
	for (size_t i = 0; i < UNIT_FACTS; i++)
		free(t->facts[i]);
	free(t->failure);
}

void known_unit_free(void *unit)
{
	struct known_unit *u = unit;

	unit_state_done(&u->state);
	free(u);
}

bool units_has(const struct service *s)
{
	return s->match && s->match->unit_count > 0;
}

static bool is_of(const struct service_match *m, const char *name)
{
	for (size_t i = 0; i < m->unit_count; i++)
		if (unit_name_matches(m->units[i], name))
			return true;
	return false;
}

struct known_unit *units_next(const struct service *s, size_t *position)
{
	struct known_unit *u;

	while ((u = map_next(s->collector->units, position, NULL, NULL)))
		if (is_of(s->match, u->state.name))
			return u;
	return NULL;
}

bool units_are_moving(const struct service *s)
{
	const struct known_unit *u;
	size_t position = 0;

	if (!s->collector->units_known)
		return true;
	/* One that is named is told of even where there is none, but not before systemd was asked of it. */
	for (size_t i = 0; i < s->match->unit_count; i++)
		if (!unit_name_is_glob(s->match->units[i]) &&
			!map_get_string(s->collector->units, s->match->units[i]))
			return true;
	while ((u = units_next(s, &position)))
		if (!unit_has_failed(&u->state) && (unit_is_starting(&u->state) || *u->state.job ||
						      text_equal(u->state.active, "deactivating")))
			return true;
	return false;
}

usec_t units_stopped_since(const struct service *s)
{
	const struct known_unit *u;
	size_t position = 0;
	usec_t since = 0;

	while ((u = units_next(s, &position)))
		if (u->stopping && unit_rests(&u->state) && u->stopping_since > since)
			since = u->stopping_since;
	return since;
}

bool units_rest(const struct service *s)
{
	const struct known_unit *u;
	size_t position = 0;

	while ((u = units_next(s, &position)))
		if (!unit_rests(&u->state))
			return false;
	return s->collector->units_known;
}

/* Of several it cannot be told which one's process it was. */
bool units_were_restarted(const struct service *s, pid_t pid)
{
	size_t position = 0;
	const struct known_unit *u = units_next(s, &position);

	return s->collector->units_known && u && !units_next(s, &position) && u->state.restarts == 0 &&
	       u->state.main_pid != pid && unit_is_successful(&u->state) && !*u->state.cause &&
	       (unit_is_active(&u->state) || unit_is_starting(&u->state));
}

bool units_run(const struct service *s)
{
	const struct known_unit *u;
	size_t position = 0;

	while ((u = units_next(s, &position)))
		if (unit_is_active(&u->state))
			return true;
	return false;
}

bool units_have_failed(const struct service *s)
{
	const struct known_unit *u;
	size_t position = 0;

	while ((u = units_next(s, &position)))
		if (unit_is_down(&u->state))
			return true;
	return false;
}

bool units_are_enabled(const struct service *s)
{
	const struct known_unit *u;
	size_t position = 0;

	while ((u = units_next(s, &position)))
		if (unit_is_enabled(&u->state))
			return true;
	/* Of a glob that nothing is loaded of. A name is told of even where there is no such unit. */
	return !s->collector->units_known;
}

void units_explain(const struct service *s, struct buf *b)
{
	struct unit_list list = {.separator = "; ", .limit = EXPLANATION_MAX};
	const struct known_unit *u;
	size_t position = 0;

	while ((u = units_next(s, &position))) {
		_cleanup_buf_ struct buf text = BUF_INIT;

		unit_explain(&u->state, &text);
		unit_list_add(&list, text.data ? text.data : "");
	}
	unit_list_end(&list);
	buf_add_string(b, list.text.size > 0 ? list.text.data : "no such unit is loaded");
	buf_done(&list.text);
}

void units_write_names(const struct service *s, struct buf *b)
{
	struct unit_list list = {.separator = ", ", .limit = EXPLANATION_MAX};
	const struct known_unit *u;
	size_t position = 0;

	while ((u = units_next(s, &position)))
		unit_list_add(&list, u->state.name);
	for (size_t i = 0; list.text.size == 0 && i < s->match->unit_count; i++)
		unit_list_add(&list, s->match->units[i]);
	unit_list_end(&list);
	buf_add(b, list.text.data, list.text.size);
	buf_done(&list.text);
}

static void write_fact(enum unit_fact fact, const struct unit_state *u, struct buf *b)
{
	switch (fact) {
	case UNIT_FACT_NAME:
		buf_add_string(b, u->name);
		break;
	case UNIT_FACT_STATE:
		buf_printf(b, "%s (%s)", u->active, u->sub);
		if (*u->job)
			buf_printf(b, ", %s", u->job);
		break;
	case UNIT_FACT_RESULT:
		buf_add_string(b, u->result);
		break;
	case UNIT_FACT_RESTARTS:
		buf_printf(b, "%" PRIu64, u->restarts);
		break;
	default:
		buf_add_string(b, u->file);
	}
}

static void tell_text(struct service *s, enum unit_fact fact, const char *text)
{
	char **told = &s->units.facts[fact];

	if (text_equal(*told ? *told : "", text))
		return;
	tell_fact(s, fact_keys[fact], text);
	if (text_replace(told, text) < 0)
		collector_fail(s->collector, -ENOMEM);
}

/* Where there are several, each comes with its name. */
static void tell_fact_of_units(struct service *s, enum unit_fact fact, bool several)
{
	struct unit_list list = {.separator = ", ", .limit = FACT_VALUE_MAX};
	const struct known_unit *u;
	size_t position = 0;

	while ((u = units_next(s, &position))) {
		_cleanup_buf_ struct buf value = BUF_INIT, text = BUF_INIT;

		write_fact(fact, &u->state, &value);
		if (several && value.size > 0 && fact != UNIT_FACT_NAME)
			buf_printf(&text, "%s: ", u->state.name);
		buf_add(&text, value.data, value.size);
		unit_list_add(&list, text.data ? text.data : "");
	}
	unit_list_end(&list);
	if (buf_error(&list.text) < 0)
		collector_fail(s->collector, buf_error(&list.text));
	else
		tell_text(s, fact, list.text.data ? list.text.data : "");
	buf_done(&list.text);
}

static void tell_facts(struct service *s)
{
	size_t position = 0;
	bool several = units_next(s, &position) && units_next(s, &position);

	for (enum unit_fact fact = 0; fact < UNIT_FACTS; fact++)
		tell_fact_of_units(s, fact, several);
}

/* The unit of a failure that nobody was told of yet. */
static const struct known_unit *find_failure(struct service *s)
{
	const struct known_unit *u;
	size_t position = 0;

	while ((u = units_next(s, &position)))
		if (!u->told && unit_is_down(&u->state))
			return u;
	return NULL;
}

/* A unit that went down without a main process that anybody saw, or after that ended in order. */
static void tell_failure(struct service *s)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	const struct known_unit *u = find_failure(s);

	if (!u)
		return;
	if (unit_has_failed(&u->state))
		unit_explain_failure(&u->state, &text);
	else
		unit_explain(&u->state, &text);
	if (buf_error(&text) < 0) {
		collector_fail(s->collector, buf_error(&text));
		return;
	}
	/* It is tried again and again. */
	if (s->missing && !s->grace.held && s->units.failure && text_equal(s->units.failure, text.data))
		return;
	if (text_replace(&s->units.failure, text.data) < 0)
		collector_fail(s->collector, -ENOMEM);
	service_failed(s, text.data);
}

static bool units_any_rests(const struct service *s)
{
	const struct known_unit *u;
	size_t position = 0;

	while ((u = units_next(s, &position)))
		if (unit_rests(&u->state))
			return true;
	return false;
}

/* It was stopped on purpose, or by a reboot, and failed to begin before systemd was asked; but where the one
 * that was stopped rests the other's failure is old. */
static void note_failed_meanwhile(struct service *s)
{
	struct known_unit *u;
	size_t position = 0;

	if (!s->grace.held || units_any_rests(s))
		return;
	while ((u = units_next(s, &position)))
		u->told &= !unit_is_down(&u->state);
}

/* Whoever enables a unit starts it, too, as a rule, but not at once: it is missed after a while. One that is
 * told to be down stays so. */
static void expect(struct service *s)
{
	if (s->was_up && !s->ended && !s->grace.held)
		return;
	grace_begin(s, clock_boot());
	/* What left in order is as good as never seen. */
	s->was_up = s->was_up && !s->ended;
}

static bool has_globs(const struct service *s)
{
	for (size_t i = 0; i < s->match->unit_count; i++)
		if (unit_name_is_glob(s->match->units[i]))
			return true;
	return false;
}

static bool any_was_disabled(const struct service *s)
{
	const struct known_unit *u;
	size_t position = 0;

	while ((u = units_next(s, &position)))
		if (u->disabled)
			return true;
	return false;
}

/* Nobody waits any more for what is not there, once its unit is not enabled any more, perhaps while nobody
 * looked. What systemd forgets it says nothing of: units of a glob may be gone that were enabled. */
static void judge_expectation(struct service *s)
{
	const struct service_match *m = s->match;
	size_t position = 0;

	if (!units_next(s, &position))
		return;
	if (m->expected && (!m->expected_by_unit || units_are_enabled(s))) {
		if (s->expectation == NOT_EXPECTED && s->mains == 0)
			expect(s);
		service_expect(s, true);
	} else if (s->expectation == EXPECTATION_UNKNOWN || !m->expected_by_unit || !has_globs(s) ||
		   any_was_disabled(s)) {
		service_expect(s, false);
	}
}

/* After a word of UNIT, or of all (NULL). */
static void look_at(struct service *s, const char *unit)
{
	tell_facts(s);
	unit_search_of(s, unit);
	if (!s->collector->units_known)
		return;
	judge_expectation(s);
	if (!s->units.looked)
		note_failed_meanwhile(s);
	s->units.looked = true;
	/* What fails while another unit of the service runs is no failure of the service. */
	if (s->mains > 0)
		free(TAKE_POINTER(s->units.failure));
	else
		tell_failure(s);
	grace_judge_reboot(s);
	service_check_missing(s);
	tell_absence(s);
}

/* Every service that has it was told of its failure, and judged by it. */
static void note_looked_at(struct collector *c, const char *unit)
{
	struct known_unit *u;
	size_t position = 0;

	while ((u = map_next(c->units, &position, NULL, NULL))) {
		if (unit && !text_equal(unit, u->state.name))
			continue;
		u->told |= unit_is_down(&u->state);
		u->disabled = false;
	}
}

static void look_at_services(struct collector *c, const char *unit)
{
	for (size_t i = 0; c->started && i < c->options.service_count; i++) {
		struct service *s = service_get(c, c->options.services[i].name);

		if (units_has(s) && (!unit || is_of(s->match, unit)))
			look_at(s, unit);
	}
	if (c->started && c->units_known)
		note_looked_at(c, unit);
}

static bool runs(const struct unit_state *u)
{
	return !unit_waits_to_restart(u) && (text_equal(u->active, "activating") || unit_is_active(u));
}

static bool is_over(const struct unit_state *u)
{
	return u->main_pid == 0 && (unit_waits_to_restart(u) || text_equal(u->active, "inactive") ||
					   text_equal(u->active, "failed"));
}

/* What systemd says next of one that was over: a run begins, or began and failed before systemd could be
 * asked how it is. A unit's words come in two parts, its result in the first. */
static bool begins_anew(const struct unit_state *before, const struct unit_state *now)
{
	return runs(now) || (unit_is_successful(before) && !unit_is_successful(now));
}

/* Of a unit that was not known, and does not run, nobody knows whether its last run is told. */
static bool begins(const struct known_unit *u, const struct unit_state *now)
{
	if (now->main_pid > 0)
		return now->main_pid != u->main;
	if (!u->state.name)
		return runs(now);
	return is_over(&u->state) && begins_anew(&u->state, now);
}

static void note_run(struct known_unit *u, const struct unit_state *now)
{
	if (begins(u, now)) {
		u->told = u->stopping = false;
		u->main = 0;
	}
	if (now->main_pid > 0)
		u->main = (pid_t) now->main_pid;
	if (unit_is_asked_to_stop(now)) {
		u->stopping_since = u->stopping ? u->stopping_since : clock_boot();
		u->stopping = true;
		u->asked = u->main;
	} else if (unit_is_active(now)) {
		u->stopping = false;
		u->asked = u->asked == u->main ? 0 : u->asked;
	}
}

void units_look_at_all(struct collector *c)
{
	look_at_services(c, NULL);
}

static struct known_unit *add(struct collector *c, const char *name)
{
	struct known_unit *u = calloc(1, sizeof(*u));

	if (!u || map_put_string(c->units, name, u, NULL) < 0) {
		free(u);
		return NULL;
	}
	u->told = true;
	return u;
}

static int keep(struct collector *c, const struct unit_state *state)
{
	struct known_unit *u = map_get_string(c->units, state->name);
	struct unit_state copy;
	int r = unit_state_copy(state, &copy);

	if (r < 0)
		return r;
	if (!u)
		u = add(c, state->name);
	if (!u) {
		unit_state_done(&copy);
		return -ENOMEM;
	}
	note_run(u, &copy);
	u->disabled = !unit_is_enabled(&copy) &&
		      (u->disabled || (u->state.name && unit_is_enabled(&u->state)));
	unit_state_done(&u->state);
	u->state = copy;
	u->old = false;
	return 0;
}

static void forget(struct collector *c, const char *name)
{
	struct known_unit *gone = map_remove_string(c->units, name);

	if (gone)
		known_unit_free(gone);
}

/* Ends may have waited for what was said. */
static void take_word(struct collector *c)
{
	c->units_again_after = 0;
	if (c->started)
		stops_take_word(c);
}

int collector_take_unit(struct collector *c, const struct unit_state *u)
{
	int r = 0;

	if (*u->load)
		r = keep(c, u);
	else
		forget(c, u->name);
	if (r < 0)
		return r;
	take_word(c);
	look_at_services(c, u->name);
	return 0;
}

/* What was not told again is gone. */
static void forget_old(struct collector *c)
{
	const struct known_unit *u;
	size_t position = 0;
	bool any = false;

	while ((u = map_next(c->units, &position, NULL, NULL))) {
		if (!u->old)
			continue;
		forget(c, u->state.name);
		position--;
		any = true;
	}
	if (any)
		take_word(c);
}

void collector_take_units(struct collector *c, bool known)
{
	if (c->units_known && !known)
		c->units_unknown = clock_boot();
	c->units_known = known;
	if (!known)
		return;
	forget_old(c);
	units_look_at_all(c);
}

void collector_renew_units(struct collector *c)
{
	struct known_unit *u;
	size_t position = 0;

	while ((u = map_next(c->units, &position, NULL, NULL)))
		u->old = true;
	collector_take_units(c, false);
}
