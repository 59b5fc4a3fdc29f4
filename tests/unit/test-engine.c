/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's memory: values by series, and store time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>

#include <cmocka.h>

#include "daemon/base/cleanup.h"
#include "daemon/engine/store_clock.h"
#include "daemon/engine/values.h"

static int count_one(void *userdata, const struct series *series, double value)
{
	double *sum = userdata;

	*sum += value;
	return 0;
}

static void test_values(void **state)
{
	struct values *v = values_new();
	struct value *a, *b, *again, *more;
	struct promql_source source = values_source(v);
	double sum = 0;

	assert_int_equal(values_find_simple(v, "up", "service", "a", &a), 0);
	assert_int_equal(values_find_simple(v, "up", "service", "b", &b), 0);
	assert_int_equal(values_find_simple(v, "up", "service", "a", &again), 0);
	assert_ptr_equal(a, again);
	assert_ptr_not_equal(a, b);
	values_limit(v, 2);
	assert_int_equal(values_find_simple(v, "down", NULL, NULL, &more), -E2BIG);
	assert_int_equal(values_find_simple(v, "up", "service", "b", &again), 0);

	/* A series without a value is not there; one that ended is there no longer. */
	a->current = 1;
	a->time_ms = 10;
	assert_int_equal(source.select(source.userdata, "up", 20, count_one, &sum), 0);
	assert_true(sum == 1);
	b->current = 5;
	b->time_ms = 10;
	sum = 0;
	assert_int_equal(source.select(source.userdata, NULL, 20, count_one, &sum), 0);
	assert_true(sum == 6);
	a->current = sample_stale();
	sum = 0;
	assert_int_equal(source.select(source.userdata, "up", 20, count_one, &sum), 0);
	assert_true(sum == 5);
	assert_int_equal(source.select(source.userdata, "other", 20, count_one, &sum), 0);
	assert_true(sum == 5);
	values_free(v);
}

static void test_the_last_number_is_the_last_by_time(void **state)
{
	static const struct {
		int64_t before, time, expected;
	} cases[] = {
		{0, 1000, 1000},    /* the first */
		{1000, 1200, 1200}, /* the next tick */
		{1200, 1183, 1200}, /* an event that was seen before the tick and told after it */
		{1283, 1200, 1283}, /* a tick on the grid behind an event */
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		const struct value v = {.time_ms = cases[i].before};

		assert_int_equal(value_time(&v, cases[i].time), cases[i].expected);
	}
}

static void test_store_time_never_goes_back(void **state)
{
	static const struct {
		usec_t wall, monotonic;
		int64_t expected;
	} steps[] = {
		{1000000, 0, 1000},
		{2000000, 1000000, 2000},
		{1500000, 1500000, 2500}, /* a step back: goes on from there */
		{1600000, 1600000, 2600},
		{1600200, 1600200, 2600}, /* parts of a millisecond add up */
		{1601000, 1601000, 2601},
		{9000000, 2000000, 9000}, /* a step forward is followed */
		{9000500, 2000500, 9000},
	};
	struct store_clock c = {0};

	for (size_t i = 0; i < ELEMENTS(steps); i++)
		assert_int_equal(store_clock_read(&c, steps[i].wall, steps[i].monotonic),
			steps[i].expected);
}

static void test_retention_believes_no_step(void **state)
{
#define HOURS(n) ((n) * INT64_C(3600000))
#define AT(n)	 ((usec_t) (n) * USEC_PER_HOUR)
	static const struct {
		int64_t wall;
		usec_t monotonic;
		int64_t expected;
	} steps[] = {
		{HOURS(1000), AT(5), HOURS(1000)},
		{HOURS(1001), AT(6), HOURS(1001)},
		{HOURS(1003), AT(7), HOURS(1003)}, /* an hour is no step */
		{HOURS(9003), AT(7), HOURS(1003)}, /* a step is not followed */
		{HOURS(9013), AT(17), HOURS(1013)},
		{HOURS(1014), AT(18), HOURS(1014)}, /* it was wrong */
		{HOURS(9015), AT(19), HOURS(1015)}, /* again: its day begins anew */
		{HOURS(9038), AT(42), HOURS(1038)},
		{HOURS(9039), AT(43), HOURS(9039)}, /* a day: it is so */
		{HOURS(9040), AT(44), HOURS(9040)},
		{HOURS(1050), AT(45), HOURS(1050)}, /* back: less is removed */
	};
	struct retention_clock c = {0}, started = {HOURS(1000), AT(1), false, 0};

	for (size_t i = 0; i < ELEMENTS(steps); i++)
		assert_int_equal(
			retention_clock_read(&c, steps[i].wall, steps[i].monotonic),
			steps[i].expected);
	/* Started with a clock far ahead of the newest sample. */
	assert_int_equal(retention_clock_read(&started, HOURS(5000), AT(2)), HOURS(1001));
	assert_int_equal(retention_clock_read(&started, HOURS(5024), AT(26)), HOURS(5024));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_the_last_number_is_the_last_by_time),
		cmocka_unit_test(test_store_time_never_goes_back),
		cmocka_unit_test(test_retention_believes_no_step),
	};

	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
