/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "daemon/base/cleanup.h"
#include "schema/chunk.h"
#include "schema/crc32c.h"

#define TIMES  300
#define STEP   10000
#define SERIES 4
#define BEGIN  INT64_C(1764000000000)
#define KEY    (INT64_C(29400000) << 24 | 17 << 4)

struct fixture {
	int64_t times[TIMES];
	uint16_t places[SERIES][TIMES];
	double values[SERIES][TIMES];
	struct chunk_series series[SERIES];
	struct buf blob;
	struct chunk chunk;
};

static void add(struct fixture *f, size_t number, size_t place, double value)
{
	struct chunk_series *s = &f->series[number];

	f->places[number][s->count] = (uint16_t) place;
	f->values[number][s->count++] = value;
}

/* Ticks with an event between two of them and an outage; a series that is there always, one with gaps, one
 * that the event has alone, and one that ends at once. */
static int open_fixture(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	_cleanup_free_ struct column_work *work = column_work_new();

	assert_true(f && work);
	for (size_t i = 0; i < SERIES; i++)
		f->series[i] = (struct chunk_series){
			.id = (uint32_t) (25 + 3 * i), .places = f->places[i], .values = f->values[i]};
	for (size_t i = 0; i < TIMES; i++) {
		f->times[i] = BEGIN + STEP * (int64_t) (i > 200 ? i + 270 : i);
		add(f, 0, i, 0.25 * (double) i);
		if (i % 10 != 0 && i < 250)
			add(f, 1, i, (double) (i * i));
	}
	f->times[100] -= 4321;
	add(f, 2, 100, 1);
	add(f, 3, 0, 61.7);
	chunk_write(work, KEY, f->times, TIMES, f->series, SERIES, &f->blob);
	assert_int_equal(buf_error(&f->blob), 0);
	*state = f;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *f = *state;

	buf_done(&f->blob);
	free(f);
	return 0;
}

static int read_blob(struct fixture *f)
{
	return chunk_read(&f->chunk, KEY, f->blob.data, f->blob.size);
}

static void check_series(struct fixture *f, size_t number)
{
	const struct chunk_series *s = &f->series[number];
	const struct chunk_column *column = chunk_find(&f->chunk, s->id);
	int64_t times[TIMES];
	double values[TIMES];

	assert_non_null(column);
	assert_int_equal(column->count, s->count);
	assert_int_equal(chunk_read_column(&f->chunk, column, times, values), 0);
	for (size_t i = 0; i < s->count; i++)
		if (times[i] != f->times[s->places[i]] || values[i] != s->values[i])
			fail_msg("series %zu, value %zu", number, i);
}

static void test_comes_back(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_blob(f), 0);
	assert_int_equal(f->chunk.time_count, TIMES);
	assert_int_equal(f->chunk.column_count, SERIES);
	for (size_t i = 0; i < SERIES; i++)
		check_series(f, i);
	assert_null(chunk_find(&f->chunk, 26));
	assert_true(f->blob.size < 450);
}

static void test_one_value(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ struct column_work *work = column_work_new();
	const int64_t times[] = {-5};
	const uint16_t places[] = {0};
	const double values[] = {1.0 / 3};
	const struct chunk_series series = {1, 1, places, values};
	int64_t time;
	double value;

	buf_reset(&f->blob);
	chunk_write(work, KEY, times, 1, &series, 1, &f->blob);
	assert_int_equal(read_blob(f), 0);
	assert_int_equal(chunk_read_column(&f->chunk, &f->chunk.columns[0], &time, &value), 0);
	assert_true(time == -5 && value == 1.0 / 3);
}

static void test_every_flip_is_found(void **state)
{
	struct fixture *f = *state;

	for (size_t bit = 0; bit < 8 * f->blob.size; bit++) {
		f->blob.data[bit / 8] ^= (char) (1 << bit % 8);
		assert_int_equal(read_blob(f), -EBADMSG);
		f->blob.data[bit / 8] ^= (char) (1 << bit % 8);
	}
	assert_int_equal(read_blob(f), 0);
}

static void test_other_key(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(chunk_read(&f->chunk, KEY + 1, f->blob.data, f->blob.size), -EBADMSG);
	for (size_t size = 0; size < f->blob.size; size++)
		assert_int_equal(chunk_read(&f->chunk, KEY, f->blob.data, size), -EBADMSG);
}

/* What no writer writes, under a sum that is right. */
static void test_malformed(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *bytes;
		size_t size;
	} cases[] = {
#define CASE(bytes) {bytes, sizeof(bytes) - 1}
		CASE(""),
		CASE("M\2\0\0\1\1\0\1\0\3\0\0\0"),	  /* a version to come */
		CASE("M\1\1\0\1\1\0\1\0\3\0\0\0"),	  /* flags */
		CASE("M\1\0\0\0\1\0\1\0\3\0\0\0"),	  /* no time */
		CASE("M\1\0\0\1\0\0"),			  /* no column */
		CASE("M\1\0\0\2\1\0\0\0\1\0\3\0\0\0"),	  /* a time twice */
		CASE("M\1\0\0\2\1\0\0\1\1\0\3\0\0\0"),	  /* a time before the last one */
		CASE("M\1\0\0\2\1\0\2\1\0\3\0\0\0"),	  /* more times than there are */
		CASE("M\1\0\0\1\1\0\0\0\3\0\0\0"),	  /* no id */
		CASE("M\1\0\0\1\1\0\1\1\0\3\0\0\0"),	  /* half a pair of runs */
		CASE("M\1\0\0\1\1\0\1\2\0\0\3\0\0\0"),	  /* a run of none */
		CASE("M\1\0\0\1\1\0\1\2\1\1\3\0\0\0"),	  /* a run beyond the times */
		CASE("M\1\0\0\1\1\0\1\0\4\0\0\0"),	  /* fewer values than said */
		CASE("M\1\0\0\1\1\0\1\0\2\0\0\0"),	  /* more */
		CASE("M\1\0\0\1\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\1\0\3\0\0\0"), /* a time far away */
#undef CASE
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		buf_reset(&f->blob);
		buf_add(&f->blob, cases[i].bytes, cases[i].size);
		buf_put_u32(&f->blob, crc32c_keyed(KEY, cases[i].bytes, cases[i].size));
		if (read_blob(f) != -EBADMSG)
			fail_msg("case %zu", i);
	}
}

/* The format: what was written once is read for ever. */
static void test_format(void **state)
{
	struct fixture *f = *state;
	static const char bytes[] = "M\1\0\0\3\1\6\0\4\1\1\2\1\2\3\0\x54\0"; /* at 3, 5, 7: none, 42, 42 */
	int64_t times[2];
	double values[2];

	buf_reset(&f->blob);
	buf_add(&f->blob, bytes, sizeof(bytes) - 1);
	buf_put_u32(&f->blob, crc32c_keyed(KEY, bytes, sizeof(bytes) - 1));
	assert_int_equal(read_blob(f), 0);
	assert_int_equal(f->chunk.columns[0].id, 1);
	assert_int_equal(f->chunk.columns[0].count, 2);
	assert_int_equal(chunk_read_column(&f->chunk, &f->chunk.columns[0], times, values), 0);
	assert_true(times[0] == 5 && times[1] == 7 && values[0] == 42 && values[1] == 42);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_comes_back),
		TEST(test_one_value),
		TEST(test_every_flip_is_found),
		TEST(test_other_key),
		TEST(test_malformed),
		TEST(test_format),
	};

	return cmocka_run_group_tests_name("chunk", tests, NULL, NULL);
}
