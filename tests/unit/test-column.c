/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever the values are, the very same bits come back; and those that metrics have take few bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>

#include "daemon/base/cleanup.h"
#include "schema/column.h"
#include "schema/sample.h"

#define COUNT 720

/* A generator of its own, so that every run sees the same (Marsaglia, "Xorshift RNGs", 2003). */
static uint64_t state = 88172645463325252;

static uint64_t draw(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static double uniform(void)
{
	return (double) (draw() >> 11) * 0x1p-53;
}

static double constant(size_t i)
{
	return 17179869184;
}

static double gauge(size_t i)
{
	return round(100 * (60 + 5 * sin((double) i / 60) + uniform())) / 100;
}

static double counter(size_t i)
{
	static double sum;

	sum = (i > 0 ? sum : 1e6) + (double) (draw() % 50);
	return sum;
}

static double rare(size_t i)
{
	static double sum;

	sum = (i > 0 ? sum : 41) + (draw() % 100 == 0);
	return sum;
}

static double pages(size_t i)
{
	return 4096 * (double) (250000 + draw() % 2000);
}

static double state_of(size_t i)
{
	return i % 400 < 350;
}

static double noise(size_t i)
{
	return 0.5 + uniform() / 3;
}

static double nanoseconds(size_t i)
{
	return 1.76e18 + 1e10 * (double) i;
}

static double steady(size_t i)
{
	return 10 * (double) i + 3;
}

static double with_ends(size_t i)
{
	return i % 100 == 99 ? sample_stale() : gauge(i);
}

static double odd(size_t i)
{
	static const double list[] = {0, -0.0, 1.0 / 3, INFINITY, -INFINITY, 1e300, 5e-324, -1e15, 0x1p53,
		0.1};

	return i % 7 == 0 ? NAN : list[i % ELEMENTS(list)];
}

static double few_odd(size_t i)
{
	return i % 20 == 0 ? odd(i) : (double) i / 8;
}

static double extremes(size_t i)
{
	return (i % 2 ? 1 : -1) * (0x1p61 - 512);
}

/* How many bits of it a value takes at most. */
static const struct {
	const char *name;
	double (*value)(size_t i);
	double bits;
} series[] = {
	{"constant", constant, 0.2},
	{"gauge", gauge, 7.8},
	{"counter", counter, 6.4},
	{"rare", rare, 0.4},
	{"pages", pages, 11.7},
	{"state", state_of, 0.25},
	{"noise", noise, 56},
	{"nanoseconds", nanoseconds, 0.4},
	{"steady", steady, 0.25},
	{"with ends", with_ends, 9},
	{"odd", odd, 80},
	{"few odd", few_odd, 6},
	{"extremes", extremes, 70},
};

static void fill(size_t number, double *values, size_t count)
{
	state = 88172645463325252;
	for (size_t i = 0; i < count; i++)
		values[i] = series[number].value(i);
}

static void test_same_bits(void **unused)
{
	static const size_t counts[] = {1, 2, 127, 128, 129, COUNT, COLUMN_VALUES_MAX};
	static double values[COLUMN_VALUES_MAX], read[COLUMN_VALUES_MAX];
	_cleanup_free_ struct column_work *work = column_work_new();

	assert_non_null(work);
	for (size_t n = 0; n < ELEMENTS(series); n++)
		for (size_t c = 0; c < ELEMENTS(counts); c++) {
			_cleanup_buf_ struct buf b = BUF_INIT;

			fill(n, values, counts[c]);
			column_write(work, values, counts[c], &b);
			assert_int_equal(buf_error(&b), 0);
			if (column_read(b.data, b.size, read, counts[c]) < 0 ||
				memcmp(values, read, counts[c] * sizeof(double)) != 0)
				fail_msg("%s: %zu values", series[n].name, counts[c]);
		}
}

static void test_few_bytes(void **unused)
{
	_cleanup_free_ struct column_work *work = column_work_new();
	double values[COUNT];

	assert_non_null(work);
	for (size_t n = 0; n < ELEMENTS(series); n++) {
		_cleanup_buf_ struct buf b = BUF_INIT;

		fill(n, values, COUNT);
		column_write(work, values, COUNT, &b);
		if (8.0 * (double) b.size / COUNT > series[n].bits)
			fail_msg("%s: %.2f bits", series[n].name, 8.0 * (double) b.size / COUNT);
	}
}

/* Cut short, and with more behind it, it is no column. */
static void test_cut(void **unused)
{
	_cleanup_free_ struct column_work *work = column_work_new();
	double values[COUNT], read[COUNT];

	assert_non_null(work);
	for (size_t n = 0; n < ELEMENTS(series); n++) {
		_cleanup_buf_ struct buf b = BUF_INIT;

		fill(n, values, COUNT);
		column_write(work, values, COUNT, &b);
		for (size_t size = 0; size < b.size; size++)
			assert_int_equal(column_read(b.data, size, read, COUNT), -EBADMSG);
		buf_put_u8(&b, 0);
		assert_int_equal(column_read(b.data, b.size, read, COUNT), -EBADMSG);
	}
}

/* What no writer writes. */
static void test_damaged(void **unused)
{
	static const struct {
		const char *bytes;
		size_t size;
	} cases[] = {
		{"\xc0\x00\x00", 3},		       /* an order that there is not */
		{"\x0b\x00\x00", 3},		       /* an exponent */
		{"\x10\x00\x00\x00", 4},	       /* a step of 0 */
		{"\x20\x00\x00\x00", 4},	       /* no exceptions */
		{"\x20\x00\x02\x00", 4},	       /* more than there are */
		{"\x20\x00\x01\x01" "12345678" "\x00", 13}, /* behind the last value */
		{"\x00\x80\x00\x00", 4},	       /* a number that is not in its shortest form */
		{"\x00\x00\x07", 3},		       /* a block of no mode */
		{"\x00\x00\xf8", 3},		       /* bits behind the last block */
		{"\xff" "12345678", 9},		       /* no second value */
		{"", 0},
	};
	double read[2];

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		size_t count = cases[i].size == 9 ? 2 : 1;

		if (column_read(cases[i].bytes, cases[i].size, read, count) != -EBADMSG)
			fail_msg("case %zu", i);
	}
}

/* The format: what was written once is read for ever. */
static void test_format(void **unused)
{
	static const char constants[] = "\x01\xd2\x09\x00"; /* 61.7, 61.7 */
	static const char steps[] = "\x90\x06\x04\x02\x32"; /* 3, 7, 11 */
	double read[3];

	assert_int_equal(column_read(constants, sizeof(constants) - 1, read, 2), 0);
	assert_true(read[0] == 61.7 && read[1] == 61.7);
	assert_int_equal(column_read(steps, sizeof(steps) - 1, read, 3), 0);
	assert_true(read[0] == 3 && read[1] == 7 && read[2] == 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_bits),
		cmocka_unit_test(test_few_bytes),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests_name("column", tests, NULL, NULL);
}
