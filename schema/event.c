/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/event.h"

#include <string.h>

#include "daemon/base/cursor.h"
#include "daemon/base/text.h"
#include "schema/records.h"

#define EVIDENCE_COUNT_MAX    256	   /* texts of one event */
#define EVIDENCE_NAME_MAX     128	   /* bytes of an evidence's name */
#define EVIDENCE_TEXT_MAX     (256 * 1024) /* bytes of an evidence's text */
#define SAMPLES_MAX	      65536	   /* samples of one event */
#define KNOWN_PROCESSES_MAX   65536	   /* main processes of all services together */
#define KNOWN_VALUES_MAX      262144	   /* counters of all services together */
#define KNOWN_BOOT_MAX	      64	   /* bytes of a boot id: a UUID has 36 */

/* The fewest bytes that one entry takes on the wire: no count is believed beyond what follows. */
#define EVIDENCE_BYTES_MIN (2 * sizeof(uint32_t))
#define SAMPLE_BYTES	   (sizeof(uint32_t) + sizeof(double))
#define PROCESS_BYTES_MIN  (2 * sizeof(uint32_t) + 2 * sizeof(uint64_t))
#define VALUE_BYTES_MIN	   (2 * sizeof(uint32_t) + sizeof(double))
#define LABEL_BYTES_MIN	   (2 * sizeof(uint32_t))

/* Prometheus, model/value/value.go: StaleNaN. */
#define STALE_NAN_BITS 0x7ff0000000000002ULL

static const char *const check_state_names[CHECK_STATES] = {
	[CHECK_OK] = "ok",
	[CHECK_LIMITED] = "limited",
	[CHECK_MISSING] = "missing",
	[CHECK_FAILING] = "failing",
	[CHECK_DISABLED] = "disabled",
};

const char *check_state_name(enum check_state s)
{
	return check_state_names[s];
}

double sample_stale(void)
{
	const uint64_t bits = STALE_NAN_BITS;
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

bool sample_is_stale(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits == STALE_NAN_BITS;
}

/* Reads a count of entries and makes a zeroed array for them (NULL for none). */
static int array_read(struct cursor *c, size_t limit, size_t entry_bytes, size_t entry_size,
	void *ret_array, size_t *ret_count)
{
	size_t count = cursor_u32(c);
	void *array = NULL;

	if (c->failed || count > limit || count > cursor_left(c) / entry_bytes)
		return -EBADMSG;
	if (count > 0) {
		array = calloc(count, entry_size);
		if (!array)
			return -ENOMEM;
	}
	memcpy(ret_array, &array, sizeof(array));
	*ret_count = count;
	return 0;
}

void evidence_write(const struct evidence *list, size_t count, struct buf *b)
{
	buf_put_u32(b, (uint32_t) count);
	for (size_t i = 0; i < count; i++) {
		buf_put_string(b, list[i].name);
		buf_put_string(b, list[i].text);
	}
}

int evidence_read(const void *data, size_t size, struct evidence **ret, size_t *ret_count)
{
	struct cursor c = cursor_init(data, size);
	struct evidence *list;
	size_t count;
	int r = array_read(&c, EVIDENCE_COUNT_MAX, EVIDENCE_BYTES_MIN, sizeof(*list), &list,
		&count);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count && !c.failed; i++) {
		list[i].name = cursor_string(&c, EVIDENCE_NAME_MAX);
		list[i].text = cursor_string(&c, EVIDENCE_TEXT_MAX);
	}
	if (!cursor_complete(&c)) {
		evidence_list_free(list, count);
		return -EBADMSG;
	}
	*ret = list;
	*ret_count = count;
	return 0;
}

void samples_write(const struct sample *list, size_t count, struct buf *b)
{
	buf_put_u32(b, (uint32_t) count);
	for (size_t i = 0; i < count; i++) {
		buf_put_u32(b, list[i].series);
		buf_put_f64(b, list[i].value);
	}
}

int samples_read(const void *data, size_t size, struct sample **ret, size_t *ret_count)
{
	struct cursor c = cursor_init(data, size);
	struct sample *list;
	size_t count;
	int r = array_read(&c, SAMPLES_MAX, SAMPLE_BYTES, sizeof(*list), &list, &count);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		list[i].series = cursor_u32(&c);
		list[i].value = cursor_f64(&c);
	}
	if (!cursor_complete(&c)) {
		free(list);
		return -EBADMSG;
	}
	*ret = list;
	*ret_count = count;
	return 0;
}

void known_done(struct known *k)
{
	for (size_t i = 0; i < k->process_count; i++) {
		free(k->processes[i].service);
		free(k->processes[i].boot);
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
		buf_put_string(b, k->processes[i].service);
		buf_put_u64(b, (uint64_t) k->processes[i].pid);
		buf_put_u64(b, k->processes[i].start);
		buf_put_string(b, k->processes[i].boot);
	}
	buf_put_u32(b, (uint32_t) k->value_count);
	for (size_t i = 0; i < k->value_count; i++) {
		series_write(&k->values[i].series, b);
		buf_put_f64(b, k->values[i].value);
	}
}

bool process_id_is_valid(int64_t pid)
{
	return pid > 0 && pid <= INT32_MAX;
}

static bool is_text(const char *text, size_t limit)
{
	size_t size = strnlen(text, limit + 1);

	return size <= limit && text_is_utf8(text, size);
}

bool known_process_is_valid(const struct known_process *p)
{
	return process_id_is_valid(p->pid) && is_text(p->service, LABEL_VALUE_MAX) &&
	       is_text(p->boot, KNOWN_BOOT_MAX);
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
	int r = array_read(c, KNOWN_PROCESSES_MAX, PROCESS_BYTES_MIN, sizeof(*k->processes),
		&k->processes, &k->process_count);

	for (size_t i = 0; r >= 0 && i < k->process_count; i++)
		r = process_read(c, &k->processes[i]);
	if (r < 0)
		return r;
	r = array_read(c, KNOWN_VALUES_MAX, VALUE_BYTES_MIN, sizeof(*k->values), &k->values,
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
