/* SPDX-License-Identifier: Apache-2.0 */
/* Retention: a few of the oldest rows in each step, so that an event never waits behind it. */
#include "schema/store_internal.h"

#define EXPIRE_TICKS 64	   /* rows of one step; a row of 500 series is 5 KB */
#define EXPIRE_ROWS  64	   /* of events and notifications */
#define KEEP_MS	     600000 /* the newest samples, which no size limit takes away */
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

/* Before when samples go: as asked, or as far as the size limit needs. */
static int choose_cut(struct store *s, int64_t before_ms, uint64_t max_bytes, int64_t *ret)
{
	int64_t newest;
	bool too_large;
	int r = is_too_large(s, max_bytes, &too_large);

	if (r == 0)
		r = get_number(s, STATEMENT_GET_NEWEST_TICK, &newest);
	if (r < 0)
		return r;
	*ret = before_ms;
	if (too_large && newest - KEEP_MS > before_ms)
		*ret = newest - KEEP_MS;
	return 0;
}

/* 1 if there may be more to do. */
static int expire_step(struct store *s, int64_t before_ms, uint64_t max_bytes)
{
	int64_t cut;
	int r = choose_cut(s, before_ms, max_bytes, &cut);

	if (r == 0)
		r = expire_rows(s, STATEMENT_EXPIRE_TICKS, cut, EXPIRE_TICKS);
	if (r == 0)
		r = expire_rows(s, STATEMENT_EXPIRE_EVENTS, before_ms, EXPIRE_ROWS);
	if (r == 0)
		r = expire_rows(s, STATEMENT_EXPIRE_NOTIFICATIONS, before_ms, EXPIRE_ROWS);
	if (r == 0)
		r = expire_incident(s, before_ms);
	return r;
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
