/* SPDX-License-Identifier: Apache-2.0 */
/* The ground floor: buf, cursor, map, num, text, clock, file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/cursor.h"
#include "daemon/base/file.h"
#include "daemon/base/map.h"
#include "daemon/base/num.h"
#include "daemon/base/text.h"

static void test_buf_and_cursor_round_trip(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct cursor c;
	_cleanup_free_ char *s = NULL;

	buf_put_u8(&b, 7);
	buf_put_u16(&b, 0xbeef);
	buf_put_u32(&b, 0xdeadbeef);
	buf_put_u64(&b, UINT64_MAX - 1);
	buf_put_f64(&b, -0.5);
	buf_put_string(&b, "grüße");
	assert_int_equal(buf_error(&b), 0);

	c = cursor_init(b.data, b.size);
	assert_int_equal(cursor_u8(&c), 7);
	assert_int_equal(cursor_u16(&c), 0xbeef);
	assert_int_equal(cursor_u32(&c), 0xdeadbeef);
	assert_true(cursor_u64(&c) == UINT64_MAX - 1);
	assert_true(cursor_f64(&c) == -0.5);
	s = cursor_string(&c, 100);
	assert_string_equal(s, "grüße");
	assert_true(cursor_complete(&c));

	/* Past the end the error sticks and everything reads as zero. */
	assert_int_equal(cursor_u8(&c), 0);
	assert_false(cursor_complete(&c));
	assert_int_equal(cursor_left(&c), 0);
}

static void test_cursor_refuses(void **state)
{
	static const struct {
		const char *bytes;
		size_t size, limit;
	} cases[] = {
		{"\x05\0\0\0abcd", 8, 100},	   /* longer than what is left */
		{"\xff\xff\xff\xff", 4, 100},	   /* absurd length */
		{"\x03\0\0\0a\0b", 7, 100},	   /* NUL inside */
		{"\x02\0\0\0\xc3\x28", 6, 100},    /* not UTF-8 */
		{"\x03\0\0\0\xed\xa0\x80", 7, 99}, /* a surrogate */
		{"\x04\0\0\0abcd", 8, 3},	   /* over the limit */
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct cursor c = cursor_init(cases[i].bytes, cases[i].size);

		assert_null(cursor_string(&c, cases[i].limit));
		assert_true(c.failed);
	}
}

static void test_buf_limit_sticks(void **state)
{
	_cleanup_buf_ struct buf b = {.limit = 8};

	buf_add_string(&b, "12345678");
	assert_int_equal(buf_error(&b), 0);
	buf_add_char(&b, '9');
	assert_int_equal(buf_error(&b), -E2BIG);
	buf_add_char(&b, '9');
	assert_string_equal(b.data, "12345678");
	assert_null(buf_take(&b));
	buf_reset(&b);
	assert_int_equal(buf_error(&b), 0);
}

/* The map against a plain array, through many puts and removals in pseudo-random order. */
static void test_map_like_an_array(void **state)
{
	enum { KEYS = 512, STEPS = 20000 };
	static int values[KEYS];
	bool present[KEYS] = {false};
	struct map *m = map_new();
	uint32_t random = 1;
	size_t count = 0;

	assert_non_null(m);
	for (int step = 0; step < STEPS; step++) {
		uint32_t key;

		random = random * 1664525 + 1013904223;
		key = (random >> 8) % KEYS;
		if (random >> 31) {
			assert_int_equal(map_put(m, &key, sizeof(key), &values[key], NULL), 0);
			count += !present[key];
			present[key] = true;
		} else {
			void *removed = map_remove(m, &key, sizeof(key));

			assert_ptr_equal(removed, present[key] ? &values[key] : NULL);
			count -= present[key];
			present[key] = false;
		}
		assert_int_equal(map_size(m), count);
	}
	for (uint32_t key = 0; key < KEYS; key++)
		assert_ptr_equal(map_get(m, &key, sizeof(key)), present[key] ? &values[key] : NULL);
	map_free(m, NULL);
}

static void test_durations_and_sizes(void **state)
{
	static const struct {
		const char *text;
		int r;
		usec_t value;
	} durations[] = {
		{"250ms", 0, 250 * USEC_PER_MSEC},
		{"2min", 0, 2 * USEC_PER_MIN},
		{"2m", 0, 2 * USEC_PER_MIN},
		{"2y", 0, 730 * USEC_PER_DAY},
		{"1h 30min", 0, 90 * USEC_PER_MIN},
		{"1h30m", 0, 90 * USEC_PER_MIN},
		{"0", 0, 0},
		{"2q", -EINVAL, 0},
		{"5", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"-5s", -EINVAL, 0},
		{"1h ", -EINVAL, 0},
		{" 1h", -EINVAL, 0},
		{"99999999999999999999s", -ERANGE, 0},
		{"99999999999999w", -ERANGE, 0},
	};
	static const struct {
		const char *text;
		int r;
		uint64_t value;
	} sizes[] = {
		{"0", 0, 0},
		{"64K", 0, 65536},
		{"2G", 0, UINT64_C(2) << 30},
		{"1T", 0, UINT64_C(1) << 40},
		{"1KB", -EINVAL, 0},
		{"K", -EINVAL, 0},
		{"18446744073709551615T", -ERANGE, 0},
	};

	for (size_t n = 0; n < ELEMENTS(durations); n++) {
		usec_t value = 0;

		assert_int_equal(num_parse_duration(durations[n].text, &value), durations[n].r);
		assert_true(value == durations[n].value);
	}
	for (size_t n = 0; n < ELEMENTS(sizes); n++) {
		uint64_t value = 0;

		assert_int_equal(num_parse_size(sizes[n].text, &value), sizes[n].r);
		assert_true(value == sizes[n].value);
	}
}

static void test_numbers(void **state)
{
	double d;
	int64_t i;
	bool b;

	assert_int_equal(num_parse_i64("-9223372036854775808", &i), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(num_parse_i64("9223372036854775808", &i), -ERANGE);
	assert_int_equal(num_parse_percentage("99.9%", &d), 0);
	assert_true(d > 0.9989 && d < 0.9991);
	assert_int_equal(num_parse_percentage("101%", &d), -ERANGE);
	assert_int_equal(num_parse_percentage("5", &d), -EINVAL);
	assert_int_equal(num_parse_double("1e400", &d), -ERANGE);
	assert_int_equal(num_parse_double("0x10", &d), -EINVAL);
	assert_int_equal(num_parse_double("nan", &d), -EINVAL);
	assert_int_equal(num_parse_bool("yes", &b), 0);
	assert_true(b);
	assert_int_equal(num_parse_bool("maybe", &b), -EINVAL);
}

static void test_text(void **state)
{
	static const char *const names[] = {"interval", "evaluate", "retention", "listen"};
	_cleanup_free_ char *clean = NULL;
	char word[] = "gr\xc3\xbc\xc3\x9f";

	assert_string_equal(text_nearest("intervall", names, 4), "interval");
	assert_string_equal(text_nearest("lisetn", names, 4), "listen");
	assert_null(text_nearest("zebra", names, 4));
	assert_int_equal(text_distance("ab", "ba"), 1);
	assert_true(text_is_utf8("\xf4\x8f\xbf\xbf", 4));
	assert_false(text_is_utf8("\xf4\x90\x80\x80", 4));
	assert_false(text_is_utf8("\xc0\xaf", 2));
	assert_false(text_is_utf8("\xe2\x82", 2));
	clean = text_printable("a\n\x1b[1m\xff\xc2\x85z", 10);
	assert_string_equal(clean, "a??[1m???z");
	text_truncate(word, 3);
	assert_string_equal(word, "gr");
}

static void test_clock(void **state)
{
	static const struct {
		usec_t duration;
		const char *text;
	} durations[] = {
		{12 * USEC_PER_MSEC, "12ms"},
		{1500 * USEC_PER_MSEC, "1.5s"},
		{125 * USEC_PER_SEC, "2min 5s"},
		{76 * USEC_PER_HOUR, "3d 4h"},
		{2 * USEC_PER_DAY, "2d"},
	};
	char text[RFC3339_MAX];

	assert_string_equal(
		clock_format(UINT64_C(1769853600123456), text), "2026-01-31T10:00:00.123Z");
	for (size_t i = 0; i < ELEMENTS(durations); i++)
		assert_string_equal(
			clock_format_duration(durations[i].duration, text), durations[i].text);
	assert_string_equal(
		clock_format_utc(UINT64_C(1769853600123456), text), "2026-01-31 10:00:00 UTC");
	assert_true(usec_add(USEC_INFINITY, 1) == USEC_INFINITY);
}

static void test_times_are_read(void **state)
{
	static const struct {
		const char *text;
		usec_t time; /* 1: it is none */
	} cases[] = {
		{"2026-01-31T10:00:00.123Z", UINT64_C(1769853600123000)},
		{"2026-01-31T10:00:00.123456789Z", UINT64_C(1769853600123456)},
		{"2026-01-31T10:00:00Z", UINT64_C(1769853600000000)},
		{"1970-01-01T00:00:00.000Z", 0},
		{"2026-01-31T10:00:00.1234567890Z", 1},
		{"2026-01-31T10:00:00.123", 1},
		{"2026-01-31T10:00:00.123+01:00", 1},
		{"2026-01-31T10:00:00.123Z ", 1},
		{"2026-01-31 10:00:00Z", 1},
		{"1969-12-31T23:59:58Z", 1},
		{"", 1},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		usec_t t = 1;

		assert_int_equal(clock_parse(cases[i].text, &t), cases[i].time == 1 ? -EINVAL : 0);
		assert_true(t == cases[i].time);
	}
}

static void test_numbers_are_written_as_short_as_they_can_be(void **state)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {{0, "0"}, {-1.5, "-1.5"}, {0.1, "0.1"}, {0.1 + 0.2, "0.30000000000000004"},
		{1e300, "1e+300"}, {9007199254740993.0, "9007199254740992"}};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;

		buf_add_double(&b, cases[i].value);
		assert_string_equal(b.data, cases[i].text);
	}
}

static void test_sealed_file(void **state)
{
	_cleanup_close_ int fd = file_seal("test", "hello", 5);
	_cleanup_buf_ struct buf b = BUF_INIT;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(file_read_sealed(fd, 4, &b), -EFBIG);
	assert_int_equal(b.size, 0);
	assert_int_equal(file_read_sealed(fd, 5, &b), 0);
	assert_string_equal(b.data, "hello");
	assert_int_equal(file_read_sealed(STDIN_FILENO, 5, &b), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buf_and_cursor_round_trip),
		cmocka_unit_test(test_cursor_refuses),
		cmocka_unit_test(test_buf_limit_sticks),
		cmocka_unit_test(test_map_like_an_array),
		cmocka_unit_test(test_durations_and_sizes),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_times_are_read),
		cmocka_unit_test(test_numbers_are_written_as_short_as_they_can_be),
		cmocka_unit_test(test_sealed_file),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
