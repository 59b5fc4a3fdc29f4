/* SPDX-License-Identifier: Apache-2.0 */
#include "alerts/promql/number.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/num.h"

#define NUMBER_MAX 64 /* bytes of a literal */

/* In the only order in which a duration may have them. */
static const struct {
	const char *name;
	uint64_t ms;
} units[] = {
	{"y", UINT64_C(365) * 24 * 3600 * 1000},
	{"w", UINT64_C(7) * 24 * 3600 * 1000},
	{"d", UINT64_C(24) * 3600 * 1000},
	{"h", UINT64_C(3600) * 1000},
	{"m", UINT64_C(60) * 1000},
	{"s", 1000},
	{"ms", 1},
};

size_t promql_number_size(const char *text)
{
	bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *p = text;

	for (; isalnum((unsigned char) *p) || *p == '_' || *p == '.'; p++)
		if (!hexadecimal && (*p == 'e' || *p == 'E') && (p[1] == '+' || p[1] == '-'))
			p++;
	return (size_t) (p - text);
}

/* Takes out the underscores: each must stand between digits, or behind the 0x of a number. */
static int strip_underscores(const char *text, size_t size, char *ret)
{
	bool hexadecimal = size > 2 && text[0] == '0' && (text[1] | 0x20) == 'x';
	int (*is_digit)(int c) = hexadecimal ? isxdigit : isdigit;
	size_t out = 0;

	for (size_t i = 0; i < size; i++) {
		bool behind_prefix = hexadecimal && i == 2;

		if (text[i] != '_') {
			ret[out++] = text[i];
			continue;
		}
		if (i == 0 || i + 1 == size || !is_digit((unsigned char) text[i + 1]) ||
			(!is_digit((unsigned char) text[i - 1]) && !behind_prefix))
			return -EINVAL;
	}
	ret[out] = '\0';
	return 0;
}

/* The index of the unit at TEXT, not before FROM; ELEMENTS(units) where there is none. */
static size_t find_unit(const char *text, size_t from)
{
	size_t size = strspn(text, "ywdhms");

	while (from < ELEMENTS(units) && (strlen(units[from].name) != size ||
						 strncmp(text, units[from].name, size) != 0))
		from++;
	return from;
}

static int parse_duration(const char *text, double *ret)
{
	uint64_t sum = 0;

	for (size_t from = 0; *text; from++) {
		uint64_t count = 0, part;

		if (!isdigit((unsigned char) *text))
			return -EINVAL;
		for (; isdigit((unsigned char) *text); text++)
			if (__builtin_mul_overflow(count, 10, &count) ||
				__builtin_add_overflow(count, (uint64_t) (*text - '0'), &count))
				return -ERANGE;
		from = find_unit(text, from);
		if (from == ELEMENTS(units))
			return -EINVAL;
		if (__builtin_mul_overflow(count, units[from].ms, &part) ||
			__builtin_add_overflow(sum, part, &sum) || sum > INT64_MAX / 1000000)
			return -ERANGE;
		text += strlen(units[from].name);
	}
	*ret = (double) sum / 1000;
	return 0;
}

/* Whole numbers to the base 8 or 16; what lies beyond 63 bits is no such number in Go either. */
static int parse_integer(const char *digits, unsigned shift, double *ret)
{
	uint64_t value = 0;

	if (!*digits)
		return -EINVAL;
	for (; *digits; digits++) {
		unsigned digit = isdigit((unsigned char) *digits)
					 ? (unsigned) (*digits - '0')
					 : (unsigned) ((*digits | 0x20) - 'a' + 10);

		if (!isxdigit((unsigned char) *digits))
			return -EINVAL;
		if (value > (uint64_t) INT64_MAX >> shift)
			return -ERANGE;
		value = value << shift | digit;
	}
	*ret = (double) value;
	return 0;
}

int promql_number_parse(const char *text, size_t size, double *ret, bool *ret_is_duration)
{
	char plain[NUMBER_MAX + 1];
	bool is_duration = false;
	double value;
	size_t digits;
	int r;

	if (size > NUMBER_MAX)
		return -EINVAL;
	r = strip_underscores(text, size, plain);
	if (r < 0)
		return r;
	digits = strspn(plain, "0123456789");
	if (plain[0] == '0' && (plain[1] == 'x' || plain[1] == 'X')) {
		r = parse_integer(plain + 2, 4, &value);
	} else if (plain[0] == '0' && plain[1] && strspn(plain, "01234567") == strlen(plain)) {
		r = parse_integer(plain + 1, 3, &value);
	} else if (plain[digits] && strchr("ywdhms", plain[digits])) {
		is_duration = true;
		r = strlen(plain) < size ? -EINVAL : parse_duration(plain, &value);
	} else {
		r = num_parse_double(plain, &value);
	}
	if (r < 0)
		return r;
	*ret = value;
	*ret_is_duration = is_duration;
	return 0;
}
