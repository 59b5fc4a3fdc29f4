/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor tells of the roles: rows for the page, metrics, and whose pids are no person's. */
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/engine/engine.h"

void role_pids_add(struct engine *e, int64_t pid)
{
	size_t i = 0;

	while (i < e->role_pid_count && e->role_pids[i] != pid)
		i++;
	if (i == ROLE_PIDS_MAX)
		i = 0;
	else if (i == e->role_pid_count)
		e->role_pid_count++;
	memmove(&e->role_pids[i], &e->role_pids[i + 1],
		(e->role_pid_count - i - 1) * sizeof(e->role_pids[0]));
	e->role_pids[e->role_pid_count - 1] = pid;
}

bool role_pids_have(const struct engine *e, int64_t pid)
{
	for (size_t i = 0; i < e->role_pid_count; i++)
		if (e->role_pids[i] == pid)
			return true;
	return false;
}

static struct role_entry *find_role(struct engine *e, const char *name)
{
	struct role_entry *entry;

	for (size_t i = 0; i < e->role_count; i++)
		if (text_equal(e->roles[i].record.name, name))
			return &e->roles[i];
	if (e->role_count == ELEMENTS(e->roles))
		return NULL;
	entry = &e->roles[e->role_count];
	entry->record.name = strdup(name);
	if (!entry->record.name)
		return NULL;
	entry->engine = e;
	e->role_count++;
	return entry;
}

static int end_one(void *userdata, struct value *value)
{
	const struct role_entry *entry = userdata;
	const char *role = labels_get(&value->series.labels, "role");

	if (!role || !text_equal(role, entry->record.name) || value->time_ms == 0 ||
		sample_is_stale(value->current))
		return 0;
	return moments_add(entry->engine, value, engine_now(entry->engine), sample_stale());
}

/* Nobody needs it: its row goes, also one that an earlier engine wrote, and its series end. */
static int end_role(struct engine *e, struct role_entry *entry)
{
	facts_forget(e, entry->record.name);
	return values_each(e->values, end_one, entry);
}

static int measure(struct engine *e, const struct role_record *r, double resident, double cpu)
{
	int64_t now_ms = engine_now(e);
	const struct {
		const char *metric;
		double value;
		bool of_process;
	} values[] = {
		{"modelwatch_role_up", text_equal(r->state, "running"), false},
		{"modelwatch_role_restarts_total", (double) r->restarts, false},
		{"modelwatch_role_resident_bytes", resident, true},
		{"modelwatch_role_cpu_seconds_total", cpu, true},
	};
	int result = 0;

	for (size_t i = 0; i < ELEMENTS(values) && result >= 0; i++)
		if (r->pid > 0 || !values[i].of_process)
			result = moments_add_metric(e, values[i].metric, "role", r->name, now_ms,
				values[i].value);
	return result;
}

int role_states_told(struct engine *e, struct message *m)
{
	const char *name = message_string(m);
	int64_t pid = (int64_t) message_u64(m);
	const char *state = message_string(m);
	uint64_t restarts = message_u64(m), resident = message_u64(m);
	double cpu = message_f64(m);
	struct role_entry *entry = find_role(e, name);
	struct role_record *record;
	bool turn;

	if (pid > 0)
		role_pids_add(e, pid);
	if (!entry)
		return -EBADMSG;
	record = &entry->record;
	/* A turn is shown at once; what a role uses can wait for the tick. */
	turn = !record->state || !text_equal(record->state, state);
	if (text_replace(&record->state, state) < 0)
		return -ENOMEM;
	entry->changed |= turn || record->pid != pid || record->restarts != (int64_t) restarts;
	record->pid = pid;
	record->restarts = (int64_t) restarts;
	if (turn)
		engine_commit_soon(e);
	if (!*state)
		return turn ? end_role(e, entry) : 0;
	return measure(e, record, (double) resident, cpu);
}

bool role_states_changed(const struct engine *e)
{
	for (size_t i = 0; i < e->role_count; i++)
		if (e->roles[i].changed)
			return true;
	return false;
}

int role_states_write(struct engine *e)
{
	int r = 0;

	for (size_t i = 0; i < e->role_count && r >= 0; i++)
		if (e->roles[i].changed)
			r = *e->roles[i].record.state
				    ? store_put_role(e->store, &e->roles[i].record)
				    : store_remove_role(e->store, e->roles[i].record.name);
	return r < 0 ? r : 0;
}

void role_states_committed(struct engine *e)
{
	for (size_t i = 0; i < e->role_count; i++)
		e->roles[i].changed = false;
}

void role_states_done(struct engine *e)
{
	for (size_t i = 0; i < e->role_count; i++)
		role_record_done(&e->roles[i].record);
}
