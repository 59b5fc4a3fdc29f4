/* SPDX-License-Identifier: Apache-2.0 */
/* Retention: a few of the oldest rows in each step, so that an event never waits behind it. */
#include "schema/store_internal.h"

#define EXPIRE_TICKS 64	   /* rows of one step; a row of 500 series is 5 KB */
#define EXPIRE_ROWS  64	   /* of events and notifications */
#define KEEP_MS	     600000 /* the newest of everything, which no size limit takes away */
#define WAL_SHARE    (UINT64_C(8) << 20) /* of the size limit: what the WAL may hold */

/* One number, of the first column of the first row; 0 where there is none. */
static int get_number(struct store *s, enum statement statement, int64_t *ret)
{
	_cleanup_query_ struct query q = query_read(&s->database, statement);
	int r = query_step(&q);

	if (r < 0)
		return r;
	*ret = r > 0 ? query_get_i64(&q) : 0;
	return 0;
}

/* Removes up to LIMIT rows older than BEFORE_MS. 1 if there may be more. */
static int expire_rows(struct store *s, enum statement statement, int64_t before_ms, int limit)
{
	_cleanup_query_ struct query q = query_write(&s->database, statement);
	int r;

	query_put_i64(&q, before_ms);
	query_put_i64(&q, limit);
	r = query_run(&q);
	return r < 0 ? r : sqlite3_changes(s->database.connection) >= limit;
}

static int run_id(struct store *s, enum statement statement, int64_t id)
{
	_cleanup_query_ struct query q = query_write(&s->database, statement);

	query_put_i64(&q, id);
	return query_run(&q);
}

/* The oldest resolved incident keeps its headline and loses its alerts and its timeline. 1 if there
 * was one. */
static int expire_incident(struct store *s, int64_t before_ms)
{
	static const enum statement parts[] = {STATEMENT_EXPIRE_ALERTS, STATEMENT_EXPIRE_TIMELINE,
		STATEMENT_SET_EXPIRED};
	_cleanup_query_ struct query q = query_read(&s->database, STATEMENT_GET_EXPIRED_INCIDENT);
	int64_t id;
	int r;

	query_put_i64(&q, before_ms);
	r = query_step(&q);
	if (r <= 0)
		return r;
	id = query_get_i64(&q);
	query_done(&q);
	for (size_t i = 0; i < ELEMENTS(parts); i++) {
		r = run_id(s, parts[i], id);
		if (r < 0)
			return r;
	}
	return 1;
}

/* True in *RET while what the file holds, free pages aside, is more than MAX_BYTES. */
static int is_too_large(struct store *s, uint64_t max_bytes, bool *ret)
{
	int64_t size, count, unused;
	int r = get_number(s, STATEMENT_GET_PAGE_SIZE, &size);

	if (r == 0)
		r = get_number(s, STATEMENT_GET_PAGE_COUNT, &count);
	if (r == 0)
		r = get_number(s, STATEMENT_GET_FREE_PAGES, &unused);
	if (r < 0)
		return r;
	if (max_bytes >= 2 * WAL_SHARE)
		max_bytes -= WAL_SHARE;
	*ret = (uint64_t) (count - unused) * (uint64_t) size > max_bytes;
	return 0;
}

/* True in *RET where events, timeline and notifications are more than BYTES, as their newest ones are. */
static int are_many(struct store *s, uint64_t bytes, bool *ret)
{
	static const enum statement sizes[] = {STATEMENT_GET_EVENT_BYTES,
		STATEMENT_GET_TIMELINE_BYTES, STATEMENT_GET_NOTIFICATION_BYTES};
	uint64_t sum = 0;

	for (size_t i = 0; i < ELEMENTS(sizes); i++) {
		int64_t size;
		int r = get_number(s, sizes[i], &size);

		if (r < 0)
			return r;
		sum += (uint64_t) size;
	}
	*ret = sum > bytes;
	return 0;
}

/* All but samples. 1 if there may be more. */
static int expire_records(struct store *s, int64_t before_ms)
{
	int r = expire_rows(s, STATEMENT_EXPIRE_EVENTS, before_ms, EXPIRE_ROWS);

	if (r == 0)
		r = expire_rows(s, STATEMENT_EXPIRE_NOTIFICATIONS, before_ms, EXPIRE_ROWS);
	if (r == 0)
		r = expire_rows(s, STATEMENT_EXPIRE_TURNS, before_ms, EXPIRE_ROWS);
	return r == 0 ? expire_incident(s, before_ms) : r;
}

/* Before when samples go, and what else there is: as asked, or as far as the size limit needs. Samples
 * go first, unless all else has more than half of the room. */
static int choose_cuts(struct store *s, int64_t before_ms, uint64_t max_bytes, int64_t *ret_samples,
	int64_t *ret_records)
{
	bool too_large, many = false;
	int64_t newest;
	int r = is_too_large(s, max_bytes, &too_large);

	if (r == 0)
		r = get_number(s, STATEMENT_GET_NEWEST_TICK, &newest);
	if (r == 0 && too_large)
		r = are_many(s, max_bytes / 2, &many);
	if (r < 0)
		return r;
	*ret_samples = *ret_records = before_ms;
	if (too_large && newest - KEEP_MS > before_ms)
		*ret_samples = newest - KEEP_MS;
	if (many)
		*ret_records = *ret_samples;
	return 0;
}

/* 1 if there may be more to do. */
static int expire_step(struct store *s, int64_t before_ms, uint64_t max_bytes)
{
	int64_t samples, records;
	int r = choose_cuts(s, before_ms, max_bytes, &samples, &records);

	if (r == 0)
		r = expire_records(s, records);
	return r == 0 ? expire_rows(s, STATEMENT_EXPIRE_TICKS, samples, EXPIRE_TICKS) : r;
}

int store_expire(struct store *s, int64_t before_ms, uint64_t max_bytes)
{
	int more, r = store_begin(s);

	if (r < 0)
		return r;
	more = expire_step(s, before_ms, max_bytes);
	r = more < 0 ? more : store_commit(s);
	if (r < 0) {
		store_rollback(s);
		return r;
	}
	return more;
}
