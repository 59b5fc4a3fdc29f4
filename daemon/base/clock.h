/* SPDX-License-Identifier: Apache-2.0 */
/* The one time type, its two clocks and its text form.
 *
 * Layer: base. Wall time is for people and storage, monotonic time for intervals and timeouts. */
#pragma once

#include <inttypes.h>
#include <stdint.h>

typedef uint64_t usec_t; /* microseconds: a duration, or a time since the clock's epoch */

#define USEC_INFINITY ((usec_t) UINT64_MAX)
#define USEC_PER_MSEC ((usec_t) 1000)
#define USEC_PER_SEC  (1000 * USEC_PER_MSEC)
#define USEC_PER_MIN  (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MIN)
#define USEC_PER_DAY  (24 * USEC_PER_HOUR)

#define RFC3339_MAX 40 /* bytes that clock_format() may write, the final NUL included */

usec_t clock_wall(void);
usec_t clock_monotonic(void);
/* Since the host's start, sleep included: what /proc counts from. */
usec_t clock_boot(void);

/* a - b, or 0 where b is later. */
static inline usec_t usec_since(usec_t a, usec_t b)
{
	return a > b ? a - b : 0;
}

/* a + b, or USEC_INFINITY where that does not fit. */
usec_t usec_add(usec_t a, usec_t b);

/* The store's unit, and back. Times before 1970 do not occur. */
static inline int64_t usec_to_ms(usec_t t)
{
	return (int64_t) (t / USEC_PER_MSEC);
}
static inline usec_t usec_from_ms(int64_t ms)
{
	return ms > 0 ? (usec_t) ms * USEC_PER_MSEC : 0;
}

/* Writes T as RFC 3339 in UTC with milliseconds (2026-01-31T10:00:00.123Z) and returns BUFFER. */
char *clock_format(usec_t t, char buffer[static RFC3339_MAX]);

/* Reads RFC 3339 in UTC, with up to nine digits behind the second or none. -EINVAL. */
int clock_parse(const char *text, usec_t *ret);

/* Writes T for people, in UTC too: "2026-01-31 10:00:00 UTC". Returns BUFFER. */
char *clock_format_utc(usec_t t, char buffer[static RFC3339_MAX]);

/* Writes a duration for people: "3d 4h", "2min 5s", "1.5s", "12ms". Returns BUFFER. */
char *clock_format_duration(usec_t duration, char buffer[static RFC3339_MAX]);
