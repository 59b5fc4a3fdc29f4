/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "daemon/base/cleanup.h"
#include "schema/gather.h"

#define PLACES 720
#define SERIES 200

struct column {
	uint16_t places[PLACES];
	double values[PLACES];
	size_t count;
};

static int open_fixture(void **state)
{
	*state = gather_new();
	return *state ? 0 : -1;
}

static int close_fixture(void **state)
{
	gather_free(*state);
	return 0;
}

static void add(struct gather *g, struct column *c, uint32_t series, size_t place, double value)
{
	c->places[c->count] = (uint16_t) place;
	c->values[c->count++] = value;
	assert_int_equal(gather_add(g, (uint16_t) place, series, value), 0);
}

static void check(struct gather *g, const struct column *c, uint32_t series)
{
	static struct column read;

	assert_int_equal(gather_count(g, series), c->count);
	if (c->count == 0)
		return;
	gather_take(g, series, read.places, read.values);
	if (memcmp(read.places, c->places, c->count * sizeof(*c->places)) != 0 ||
		memcmp(read.values, c->values, c->count * sizeof(*c->values)) != 0)
		fail_msg("series %u", series);
	assert_int_equal(gather_count(g, series), 0);
}

/* Series of every kind, all at once as ticks bring them: constant, with gaps, that end, counters, what no
 * number is. */
static double value_of(uint32_t series, size_t place)
{
	switch (series % 6) {
	case 0:
		return 42;
	case 1:
		return (double) (place / 50) / 4;
	case 2:
		return 1e9 + (double) (place * series);
	case 3:
		return sin((double) place);
	case 4:
		return place % 3 == 0 ? sample_stale() : place % 3 == 1 ? -0.0 : 0;
	default:
		return place % 2 ? INFINITY : 1e300;
	}
}

static bool has_value(uint32_t series, size_t place)
{
	if (series % 7 == 0)
		return place % 10 != 3 && place > series;
	if (series % 11 == 0)
		return place == 0 || place == PLACES - 1;
	return true;
}

static void test_columns(void **state)
{
	static struct column columns[SERIES];
	struct gather *g = *state;

	for (size_t place = 0; place < PLACES; place++)
		for (uint32_t series = 1; series < SERIES; series++)
			if (has_value(series, place))
				add(g, &columns[series], series, place, value_of(series, place));
	assert_int_equal(gather_last_series(g), SERIES - 1);
	for (uint32_t series = 1; series < SERIES; series++)
		check(g, &columns[series], series);
	assert_int_equal(gather_count(g, 0), 0);
	assert_int_equal(gather_count(g, UINT32_MAX), 0);
}

/* One that runs over all places, and goes on after each was taken. */
static void test_all_places(void **state)
{
	static uint16_t places[UINT16_MAX];
	static double values[UINT16_MAX];
	struct gather *g = *state;

	for (unsigned turn = 0; turn < 2; turn++) {
		for (size_t place = 1; place <= UINT16_MAX; place++)
			assert_int_equal(gather_add(g, (uint16_t) place, 1, turn), 0);
		assert_int_equal(gather_count(g, 1), UINT16_MAX);
		gather_take(g, 1, places, values);
		for (size_t i = 0; i < UINT16_MAX; i++)
			assert_true(places[i] == i + 1 && values[i] == turn);
	}
}

/* What does not change takes nothing, and a counter three bytes. */
static void test_few_bytes(void **state)
{
	struct gather *g = *state;
	size_t before;

	for (uint32_t series = 1; series < SERIES; series++)
		assert_int_equal(gather_add(g, 0, series, 1e6), 0);
	before = gather_bytes(g);
	for (size_t place = 1; place < PLACES; place++)
		for (uint32_t series = 1; series < SERIES; series++)
			assert_int_equal(gather_add(g, (uint16_t) place, series, 1e6), 0);
	assert_int_equal(gather_bytes(g), before);
	for (size_t place = PLACES; place < 2 * PLACES; place++)
		assert_int_equal(gather_add(g, (uint16_t) place, 1, 1e6 + (double) (100 * place)), 0);
	assert_true(gather_bytes(g) - before < PLACES * 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_columns),
		TEST(test_all_places),
		TEST(test_few_bytes),
	};

	return cmocka_run_group_tests_name("gather", tests, NULL, NULL);
}
