/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/calendar.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "daemon/base/cleanup.h"

#define WEEKDAYS       7
#define NUMBER_MAX     100000 /* above every unit; larger numbers are taken for it */
#define DAY_SECONDS    86400
#define FRACTION_SCALE 1000000 /* microseconds of a second */
#define LAST_DAYS_SURE 28      /* days that every month has */
#define TEXT_MAX       512     /* bytes of an event with its time zone */

static const struct {
	uint64_t least, most, scale;
	const char *why;
} limits[CALENDAR_UNITS] = {
	[CALENDAR_YEAR] = {1970, 2199, 1,
		"a year is 1970 to 2199, such as 2027-*-01 or 2027..2029-*-01"},
	[CALENDAR_MONTH] = {1, 12, 1, "a month is 1 to 12, such as *-04-01 or *-01,07-01"},
	[CALENDAR_DAY] = {1, 31, 1,
		"a day is 1 to 31, or 1 to 28 behind ~, such as *-*-01..07 or *-*~01"},
	[CALENDAR_HOUR] = {0, 23, 1, "an hour is 0 to 23, such as 02:00 or 8..17/3:00"},
	[CALENDAR_MINUTE] = {0, 59, 1, "a minute is 0 to 59, such as 02:30 or *:00/15"},
	[CALENDAR_SECOND] = {0, 60 * FRACTION_SCALE - 1, FRACTION_SCALE,
		"a second is less than 60, such as 02:30:00 or *:*:00/10"},
};

static const char why_long[] = "it is too long";
static const char why_word[] = "it begins with weekdays, a date or a time, such as Mon..Fri 02:30, or is "
			       "a word such as daily";
static const char why_weekday[] = "weekdays are a list such as Sat,Sun or a range within a week such as "
				  "Mon..Fri";
static const char why_date[] = "a date is YEAR-MONTH-DAY or MONTH-DAY, such as *-*-01 or *-*~01";
static const char why_time[] = "a time is HOUR:MINUTE or HOUR:MINUTE:SECOND, such as 02:30";
static const char why_window[] = "a window has two different times from 00:00 to 24:00, such as "
				 "02:00..04:00";
static const char why_zone[] = "a time zone is UTC or a name such as Europe/Berlin";

/* What has a name of its own. */
static const struct {
	const char *name, *text;
} names[] = {
	{"minutely", "*-*-* *:*:00"},
	{"hourly", "*-*-* *:00:00"},
	{"daily", "*-*-* 00:00:00"},
	{"weekly", "Mon *-*-* 00:00:00"},
	{"monthly", "*-*-01 00:00:00"},
	{"quarterly", "*-01,04,07,10-01 00:00:00"},
	{"semiannually", "*-01,07-01 00:00:00"},
	{"semi-annually", "*-01,07-01 00:00:00"},
	{"biannually", "*-01,07-01 00:00:00"},
	{"bi-annually", "*-01,07-01 00:00:00"},
	{"yearly", "*-01-01 00:00:00"},
	{"annually", "*-01-01 00:00:00"},
	{"anually", "*-01-01 00:00:00"},
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool take(const char **p, const char *prefix)
{
	size_t size = strlen(prefix);

	if (strncmp(*p, prefix, size) != 0)
		return false;
	*p += size;
	return true;
}

/* Digits; of seconds also a fraction, whose digits behind the sixth do not count. */
static bool take_number(const char **p, uint64_t scale, uint64_t *ret)
{
	uint64_t value = 0;

	if (!is_digit(**p))
		return false;
	for (; is_digit(**p); (*p)++)
		if (value < NUMBER_MAX)
			value = value * 10 + (uint64_t) (**p - '0');
	value *= scale;
	if (scale > 1 && (*p)[0] == '.' && is_digit((*p)[1]))
		for ((*p)++; is_digit(**p); (*p)++) {
			scale /= 10;
			value += scale * (uint64_t) (**p - '0');
		}
	*ret = value;
	return true;
}

/* FIRST, FIRST..LAST, either of them with /STEP. Without a LAST, a STEP goes on to the end of the
 * unit: LAST is UINT64_MAX until the unit is known. */
static bool take_range(const char **p, uint64_t scale, struct calendar_range *ret)
{
	struct calendar_range r = {0};
	bool is_range;

	if (!take_number(p, scale, &r.first))
		return false;
	r.last = r.first;
	is_range = take(p, "..");
	if (is_range) {
		r.step = scale;
		if (!take_number(p, scale, &r.last) || r.last < r.first)
			return false;
	}
	if (take(p, "/")) {
		if (!take_number(p, scale, &r.step) || r.step == 0)
			return false;
		if (!is_range)
			r.last = UINT64_MAX;
	}
	*ret = r;
	return true;
}

static bool take_list(const char **p, uint64_t scale, struct calendar_list *ret)
{
	ret->count = 0;
	if (take(p, "*"))
		return true;
	do {
		if (ret->count >= CALENDAR_RANGES_MAX ||
			!take_range(p, scale, &ret->ranges[ret->count++]))
			return false;
	} while (take(p, ","));
	return true;
}

static int take_weekday(const char **p)
{
	static const char *const days[WEEKDAYS] = {"Monday", "Tuesday", "Wednesday", "Thursday",
		"Friday", "Saturday", "Sunday"};

	for (int day = 0; day < WEEKDAYS; day++) {
		size_t sizes[] = {strlen(days[day]), 3};

		for (size_t i = 0; i < ELEMENTS(sizes); i++)
			if (strncasecmp(*p, days[day], sizes[i]) == 0 &&
				strchr("-., ", (*p)[sizes[i]])) {
				*p += sizes[i];
				return day;
			}
	}
	return -ENOENT;
}

/* Mon, Mon..Wed, Mon-Wed; a comma may stand at the end. None is every day. */
static bool take_weekdays(const char **p, unsigned *ret)
{
	unsigned days = 0;

	for (int first = take_weekday(p), last; first >= 0; first = take_weekday(p)) {
		last = take(p, "..") || take(p, "-") ? take_weekday(p) : first;
		if (last < first)
			return false;
		for (int day = first; day <= last; day++)
			days |= 1U << day;
		if (!take(p, ",") || **p == ' ')
			break;
	}
	*ret = days ? days : CALENDAR_EVERY_DAY;
	if (!days || !**p)
		return true;
	if (**p != ' ')
		return false;
	*p += strspn(*p, " ");
	return true;
}

static bool is_end(const char *p)
{
	return !*p || *p == ' ';
}

/* [YEAR-]MONTH-DAY, the last - perhaps ~; without a date there is a time, or nothing. */
static bool take_date(const char **p, struct calendar *c)
{
	struct calendar_list *year = &c->units[CALENDAR_YEAR];
	struct calendar_list *month = &c->units[CALENDAR_MONTH], *day = &c->units[CALENDAR_DAY];
	const char *t = *p;

	if (!strpbrk(t, "-~"))
		return true;
	if (!take_list(&t, 1, month))
		return false;
	c->from_end = take(&t, "~");
	if ((!c->from_end && !take(&t, "-")) || !take_list(&t, 1, day))
		return false;
	if (!is_end(t)) {
		if (c->from_end)
			return false;
		*year = *month;
		*month = *day;
		c->from_end = take(&t, "~");
		if ((!c->from_end && !take(&t, "-")) || !take_list(&t, 1, day))
			return false;
	}
	*p = t + strspn(t, " ");
	return is_end(t);
}

/* A time of the day in seconds; out of range it is more than any. */
static bool take_clock(const char **p, unsigned *ret)
{
	uint64_t hour, minute, second = 0;

	if (!take_number(p, 1, &hour) || !take(p, ":") || !take_number(p, 1, &minute))
		return false;
	if (take(p, ":") && !take_number(p, 1, &second))
		return false;
	*ret = minute > 59 || second > 59 || hour > 24
		? DAY_SECONDS + 1
		: (unsigned) (hour * 3600 + minute * 60 + second);
	return true;
}

static bool is_window(const char *p, struct calendar *c)
{
	return take_clock(&p, &c->opens) && take(&p, "..") && take_clock(&p, &c->closes) && !*p;
}

static bool take_time(const char **p, struct calendar *c)
{
	struct calendar_list *units = c->units;

	if (!**p) {
		const char *midnight = "00:00";

		return take_time(&midnight, c);
	}
	if (!take_list(p, 1, &units[CALENDAR_HOUR]) || !take(p, ":") ||
		!take_list(p, 1, &units[CALENDAR_MINUTE]))
		return false;
	if (take(p, ":"))
		return take_list(p, FRACTION_SCALE, &units[CALENDAR_SECOND]) && !**p;
	units[CALENDAR_SECOND].count = 1;
	units[CALENDAR_SECOND].ranges[0] = (struct calendar_range){0};
	return !**p;
}

/* Two digits are a year of 1970 to 2069. */
static uint64_t whole_year(uint64_t year)
{
	return year < 70 ? 2000 + year : year < 100 ? 1900 + year : year;
}

/* A repetition must come at least once, unless it has an end: then it may be one value. */
static bool check_range(enum calendar_unit unit, bool from_end, struct calendar_range *r)
{
	uint64_t least = limits[unit].least, most = from_end ? LAST_DAYS_SURE : limits[unit].most;
	bool is_open = r->last == UINT64_MAX;

	if (unit == CALENDAR_YEAR) {
		r->first = whole_year(r->first);
		r->last = whole_year(r->last);
	}
	if (is_open)
		r->last = from_end ? least : most;
	if (r->first < least || r->first > most || r->last < least || r->last > most)
		return false;
	if (is_open && from_end)
		return r->first >= least + r->step;
	if (r->step > 0 && r->first + r->step > r->last) {
		r->last = r->first;
		r->step = 0;
		return !is_open;
	}
	return r->first <= r->last;
}

static int check_units(struct calendar *c, const char **ret_why)
{
	for (enum calendar_unit unit = 0; unit < CALENDAR_UNITS; unit++) {
		struct calendar_list *list = &c->units[unit];
		bool from_end = unit == CALENDAR_DAY && c->from_end;

		for (size_t i = 0; i < list->count; i++)
			if (!check_range(unit, from_end, &list->ranges[i])) {
				*ret_why = limits[unit].why;
				return -EINVAL;
			}
	}
	return 0;
}

/* Moves the last word of TEXT to RET, where it is a name and stands behind something else. */
static bool take_zone(char *text, char ret[static CALENDAR_ZONE_MAX])
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_+-";
	char *blank = strrchr(text, ' ');
	const char *zone = blank ? blank + 1 : "";

	ret[0] = '\0';
	if (!is_letter(*zone))
		return true;
	if (strlen(zone) >= CALENDAR_ZONE_MAX || zone[strspn(zone, set)])
		return false;
	strcpy(ret, strcasecmp(zone, "UTC") == 0 ? "UTC" : zone);
	*blank = '\0';
	return true;
}

static int parse(const char *text, struct calendar *c, const char **ret_why)
{
	const char *wrong = NULL;

	if (!take_weekdays(&text, &c->weekdays))
		wrong = why_weekday;
	else if (is_letter(*text))
		wrong = why_word;
	else if (!take_date(&text, c))
		wrong = why_date;
	else if (is_window(text, c))
		c->is_window = true;
	else if (!take_time(&text, c))
		wrong = why_time;
	if (!wrong && c->is_window &&
		(c->opens >= DAY_SECONDS || c->closes > DAY_SECONDS || c->opens == c->closes))
		wrong = why_window;
	if (!wrong)
		return check_units(c, ret_why);
	*ret_why = wrong;
	return -EINVAL;
}

int calendar_parse(const char *text, struct calendar *ret, const char **ret_why)
{
	struct calendar c = {0};
	char event[TEXT_MAX + 1];
	int r;

	*ret_why = why_long;
	if (strlen(text) > TEXT_MAX)
		return -EINVAL;
	strcpy(event, text);
	*ret_why = why_zone;
	if (!take_zone(event, c.zone))
		return -EINVAL;
	text = event;
	*ret_why = why_word;
	if (!*text)
		return -EINVAL;
	for (size_t i = 0; i < ELEMENTS(names); i++)
		if (strcasecmp(text, names[i].name) == 0)
			text = names[i].text;
	r = parse(text, &c, ret_why);
	if (r == 0)
		*ret = c;
	return r;
}
