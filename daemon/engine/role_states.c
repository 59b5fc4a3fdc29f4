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
	e->role_count++;
	return entry;
}

int role_states_told(struct engine *e, struct message *m)
{
	const char *name = message_string(m);
	int64_t pid = (int64_t) message_u64(m), now_ms = engine_now(e);
	const char *state = message_string(m);
	uint64_t restarts = message_u64(m), resident = message_u64(m);
	double cpu = message_f64(m);
	struct role_entry *entry = find_role(e, name);
	char *copy = strdup(state);

	if (pid > 0)
		role_pids_add(e, pid);
	if (!entry || !copy) {
		free(copy);
		return entry ? -ENOMEM : -EBADMSG;
	}
	/* A turn is shown at once; what a role uses can wait for the tick. */
	if (!entry->record.state || !text_equal(entry->record.state, state)) {
		entry->changed = true;
		engine_commit_soon(e);
	}
	entry->changed |= entry->record.pid != pid || entry->record.restarts != (int64_t) restarts;
	free(entry->record.state);
	entry->record.state = copy;
	entry->record.pid = pid;
	entry->record.restarts = (int64_t) restarts;
	moments_add_metric(e, "modelwatch_role_up", "role", name, now_ms, text_equal(state, "running"));
	moments_add_metric(e, "modelwatch_role_restarts_total", "role", name, now_ms, (double) restarts);
	if (pid > 0) {
		moments_add_metric(e, "modelwatch_role_resident_bytes", "role", name, now_ms,
			(double) resident);
		moments_add_metric(e, "modelwatch_role_cpu_seconds_total", "role", name, now_ms, cpu);
	}
	return 0;
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
			r = store_put_role(e->store, &e->roles[i].record);
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
