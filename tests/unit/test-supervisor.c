/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's decisions: when a role is started again, and what one uses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <limits.h>

#include <cmocka.h>

#include "daemon/base/cleanup.h"
#include "daemon/paths.h"
#include "daemon/supervisor/restart.h"
#include "daemon/supervisor/usage.h"

static void test_three_times_at_once_then_backoff(void **state)
{
	static const usec_t expected[] = {0, 0, 0, USEC_PER_SEC / 2, USEC_PER_SEC,
		2 * USEC_PER_SEC, 4 * USEC_PER_SEC, 8 * USEC_PER_SEC, 16 * USEC_PER_SEC,
		32 * USEC_PER_SEC, USEC_PER_MIN, USEC_PER_MIN};
	struct restart r = {0};

	for (size_t i = 0; i < ELEMENTS(expected); i++)
		assert_true(restart_delay(&r, 0, USEC_PER_SEC) == expected[i]);
}

static void test_a_long_run_forgives(void **state)
{
	struct restart r = {0};

	for (int i = 0; i < 10; i++)
		restart_delay(&r, 0, USEC_PER_SEC);
	assert_true(restart_delay(&r, 0, USEC_PER_HOUR) == 0);
	assert_true(restart_delay(&r, 0, USEC_PER_SEC) == 0);
}

static void test_patience(void **state)
{
	static const struct {
		enum instance_state state;
		bool engine;
		usec_t least, most;
	} cases[] = {
		{INSTANCE_STARTING, false, 10 * USEC_PER_SEC, 30 * USEC_PER_SEC},
		{INSTANCE_STARTING, true, 2 * USEC_PER_MIN, USEC_PER_HOUR},
		{INSTANCE_RUNNING, false, 10 * USEC_PER_SEC, 30 * USEC_PER_SEC},
		{INSTANCE_RUNNING, true, 10 * USEC_PER_SEC, 30 * USEC_PER_SEC},
		{INSTANCE_STOPPING, false, USEC_PER_SEC, 5 * USEC_PER_SEC},
		{INSTANCE_STOPPING, true, USEC_PER_SEC, 5 * USEC_PER_SEC},
		{INSTANCE_HUNG, false, USEC_INFINITY, USEC_INFINITY},
		{INSTANCE_HUNG, true, USEC_INFINITY, USEC_INFINITY},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		usec_t patience = restart_patience(cases[i].state, cases[i].engine);

		assert_true(patience >= cases[i].least && patience <= cases[i].most);
	}
}

static void test_standing_still(void **state)
{
	static const struct {
		usec_t due, now;
		bool still;
	} cases[] = {
		{100, 100, false},
		{100, 90, false},
		{100, 120, false},
		{100, 121, true},
		{100, 100000, true},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		assert_int_equal(restart_stood_still(cases[i].due, 10, cases[i].now), cases[i].still);
}

static void test_usage(void **state)
{
	struct role_usage own, gone = {.resident = 1};

	assert_int_equal(usage_read(getpid(), &own), 0);
	assert_true(own.resident > 0 && own.resident % (uint64_t) sysconf(_SC_PAGESIZE) == 0);
	assert_true(own.cpu >= 0);
	assert_int_equal(usage_read(INT_MAX, &gone), -ENOENT);
	assert_true(gone.resident == 1);
}

/* An empty name is no directory, wherever it comes from. */
static void test_empty_directory(void **state)
{
	static const struct {
		const char *given, *variable, *fallback;
	} cases[] = {
		{"", "", "/tmp"},
		{NULL, ":/tmp", "/tmp"},
		{NULL, "", ""},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_free_ char *path = NULL, *why = NULL;

		setenv("TEST_DIRECTORY", cases[i].variable, 1);
		assert_int_equal(paths_directory(cases[i].given, "TEST_DIRECTORY",
					 cases[i].fallback, &path, &why),
			-ENOENT);
		assert_non_null(why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_times_at_once_then_backoff),
		cmocka_unit_test(test_a_long_run_forgives),
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_standing_still),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_empty_directory),
	};

	return cmocka_run_group_tests_name("supervisor", tests, NULL, NULL);
}
