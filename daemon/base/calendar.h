/* SPDX-License-Identifier: Apache-2.0 */
/* Calendar events as systemd.time(7) writes them, and windows between two times of a day.
 *
 * Layer: base. Pure: whether there is a time zone of some name is the caller's to look up. Besides
 * what systemd takes for OnCalendar= (but @SECONDS), the time may be FROM..TO with two times that each
 * have a colon, which is a window: 22:00..02:00 ends on the next day. Hence 02:00..04:00, which
 * systemd reads as the first second of five minutes, is two hours here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CALENDAR_RANGES_MAX 64 /* elements of one list: there are 60 seconds */
#define CALENDAR_ZONE_MAX   64 /* bytes of a time zone's name, its NUL included */
#define CALENDAR_EVERY_DAY  0x7f

enum calendar_unit {
	CALENDAR_YEAR,
	CALENDAR_MONTH,
	CALENDAR_DAY,
	CALENDAR_HOUR,
	CALENDAR_MINUTE,
	CALENDAR_SECOND, /* in microseconds */
	CALENDAR_UNITS,
};

/* FIRST, FIRST + STEP ... up to LAST; where LAST is less than FIRST (days from the end of the month),
 * FIRST - STEP ... down to it. One value has LAST = FIRST and a STEP of 0. */
struct calendar_range {
	uint64_t first, last, step;
};

struct calendar_list {
	size_t count; /* 0: all */
	struct calendar_range ranges[CALENDAR_RANGES_MAX];
};

struct calendar {
	unsigned weekdays; /* bits; 1 << 0 is Monday */
	bool from_end;	   /* 1 is the last day of the month, 2 the one before it */
	struct calendar_list units[CALENDAR_UNITS];
	bool is_window;		     /* then of these seconds of a day, and not hour, minute, second */
	unsigned opens, closes;	     /* CLOSES may be 86400; less than OPENS: on the next day */
	char zone[CALENDAR_ZONE_MAX]; /* a name of the tz database; "" for the local time */
};

/* 0, or -EINVAL with a constant text in *RET_WHY: what is wrong, and an example of what is right. */
int calendar_parse(const char *text, struct calendar *ret, const char **ret_why);
