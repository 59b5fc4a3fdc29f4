/* SPDX-License-Identifier: Apache-2.0 */
/* What a collector that starts goes on from: the main processes and the counters that its predecessor
 * left. */
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/engine/engine.h"
#include "schema/known.h"

#define KNOWN_BYTES_MAX	      (MESSAGE_BODY_MAX - 64)
#define COMMAND_LINES_BYTES_MAX (KNOWN_BYTES_MAX / 4) /* all of them together */

/* Gathers what a process collector goes on from. */
struct gather {
	struct known known;
	size_t allocated;
	size_t bytes; /* that it takes on the wire */
	size_t command_lines; /* bytes of them among these */
};

/* What does not fit is left out: a message that cannot be sent would leave every collector without
 * one. */
static bool fits(struct gather *g, size_t bytes)
{
	if (bytes > KNOWN_BYTES_MAX - g->bytes)
		return false;
	g->bytes += bytes;
	return true;
}

/* A process is worth more without its command line than another one's command line is, and is handed on
 * without one that is damaged. */
static bool command_line_fits(struct gather *g, const char *command_line)
{
	size_t bytes = strlen(command_line);

	if (bytes > EVENT_COMMAND_LINE_MAX || !text_is_utf8(command_line, bytes) ||
		bytes > COMMAND_LINES_BYTES_MAX - g->command_lines || !fits(g, bytes))
		return false;
	g->command_lines += bytes;
	return true;
}

static int gather_value(void *userdata, struct value *value)
{
	struct gather *g = userdata;
	struct known_value *item;
	const char *name = text_after(value->series.metric, "modelwatch_service_");

	if (!name || value->time_ms == 0 || sample_is_stale(value->current) ||
		!(text_ends_with(name, "_total") || text_equal(name, "up") ||
			text_equal(name, "expected") || text_equal(name, "stopped") ||
			text_equal(name, "stop_time_seconds")))
		return 0;
	if (!fits(g, known_value_size(&value->series)))
		return 0;
	if (g->known.value_count == g->allocated) {
		size_t count = g->allocated > 0 ? 2 * g->allocated : 64;
		struct known_value *values =
			reallocarray(g->known.values, count, sizeof(*values));

		if (!values)
			return -ENOMEM;
		g->known.values = values;
		g->allocated = count;
	}
	item = &g->known.values[g->known.value_count];
	*item = (struct known_value){.value = value->current};
	item->series.metric = strdup(value->series.metric);
	if (!item->series.metric)
		return -ENOMEM;
	g->known.value_count++;
	return labels_copy(&value->series.labels, &item->series.labels);
}

static int gather_processes(struct engine *e, struct gather *g)
{
	struct known *k = &g->known;

	k->processes = calloc(e->process_count + 1, sizeof(*k->processes));
	if (!k->processes)
		return -ENOMEM;
	for (size_t i = 0; i < e->process_count; i++) {
		const struct process_record *from = &e->processes[i];
		struct known_process *to = &k->processes[k->process_count];

		*to = (struct known_process){from->service, from->pid, from->start, from->boot,
			from->stack, (char *) (uintptr_t) ""};
		if (!known_process_is_valid(to) || !fits(g, known_process_size(to)))
			continue;
		k->process_count++;
		to->service = strdup(from->service);
		to->boot = strdup(from->boot);
		to->command_line = strdup(
			command_line_fits(g, from->command_line) ? from->command_line : "");
		if (!to->service || !to->boot || !to->command_line)
			return -ENOMEM;
	}
	return 0;
}

int handover_send(struct peer *p)
{
	struct gather gather = {0};
	_cleanup_buf_ struct buf bytes = BUF_INIT, packet = BUF_INIT;
	int r;

	r = gather_processes(p->engine, &gather);
	if (r == 0)
		r = values_each(p->engine->values, gather_value, &gather);
	if (r == 0) {
		known_write(&gather.known, &bytes);
		r = buf_error(&bytes);
	}
	known_done(&gather.known);
	if (r < 0)
		return r;
	message_begin(&packet, MESSAGE_KNOWN);
	message_put_bytes(&packet, bytes.data, bytes.size);
	return peer_send(p, &packet);
}
