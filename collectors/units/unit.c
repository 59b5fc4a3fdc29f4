/* SPDX-License-Identifier: Apache-2.0 */
/* One unit: its properties, asked once, and then as its signals say. */
#include <errno.h>
#include <string.h>

#include "collectors/units/decide.h"
#include "collectors/units/model.h"
#include "daemon/base/text.h"

int unit_object(const char *name, char **ret)
{
	int r = sd_bus_path_encode(SYSTEMD_PATH "/unit", name, ret);

	return r < 0 ? r : 0;
}

int unit_add(struct units *w, const char *name, bool by_glob, struct unit **ret)
{
	struct unit *u;

	if (w->count == UNITS_MAX) {
		*ret = NULL;
		return w->refused ? 0 : text_replace(&w->refused, name);
	}
	u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->units = w;
	u->by_glob = by_glob;
	u->job_type = strdup("");
	if (unit_seen_init(&u->seen, name) < 0 || !u->job_type) {
		unit_free(u);
		return -ENOMEM;
	}
	w->units[w->count++] = u;
	*ret = u;
	return 0;
}

void unit_disconnect(struct unit *u)
{
	for (size_t i = 0; i < CALLS; i++) {
		call_forget(&u->calls[i]);
		u->due[i] = false;
	}
	/* Whose type is not known yet: it is asked for it anew. */
	if (u->job_due)
		u->seen.job = 0;
	u->job_due = false;
	u->cause = cause_free(u->cause);
	needs_done(&u->needs);
	u->changes = sd_bus_slot_unref(u->changes);
	free(TAKE_POINTER(u->subscribed));
	u->known = u->listed = u->wanted = false;
	buf_done(&u->told);
}

struct unit *unit_free(struct unit *u)
{
	unit_disconnect(u);
	unit_seen_done(&u->seen);
	free(u->path);
	free(u->job_type);
	free(u);
	return NULL;
}

bool unit_is_asked(const struct unit *u)
{
	if (u->cause || u->job_due)
		return true;
	for (size_t i = 0; i < CALLS; i++)
		if (u->calls[i] || u->due[i])
			return true;
	return false;
}

static int put_job_word(struct unit *u)
{
	int r;

	if (u->seen.job == 0 || u->own_job)
		return text_replace(&u->seen.state.job, "");
	r = text_replace(&u->seen.state.job, units_job(u->job_type, u->ran, u->seen.state.active));
	/* What it was taken for it is, until its type is known. */
	return r < 0 ? r : text_replace(&u->job_type, u->seen.state.job);
}

void unit_tell_state(struct unit *u, const struct unit_state *state)
{
	struct buf now = BUF_INIT;

	unit_state_write(state, &now);
	if (buf_error(&now) == 0 && u->told.size == now.size &&
		memcmp(u->told.data, now.data, now.size) == 0) {
		buf_done(&now);
		return;
	}
	units_check(u->units, buf_error(&now) < 0
				      ? buf_error(&now)
				      : u->units->sink->unit(u->units->sink->userdata, state));
	buf_done(&u->told);
	u->told = now;
}

void unit_tell(struct unit *u)
{
	int r;

	if (!u->known)
		return;
	r = put_job_word(u);
	if (r < 0)
		units_check(u->units, r);
	else if (!cause_holds_back(u))
		unit_tell_state(u, &u->seen.state);
}

/* True where systemd answers that there is no such thing; any other error is the bus's. */
static bool is_refused(sd_bus_message *m)
{
	static const char *const names[] = {SD_BUS_ERROR_UNKNOWN_OBJECT,
		SD_BUS_ERROR_UNKNOWN_INTERFACE, SD_BUS_ERROR_UNKNOWN_PROPERTY,
		SD_BUS_ERROR_INVALID_ARGS};
	const sd_bus_error *error = sd_bus_message_get_error(m);

	if (!error)
		return false;
	for (size_t i = 0; i < ELEMENTS(names); i++)
		if (text_equal(error->name, names[i]))
			return true;
	return text_after(error->name, SYSTEMD ".") != NULL;
}

/* Something of it was answered, with what came of reading that in R. */
static int answered(struct unit *u, int r)
{
	if (r < 0)
		units_lose(u->units, r);
	else
		unit_tell(u);
	return 0;
}

/* As a unit, or as its kind. */
static int answered_whole(struct unit *u, int r)
{
	u->known |= !u->calls[CALL_UNIT] && !u->due[CALL_UNIT] && !u->calls[CALL_KIND] && !u->due[CALL_KIND];
	return answered(u, r);
}

static bool runs(const struct unit *u)
{
	return units_runs(u->seen.state.active);
}

/* It has another job, or none; RAN: as which that began. */
static int ask_job(struct unit *u, bool ran)
{
	int r = text_replace(&u->job_type, "");

	u->ran = ran;
	u->own_job = units_restart_themselves(u->seen.state.sub);
	u->job_due = u->seen.job != 0 && !u->own_job;
	return r < 0 || u->seen.job == 0 ? r : text_replace(&u->seen.state.cause, "");
}

/* ...than when it was heard of last. */
static int take_job(struct unit *u, bool ran)
{
	int r = ask_job(u, ran);

	u->gone &= u->seen.job == 0;
	return r < 0 || !u->job_due ? r : cause_begin(u);
}

/* They stay so until it is loaded anew, but for what others add that are loaded later. */
static void keep_needs(struct unit *u, sd_bus_message *m)
{
	needs_done(&u->needs);
	if (sd_bus_message_rewind(m, true) < 0 || needs_read(m, &u->needs) < 0)
		needs_done(&u->needs);
}

static int on_unit(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct unit *u = userdata;
	uint32_t job = u->seen.job;
	bool ran = runs(u);
	int r = -sd_bus_message_get_errno(m);

	if (is_refused(m))
		r = unit_seen_rest(&u->seen, "not-found");
	else if (r == 0)
		r = properties_read(m, &u->seen);
	if (r >= 0)
		keep_needs(u, m);
	if (r >= 0 && u->seen.job != job)
		r = u->known ? take_job(u, ran) : ask_job(u, false);
	/* It may have begun anew while nobody heard of its jobs. */
	if (r >= 0 && u->seen.job == 0 && runs(u))
		r = text_replace(&u->seen.state.cause, "");
	return answered_whole(u, r);
}

static int on_kind(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct unit *u = userdata;
	int r = is_refused(m) ? 0 : -sd_bus_message_get_errno(m);

	if (r == 0 && !is_refused(m))
		r = properties_read(m, &u->seen);
	return answered_whole(u, r);
}

static int on_cgroup(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct unit *u = userdata;
	int r = is_refused(m) ? 0 : -sd_bus_message_get_errno(m);

	if (r == 0 && !is_refused(m))
		r = sd_bus_message_enter_container(m, 'v', "s");
	if (r > 0)
		r = properties_read_text(m, 's', UNIT_PATH_MAX, &u->seen.state.cgroup);
	return answered(u, r);
}

static const char *kind_interface(const struct unit *u)
{
	return text_ends_with(u->seen.state.name, ".scope") ? SYSTEMD ".Scope" : SYSTEMD ".Service";
}

int unit_put_job(struct unit *u, uint32_t number, const char *path)
{
	int r = text_replace(&u->seen.job_path, path);

	if (r < 0 || u->seen.job == number)
		return r;
	u->seen.job = number;
	return take_job(u, runs(u));
}

/* Reads a signal, and asks for what it does not carry. */
static int take_changes(struct unit *u, sd_bus_message *m)
{
	uint32_t job = u->seen.job;
	int64_t main_pid = u->seen.state.main_pid;
	bool ran = runs(u);
	int r = properties_read_changed(m, &u->seen);

	if (r >= 0 && u->seen.job != job)
		r = take_job(u, ran);
	u->due[CALL_CGROUP] |= runs(u) != ran || u->seen.state.main_pid != main_pid;
	u->wanted |= u->seen.loads_anew;
	u->seen.loads_anew = false;
	return r;
}

static int on_changes(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct unit *u = userdata;
	int r;

	if (!units_are_told(u->units, m))
		return 0;
	r = take_changes(u, m);
	if (r < 0) {
		units_lose(u->units, r);
		return 0;
	}
	if (u->seen.whole)
		unit_tell(u);
	units_go_on(u->units);
	return 0;
}

static int subscribe(struct unit *u)
{
	if (u->subscribed && text_equal(u->subscribed, u->path))
		return 0;
	u->changes = sd_bus_slot_unref(u->changes);
	free(u->subscribed);
	u->subscribed = strdup(u->path);
	if (!u->subscribed)
		return -ENOMEM;
	return sd_bus_match_signal_async(u->units->bus, &u->changes, SYSTEMD, u->path,
		PROPERTIES_ACCESS, "PropertiesChanged", on_changes, NULL, u);
}

/* Subscribes first: what changes after the answer is told by a signal behind it. */
static int ask_object(struct unit *u)
{
	u->due[CALL_UNIT] = u->due[CALL_KIND] = true;
	return subscribe(u);
}

static int on_load(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct unit *u = userdata;
	int r = -sd_bus_message_get_errno(m);

	/* A name that systemd does not take is that of no unit. */
	if (is_refused(m)) {
		r = unit_seen_rest(&u->seen, "not-found");
		u->known = r == 0;
	} else if (r == 0) {
		r = properties_read_text(m, 'o', UNIT_OBJECT_MAX, &u->path);
		if (r >= 0)
			r = ask_object(u);
	}
	return answered(u, r);
}

int unit_ask(struct unit *u)
{
	u->wanted = false;
	if (u->by_glob) {
		int r = u->path ? 0 : unit_object(u->seen.id, &u->path);

		return r < 0 ? r : ask_object(u);
	}
	/* Its name may be an alias; and properties of what is not loaded are to be had, too. */
	u->due[CALL_LOAD] = true;
	return 0;
}

static int get_all(struct unit *u, enum unit_call call, const char *interface,
	sd_bus_message_handler_t answer)
{
	const struct call_to to = {u->path, PROPERTIES_ACCESS, "GetAll", answer, u};

	return call_make(u->units, &to, &u->calls[call], "s", interface);
}

int unit_make_call(struct unit *u, enum unit_call call)
{
	const struct call_to load = {SYSTEMD_PATH, SYSTEMD_MANAGER, "LoadUnit", on_load, u};
	const struct call_to get = {u->path, PROPERTIES_ACCESS, "Get", on_cgroup, u};

	u->due[call] = false;
	switch (call) {
	case CALL_CGROUP:
		return call_make(
			u->units, &get, &u->calls[call], "ss", kind_interface(u), "ControlGroup");
	case CALL_UNIT:
		return get_all(u, call, UNIT_INTERFACE, on_unit);
	case CALL_KIND:
		return get_all(u, call, kind_interface(u), on_kind);
	default:
		return call_make(u->units, &load, &u->calls[call], "s", u->seen.state.name);
	}
}

void unit_unloaded(struct unit *u)
{
	/* How it ended is told first. */
	int r = unit_seen_rest(&u->seen, u->by_glob && !u->cause ? "" : u->seen.state.load);

	needs_done(&u->needs);
	u->gone = u->by_glob;
	/* Also where it was told before the connection was lost. */
	u->known |= u->gone;
	if (r < 0)
		units_check(u->units, r);
	unit_tell(u);
}
