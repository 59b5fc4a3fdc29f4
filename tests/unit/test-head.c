/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>

#include "daemon/base/cleanup.h"
#include "schema/crc32c.h"
#include "schema/head.h"

#define SERIES 300 /* more than there is room for at first */
#define KEY    INT64_C(1764000000000)

struct fixture {
	struct head writer, reader;
	struct sample list[SERIES], read[SERIES];
	size_t count, read_count;
	struct buf row;
};

static int open_fixture(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	assert_non_null(*state);
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *f = *state;

	head_done(&f->writer);
	head_done(&f->reader);
	buf_done(&f->row);
	free(f);
	return 0;
}

static void on_value(void *userdata, uint32_t series, double value)
{
	struct fixture *f = userdata;

	assert_true(f->read_count < SERIES);
	f->read[f->read_count++] = (struct sample){series, value};
}

static void write_row(struct fixture *f, enum head_kind kind)
{
	buf_reset(&f->row);
	assert_int_equal(head_write(&f->writer, KEY, kind, f->list, f->count, &f->row), 0);
}

static int read_row(struct fixture *f, enum head_kind *ret_kind)
{
	f->read_count = 0;
	return head_read(&f->reader, KEY, f->row.data, f->row.size, ret_kind, on_value, f);
}

static bool is_same(double a, double b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

/* What was written comes back: exactly the values of the list. */
static void check(struct fixture *f, enum head_kind kind)
{
	enum head_kind read;
	size_t count = 0;

	write_row(f, kind);
	assert_int_equal(read_row(f, &read), 0);
	assert_int_equal(read, kind);
	for (uint32_t id = 0; id < f->reader.size; id++)
		count += f->reader.has[id];
	assert_int_equal(count, f->count);
	for (size_t i = 0; i < f->count; i++)
		if (!f->reader.has[f->list[i].series] ||
			!is_same(f->reader.values[f->list[i].series], f->list[i].value))
			fail_msg("series %u", f->list[i].series);
}

static void add(struct fixture *f, uint32_t series, double value)
{
	f->list[f->count++] = (struct sample){series, value};
}

/* Every turn that a value can take, from any to any. */
static void test_turns(void **state)
{
	static const double values[] = {0, -0.0, 1, 61.5, 61.25, 62, 1e6 + 0.125, 0x1p53, 1.7e18, -1.7e18,
		1e300, 5e-324, 1.0 / 3, INFINITY, 1e-10, 0};
	struct fixture *f = *state;
	const size_t n = ELEMENTS(values);

	for (size_t turn = 0; turn <= n; turn++) {
		f->count = 0;
		for (size_t i = 0; i < n; i++) {
			size_t next = (i + turn * (i % 5 + 1)) % n;

			/* One of them has no value each time, and one has what no number is. */
			if (i != turn)
				add(f, (uint32_t) (1 + 19 * i),
					i == turn + 1 ? sample_stale() : values[next]);
		}
		check(f, turn == 0 ? HEAD_ALL : HEAD_CHANGES);
	}
}

/* Series that come and go. */
static void test_who_is_there(void **state)
{
	struct fixture *f = *state;

	for (uint32_t turn = 0; turn < 100; turn++) {
		f->count = 0;
		for (uint32_t id = 1; id < SERIES; id++)
			if ((id * 7 + turn) % 13 < 6 && id < 3 * turn + 2)
				add(f, id, id * 1.5);
		check(f, turn == 0 || turn == 64 ? HEAD_ALL : HEAD_CHANGES);
	}
}

/* What happens between ticks is told, and changes nothing. */
static void test_between_ticks(void **state)
{
	struct fixture *f = *state;
	enum head_kind kind;

	add(f, 1, 10);
	add(f, 200, 20);
	check(f, HEAD_ALL);
	f->list[0].value = 99;
	write_row(f, HEAD_SOME);
	assert_int_equal(read_row(f, &kind), 0);
	assert_int_equal(kind, HEAD_SOME);
	assert_int_equal(f->read_count, 2);
	assert_true(f->read[0].series == 1 && f->read[0].value == 99);
	assert_true(f->reader.values[1] == 10);
	f->list[0].value = 11;
	check(f, HEAD_CHANGES);
}

/* Nothing changed, and counters that count on. */
static void test_few_bytes(void **state)
{
	struct fixture *f = *state;

	for (uint32_t id = 1; id < SERIES; id++)
		add(f, id, 1e9 + id);
	check(f, HEAD_ALL);
	check(f, HEAD_CHANGES);
	assert_int_equal(f->row.size, 5);
	for (size_t i = 0; i < f->count; i++)
		f->list[i].value += 30;
	check(f, HEAD_CHANGES);
	assert_int_equal(f->row.size, 5 + 3 * f->count);
}

static void test_every_flip_is_found(void **state)
{
	struct fixture *f = *state;
	enum head_kind kind;

	add(f, 1, 0.5);
	add(f, 7, 1e9);
	write_row(f, HEAD_ALL);
	f->list[0].value = 0.75;
	write_row(f, HEAD_CHANGES);
	for (size_t bit = 0; bit < 8 * f->row.size; bit++) {
		f->row.data[bit / 8] ^= (char) (1 << bit % 8);
		assert_int_equal(read_row(f, &kind), -EBADMSG);
		f->row.data[bit / 8] ^= (char) (1 << bit % 8);
	}
	for (size_t size = 0; size < f->row.size; size++)
		assert_int_equal(head_read(&f->reader, KEY, f->row.data, size, &kind, NULL, NULL), -EBADMSG);
	assert_int_equal(
		head_read(&f->reader, KEY + 1, f->row.data, f->row.size, &kind, NULL, NULL), -EBADMSG);
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
		CASE("\0"),
		CASE("\4"),				/* a kind to come */
		CASE("\2\0\0\0"),			/* no id */
		CASE("\2\1\1\1\1"),			/* half an entry */
		CASE("\2\1\13\1"),			/* an exponent that there is not */
		CASE("\2\1\17\0\0\0\0"),		/* half a value */
		CASE("\1\1\0\0\0\0\0\0\0"),		/* the same */
		CASE("\2\x81\x80\x40\16"),		/* an id beyond the last one */
		CASE("\2\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\16"),
#undef CASE
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		enum head_kind kind;

		buf_reset(&f->row);
		buf_add(&f->row, cases[i].bytes, cases[i].size);
		buf_put_u32(&f->row, crc32c_keyed(KEY, cases[i].bytes, cases[i].size));
		if (read_row(f, &kind) != -EBADMSG)
			fail_msg("case %zu", i);
	}
}

/* The format: what was written once is read for ever. */
static void test_format(void **state)
{
	static const char all[] = "\1\3\0\0\0\0\0\0\x4e\x40";	   /* 3: 60 */
	static const char changes[] = "\2\1\1\6\2\0\3\1\16"; /* 1: 0.3; 3: 60 - 2; 4: none */
	struct fixture *f = *state;
	const struct {
		const char *bytes;
		size_t size;
	} rows[] = {{all, sizeof(all) - 1}, {changes, sizeof(changes) - 1}};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		enum head_kind kind;

		buf_reset(&f->row);
		buf_add(&f->row, rows[i].bytes, rows[i].size);
		buf_put_u32(&f->row, crc32c_keyed(KEY, rows[i].bytes, rows[i].size));
		assert_int_equal(read_row(f, &kind), 0);
	}
	assert_true(f->reader.has[1] && f->reader.values[1] == 0.3);
	assert_true(f->reader.has[3] && f->reader.values[3] == 58);
	assert_false(f->reader.has[2] || f->reader.has[4]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_turns),
		TEST(test_who_is_there),
		TEST(test_between_ticks),
		TEST(test_few_bytes),
		TEST(test_every_flip_is_found),
		TEST(test_malformed),
		TEST(test_format),
	};

	return cmocka_run_group_tests_name("head", tests, NULL, NULL);
}
