/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/known.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/cursor.h"
#include "daemon/base/text.h"
#include "schema/event.h"

#define KNOWN_PROCESSES_MAX 65536  /* main processes of all services together */
#define KNOWN_VALUES_MAX    262144 /* counters of all services together */
#define KNOWN_BOOT_MAX	    64	   /* bytes of a boot id: a UUID has 36 */

/* The fewest bytes that one entry takes on the wire: no count is believed beyond what follows. */
#define PROCESS_BYTES_MIN (3 * sizeof(uint32_t) + 3 * sizeof(uint64_t))
#define VALUE_BYTES_MIN	  (2 * sizeof(uint32_t) + sizeof(double))
#define LABEL_BYTES_MIN	  (2 * sizeof(uint32_t))

void known_done(struct known *k)
{
	for (size_t i = 0; i < k->process_count; i++) {
		free(k->processes[i].service);
		free(k->processes[i].boot);
		free(k->processes[i].command_line);
	}
	free(k->processes);
	for (size_t i = 0; i < k->value_count; i++)
		series_done(&k->values[i].series);
	free(k->values);
	*k = (struct known){0};
}

static void series_write(const struct series *s, struct buf *b)
{
	buf_put_string(b, s->metric);
	buf_put_u32(b, (uint32_t) s->labels.count);
	for (size_t i = 0; i < s->labels.count; i++) {
		buf_put_string(b, s->labels.items[i].name);
		buf_put_string(b, s->labels.items[i].value);
	}
}

void known_write(const struct known *k, struct buf *b)
{
	buf_put_u32(b, (uint32_t) k->process_count);
	for (size_t i = 0; i < k->process_count; i++) {
		const struct known_process *p = &k->processes[i];

		buf_put_string(b, p->service);
		buf_put_u64(b, (uint64_t) p->pid);
		buf_put_u64(b, p->start);
		buf_put_string(b, p->boot);
		buf_put_u64(b, p->stack);
		buf_put_string(b, p->command_line);
	}
	buf_put_u32(b, (uint32_t) k->value_count);
	for (size_t i = 0; i < k->value_count; i++) {
		series_write(&k->values[i].series, b);
		buf_put_f64(b, k->values[i].value);
	}
}

static bool is_text(const char *text, size_t limit)
{
	size_t size = strnlen(text, limit + 1);

	return size <= limit && text_is_utf8(text, size);
}

bool known_process_is_valid(const struct known_process *p)
{
	return process_id_is_valid(p->pid) && is_text(p->service, LABEL_VALUE_MAX) &&
	       is_text(p->boot, KNOWN_BOOT_MAX) &&
	       is_text(p->command_line, EVENT_COMMAND_LINE_MAX);
}

size_t known_process_size(const struct known_process *p)
{
	return PROCESS_BYTES_MIN + strlen(p->service) + strlen(p->boot);
}

size_t known_value_size(const struct series *s)
{
	size_t size = VALUE_BYTES_MIN + strlen(s->metric);

	for (size_t i = 0; i < s->labels.count; i++)
		size += LABEL_BYTES_MIN + strlen(s->labels.items[i].name) +
			strlen(s->labels.items[i].value);
	return size;
}

static int process_read(struct cursor *c, struct known_process *p)
{
	p->service = cursor_string(c, LABEL_VALUE_MAX);
	p->pid = (int64_t) cursor_u64(c);
	p->start = cursor_u64(c);
	p->boot = cursor_string(c, KNOWN_BOOT_MAX);
	p->stack = cursor_u64(c);
	p->command_line = cursor_string(c, EVENT_COMMAND_LINE_MAX);
	return c->failed || !known_process_is_valid(p) ? -EBADMSG : 0;
}

static int label_read(struct cursor *c, struct labels *l)
{
	_cleanup_free_ char *name = cursor_string(c, METRIC_NAME_MAX);
	_cleanup_free_ char *value = cursor_string(c, LABEL_VALUE_MAX);
	int r;

	/* A label is never empty on the wire, and none comes twice. */
	if (c->failed || value[0] == '\0' || labels_get(l, name))
		return -EBADMSG;
	r = labels_set(l, name, value);
	return r < 0 && r != -ENOMEM ? -EBADMSG : r;
}

static int value_read(struct cursor *c, struct known_value *v)
{
	size_t count;
	int r;

	v->series.metric = cursor_string(c, METRIC_NAME_MAX);
	count = cursor_u32(c);
	if (c->failed || !series_metric_is_valid(v->series.metric) || count > LABELS_MAX ||
		count > cursor_left(c) / LABEL_BYTES_MIN)
		return -EBADMSG;
	for (size_t i = 0; i < count; i++) {
		r = label_read(c, &v->series.labels);
		if (r < 0)
			return r;
	}
	v->value = cursor_f64(c);
	return c->failed ? -EBADMSG : 0;
}

static int known_read_cursor(struct cursor *c, struct known *k)
{
	int r = cursor_array(c, KNOWN_PROCESSES_MAX, PROCESS_BYTES_MIN, sizeof(*k->processes),
		&k->processes, &k->process_count);

	for (size_t i = 0; r >= 0 && i < k->process_count; i++)
		r = process_read(c, &k->processes[i]);
	if (r < 0)
		return r;
	r = cursor_array(c, KNOWN_VALUES_MAX, VALUE_BYTES_MIN, sizeof(*k->values), &k->values,
		&k->value_count);
	for (size_t i = 0; r >= 0 && i < k->value_count; i++)
		r = value_read(c, &k->values[i]);
	if (r < 0)
		return r;
	return cursor_complete(c) ? 0 : -EBADMSG;
}

int known_read(const void *data, size_t size, struct known *ret)
{
	struct cursor c = cursor_init(data, size);
	struct known k = {0};
	int r = known_read_cursor(&c, &k);

	if (r < 0) {
		known_done(&k);
		return r;
	}
	*ret = k;
	return 0;
}
