/* SPDX-License-Identifier: Apache-2.0 */
/* Series and values: interning, merging, the newest, ranges, gaps, too many. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/base/cleanup.h"
#include "schema/store_internal.h"
#include "tests/unit/store_fixture.h"

#define SERIES_MAX 10000

/* Values as text: METRIC{LABELS}@TIME=VALUE; for each. */
static int write_value(void *userdata, const struct series *series, int64_t time_ms, double value)
{
	struct buf *b = userdata;

	buf_add_string(b, series->metric);
	if (series->labels.count > 0)
		labels_write(&series->labels, b);
	buf_printf(b, "@%d=%g;", (int) time_ms, sample_is_stale(value) ? -999. : value);
	return 0;
}

static void assert_latest(struct reader *r, int64_t since_ms, const char *expected)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	assert_int_equal(reader_latest(r, since_ms, write_value, &b), 0);
	assert_string_equal(b.data ? b.data : "", expected);
}

static void assert_range(struct reader *r, const char *metric, int64_t from_ms, int64_t to_ms,
	const char *expected)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	_cleanup_free_ char *name = strdup(metric);
	struct series s = {.metric = name};

	assert_non_null(name);
	assert_int_equal(reader_range(r, &s, from_ms, to_ms, write_value, &b), 0);
	assert_string_equal(b.data ? b.data : "", expected);
}

static void append(struct fixture *f, int64_t time_ms, const struct sample *list, size_t count)
{
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_append(f->store, time_ms, list, count), 0);
	assert_int_equal(store_commit(f->store), 0);
}

static void test_latest_and_range(void **state)
{
	struct fixture *f = *state;
	struct reader *r = store_reader(f->store);
	int64_t newest = -1;
	uint32_t b, a;

	assert_latest(r, 0, "");
	assert_int_equal(reader_newest(r, &newest), 0);
	assert_int_equal(newest, 0);
	assert_int_equal(store_begin(f->store), 0);
	b = fixture_series(f, "b");
	a = fixture_series(f, "a");
	fixture_series(f, "never_a_value");
	assert_int_equal(fixture_series(f, "b"), b);
	assert_int_equal(store_commit(f->store), 0);
	append(f, 1000, (struct sample[]){{a, 1}, {b, 2}}, 2);
	append(f, 2000, (struct sample[]){{a, 3}}, 1);
	append(f, 3000, (struct sample[]){{b, 4}, {a, 5}, {b, 6}}, 3);
	assert_latest(r, 0, "a@3000=5;b@3000=6;");
	append(f, 4000, (struct sample[]){{a, 7}}, 1);
	assert_latest(r, 0, "a@4000=7;b@3000=6;");
	assert_latest(r, 3001, "a@4000=7;");
	append(f, 5000, (struct sample[]){{a, sample_stale()}}, 1);
	assert_latest(r, 0, "b@3000=6;");
	append(f, 6000, (struct sample[]){{a, 8}}, 1);
	assert_latest(r, 0, "a@6000=8;b@3000=6;");
	assert_int_equal(reader_newest(r, &newest), 0);
	assert_int_equal(newest, 6000);

	assert_range(r, "a", 0, 9999, "a@1000=1;a@2000=3;a@3000=5;a@4000=7;a@5000=-999;a@6000=8;");
	assert_range(r, "b", 1000, 3000, "b@1000=2;b@3000=6;");
	assert_range(r, "b", 1001, 2999, "");
	assert_range(r, "never_a_value", 0, 9999, "");
	assert_int_equal(reader_range(r, &(struct series){.metric = (char[]){"no_such"}}, 0, 9999,
				 write_value, NULL), -ENOENT);
}

static int stop(void *userdata, const struct series *series, int64_t time_ms, double value)
{
	++*(int *) userdata;
	return -ECANCELED;
}

static void test_callback_stops(void **state)
{
	struct fixture *f = *state;
	struct series s = {.metric = (char[]){"a"}};
	int calls = 0;

	assert_int_equal(store_begin(f->store), 0);
	fixture_series(f, "a");
	fixture_series(f, "b");
	assert_int_equal(store_commit(f->store), 0);
	assert_int_equal(fixture_tick(f, 1, 2, 0), 0);
	assert_int_equal(fixture_tick(f, 2, 2, 0), 0);
	assert_int_equal(reader_latest(store_reader(f->store), 0, stop, &calls), -ECANCELED);
	assert_int_equal(reader_range(store_reader(f->store), &s, 0, 9, stop, &calls), -ECANCELED);
	assert_int_equal(calls, 2);
	/* What was stopped holds no snapshot. */
	assert_int_equal(fixture_tick(f, 3, 2, 0), 0);
}

static void test_merge_of_a_moment(void **state)
{
	struct fixture *f = *state;
	uint32_t a, b, c;

	assert_int_equal(store_begin(f->store), 0);
	a = fixture_series(f, "a");
	b = fixture_series(f, "b");
	c = fixture_series(f, "c");
	assert_int_equal(store_commit(f->store), 0);
	append(f, 1000, (struct sample[]){{a, 1}, {c, 2}}, 2);
	append(f, 1000, (struct sample[]){{c, 3}, {b, 4}}, 2);
	assert_latest(store_reader(f->store), 0, "a@1000=1;b@1000=4;c@1000=3;");
	append(f, 1000, NULL, 0);
	/* Twice inside one transaction, and taken back. */
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_append(f->store, 1000, &(struct sample){a, 9}, 1), 0);
	assert_int_equal(store_append(f->store, 1000, &(struct sample){b, 9}, 1), 0);
	store_rollback(f->store);
	assert_latest(store_reader(f->store), 0, "a@1000=1;b@1000=4;c@1000=3;");
}

static void test_append_refuses_unknown_series(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_append(f->store, 1, &(struct sample){0, 1}, 1), -EINVAL);
	assert_int_equal(store_append(f->store, 1, &(struct sample){1, 1}, 1), -EINVAL);
	/* Our mistake, not the file's: the transaction goes on. */
	fixture_series(f, "a");
	assert_int_equal(store_append(f->store, 1, &(struct sample){1, 1}, 1), 0);
	assert_int_equal(store_commit(f->store), 0);
	assert_latest(store_reader(f->store), 0, "a@1=1;");
}

/* A series made in a transaction that is taken back was never there. */
static void test_rollback_takes_series_back(void **state)
{
	struct fixture *f = *state;
	struct reader *r = store_reader(f->store);
	uint32_t id;

	assert_int_equal(store_begin(f->store), 0);
	fixture_series(f, "kept");
	assert_int_equal(store_commit(f->store), 0);
	assert_int_equal(fixture_tick(f, 1, 1, 1), 0);
	assert_latest(r, 0, "kept@1=1;");
	assert_int_equal(store_begin(f->store), 0);
	id = fixture_series(f, "gone");
	fixture_series(f, "gone_too");
	assert_latest(r, 0, "kept@1=1;");
	store_rollback(f->store);
	assert_latest(r, 0, "kept@1=1;");
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(fixture_series(f, "another"), id);
	assert_int_equal(fixture_series(f, "gone"), id + 1);
	assert_int_equal(store_commit(f->store), 0);
	assert_int_equal(fixture_tick(f, 2, 3, 2), 0);
	assert_latest(r, 0, "another@2=2;gone@2=2;kept@2=2;");
	fixture_reopen(f);
	assert_latest(store_reader(f->store), 0, "another@2=2;gone@2=2;kept@2=2;");
}

static int make_series(struct fixture *f, int number, uint32_t *ret_id)
{
	_cleanup_(series_done) struct series s = {.metric = strdup("m")};
	char value[64];

	snprintf(value, sizeof(value), "\"%d\"\n\\", number);
	assert_non_null(s.metric);
	assert_int_equal(labels_set(&s.labels, "service", value), 0);
	return store_series(f->store, &s, ret_id);
}

static void test_series_bound(void **state)
{
	struct fixture *f = *state;
	uint32_t id = 0;

	store_set_max_series(f->store, SERIES_MAX);
	assert_int_equal(store_begin(f->store), 0);
	for (int i = 1; i <= SERIES_MAX; i++) {
		assert_int_equal(make_series(f, i, &id), 0);
		assert_int_equal(id, i);
	}
	assert_int_equal(make_series(f, SERIES_MAX + 1, &id), -E2BIG);
	assert_int_equal(make_series(f, 17, &id), 0);
	assert_int_equal(id, 17);
	assert_int_equal(store_commit(f->store), 0);
	assert_int_equal(fixture_tick(f, 1, SERIES_MAX, 1), 0);
	fixture_reopen(f);
	store_set_max_series(f->store, SERIES_MAX);
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(make_series(f, SERIES_MAX, &id), 0);
	assert_int_equal(id, SERIES_MAX);
	assert_int_equal(make_series(f, SERIES_MAX + 1, &id), -E2BIG);
	assert_int_equal(store_commit(f->store), 0);
}

/* SQLite itself does not notice a byte that changed inside a blob. */
static void test_damaged_row_is_a_gap(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(store_begin(f->store), 0);
	fixture_series(f, "a");
	assert_int_equal(store_commit(f->store), 0);
	for (int64_t i = 1; i <= 3; i++)
		assert_int_equal(fixture_tick(f, i, 1, (double) i), 0);
	f->store = store_close(f->store);
	fixture_sql(f->path, "UPDATE tick SET data = CAST(x'0102030405060708090a0b' AS BLOB)"
		" WHERE time_ms IN (2, 3)");
	fixture_reopen(f);
	assert_latest(store_reader(f->store), 0, "a@1=1;");
	assert_range(store_reader(f->store), "a", 0, 9, "a@1=1;");
	assert_int_equal(fixture_tick(f, 3, 1, 33), 0);
	assert_range(store_reader(f->store), "a", 0, 9, "a@1=1;a@3=33;");
}

/* A read that takes too long ends, and the reader goes on. */
static void test_time_cap(void **state)
{
	enum { MOMENTS = 5000 };
	struct fixture *f = *state;
	struct reader *reader = NULL;
	struct fixture_range range;

	assert_int_equal(store_begin(f->store), 0);
	fixture_series(f, "a");
	for (int64_t i = 1; i <= MOMENTS; i++)
		assert_int_equal(store_append(f->store, i, &(struct sample){1, 1}, 1), 0);
	assert_int_equal(store_commit(f->store), 0);
	assert_int_equal(reader_open(f->path, &reader), 0);
	reader->database->read_time = 1;
	assert_int_equal(fixture_read(reader, "a", &range), -ETIMEDOUT);
	reader->database->read_time = USEC_PER_HOUR;
	assert_int_equal(fixture_read(reader, "a", &range), 0);
	assert_int_equal(range.count, MOMENTS);
	reader_close(reader);
}

static void test_expire_by_size(void **state)
{
	enum { SERIES = 400, TICKS = 1500, BYTES = 2 * 1024 * 1024 };
	struct fixture *f = *state;
	struct fixture_range range;
	char name[16];
	int r, steps = 0;

	assert_int_equal(store_begin(f->store), 0);
	for (int i = 0; i < SERIES; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		fixture_series(f, name);
	}
	assert_int_equal(store_commit(f->store), 0);
	for (int64_t i = 1; i <= TICKS; i++)
		assert_int_equal(fixture_tick(f, i * 1000, SERIES, (double) i), 0);
	while ((r = store_expire(f->store, 0, BYTES)) > 0)
		assert_true(++steps < 1000);
	assert_int_equal(r, 0);
	assert_true(steps > 1);
	assert_int_equal(fixture_read(store_reader(f->store), "m7", &range), 0);
	/* Not so small that the newest samples would be lost. */
	assert_int_equal(range.last_ms, TICKS * 1000);
	assert_in_range(range.count, 600, 700);
	assert_int_equal(store_expire(f->store, 0, BYTES), 0);
}

static int count_event(struct fixture *f, const char *type)
{
	sqlite3_stmt *q;
	int count;
	char sql[64];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM event WHERE type = '%s'", type);
	assert_int_equal(sqlite3_prepare_v2(f->store->database.connection, sql, -1, &q, NULL), 0);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	count = sqlite3_column_int(q, 0);
	sqlite3_finalize(q);
	return count;
}

/* A flood of events goes before the samples do. */
static void test_expire_events_by_size(void **state)
{
	enum { SERIES = 10, TICKS = 1500, EVENTS = 30000, BYTES = 2 * 1024 * 1024 };
	struct fixture *f = *state;
	char name[] = "reason", text[] = "It ended, and why it did takes a sentence to tell.";
	const struct evidence evidence = {name, text};
	struct event event = {.type = "flood", .service = "llama", .reason = "crash",
		.evidence = &evidence, .evidence_count = 1};
	struct fixture_range range;
	int r, steps = 0;

	assert_int_equal(store_begin(f->store), 0);
	for (int i = 0; i < SERIES; i++) {
		char metric[16];

		snprintf(metric, sizeof(metric), "m%d", i);
		fixture_series(f, metric);
	}
	for (int64_t i = 1; i <= EVENTS; i++) {
		event.time = (usec_t) i * 20 * USEC_PER_MSEC;
		event.pid = i;
		assert_int_equal(store_put_event(f->store, &event), 0);
	}
	event.type = "last";
	event.time = (usec_t) TICKS * USEC_PER_SEC;
	assert_int_equal(store_put_event(f->store, &event), 0);
	assert_int_equal(store_commit(f->store), 0);
	for (int64_t i = 1; i <= TICKS; i++)
		assert_int_equal(fixture_tick(f, i * 1000, SERIES, (double) i), 0);
	while ((r = store_expire(f->store, 0, BYTES)) > 0)
		assert_true(++steps < 1000);
	assert_int_equal(r, 0);
	assert_int_equal(count_event(f, "last"), 1);
	assert_in_range(count_event(f, "flood"), 1, EVENTS / 2);
	assert_int_equal(fixture_read(store_reader(f->store), "m7", &range), 0);
	assert_int_equal(range.count, TICKS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
	const struct CMUnitTest tests[] = {
		TEST(test_latest_and_range),
		TEST(test_callback_stops),
		TEST(test_merge_of_a_moment),
		TEST(test_append_refuses_unknown_series),
		TEST(test_rollback_takes_series_back),
		TEST(test_series_bound),
		TEST(test_damaged_row_is_a_gap),
		TEST(test_time_cap),
		TEST(test_expire_by_size),
		TEST(test_expire_events_by_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
