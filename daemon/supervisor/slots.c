/* SPDX-License-Identifier: Apache-2.0 */
/* The places of the roles: who starts, takes over, is restarted and ends. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "daemon/base/log.h"
#include "daemon/journal.h"
#include "daemon/paths.h"
#include "daemon/supervisor/private.h"

#define REPORT_EVERY (15 * USEC_PER_SEC) /* the roles' usage */
#define PLACES	     (2 + LEAVING_MAX)	 /* instances of one role at a time */

static void start_slot(struct slot *slot);

static struct slot *engine_slot(struct supervisor *s)
{
	return &s->slots[ROLE_ENGINE];
}

/* All that may run of a role; any of them may be NULL. */
static void get_instances(const struct slot *slot, struct instance *ret[static PLACES])
{
	ret[0] = slot->current;
	ret[1] = slot->next;
	for (size_t i = 0; i < LEAVING_MAX; i++)
		ret[2 + i] = slot->leaving.items[i];
}

static bool is_needed(const struct role_row *row, const struct config *config)
{
	return row->needed == ALWAYS || config_has(config, row->needed);
}

int slots_prepare(struct supervisor *s)
{
	for (size_t i = 0; i < ROLES; i++) {
		struct slot *slot = &s->slots[i];
		int r;

		slot->supervisor = s;
		slot->row = &role_rows[i];
		slot->needed = is_needed(slot->row, s->config);
		r = paths_role_program(slot->row->name, &slot->program);
		if (r == 0)
			r = config_slice(s->config, slot->row->slice, &slot->slice);
		if (r < 0)
			return r;
	}
	return 0;
}

void slots_done(struct supervisor *s)
{
	for (size_t i = 0; i < ROLES; i++) {
		struct slot *slot = &s->slots[i];

		instance_free(slot->next);
		leaving_done(&slot->leaving);
		instance_free(slot->current);
		sd_event_source_disable_unref(slot->delayed);
		free(slot->program);
		buf_done(&slot->slice);
	}
}

/* What only the successor of a `notify` knows the engine keeps until that is there (MESSAGE_SUCCESSOR). One
 * that starts meanwhile heard nothing of it: it meets the successor alone. */
static void connect_current(struct slot *slot)
{
	slot->unconnected = slot->next && slot->row == &role_rows[ROLE_NOTIFY];
	if (!slot->unconnected)
		tell_connection(slot->supervisor, slot->current);
}

/* No successor comes. */
static void keep_current(struct slot *slot)
{
	slot->next = NULL;
	if (slot->unconnected)
		connect_current(slot);
}

static void start_others(struct supervisor *s)
{
	for (size_t i = 0; i < ROLES; i++) {
		struct slot *slot = &s->slots[i];

		if (i == ROLE_ENGINE)
			continue;
		if (!slot->current && !slot->next && !slot->delayed)
			start_slot(slot);
		else
			connect_current(slot);
	}
}

static void on_ready(struct instance *i, void *userdata)
{
	struct slot *slot = userdata;
	struct supervisor *s = slot->supervisor;

	log_debug("role %s is ready (pid %d)", slot->row->name, instance_pid(i));
	if (i == slot->next) {
		/* The successor serves: now the predecessor may go. */
		slot->next = NULL;
		slot->delayed = sd_event_source_disable_unref(slot->delayed);
		if (slot->current)
			leaving_add(&slot->leaving, slot->current);
		slot->current = i;
		slot->outdated = false;
	}
	if (slot == engine_slot(s)) {
		tell_roles(s);
		tell_refusal(s);
		start_others(s);
	} else {
		connect_current(slot);
		tell_role(slot);
	}
	supervisor_changed(s);
}

/* The instance with that process, or NULL. */
static struct instance *find_instance(const struct supervisor *s, int64_t pid)
{
	for (size_t n = 0; n < ROLES; n++) {
		struct instance *all[PLACES];

		get_instances(&s->slots[n], all);
		for (size_t p = 0; p < PLACES; p++)
			if (all[p] && instance_pid(all[p]) == pid)
				return all[p];
	}
	return NULL;
}

static void on_complained(struct instance *i, int64_t pid, const char *why, void *userdata)
{
	const struct slot *slot = userdata;
	struct instance *other = find_instance(slot->supervisor, pid);

	if (slot != engine_slot(slot->supervisor) || !other || other == i)
		return;
	journal_write(JOURNAL_ROLE_MISBEHAVED, WITH(.role = instance_row(other)->name),
		"role %s (pid %" PRIi64 ") is ended: %s", instance_row(other)->name, pid, why);
	instance_kill(other, INSTANCE_STOPPING);
}

static void log_exit(const struct slot *slot, const struct instance *i, int code, int status)
{
	const char *signal_name = code == CLD_EXITED ? NULL : sigabbrev_np(status);
	char how[64];

	if (code == CLD_EXITED)
		snprintf(how, sizeof(how), "exited with status %d", status);
	else if (signal_name)
		snprintf(how, sizeof(how), "was killed by SIG%s", signal_name);
	else
		snprintf(how, sizeof(how), "was killed by signal %d", status);
	journal_write(JOURNAL_ROLE_ENDED, WITH(.role = slot->row->name), "role %s (pid %d) %s",
		slot->row->name, instance_pid(i), how);
}

static int on_delay(sd_event_source *source, uint64_t now, void *userdata)
{
	struct slot *slot = userdata;

	slot->delayed = sd_event_source_disable_unref(slot->delayed);
	start_slot(slot);
	return 0;
}

static void restart_later(struct slot *slot, usec_t started)
{
	usec_t delay = restart_delay(&slot->restart, started, clock_monotonic());
	int r;

	slot->restarts++;
	if (slot->next)
		return; /* it takes over, or its end is another reason to restart */
	if (delay == 0) {
		start_slot(slot);
		return;
	}
	journal_write(JOURNAL_ROLE_DELAYED, WITH(.role = slot->row->name),
		"role %s failed %u times in a row; it is started again in %" PRIu64 " ms",
		slot->row->name, slot->restart.failures, delay / USEC_PER_MSEC);
	r = sd_event_add_time_relative(slot->supervisor->event, &slot->delayed, CLOCK_MONOTONIC,
		delay, 0, on_delay, slot);
	if (r < 0)
		supervisor_fail(slot->supervisor, EX_SOFTWARE);
}

/* Statuses by which a role says that no restart can help. */
static bool is_final(const struct supervisor *s, int code, int status)
{
	return !s->announced && code == CLD_EXITED && (status == EX_UNAVAILABLE || status == EX_CONFIG);
}

static void on_exited(struct instance *i, int code, int status, void *userdata)
{
	struct slot *slot = userdata;
	struct supervisor *s = slot->supervisor;
	usec_t started = instance_started(i);
	bool leaving = leaving_remove(&slot->leaving, i);
	bool expected = s->stopping || leaving;

	if (!expected || code != CLD_EXITED || status != EXIT_SUCCESS)
		log_exit(slot, i, code, status);
	if (i == slot->next) {
		journal_write(JOURNAL_ROLE_NOT_REPLACED, WITH(.role = slot->row->name),
			"the replacement of role %s failed%s", slot->row->name,
			slot->current ? ": the one in force stays until the next reload" : "");
		keep_current(slot);
		expected |= slot->current || slot->delayed;
	} else if (i == slot->current)
		slot->current = NULL;
	instance_free(i);
	if (is_final(s, code, status))
		supervisor_fail(s, status);
	else if (!expected)
		restart_later(slot, started);
	if (!slot->current)
		tell_role(slot);
	supervisor_changed(s);
}

static const struct instance_ops ops = {on_ready, on_complained, on_exited};

static int start_instance(struct slot *slot, struct instance **ret)
{
	struct instance *i;
	int r = instance_new(slot->supervisor->event, slot->row, slot->program, &ops, slot, &i);

	if (r < 0)
		return journal_write(JOURNAL_ROLE_UNREACHABLE, WITH(.role = slot->row->name, .error = r),
			"cannot start role %s", slot->row->name);
	*ret = i;
	tell_descriptors(slot, i);
	tell_configuration(slot, i);
	return 0;
}

static void start_slot(struct slot *slot)
{
	if (slot->supervisor->stopping || slot->current || !slot->needed)
		return;
	if (start_instance(slot, &slot->current) < 0) {
		restart_later(slot, clock_monotonic());
		return;
	}
	slot->outdated = false;
	tell_role(slot);
}

void slots_start(struct supervisor *s)
{
	start_slot(engine_slot(s));
}

/* Another instance with the slot's slice is to take over from the one in force; where that is gone
 * already, from the one that was to. */
static void replace_instance(struct slot *slot)
{
	/* Clients may have found it already, be it that we did not hear yet that it serves. */
	if (slot->next)
		leaving_add(&slot->leaving, slot->next);
	slot->next = NULL;
	slot->outdated = true; /* until its successor serves */
	if (start_instance(slot, &slot->next) == 0)
		return;
	keep_current(slot);
	if (!slot->current)
		restart_later(slot, clock_monotonic());
}

/* Takes SLICE. */
static void put_in_force(struct slot *slot, struct buf *slice)
{
	buf_done(&slot->slice);
	slot->slice = *slice;
	*slice = BUF_INIT;
	/* Where nothing runs, what starts next has it. */
	if (slot->row != &role_rows[ROLE_ENGINE] && (slot->current || slot->next))
		replace_instance(slot);
}

/* CONFIG asks for the role, or no longer. */
static void need(struct slot *slot, bool needed)
{
	bool before = slot->needed;

	slot->needed = needed;
	if (before && !needed) {
		slot->delayed = sd_event_source_disable_unref(slot->delayed);
		if (slot->next)
			leaving_add(&slot->leaving, slot->next);
		if (slot->current)
			leaving_add(&slot->leaving, slot->current);
		slot->next = slot->current = NULL;
		tell_role(slot);
	} else if (!before && needed && instance_is_running(engine_slot(slot->supervisor)->current))
		start_slot(slot);
}

static bool is_changed(const struct slot *slot, const struct buf *slice)
{
	return slot->outdated || slot->slice.size != slice->size ||
	       memcmp(slot->slice.data, slice->data, slice->size) != 0;
}

int slots_reconfigure(struct supervisor *s, const struct config *config, unsigned forced)
{
	struct buf slices[ROLES] = {0};
	bool changed[ROLES] = {false};
	int r = 0;

	for (size_t i = 0; i < ROLES && r == 0; i++) {
		r = config_slice(config, role_rows[i].slice, &slices[i]);
		changed[i] = forced >> i & 1 || is_changed(&s->slots[i], &slices[i]);
	}
	for (size_t i = 0; i < ROLES; i++) {
		if (r == 0 && changed[i])
			put_in_force(&s->slots[i], &slices[i]);
		if (r == 0)
			need(&s->slots[i], is_needed(&role_rows[i], config));
		buf_done(&slices[i]);
	}
	if (r == 0)
		tell_reload(s, config, changed[ROLE_NOTIFY]);
	return r;
}

static bool is_overdue(const struct slot *slot, const struct instance *i, usec_t now)
{
	usec_t patience = restart_patience(instance_state(i), slot->row == &role_rows[ROLE_ENGINE]);

	return usec_since(now, instance_alive(i)) >= patience;
}

static void check_slot(struct slot *slot, usec_t now)
{
	struct instance *all[PLACES];

	get_instances(slot, all);
	for (size_t p = 0; p < PLACES; p++) {
		if (!all[p] || !is_overdue(slot, all[p], now))
			continue;
		journal_write(JOURNAL_ROLE_HUNG, WITH(.role = slot->row->name),
			"role %s (pid %d) does not answer: it is killed", slot->row->name,
			instance_pid(all[p]));
		instance_kill(all[p], INSTANCE_HUNG);
		tell_role(slot);
		/* A replacement that never came does not keep a reload from being over. */
		supervisor_changed(slot->supervisor);
	}
}

void slots_check(struct supervisor *s)
{
	usec_t now = clock_monotonic();

	for (size_t n = 0; n < ROLES; n++)
		check_slot(&s->slots[n], now);
	if (usec_since(now, s->reported) >= REPORT_EVERY)
		tell_roles(s);
}

void slots_forgive(struct supervisor *s)
{
	for (size_t n = 0; n < ROLES; n++) {
		struct instance *all[PLACES];

		get_instances(&s->slots[n], all);
		for (size_t p = 0; p < PLACES; p++)
			if (all[p])
				instance_forgive(all[p]);
	}
}

bool slots_engine_starts(const struct supervisor *s)
{
	const struct instance *engine = s->slots[ROLE_ENGINE].current;

	return engine && instance_state(engine) == INSTANCE_STARTING;
}

static bool has_instances(const struct slot *slot)
{
	struct instance *all[PLACES];

	get_instances(slot, all);
	for (size_t p = 0; p < PLACES; p++)
		if (all[p])
			return true;
	return false;
}

bool slots_all_gone(const struct supervisor *s)
{
	for (size_t i = 0; i < ROLES; i++)
		if (has_instances(&s->slots[i]))
			return false;
	return true;
}

bool slots_all_running(const struct supervisor *s)
{
	for (size_t i = 0; i < ROLES; i++) {
		const struct instance *next = s->slots[i].next;

		if (!s->slots[i].needed)
			continue;
		if (!instance_is_running(s->slots[i].current) ||
			(next && instance_state(next) == INSTANCE_STARTING))
			return false;
	}
	return true;
}

static void stop_instance(struct instance *i)
{
	if (i && instance_state(i) != INSTANCE_STOPPING)
		instance_stop(i);
}

void slots_stop(struct supervisor *s)
{
	bool others = false;

	for (size_t i = 0; i < ROLES; i++) {
		struct slot *slot = &s->slots[i];

		if (i == ROLE_ENGINE)
			continue;
		stop_instance(slot->current);
		stop_instance(slot->next);
		others |= has_instances(slot);
	}
	if (!others)
		slots_stop_engine(s);
}

static void kill_slot(const struct slot *slot)
{
	struct instance *all[PLACES];

	get_instances(slot, all);
	for (size_t p = 0; p < PLACES; p++)
		if (all[p])
			instance_kill(all[p], INSTANCE_STOPPING);
}

void slots_kill_others(struct supervisor *s)
{
	for (size_t i = 0; i < ROLES; i++)
		if (i != ROLE_ENGINE)
			kill_slot(&s->slots[i]);
}

void slots_stop_engine(struct supervisor *s)
{
	stop_instance(engine_slot(s)->current);
}

void slots_kill(struct supervisor *s)
{
	slots_kill_others(s);
	kill_slot(engine_slot(s));
}
