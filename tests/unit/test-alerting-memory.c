/* SPDX-License-Identifier: Apache-2.0 */
/* Want of memory, at every single place where memory is asked for: the turn comes at the next evaluation,
 * and in the end everything is as if nothing had happened. The linker leads our calls of the
 * allocator through here (--wrap). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "tests/unit/alerting_world.h"

#define PLACES_MAX 2000 /* allocations of one evaluation */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);

/* How many more succeed; negative: all. */
static int left = -1;

static bool fails(void)
{
	return left >= 0 && left-- == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
	return fails() ? NULL : __real_reallocarray(old, count, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size)
{
	return fails() ? NULL : __real_strndup(text, size);
}

/* A life: opened, joined by something worse, cleared, reopened, and so on until it flaps. */
static const struct {
	double latency, up;
} phases[] = {
	{3, 1}, {3, 0}, {3, 1}, {1, 1}, {1, 0}, {1, 1}, {1, 0}, {1, 1}, {1, 0}, {1, 1}, {1, 0}, {1, 1},
	{1, 0}, {3, 0}, {1, 1},
};

/* Set operators need memory to evaluate; these change nothing. */
static const struct rule_spec rules[] = {
	{"Slow", "latency > 2 or latency > 3", .severity = SEVERITY_WARNING,
		.summary = "{{ service }} is slow"},
	{"Down", "up == 0 unless up == 7", .severity = SEVERITY_CRITICAL,
		.summary = "{{ service }} is down"},
	{0},
};

static int evaluate(struct world *w, size_t phase, int64_t now_ms)
{
	struct promql_source source = world_source(w);

	w->point_count = 2;
	w->points[0] = (struct point){"latency", "a", phases[phase].latency};
	w->points[1] = (struct point){"up", "a", phases[phase].up};
	return alerting_evaluate(w->alerting, &source, NULL, now_ms);
}

/* What is told and what stands in the timeline, without times. Of two alerts that end together one may
 * wait for memory: then the other's end is listed. */
static void summarize(const struct world *w, struct buf *out)
{
	for (size_t i = 0; i < w->notification_count; i++)
		buf_printf(out, "%s ", w->notifications[i].type);
	for (size_t i = 0; i < w->timeline_count; i++)
		if (!text_equal(w->timeline[i].type, "cleared"))
			buf_printf(out, "%s=%s ", w->timeline[i].type, w->timeline[i].text);
	for (size_t i = 0; i < w->incident_count; i++)
		buf_printf(out, "%d %d %s ", (int) w->incidents[i].id,
			(int) w->incidents[i].reopened, w->incidents[i].title);
	for (size_t i = 0; i < w->alert_count; i++)
		buf_printf(out, "%s %d %s ", w->alerts[i].rule, (int) w->alerts[i].state,
			w->alerts[i].summary);
}

/* Lives it, with one allocation failing in one phase; true if there were so many allocations. */
static bool live(size_t failing_phase, int place, struct buf *out)
{
	struct world *w = world_begin(rules, route_oncall);
	bool failed = false;

	for (size_t i = 0; i < ELEMENTS(phases); i++) {
		int64_t now_ms = BEGIN_MS + (int64_t) i * 1000;
		int r;

		left = i == failing_phase ? place : -1;
		r = evaluate(w, i, now_ms);
		failed = failed || (i == failing_phase && left < 0);
		left = -1;
		assert_true(r == 0 || r == -ENOMEM);
		if (r < 0)
			assert_int_equal(evaluate(w, i, now_ms + 100), 0);
		world_commit(w);
	}
	summarize(w, out);
	world_end(w);
	return failed;
}

static void test_every_place(void **state)
{
	_cleanup_buf_ struct buf expected = BUF_INIT;
	size_t places = 0;

	live(SIZE_MAX, 0, &expected);
	assert_non_null(strstr(expected.data, "incident.flapping"));
	for (size_t phase = 0; phase < ELEMENTS(phases); phase++)
		for (int place = 0;; place++) {
			_cleanup_buf_ struct buf out = BUF_INIT;

			if (!live(phase, place, &out))
				break;
			assert_true(place < PLACES_MAX);
			assert_string_equal(out.data, expected.data);
			places++;
		}
	assert_true(places > 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_place),
	};

	return cmocka_run_group_tests_name("alerting-memory", tests, NULL, NULL);
}
