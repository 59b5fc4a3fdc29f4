/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a notification after a try, and which is tried next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/outbox.h"
#include "daemon/base/cleanup.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define NOW    (1000 * HOUR)

static struct notification make(int64_t incident, const char *webhook, int64_t due_ms)
{
	return (struct notification){
		.incident = incident,
		.webhook = strdup(webhook),
		.last_error = strdup(""),
		.created_ms = NOW,
		.due_ms = due_ms,
	};
}

static void test_statuses(void **state)
{
	static const struct {
		unsigned status;
		enum delivery_result result;
	} cases[] = {
		{200, DELIVERY_DONE}, {204, DELIVERY_DONE}, {299, DELIVERY_DONE},
		{0, DELIVERY_AGAIN}, {408, DELIVERY_AGAIN}, {425, DELIVERY_AGAIN},
		{429, DELIVERY_AGAIN}, {500, DELIVERY_AGAIN}, {503, DELIVERY_AGAIN},
		{599, DELIVERY_AGAIN}, {100, DELIVERY_FAILED}, {301, DELIVERY_FAILED},
		{302, DELIVERY_FAILED}, {307, DELIVERY_FAILED}, {400, DELIVERY_FAILED},
		{401, DELIVERY_FAILED}, {404, DELIVERY_FAILED}, {413, DELIVERY_FAILED},
		{600, DELIVERY_FAILED}, {410, DELIVERY_DISABLED},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct notification n = make(1, "w", NOW);
		struct delivery_answer d = {cases[i].status, -1, "why"};
		enum delivery_result result;

		assert_int_equal(outbox_settle(&n, &d, NOW, 0, 5, &result), 0);
		assert_int_equal(result, cases[i].result);
		assert_int_equal(n.attempts, 1);
		assert_string_equal(n.last_error, "why");
		assert_int_equal(n.state,
			result == DELIVERY_DONE	    ? NOTIFICATION_DELIVERED
			: result == DELIVERY_FAILED ? NOTIFICATION_FAILED
						    : NOTIFICATION_PENDING);
		assert_int_equal(n.delivered_ms, result == DELIVERY_DONE ? NOW : 0);
		assert_int_equal(n.due_ms, result == DELIVERY_AGAIN ? NOW + 6 : NOW);
		notification_done(&n);
	}
}

static void test_waits(void **state)
{
	static const struct {
		int64_t attempts, retry_after, longest, shortest;
	} cases[] = {
		{0, -1, SECOND, 1},
		{1, -1, 2 * SECOND, 1},
		{4, -1, 16 * SECOND, 1},
		{8, -1, 256 * SECOND, 1},
		{9, -1, 5 * MINUTE, 1},
		{1000000, -1, 5 * MINUTE, 1},
		{0, 0, SECOND, 1},
		{0, 30, 30 * SECOND, 30 * SECOND},
		{9, 30, 5 * MINUTE, 30 * SECOND},
		{0, 7200, 2 * HOUR, 2 * HOUR},
		{0, INT64_MAX, 23 * HOUR, 23 * HOUR},
	};
	static const uint64_t randoms[] = {0, 1, 999, 1000, 299999, 12345678901, UINT64_MAX};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		int64_t longest = 0, shortest = INT64_MAX;

		for (size_t k = 0; k < 2000 + ELEMENTS(randoms); k++) {
			struct notification n = make(1, "w", NOW);
			struct delivery_answer d = {503, cases[i].retry_after, ""};
			enum delivery_result result;
			uint64_t random = k < ELEMENTS(randoms) ? randoms[k] : k * 7919 + 13;
			int64_t wait;

			n.attempts = cases[i].attempts;
			assert_int_equal(outbox_settle(&n, &d, NOW, 0, random, &result), 0);
			wait = n.due_ms - NOW;
			longest = wait > longest ? wait : longest;
			shortest = wait < shortest ? wait : shortest;
			notification_done(&n);
		}
		assert_true(longest <= cases[i].longest);
		assert_true(shortest >= cases[i].shortest);
		/* Full jitter: all of the span is used. */
		assert_true(longest > cases[i].longest / 2);
		assert_true(shortest <= cases[i].shortest + SECOND / 2);
	}
}

/* By its age alone, whatever the clock on the wall says. */
static void test_gives_up(void **state)
{
	static const struct {
		int64_t incident, now, age;
		enum delivery_result result;
	} cases[] = {
		{1, NOW, 0, DELIVERY_AGAIN},
		{1, NOW + 24 * HOUR - 1001, 24 * HOUR - 1001, DELIVERY_AGAIN},
		{1, NOW + 24 * HOUR, 24 * HOUR, DELIVERY_FAILED},
		{1, NOW + 25 * HOUR, 5 * SECOND, DELIVERY_AGAIN},   /* a step forward */
		{1, NOW + 9000 * HOUR, MINUTE, DELIVERY_AGAIN},
		{1, NOW - HOUR, 24 * HOUR, DELIVERY_FAILED},	    /* a step back */
		{0, NOW, 0, DELIVERY_FAILED},			    /* a test: somebody waits */
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct notification n = make(cases[i].incident, "w", NOW);
		struct delivery_answer d = {503, -1, "busy"};
		enum delivery_result result;

		assert_int_equal(
			outbox_settle(&n, &d, cases[i].now, cases[i].age, 1, &result), 0);
		assert_int_equal(result, cases[i].result);
		assert_int_equal(n.state, result == DELIVERY_AGAIN ? NOTIFICATION_PENDING
								   : NOTIFICATION_FAILED);
		if (result == DELIVERY_AGAIN)
			assert_int_equal(n.due_ms, cases[i].now + 2);
		notification_done(&n);
	}
}

/* Also what was never tried. */
static void test_too_old_to_be_tried(void **state)
{
	static const struct {
		int64_t incident, age;
		bool over;
	} cases[] = {
		{1, 0, false}, {1, 24 * HOUR - 1, false}, {1, 24 * HOUR, true}, {1, 900 * HOUR, true},
		{0, 24 * HOUR, false}, /* a test: somebody waits */
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		const struct notification n = {.incident = cases[i].incident};

		assert_int_equal(outbox_is_over(&n, cases[i].age), cases[i].over);
	}
}

static void test_age_after_a_restart(void **state)
{
	static const struct {
		int64_t now, age;
	} cases[] = {
		{NOW, 0},
		{NOW + MINUTE, MINUTE},
		{NOW + 23 * HOUR, 23 * HOUR},
		{NOW + 24 * HOUR, 23 * HOUR},	/* tried for an hour more ... */
		{NOW + 9000 * HOUR, 23 * HOUR}, /* ... whatever the clock says */
		{NOW - MINUTE, 0},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct notification n = make(1, "w", NOW);

		assert_int_equal(outbox_restored_age(&n, cases[i].now), cases[i].age);
		notification_done(&n);
	}
}

static void test_chooses(void **state)
{
	struct {
		int64_t incident;
		const char *webhook;
		int64_t due;
		bool in_flight, disabled, chosen;
	} rows[] = {
		{1, "a", 0, .chosen = true},
		{1, "a", 0},			      /* the one before it comes first */
		{1, "b", 0, .chosen = true},	      /* another webhook */
		{2, "a", 50},			      /* not due */
		{2, "a", -5},			      /* behind one that is not due */
		{3, "b", 0, .in_flight = true},	      /* under way */
		{3, "b", 0},			      /* behind it */
		{4, "c", 0, .disabled = true},	      /* nobody there */
		{0, "a", 0, .chosen = true},	      /* a test waits for nobody... */
		{0, "a", 0},			      /* ...but for its webhook's room */
		{5, "d", 20},
		{6, "d", -99, .chosen = true},
		{7, "b", 0}, /* two of b are under way, one of them further up */
	};
	struct notification pending[ELEMENTS(rows)];
	bool in_flight[ELEMENTS(rows)], disabled[ELEMENTS(rows)];
	size_t chosen[ELEMENTS(rows)], count, at = 0;
	int64_t next;

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		pending[i] = make(rows[i].incident, rows[i].webhook, NOW + rows[i].due);
		in_flight[i] = rows[i].in_flight;
		disabled[i] = rows[i].disabled;
	}
	count = outbox_choose(
		pending, in_flight, disabled, ELEMENTS(rows), 2, NOW, chosen, &next);
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		bool is_chosen = at < count && chosen[at] == i;

		if (is_chosen != rows[i].chosen)
			fail_msg("row %zu", i);
		at += is_chosen;
	}
	assert_int_equal(next, NOW + 20);
	assert_int_equal(outbox_choose(NULL, NULL, NULL, 0, 2, NOW, NULL, &next), 0);
	assert_true(next == INT64_MAX);
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		notification_done(&pending[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_gives_up),
		cmocka_unit_test(test_too_old_to_be_tried),
		cmocka_unit_test(test_age_after_a_restart),
		cmocka_unit_test(test_chooses),
	};

	return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
