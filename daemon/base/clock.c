/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

#define FRACTION_DIGITS_MAX 9 /* of a second */

static usec_t clock_read(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) < 0)
		return 0;
	return (usec_t) ts.tv_sec * USEC_PER_SEC + (usec_t) ts.tv_nsec / 1000;
}

usec_t clock_wall(void)
{
	return clock_read(CLOCK_REALTIME);
}

usec_t clock_monotonic(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

usec_t clock_boot(void)
{
	return clock_read(CLOCK_BOOTTIME);
}

usec_t usec_add(usec_t a, usec_t b)
{
	usec_t sum;

	return __builtin_add_overflow(a, b, &sum) ? USEC_INFINITY : sum;
}

char *clock_format(usec_t t, char buffer[static RFC3339_MAX])
{
	time_t seconds = (time_t) (t / USEC_PER_SEC);
	char date[RFC3339_MAX - sizeof(".123Z")];
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		date[0] = '\0';
	snprintf(buffer, RFC3339_MAX, "%s.%03uZ", date,
		(unsigned) (t % USEC_PER_SEC / USEC_PER_MSEC));
	return buffer;
}

int clock_parse(const char *text, usec_t *ret)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	usec_t fraction = 0, digit = USEC_PER_SEC;
	time_t seconds;

	if (!end)
		return -EINVAL;
	if (*end == '.') {
		int digits = 0;

		for (end++; *end >= '0' && *end <= '9' && digits < FRACTION_DIGITS_MAX; digits++) {
			digit /= 10;
			fraction += digit * (usec_t) (*end++ - '0');
		}
	}
	if (!text_equal(end, "Z"))
		return -EINVAL;
	seconds = timegm(&tm);
	if (seconds < 0)
		return -EINVAL;
	*ret = (usec_t) seconds * USEC_PER_SEC + fraction;
	return 0;
}

char *clock_format_utc(usec_t t, char buffer[static RFC3339_MAX])
{
	time_t seconds = (time_t) (t / USEC_PER_SEC);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) ||
		strftime(buffer, RFC3339_MAX, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		buffer[0] = '\0';
	return buffer;
}

char *clock_format_duration(usec_t duration, char buffer[static RFC3339_MAX])
{
	static const struct {
		usec_t unit;
		const char *name;
	} units[] = {
		{USEC_PER_DAY, "d"}, {USEC_PER_HOUR, "h"}, {USEC_PER_MIN, "min"}, {USEC_PER_SEC, "s"}};

	if (duration < USEC_PER_SEC) {
		snprintf(buffer, RFC3339_MAX, "%" PRIu64 "ms", duration / USEC_PER_MSEC);
		return buffer;
	}
	if (duration < 10 * USEC_PER_SEC) {
		snprintf(buffer, RFC3339_MAX, "%.1fs", (double) duration / (double) USEC_PER_SEC);
		return buffer;
	}
	for (size_t i = 0; i < ELEMENTS(units); i++) {
		usec_t count = duration / units[i].unit, rest = 0;

		if (count == 0)
			continue;
		if (i + 1 < ELEMENTS(units))
			rest = duration % units[i].unit / units[i + 1].unit;
		if (rest > 0)
			snprintf(buffer, RFC3339_MAX, "%" PRIu64 "%s %" PRIu64 "%s", count,
				units[i].name, rest, units[i + 1].name);
		else
			snprintf(buffer, RFC3339_MAX, "%" PRIu64 "%s", count, units[i].name);
		break;
	}
	return buffer;
}
