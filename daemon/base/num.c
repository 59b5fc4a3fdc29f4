/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/num.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

/* Reads the digits at *TEXT and moves it behind them. */
static int parse_digits(const char **text, uint64_t *ret)
{
	uint64_t value = 0;
	const char *p = *text;

	if (!isdigit((unsigned char) *p))
		return -EINVAL;
	for (; isdigit((unsigned char) *p); p++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t) (*p - '0'), &value))
			return -ERANGE;
	*text = p;
	*ret = value;
	return 0;
}

int num_parse_u64(const char *text, uint64_t *ret)
{
	uint64_t value;
	int r = parse_digits(&text, &value);

	if (r < 0)
		return r;
	if (*text)
		return -EINVAL;
	*ret = value;
	return 0;
}

int num_parse_u32(const char *text, uint32_t *ret)
{
	uint64_t value;
	int r = num_parse_u64(text, &value);

	if (r < 0)
		return r;
	if (value > UINT32_MAX)
		return -ERANGE;
	*ret = (uint32_t) value;
	return 0;
}

int num_parse_i64(const char *text, int64_t *ret)
{
	bool negative = *text == '-';
	uint64_t value;
	int r = num_parse_u64(text + negative, &value);

	if (r < 0)
		return r;
	if (value > (uint64_t) INT64_MAX + negative)
		return -ERANGE;
	*ret = negative ? (int64_t) (0 - value) : (int64_t) value;
	return 0;
}

int num_parse_double(const char *text, double *ret)
{
	locale_t c_locale;
	double value;
	char *end;

	/* strtod() also takes blanks, hexadecimal, "inf" and "nan"; a number here is none of these. */
	if (strspn(text, "+-.0123456789eE") != strlen(text))
		return -EINVAL;
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t) 0);
	if (!c_locale)
		return -ENOMEM;
	value = strtod_l(text, &end, c_locale);
	freelocale(c_locale);
	if (end == text || *end)
		return -EINVAL;
	if (!isfinite(value))
		return -ERANGE;
	*ret = value;
	return 0;
}

static const struct {
	const char *name;
	usec_t unit;
} duration_units[] = {
	{"us", 1},
	{"ms", USEC_PER_MSEC},
	{"s", USEC_PER_SEC},
	{"m", USEC_PER_MIN},
	{"min", USEC_PER_MIN},
	{"h", USEC_PER_HOUR},
	{"d", USEC_PER_DAY},
	{"w", 7 * USEC_PER_DAY},
	{"y", 365 * USEC_PER_DAY},
};

/* The unit named by the SIZE letters at NAME, or 0. */
static usec_t duration_unit(const char *name, size_t size)
{
	for (size_t i = 0; i < ELEMENTS(duration_units); i++)
		if (strlen(duration_units[i].name) == size &&
			memcmp(duration_units[i].name, name, size) == 0)
			return duration_units[i].unit;
	return 0;
}

int num_parse_duration(const char *text, usec_t *ret)
{
	usec_t sum = 0;

	if (text_equal(text, "0")) {
		*ret = 0;
		return 0;
	}
	do {
		uint64_t count;
		size_t letters;
		usec_t unit, part;
		int r = parse_digits(&text, &count);

		if (r < 0)
			return r;
		letters = strspn(text, "abcdefghijklmnopqrstuvwxyz");
		unit = duration_unit(text, letters);
		if (unit == 0)
			return -EINVAL;
		if (__builtin_mul_overflow(count, unit, &part) ||
			__builtin_add_overflow(sum, part, &sum) || sum == USEC_INFINITY)
			return -ERANGE;
		text += letters;
		if (text[0] == ' ' && text[1])
			text++;
	} while (*text);
	*ret = sum;
	return 0;
}

int num_parse_size(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	uint64_t value;
	int r = parse_digits(&text, &value);

	if (r < 0)
		return r;
	if (*text) {
		const char *unit = strchr(units, *text);

		if (!unit || text[1])
			return -EINVAL;
		if (__builtin_mul_overflow(
			    value, UINT64_C(1) << (10 * (unit - units + 1)), &value))
			return -ERANGE;
	}
	*ret = value;
	return 0;
}

int num_parse_percentage(const char *text, double *ret)
{
	size_t size = strlen(text);
	_cleanup_free_ char *number = NULL;
	double value;
	int r;

	if (size < 2 || text[size - 1] != '%' || text[0] == '-' || text[0] == '+')
		return -EINVAL;
	number = strndup(text, size - 1);
	if (!number)
		return -ENOMEM;
	r = num_parse_double(number, &value);
	if (r < 0)
		return r;
	if (value > 100)
		return -ERANGE;
	*ret = value / 100;
	return 0;
}

int num_parse_bool(const char *text, bool *ret)
{
	static const char *const words[2][4] = {
		{"no", "false", "off", "0"}, {"yes", "true", "on", "1"}};

	for (size_t value = 0; value < 2; value++)
		for (size_t i = 0; i < ELEMENTS(words[value]); i++)
			if (text_equal(text, words[value][i])) {
				*ret = value == 1;
				return 0;
			}
	return -EINVAL;
}
