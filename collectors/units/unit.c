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
		if (!w->crowded)
			w->sink->crowded(w->sink->userdata, name);
		w->crowded = true;
		*ret = NULL;
		return 0;
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
	for (size_t i = 0; i < CALLS; i++)
		u->calls[i] = sd_bus_slot_unref(u->calls[i]);
	u->cause = cause_free(u->cause);
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
	if (u->cause)
		return true;
	for (size_t i = 0; i < CALLS; i++)
		if (u->calls[i])
			return true;
	return false;
}

static int put_job_word(struct unit *u)
{
	int r;

	if (u->seen.job == 0 || u->own_job)
		return text_replace(&u->seen.state.job, "");
	r = text_replace(&u->seen.state.job, units_job(u->job_type, u->seen.state.active));
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

/* CALL was answered, with what came of reading that in R. */
static int answered(struct unit *u, enum unit_call call, int r)
{
	struct units *w = u->units;

	u->calls[call] = sd_bus_slot_unref(u->calls[call]);
	if (r < 0) {
		units_lose(w, r);
		return 0;
	}
	if ((call == CALL_UNIT || call == CALL_KIND) && !u->calls[CALL_UNIT] && !u->calls[CALL_KIND])
		u->known = true;
	unit_tell(u);
	units_go_on(w);
	return 0;
}

static int ask_job(struct unit *u);
static int take_job(struct unit *u);

static bool runs(const struct unit *u)
{
	const char *active = u->seen.state.active;

	return !text_equal(active, "inactive") && !text_equal(active, "failed");
}

static int on_unit(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct unit *u = userdata;
	uint32_t job = u->seen.job;
	int r = -sd_bus_message_get_errno(m);

	if (is_refused(m))
		r = unit_seen_rest(&u->seen, "not-found");
	else if (r == 0)
		r = properties_read(m, &u->seen);
	if (r >= 0 && u->seen.job != job)
		r = u->known ? take_job(u) : ask_job(u);
	/* It may have begun anew while nobody heard of its jobs. */
	if (r >= 0 && u->seen.job == 0 && runs(u))
		r = text_replace(&u->seen.state.cause, "");
	return answered(u, CALL_UNIT, r);
}

static int on_kind(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct unit *u = userdata;
	int r = is_refused(m) ? 0 : -sd_bus_message_get_errno(m);

	if (r == 0 && !is_refused(m))
		r = properties_read(m, &u->seen);
	return answered(u, CALL_KIND, r);
}

/* The text in the answer to Get(), at most LIMIT bytes, into *FIELD, which stays where there is none. */
static int read_answer(sd_bus_message *m, size_t limit, char **field)
{
	int r = -sd_bus_message_get_errno(m);

	if (is_refused(m))
		return 0;
	if (r == 0)
		r = sd_bus_message_enter_container(m, 'v', "s");
	return r < 0 ? r : properties_read_text(m, 's', limit, field);
}

static int on_cgroup(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct unit *u = userdata;

	return answered(u, CALL_CGROUP, read_answer(m, UNIT_PATH_MAX, &u->seen.state.cgroup));
}

/* A job that is done already has no object. */
static int on_job(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct unit *u = userdata;

	return answered(u, CALL_JOB, read_answer(m, UNIT_WORD_MAX, &u->job_type));
}

static const char *kind_interface(const struct unit *u)
{
	return text_ends_with(u->seen.state.name, ".scope") ? SYSTEMD ".Scope" : SYSTEMD ".Service";
}

static int get_all(struct unit *u, enum unit_call call, const char *interface,
	sd_bus_message_handler_t answer)
{
	u->calls[call] = sd_bus_slot_unref(u->calls[call]);
	return sd_bus_call_method_async(u->units->bus, &u->calls[call], u->units->owner, u->path,
		PROPERTIES_ACCESS, "GetAll", answer, u, "s", interface);
}

static int get(struct unit *u, enum unit_call call, const char *path, const char *interface,
	const char *property, sd_bus_message_handler_t answer)
{
	u->calls[call] = sd_bus_slot_unref(u->calls[call]);
	return sd_bus_call_method_async(u->units->bus, &u->calls[call], u->units->owner, path,
		PROPERTIES_ACCESS, "Get", answer, u, "ss", interface, property);
}

static int ask_job(struct unit *u)
{
	int r = text_replace(&u->job_type, "");

	u->own_job = units_restart_themselves(u->seen.state.sub);
	if (r >= 0 && u->seen.job != 0)
		r = text_replace(&u->seen.state.cause, "");
	if (r < 0 || u->seen.job == 0)
		return r;
	return get(u, CALL_JOB, u->seen.job_path, SYSTEMD ".Job", "JobType", on_job);
}

/* It had another job, or none, when it was heard of last. */
static int take_job(struct unit *u)
{
	int r = ask_job(u);

	u->gone &= u->seen.job == 0;
	return r < 0 || u->seen.job == 0 || u->own_job ? r : cause_begin(u);
}

int unit_put_job(struct unit *u, uint32_t number, const char *path)
{
	int r = text_replace(&u->seen.job_path, path);

	if (r < 0 || u->seen.job == number)
		return r;
	u->seen.job = number;
	return take_job(u);
}

/* Reads a signal, and asks for what it does not carry. */
static int take_changes(struct unit *u, sd_bus_message *m)
{
	uint32_t job = u->seen.job;
	int64_t main_pid = u->seen.state.main_pid;
	bool ran = runs(u);
	int r = properties_read_changed(m, &u->seen);

	if (r >= 0 && u->seen.job != job)
		r = take_job(u);
	if (r >= 0 && (runs(u) != ran || u->seen.state.main_pid != main_pid))
		r = get(u, CALL_CGROUP, u->path, kind_interface(u), "ControlGroup", on_cgroup);
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
	int r = subscribe(u);

	if (r >= 0)
		r = get_all(u, CALL_UNIT, UNIT_INTERFACE, on_unit);
	if (r >= 0)
		r = get_all(u, CALL_KIND, kind_interface(u), on_kind);
	return r;
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
	return answered(u, CALL_LOAD, r);
}

int unit_ask(struct unit *u)
{
	u->wanted = false;
	if (u->by_glob) {
		int r = u->path ? 0 : unit_object(u->seen.id, &u->path);

		return r < 0 ? r : ask_object(u);
	}
	/* Its name may be an alias; and properties of what is not loaded are to be had, too. */
	u->calls[CALL_LOAD] = sd_bus_slot_unref(u->calls[CALL_LOAD]);
	return sd_bus_call_method_async(u->units->bus, &u->calls[CALL_LOAD], u->units->owner,
		SYSTEMD_PATH, SYSTEMD_MANAGER, "LoadUnit", on_load, u, "s", u->seen.state.name);
}

void unit_unloaded(struct unit *u)
{
	/* How it ended is told first. */
	int r = unit_seen_rest(&u->seen, u->by_glob && !u->cause ? "" : u->seen.state.load);

	u->gone = u->by_glob;
	if (r < 0)
		units_check(u->units, r);
	unit_tell(u);
}
