/* SPDX-License-Identifier: Apache-2.0 */
/* The row of a moment: codec, sorting, merging. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "schema/crc32c.h"
#include "schema/tick.h"

/* RFC 3720, appendix B.4, and the check value that catalogues of CRCs give. */
static void test_crc32c(void **state)
{
	uint8_t bytes[32];

	assert_int_equal(crc32c("", 0), 0);
	assert_int_equal(crc32c("123456789", 9), 0xe3069283);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(crc32c(bytes, sizeof(bytes)), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(crc32c(bytes, sizeof(bytes)), 0x62a8ab43);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t) i;
	assert_int_equal(crc32c(bytes, sizeof(bytes)), 0x46dd794e);
}

/* Bit for bit, so that NaNs count. */
static void assert_samples(const struct sample *a, const struct sample *b, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(a[i].series, b[i].series);
		assert_memory_equal(&a[i].value, &b[i].value, sizeof(double));
	}
}

static void test_round_trip(void **state)
{
	const struct sample list[] = {{1, 0}, {2, -0.0}, {129, 1e308}, {16512, __builtin_nan("")},
		{16513, __builtin_inf()}, {UINT32_MAX, 0.1}};

	for (size_t count = 0; count <= ELEMENTS(list); count++) {
		_cleanup_buf_ struct buf b = BUF_INIT;
		struct sample read[ELEMENTS(list)];
		struct sample none;
		struct tick t;

		tick_write(list, count, &b);
		assert_int_equal(buf_error(&b), 0);
		assert_int_equal(tick_read(b.data, b.size, &t), 0);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(tick_next(&t, &read[i]), 1);
		assert_int_equal(tick_next(&t, &none), 0);
		assert_samples(read, list, count);
	}
}

/* Every flip of one bit and every cut is noticed before a value comes out. */
static void test_damage(void **state)
{
	const struct sample list[] = {{1, 1}, {3, 2}, {200, 3}};
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct tick t;

	tick_write(list, ELEMENTS(list), &b);
	assert_int_equal(buf_error(&b), 0);
	for (size_t bit = 0; bit < b.size * 8; bit++) {
		b.data[bit / 8] = (char) (b.data[bit / 8] ^ 1 << bit % 8);
		assert_int_equal(tick_read(b.data, b.size, &t), -EBADMSG);
		b.data[bit / 8] = (char) (b.data[bit / 8] ^ 1 << bit % 8);
	}
	for (size_t size = 0; size < b.size; size++)
		assert_int_equal(tick_read(b.data, size, &t), -EBADMSG);
	assert_int_equal(tick_read(b.data, b.size, &t), 0);
}

static void test_malformed(void **state)
{
	static const struct {
		const char *body;
		size_t size;
		bool begins; /* the fault lies behind the head */
	} cases[] = {
		{"", 0, false},
		{"\x02\x00", 2, false},			   /* unknown version */
		{"\x01", 1, false},			   /* no count */
		{"\x01\x81\x80\x40", 4, false},		   /* one more than the limit */
		{"\x01\x80\x00", 3, false},		   /* a varint not in its shortest form */
		{"\x01\x00x", 3, true},			   /* trailing bytes */
		{"\x01\x01\x01\0\0\0\0\0\0\0", 10, true},  /* a value cut short */
		{"\x01\x01\x00\0\0\0\0\0\0\0\0", 11, true}, /* id 0 */
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;
		struct sample sample;
		struct tick t;

		buf_add(&b, cases[i].body, cases[i].size);
		buf_put_u32(&b, crc32c(cases[i].body, cases[i].size));
		assert_int_equal(tick_read(b.data, b.size, &t), cases[i].begins ? 0 : -EBADMSG);
		if (cases[i].begins)
			assert_int_equal(tick_next(&t, &sample), -EBADMSG);
	}
}

static void test_sort(void **state)
{
	static const struct {
		struct sample list[6];
		size_t count;
		struct sample sorted[6];
		size_t left;
	} cases[] = {
		{{{0}}, 0, {{0}}, 0},
		{{{5, 1}}, 1, {{5, 1}}, 1},
		{{{1, 1}, {2, 2}, {3, 3}}, 3, {{1, 1}, {2, 2}, {3, 3}}, 3},
		{{{3, 1}, {2, 2}, {1, 3}}, 3, {{1, 3}, {2, 2}, {3, 1}}, 3},
		{{{2, 1}, {2, 2}}, 2, {{2, 2}}, 1},
		{{{2, 1}, {1, 2}, {2, 3}, {1, 4}, {2, 5}, {9, 6}}, 6, {{1, 4}, {2, 5}, {9, 6}}, 3},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct sample list[6], scratch[6];

		memcpy(list, cases[i].list, sizeof(list));
		assert_int_equal(tick_sort(list, cases[i].count, scratch), cases[i].left);
		assert_samples(list, cases[i].sorted, cases[i].left);
	}
}

static void test_merge(void **state)
{
	const struct sample old[] = {{1, 10}, {3, 30}, {5, 50}};
	const struct sample new[] = {{2, 21}, {3, 31}, {6, 61}};
	const struct sample expected[] = {{1, 10}, {2, 21}, {3, 31}, {5, 50}, {6, 61}};
	struct sample merged[6];

	assert_int_equal(tick_merge(old, 3, new, 3, merged), 5);
	assert_samples(merged, expected, 5);
	assert_int_equal(tick_merge(old, 3, NULL, 0, merged), 3);
	assert_samples(merged, old, 3);
	assert_int_equal(tick_merge(NULL, 0, new, 3, merged), 3);
	assert_samples(merged, new, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc32c),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_sort),
		cmocka_unit_test(test_merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
