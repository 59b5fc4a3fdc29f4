/* SPDX-License-Identifier: Apache-2.0 */
/* Series and their values, as the writer stores them: the hot path. */
#include <errno.h>
#include <string.h>

#include "schema/rows.h"
#include "schema/store_internal.h"
#include "schema/tick.h"

static int insert_series(struct store *s, const struct series *series, uint32_t id)
{
	_cleanup_query_ struct query q = query_write(&s->database, STATEMENT_ADD_SERIES);

	query_put_i64(&q, id);
	query_put_text(&q, series->metric);
	row_put_labels(&q, &series->labels);
	return query_run(&q);
}

int store_series(struct store *s, const struct series *series, uint32_t *ret_id)
{
	int r;
	uint32_t id = catalogue_find(&s->catalogue, series, &r);

	if (r < 0)
		return r;
	if (id == 0) {
		if (s->catalogue.count >= s->max_series || s->catalogue.count >= UINT32_MAX)
			return -E2BIG;
		id = (uint32_t) s->catalogue.count + 1;
		r = insert_series(s, series, id);
		if (r < 0)
			return r;
		r = catalogue_add(&s->catalogue, series);
		if (r < 0) {
			s->database.failed = r;
			return r;
		}
	}
	*ret_id = id;
	return 0;
}

/* Room for COUNT samples. */
static struct sample *get_scratch(struct store *s, size_t count)
{
	struct sample *scratch;

	if (count <= s->scratch_size)
		return s->scratch;
	scratch = reallocarray(s->scratch, count, sizeof(*scratch));
	if (!scratch)
		return NULL;
	s->scratch = scratch;
	s->scratch_size = count;
	return scratch;
}

/* Writes the blob of LIST. */
static int write_tick(struct store *s, enum statement statement, int64_t time_ms,
	const struct sample *list, size_t count, bool *ret_written)
{
	_cleanup_query_ struct query q = query_write(&s->database, statement);
	int r;

	buf_reset(&s->blob);
	tick_write(list, count, &s->blob);
	r = buf_error(&s->blob);
	if (r < 0)
		return r;
	query_put_i64(&q, time_ms);
	query_put_blob(&q, s->blob.data, s->blob.size);
	r = query_run(&q);
	if (r == 0)
		*ret_written = sqlite3_changes(s->database.connection) > 0;
	return r;
}

/* Reads the values of a moment to LIST, that has room for MAX, and counts them. A damaged row
 * counts as empty: the new values replace it. */
static size_t decode(const void *data, size_t size, struct sample *list, size_t max)
{
	struct tick t;
	size_t count = 0;
	int r = tick_read(data, size, &t);

	while (r == 0 && count < max && tick_next(&t, &list[count]) > 0)
		count++;
	return count;
}

/* Adds LIST to the row of a moment that is there already. */
static int merge_tick(struct store *s, int64_t time_ms, const struct sample *list, size_t count)
{
	_cleanup_query_ struct query q = query_read(&s->database, STATEMENT_GET_TICK);
	_cleanup_free_ struct sample *old = NULL, *merged = NULL;
	const void *data;
	size_t size, old_count;
	bool written;
	int r;

	query_put_i64(&q, time_ms);
	r = query_step(&q);
	if (r < 0)
		return r;
	data = query_look_blob(&q, &size);
	/* No value takes less than nine bytes. */
	old = calloc(size / 9 + 1, sizeof(*old));
	merged = calloc(size / 9 + 1 + count, sizeof(*merged));
	if (!old || !merged)
		return -ENOMEM;
	old_count = decode(data, size, old, size / 9 + 1);
	query_done(&q);
	count = tick_merge(old, old_count, list, count, merged);
	return write_tick(s, STATEMENT_SET_TICK, time_ms, merged, count, &written);
}

int store_append(struct store *s, int64_t time_ms, const struct sample samples[], size_t count)
{
	struct sample *list, *scratch;
	bool written = false;
	int r;

	if (count == 0)
		return 0;
	if (count > TICK_SAMPLES_MAX)
		return -E2BIG;
	list = get_scratch(s, 2 * count);
	if (!list)
		return -ENOMEM;
	scratch = list + count;
	memcpy(list, samples, count * sizeof(*list));
	count = tick_sort(list, count, scratch);
	if (list[0].series == 0 || list[count - 1].series > s->catalogue.count)
		return -EINVAL;
	r = write_tick(s, STATEMENT_ADD_TICK, time_ms, list, count, &written);
	if (r == 0 && !written)
		r = merge_tick(s, time_ms, list, count);
	return r;
}
