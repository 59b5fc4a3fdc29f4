/* SPDX-License-Identifier: Apache-2.0 */
/* How long a service may be down that somebody asked to stop: from the stop on, whoever watches by then. */
#include <math.h>
#include <string.h>
#include <sys/wait.h>

#include "daemon/base/cleanup.h"
#include "schema/records.h"
#include "tests/unit/said.h"

#define STOP_TIME GAUGE("stop_time_seconds")
#define HOUR	  3600.0

static double wall(void)
{
	return (double) clock_wall() / (double) USEC_PER_SEC;
}

static struct known_value value(const char *metric, double v)
{
	struct known_value known = {.value = v};

	known.series.metric = strdup(metric);
	assert_int_equal(labels_set(&known.series.labels, "service", "llama"), 0);
	return known;
}

/* A predecessor told that it is stopped, and (unless NAN) since when, before or after that. */
static void begin_stopped(struct collector_fixture *f, double since, bool before)
{
	struct known_value values[3] = {value("modelwatch_service_up", 0)};
	struct known known = {.values = values, .value_count = 1};

	if (before && !isnan(since))
		values[known.value_count++] = value("modelwatch_service_stop_time_seconds", since);
	values[known.value_count++] = value("modelwatch_service_stopped", 1);
	if (!before && !isnan(since))
		values[known.value_count++] = value("modelwatch_service_stop_time_seconds", since);
	fixture_begin(f, &known);
	for (size_t i = 0; i < known.value_count; i++)
		series_done(&values[i].series);
	say(f, (struct said){0});
	collector_take_units(f->collector, true);
	fixture_ticks(f, 2);
}

/* By seconds before now. */
static const struct since {
	double ago, told;
	usec_t grace;
	bool holds;
} times[] = {
	{HOUR / 2, HOUR / 2, USEC_PER_HOUR, true},
	{2 * HOUR, NAN, USEC_PER_HOUR, false},
	/* As told by one that did not say. */
	{NAN, 0, USEC_PER_HOUR, true},
	/* The clock was set back. */
	{-24 * HOUR, 0, USEC_PER_HOUR, true},
	/* None of these is a time. */
	{-INFINITY, 0, USEC_PER_HOUR, true},
	{-1e300, 0, USEC_PER_HOUR, true},
	{1e300, 0, USEC_PER_HOUR, true},
};

static void check_resumed(struct collector_fixture *f, const struct since *t)
{
	const struct told_series *time;

	fixture_await_value(f, STOPPED, t->holds);
	time = fixture_series(f, STOP_TIME);
	if (t->holds)
		assert_true(fabs(wall() - t->told - time->value) < 60);
	else
		assert_true(!time->any || time->stale);
}

static void test_resumed(void **state)
{
	for (size_t i = 0; i < 2 * ELEMENTS(times); i++) {
		const struct since *t = &times[i / 2];
		void *fixture;
		struct collector_fixture *f;

		assert_int_equal(collector_fixture_open(&fixture), 0);
		f = fixture;
		by_unit(f, "llama")->stop_grace = t->grace;
		begin_stopped(f, wall() - t->ago, i % 2);
		check_resumed(f, t);
		assert_int_equal(collector_fixture_close(&fixture), 0);
	}
}

/* A host that was off stops nobody: the time counts from its start then. */
static void test_resumed_after_boot(void **state)
{
	struct collector_fixture *f = *state;
	double up = (double) clock_monotonic() / (double) USEC_PER_SEC;

	by_unit(f, "llama")->stop_grace = clock_monotonic() + USEC_PER_HOUR;
	begin_stopped(f, wall() - up - 24 * HOUR, true);
	assert_true(fixture_series(f, STOPPED)->value == 1);
	assert_true(fabs(wall() - up - fixture_series(f, STOP_TIME)->value) < 60);
}

/* It is known with the stop, and over with it. */
static void test_told(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);
	const struct told_event *e;

	fixture_ticks(f, 1);
	assert_false(fixture_series(f, STOP_TIME)->any);
	say(f, (struct said){ACTIVE(s->pid), .job = "stop"});
	server_end(s, SIGTERM);
	say(f, (struct said){.job = "stop"});
	e = fixture_await(f, EXITED, "llama", 1);
	assert_true(event_value(f, e, STOPPED) == 1);
	assert_true(fabs(wall() - event_value(f, e, STOP_TIME)) < 60);
	s = fixture_server(f, NULL);
	say(f, (struct said){ACTIVE(s->pid)});
	e = fixture_await(f, STARTED, "llama", 2);
	assert_true(event_value(f, e, STOPPED) == 0);
	assert_true(fixture_series(f, STOP_TIME)->stale);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resumed),
		WITHOUT(test_resumed_after_boot),
		WITHOUT(test_told),
	};

	return cmocka_run_group_tests_name("collector, grace of a stop", tests, NULL, NULL);
}
