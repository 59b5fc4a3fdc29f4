/* SPDX-License-Identifier: Apache-2.0 */
/* Calendar events: the same are taken as by `systemd-analyze calendar`, but for windows and for zones,
 * of which only the form is read here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/base/calendar.h"
#include "daemon/base/cleanup.h"

#define SECOND 1000000

static const char *const valid[] = {
	/* Words. */
	"minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually",
	"semi-annually", "biannually", "bi-annually", "yearly", "annually", "DAILY", "daily UTC",
	"daily utc", "weekly Etc/GMT+5",
	/* Weekdays. */
	"Mon", "monday", "fri 1:1", "Sun,Mon", "Mon..Fri", "Mon-Fri", "Mon-Fri,Sun", "Monday..Fri",
	"Mon..Wed,Sat..Sun 1:2", "Sun..Sun", "Mon, 10:00", "Mon,Tue,", "Sun,Sat..Sun",
	"Mon Europe/Berlin", "Mon 1-1", "Mon 1-1 10:00", "Mon *-*-1..7 10:00:00 UTC",
	/* Dates. */
	"1-1", "*-1", "*-*-*", "*-02-30", "2026-02-29", "2026..2030-*-*", "26-1-1", "0-1-1",
	"69-1-1", "70-1-1", "26/2-1-1", "1970/5-1-1", "1970..2199-1-1", "2198/1-1-1", "*-*-01..31",
	"*-*-1,15,1", "*-1,2-3,4", "*-1/2-1", "*-1..12/3-1", "*-*-1..31/40", "*-*-*  10:00",
	/* From the end of the month. */
	"*~1", "12~1", "*-*~28", "*-*~3..5", "*-*~7/1", "*-*~5/4", "*-*~28/27", "*-1~5 3:0",
	/* Times. */
	"*:*", "*:*:*", "10:*", "1:2", "00000010:00", "5..5:00", "1..5/3:00", "1..2/3:00", "1..5/30:00",
	"0..23/23:0", "22/1:0", "0/23:0", "*:0/5", "10:00..20/5", "10:0..5,7,9/3", "0:0/59", "0:0:0/30",
	"00:00:59.9", "10:00:00.5", "10:00:00.1234567", "0:0:0.0000001", "10:00:0..30/0.5", "0:0:59/0.5",
	"0:0:59.5/0.4", "10:00:00.5..10", "0:0:0.5/0.25,3..9", "1,2-3,4 5,6:7,8:9,10",
	"10:00:00 EST5EDT", "Mon 10:00 Europe/Berlin",
	/* Windows, which are not systemd's. */
	"02:00..04:00", "02:30..04:00", "22:00..02:00", "00:00..24:00", "Sun 02:00..04:00",
	"Sat *-*-1..7 02:00:30..4:00 UTC",
};

static void test_valid(void **state)
{
	struct calendar c;
	const char *why;

	for (size_t i = 0; i < ELEMENTS(valid); i++)
		if (calendar_parse(valid[i], &c, &why) < 0)
			fail_msg("%s: %s", valid[i], why);
}

/* What is refused, and a part of the reason. */
static const struct {
	const char *text, *why;
} invalid[] = {
	{"", "such as Mon..Fri 02:30"},
	{"dayly", "a word such as daily"},
	{"Mo", "begins with weekdays"},
	{"Thurs", "begins with weekdays"},
	{"UTC", "begins with weekdays"},
	{"Mon daily UTC", "begins with weekdays"},
	{"Mondays", "begins with weekdays"},
	{"Sun*", "begins with weekdays"},
	{" Mon", "begins with weekdays"},
	{"Sun..Mon", "such as Sat,Sun or a range within a week such as Mon..Fri"},
	{"Tue-Mon", "weekdays are a list"},
	{"Mon.. 10:00", "weekdays are a list"},
	{"Mon..", "weekdays are a list"},
	{"Mon-", "weekdays are a list"},
	{"Mon..,Tue", "weekdays are a list"},
	{"Mon.Fri", "weekdays are a list"},
	{"Mon..Fri..Sun", "weekdays are a list"},
	{"Mon-Tue-Wed", "weekdays are a list"},
	{"Mon,,Tue", "weekdays are a list"},
	{"Mon,:", "weekdays are a list"},
	{"2199-13-01", "a month is 1 to 12"},
	{"2200-1-1", "a year is 1970 to 2199"},
	{"1969-1-1", "a year is"},
	{"1969..1980-1-1", "a year is"},
	{"100-1-1", "a year is"},
	{"99999999999999999999999-1-1", "a year is"},
	{"2196/5-1-1", "a year is"},
	{"2199/1-1-1", "a year is"},
	{"*-13-1", "a month is"},
	{"2000-0-1", "a month is"},
	{"*-0/2-1", "a month is"},
	{"*-*-0", "a day is"},
	{"*-*-32", "a day is"},
	{"*-*-31/1", "a day is"},
	{"*-*-10/25", "a day is"},
	{"*-*~0", "a day is 1 to 31, or 1 to 28 behind ~"},
	{"*-*~31", "a day is"},
	{"*-*~1/1", "a day is"},
	{"*-*~28/28", "a day is"},
	{"2030..2026-1-1", "a date is YEAR-MONTH-DAY"},
	{"*-*~7..1", "a date is"},
	{"*-*-", "a date is"},
	{"*-*-*-*", "a date is"},
	{"*-*-*~1", "a date is"},
	{"*-*-1~2", "a date is"},
	{"1~2-3", "a date is"},
	{"*~", "a date is"},
	{"~1", "a date is"},
	{"-1:00", "a date is"},
	{"1--1", "a date is"},
	{"*-1,*-1", "a date is"},
	{"*-*-*, 10:00", "a date is"},
	{"2026-1-1T10:00", "a date is"},
	{"Mon,Tue*-*-*", "weekdays are a list"},
	{"*", "a time is HOUR:MINUTE"},
	{"10", "a time is"},
	{"Mon 10", "a time is"},
	{"*/2", "a time is"},
	{"*/2:00", "a time is"},
	{"10:+1", "a time is"},
	{"10:", "a time is"},
	{":00", "a time is"},
	{"1 :00", "a time is"},
	{"1: 00", "a time is"},
	{"1:2:3:4", "a time is"},
	{"1:2 3", "a time is"},
	{"1,:0", "a time is"},
	{"1,*:00", "a time is"},
	{"5..3:00", "a time is"},
	{"10:1/0", "a time is"},
	{"10:0:0/0", "a time is"},
	{"10:0:0/0.0000001", "a time is"},
	{"10:*:*/2", "a time is"},
	{"10:00:00.", "a time is"},
	{"10:00:00.5.5", "a time is"},
	{"10.5:00", "a time is"},
	{"10:00+01:00", "a time is"},
	{"10:00..", "a time is"},
	{"10:00 ", "a time is"},
	{"Mon  10:00  UTC", "a time is"},
	{"24:00", "an hour is 0 to 23"},
	{"25:00..04", "an hour is"},
	{"22/3:00", "an hour is"},
	{"23/1:0", "an hour is"},
	{"0/24:0", "an hour is"},
	{"10:60", "a minute is 0 to 59"},
	{"0:0/60", "a minute is"},
	{"0:59/1", "a minute is"},
	{"10:00:60", "a second is less than 60"},
	{"0:0:59/1", "a second is"},
	{"02:00..02:00", "two different times"},
	{"24:00..02:00", "two different times from 00:00 to 24:00"},
	{"22:00..25:00", "such as 02:00..04:00"},
	{"22:00..24:01", "two different times"},
	{"22:00..23:60", "two different times"},
	{"10:00 ../zoneinfo/UTC", "a time is"},
	{"10:00 Europe/../UTC", "a time zone is UTC or a name such as Europe/Berlin"},
	{"0:0:0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,"
	 "33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,1,2,3,4,5",
		"a time is"},
};

static void test_invalid(void **state)
{
	for (size_t i = 0; i < ELEMENTS(invalid); i++) {
		struct calendar c = {.weekdays = 12345};
		const char *why = "";

		if (calendar_parse(invalid[i].text, &c, &why) == 0)
			fail_msg("%s is taken", invalid[i].text);
		if (!strstr(why, invalid[i].why))
			fail_msg("%s: %s", invalid[i].text, why);
		assert_int_equal(c.weekdays, 12345);
	}
}

static void test_too_long(void **state)
{
	char text[2000];
	struct calendar c;
	const char *why;

	memset(text, '1', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(calendar_parse(text, &c, &why), -EINVAL);
	assert_string_equal(why, "it is too long");
}

static void assert_range(const struct calendar *c, enum calendar_unit unit, size_t i,
	struct calendar_range expected)
{
	const struct calendar_range *r = &c->units[unit].ranges[i];

	assert_true(i < c->units[unit].count);
	assert_int_equal(r->first, expected.first);
	assert_int_equal(r->last, expected.last);
	assert_int_equal(r->step, expected.step);
}

static void test_what_it_says(void **state)
{
	struct calendar c;
	const char *why;

	assert_int_equal(
		calendar_parse("Mon,Sat..Sun 26/2-*-1,15 8..17/3:*:0.5 Europe/Berlin", &c, &why), 0);
	assert_int_equal(c.weekdays, 0x61);
	assert_false(c.from_end || c.is_window);
	assert_range(&c, CALENDAR_YEAR, 0, (struct calendar_range){2026, 2199, 2});
	assert_int_equal(c.units[CALENDAR_MONTH].count, 0);
	assert_range(&c, CALENDAR_DAY, 1, (struct calendar_range){15, 15, 0});
	assert_range(&c, CALENDAR_HOUR, 0, (struct calendar_range){8, 17, 3});
	assert_int_equal(c.units[CALENDAR_MINUTE].count, 0);
	assert_range(&c, CALENDAR_SECOND, 0, (struct calendar_range){SECOND / 2, SECOND / 2, 0});
	assert_string_equal(c.zone, "Europe/Berlin");

	assert_int_equal(calendar_parse("*-*~7/1", &c, &why), 0);
	assert_int_equal(c.weekdays, CALENDAR_EVERY_DAY);
	assert_true(c.from_end);
	assert_range(&c, CALENDAR_DAY, 0, (struct calendar_range){7, 1, 1});
	assert_range(&c, CALENDAR_HOUR, 0, (struct calendar_range){0});
	assert_string_equal(c.zone, "");

	assert_int_equal(calendar_parse("1..2/3:00 utc", &c, &why), 0);
	assert_range(&c, CALENDAR_HOUR, 0, (struct calendar_range){1, 1, 0});
	assert_range(&c, CALENDAR_SECOND, 0, (struct calendar_range){0});
	assert_string_equal(c.zone, "UTC");

	assert_int_equal(calendar_parse("Sun 22:30..02:00:01", &c, &why), 0);
	assert_int_equal(c.weekdays, 0x40);
	assert_true(c.is_window);
	assert_int_equal(c.opens, 81000);
	assert_int_equal(c.closes, 7201);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_what_it_says),
	};

	return cmocka_run_group_tests_name("calendar", tests, NULL, NULL);
}
