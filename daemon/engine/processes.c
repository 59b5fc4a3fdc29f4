/* SPDX-License-Identifier: Apache-2.0 */
/* The main processes that are known: a collector that starts goes on from them, and by them it is
 * known what was told before. */
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/engine/engine.h"
#include "daemon/journal.h"

#define PROCESSES_MAX 10000 /* of all services */

int processes_restore(struct engine *e)
{
	return reader_processes(store_reader(e->store), &e->processes, &e->process_count);
}

static bool same_process(const struct process_record *p, const struct event *event)
{
	return p->pid == event->pid && p->start == event->start &&
	       text_equal(p->service, event->service);
}

static int copy_record(const struct process_record *from, struct process_record *ret)
{
	struct process_record copy = *from;

	copy.service = strdup(from->service);
	copy.boot = strdup(from->boot);
	copy.command_line = strdup(from->command_line);
	if (!copy.service || !copy.boot || !copy.command_line) {
		process_record_done(&copy);
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

/* The next commit adds or removes the row of RECORD. */
static int add_change(struct engine *e, const struct process_record *record, bool gone)
{
	struct process_change *changes = reallocarray(
		e->process_changes, e->process_change_count + 1, sizeof(*changes));
	int r;

	if (!changes)
		return -ENOMEM;
	e->process_changes = changes;
	changes[e->process_change_count].gone = gone;
	r = copy_record(record, &changes[e->process_change_count].record);
	e->process_change_count += r == 0;
	return r;
}

static int add_process(struct engine *e, const struct process_record *record)
{
	struct process_record *processes =
		reallocarray(e->processes, e->process_count + 1, sizeof(*processes));
	int r;

	if (!processes)
		return -ENOMEM;
	e->processes = processes;
	r = copy_record(record, &processes[e->process_count]);
	e->process_count += r == 0;
	return r;
}

static int process_started(struct engine *e, const struct event *event)
{
	/* Read only: what is added is a copy. */
	const struct process_record new = {.service = (char *) (uintptr_t) event->service,
		.pid = event->pid,
		.start = event->start,
		.boot = e->boot,
		.stack = event->stack,
		.command_line = (char *) (uintptr_t) event->command_line};
	int r = add_change(e, &new, false);

	return r < 0 ? r : add_process(e, &new);
}

/* The process at INDEX is no more. */
static int remove_process(struct engine *e, size_t index)
{
	struct process_record *p = &e->processes[index];
	int r = add_change(e, p, true);

	if (r < 0)
		return r;
	process_record_done(p);
	*p = e->processes[--e->process_count];
	return 0;
}

int processes_forget(struct engine *e, const char *service)
{
	for (size_t i = e->process_count; i > 0; i--) {
		int r = text_equal(e->processes[i - 1].service, service)
				? remove_process(e, i - 1)
				: 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* The number of the event's process in the table; how many are there where it is not among them. */
static size_t find_process(const struct engine *e, const struct event *event)
{
	size_t i = 0;

	while (i < e->process_count && !same_process(&e->processes[i], event))
		i++;
	return i;
}

static bool has_room(struct engine *e, const struct event *event)
{
	if (e->process_count < PROCESSES_MAX)
		return true;
	if (!e->told_processes)
		journal_write(JOURNAL_LIMIT, NULL,
			"more than %d main processes: some of %s and others are not kept",
			PROCESSES_MAX, event->service);
	e->told_processes = true;
	return false;
}

bool processes_is_news(struct engine *e, const struct event *event)
{
	size_t i;

	if (!event_begins_process(event) && !event_ends_process(event))
		return true;
	i = find_process(e, event);
	if (i == e->process_count)
		return event_begins_process(event) && has_room(e, event);
	return event_ends_process(event) || !text_equal(e->processes[i].boot, e->boot);
}

int processes_track(struct engine *e, const struct event *event)
{
	bool begins = event_begins_process(event), ends = event_ends_process(event);
	size_t i;

	if (!begins && !ends)
		return 0;
	i = find_process(e, event);
	if (i == e->process_count)
		return begins ? process_started(e, event) : 0;
	return ends ? remove_process(e, i) : 0;
}

int processes_renew(struct engine *e, const struct event *event)
{
	size_t i = event_begins_process(event) ? find_process(e, event) : e->process_count;
	struct process_record *p, new;
	int r;

	if (i == e->process_count || event->stack == 0 || event->stack == e->processes[i].stack)
		return 0;
	p = &e->processes[i];
	new = *p;
	new.stack = event->stack;
	new.command_line = (char *) (uintptr_t) event->command_line; /* read only */
	/* First: without it the same event has to be a change again. */
	r = add_change(e, &new, false);
	if (r == 0)
		r = text_replace(&p->command_line, event->command_line);
	if (r == 0)
		p->stack = event->stack;
	return r;
}

bool processes_changed(const struct engine *e)
{
	return e->process_change_count > 0;
}

int processes_write(struct engine *e)
{
	int r = 0;

	for (size_t i = 0; i < e->process_change_count && r >= 0; i++) {
		const struct process_change *c = &e->process_changes[i];

		r = c->gone ? store_remove_process(e->store, &c->record)
			    : store_put_process(e->store, &c->record);
	}
	return r < 0 ? r : 0;
}

void processes_committed(struct engine *e)
{
	for (size_t i = 0; i < e->process_change_count; i++)
		process_record_done(&e->process_changes[i].record);
	free(e->process_changes);
	e->process_changes = NULL;
	e->process_change_count = 0;
}

void processes_done(struct engine *e)
{
	processes_committed(e);
	process_list_free(e->processes, e->process_count);
}
