/* SPDX-License-Identifier: Apache-2.0 */
/* systemd itself: the list of its units, and what it says of jobs, of units that it unloads, and of
 * itself. */
#include <errno.h>
#include <string.h>

#include "collectors/units/decide.h"
#include "collectors/units/model.h"
#include "daemon/base/text.h"

#define LISTED_MAX 65536 /* units in one answer */

static bool is_asked(const struct units *w, const char *id)
{
	return units_are_asked(w->options->names, w->options->name_count, id);
}

static struct unit *find_unit(const struct units *w, const char *name)
{
	for (size_t i = 0; i < w->count; i++)
		if (text_equal(w->units[i]->seen.state.name, name))
			return w->units[i];
	return NULL;
}

/* There is a unit of that name: where a glob means it, it is asked. -ENOMEM. */
static int take_unit(struct units *w, const char *id)
{
	struct unit *u = find_unit(w, id);
	int r = 0;

	if (!u && strlen(id) <= UNIT_NAME_MAX && is_asked(w, id))
		r = unit_add(w, id, true, &u);
	if (r == 0 && u)
		u->listed = u->wanted = true;
	return r;
}

static int on_job_new(struct units *w, sd_bus_message *m)
{
	const char *path, *id;
	uint32_t number;
	int r = sd_bus_message_read(m, "uos", &number, &path, &id);

	if (r >= 0 && (strlen(path) > UNIT_OBJECT_MAX || strlen(id) > UNIT_NAME_MAX))
		r = -EBADMSG;
	for (size_t i = 0; r >= 0 && i < w->count; i++)
		if (text_equal(w->units[i]->seen.id, id)) {
			/* Also one whose needs may be others since it was unloaded. */
			w->units[i]->wanted |= !w->units[i]->subscribed || !w->units[i]->needs.active;
			r = unit_put_job(w->units[i], number, path);
			unit_tell(w->units[i]);
		}
	/* Nothing starts but by a job. */
	if (r >= 0 && !find_unit(w, id))
		r = take_unit(w, id);
	return r;
}

static int on_job_removed(struct units *w, sd_bus_message *m)
{
	const char *path, *id, *result;
	uint32_t number;
	int r = sd_bus_message_read(m, "uoss", &number, &path, &id, &result);

	if (r >= 0 && strlen(id) <= UNIT_NAME_MAX)
		r = cause_note_end(w, id);
	for (size_t i = 0; r >= 0 && i < w->count; i++)
		if (w->units[i]->seen.job == number && text_equal(w->units[i]->seen.id, id)) {
			r = unit_put_job(w->units[i], 0, "/");
			unit_tell(w->units[i]);
		}
	return r;
}

/* What systemd unloads runs no more. A unit that is named stays: its next start is a job, which is told;
 * asking it now would load it, and unload it, again. */
static int on_unit_removed(struct units *w, sd_bus_message *m)
{
	const char *id, *path;
	int r = sd_bus_message_read(m, "so", &id, &path);

	for (size_t i = w->count; r >= 0 && i > 0; i--) {
		struct unit *u = w->units[i - 1];

		if (!text_equal(u->seen.id, id) || w->reloading)
			continue;
		unit_unloaded(u);
		if (u->gone && !u->cause)
			units_drop(w, u);
	}
	return r;
}

static int on_files_changed(struct units *w, sd_bus_message *m)
{
	manager_ask(w);
	return 0;
}

/* While it reloads it unloads everything; what it said before holds until it is done. */
static int on_reloading(struct units *w, sd_bus_message *m)
{
	int active, r = sd_bus_message_read(m, "b", &active);

	if (r < 0)
		return r;
	w->reloading = active;
	for (size_t i = 0; i < w->count; i++)
		needs_done(&w->units[i]->needs);
	if (!active)
		manager_ask(w);
	return 0;
}

static const struct {
	const char *name;
	int (*take)(struct units *w, sd_bus_message *m);
} signals[MANAGER_SIGNALS] = {
	{"JobNew", on_job_new},
	{"JobRemoved", on_job_removed},
	{"UnitRemoved", on_unit_removed},
	{"UnitFilesChanged", on_files_changed},
	{"Reloading", on_reloading},
};

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *name = sd_bus_message_get_member(m);
	struct units *w = userdata;
	int r = 0;

	if (!units_are_told(w, m))
		return 0;
	for (size_t i = 0; i < MANAGER_SIGNALS && r >= 0; i++)
		if (text_equal(signals[i].name, name))
			r = signals[i].take(w, m);
	if (r < 0)
		units_lose(w, r);
	else
		units_go_on(w);
	return 0;
}

int manager_subscribe(struct units *w)
{
	int r = 0;

	for (size_t i = 0; i < MANAGER_SIGNALS && r >= 0; i++)
		r = sd_bus_match_signal_async(w->bus, &w->signals[i], SYSTEMD, SYSTEMD_PATH,
			SYSTEMD_MANAGER, signals[i].name, on_signal, NULL, w);
	return r;
}

static int read_list(struct units *w, sd_bus_message *m)
{
	const char *id;
	size_t count = 0;
	int r = sd_bus_message_enter_container(m, 'a', "(ssssssouso)");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "ssssssouso")) > 0) {
		r = ++count > LISTED_MAX ? -EBADMSG : sd_bus_message_read(m, "s", &id);
		if (r >= 0)
			r = take_unit(w, id);
		if (r >= 0)
			r = sd_bus_message_skip(m, "sssssouso");
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r;
}

/* A type of a job; those of whom it is are told of below. -ENOMEM. */
static int take_job_type(struct units *w, uint32_t number, const char *id, const char *type)
{
	int r = strlen(type) > UNIT_WORD_MAX ? -EBADMSG : 0;

	for (size_t i = 0; i < w->count && r >= 0; i++) {
		struct unit *u = w->units[i];

		if (u->job_due && u->seen.job == number && text_equal(u->seen.id, id))
			r = text_replace(&u->job_type, type);
	}
	return r;
}

static int read_jobs(struct units *w, sd_bus_message *m)
{
	const char *id, *type;
	uint32_t number;
	size_t count = 0;
	int r = sd_bus_message_enter_container(m, 'a', "(usssoo)");

	while (r >= 0 && (r = sd_bus_message_read(m, "(usssoo)", &number, &id, &type, NULL, NULL, NULL)) > 0)
		r = ++count > LISTED_MAX ? -EBADMSG : take_job_type(w, number, id, type);
	return r;
}

/* Whatever job was told of before the answer, and is not in it, is done already. */
static int on_jobs(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct units *w = userdata;
	int r = -sd_bus_message_get_errno(m);

	w->jobs = sd_bus_slot_unref(w->jobs);
	if (r == 0)
		r = read_jobs(w, m);
	for (size_t i = 0; i < w->count && r >= 0; i++)
		if (w->units[i]->job_due) {
			w->units[i]->job_due = false;
			unit_tell(w->units[i]);
		}
	if (r < 0)
		units_lose(w, r);
	else
		units_go_on(w);
	return 0;
}

int manager_ask_jobs(struct units *w)
{
	for (size_t i = 0; i < w->count && !w->jobs; i++)
		if (w->units[i]->job_due)
			return sd_bus_call_method_async(w->bus, &w->jobs, w->owner, SYSTEMD_PATH,
				SYSTEMD_MANAGER, "ListJobs", on_jobs, w, "");
	return 0;
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct units *w = userdata;
	int r = -sd_bus_message_get_errno(m);

	w->list = sd_bus_slot_unref(w->list);
	if (r == 0)
		r = read_list(w, m);
	if (r < 0)
		units_lose(w, r);
	else
		units_go_on(w);
	return 0;
}

static int ask_list(struct units *w)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	bool globs = false;
	int r = sd_bus_message_new_method_call(w->bus, &call, w->owner, SYSTEMD_PATH,
		SYSTEMD_MANAGER, "ListUnitsByPatterns");

	/* Units of any state. */
	if (r >= 0)
		r = sd_bus_message_append(call, "as", 0);
	if (r >= 0)
		r = sd_bus_message_open_container(call, 'a', "s");
	for (size_t i = 0; r >= 0 && i < w->options->name_count; i++)
		if (unit_name_is_glob(w->options->names[i])) {
			globs = true;
			r = sd_bus_message_append(call, "s", w->options->names[i]);
		}
	if (r >= 0)
		r = sd_bus_message_close_container(call);
	if (r < 0 || !globs)
		return r;
	return sd_bus_call_async(w->bus, &w->list, call, on_list, w, 0);
}

static int add_named(struct units *w)
{
	struct unit *u;
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->options->name_count; i++) {
		const char *name = w->options->names[i];

		if (!unit_name_is_glob(name) && !find_unit(w, name))
			r = unit_add(w, name, false, &u);
	}
	return r;
}

void manager_ask(struct units *w)
{
	int r;

	if (w->list) {
		w->again = true;
		return;
	}
	w->asking = true;
	w->again = false;
	free(TAKE_POINTER(w->refused));
	r = add_named(w);
	for (size_t i = 0; i < w->count; i++)
		w->units[i]->listed = w->units[i]->wanted = !w->units[i]->by_glob;
	if (r >= 0)
		r = ask_list(w);
	if (r < 0)
		units_lose(w, r);
	else
		units_go_on(w);
}

static int on_subscribed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct units *w = userdata;
	int r = -sd_bus_message_get_errno(m);

	w->subscribe = sd_bus_slot_unref(w->subscribe);
	/* systemd may have kept it while it executed itself anew. */
	if (sd_bus_message_is_method_error(m, SYSTEMD ".AlreadySubscribed"))
		r = 0;
	if (r < 0)
		units_lose(w, r);
	else
		units_go_on(w);
	return 0;
}

void manager_meet(struct units *w)
{
	int r = sd_bus_call_method_async(w->bus, &w->subscribe, w->owner, SYSTEMD_PATH,
		SYSTEMD_MANAGER, "Subscribe", on_subscribed, w, "");

	if (r < 0)
		units_lose(w, r);
	else
		manager_ask(w);
}

void manager_unsubscribe(struct units *w)
{
	for (size_t i = 0; i < MANAGER_SIGNALS; i++)
		w->signals[i] = sd_bus_slot_unref(w->signals[i]);
}

void manager_forget(struct units *w)
{
	w->subscribe = sd_bus_slot_unref(w->subscribe);
	w->list = sd_bus_slot_unref(w->list);
	w->jobs = sd_bus_slot_unref(w->jobs);
	w->asking = w->again = w->reloading = false;
}
