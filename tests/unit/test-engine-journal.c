/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine says of incidents in the log. */
#include "tests/unit/engine-fixture.h"

#include <inttypes.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/log.h"
#include "daemon/base/text.h"

#define CONFIG                                                                                     \
	"[daemon]\nevaluate = 10ms\ndiscovery = no\nreopen = 1h\n"                                 \
	"[service llama]\nexecutable = /bin/llama\n"                                               \
	"[alert ServiceDown]\nexpr = modelwatch_service_up == 0\nseverity = warning\n"             \
	"group-by = service\nsummary = down\n"                                                     \
	"[alert Large]\nexpr = modelwatch_service_resident_bytes > 10\nseverity = critical\n"      \
	"group-by = service\nsummary = large\n"

/* By how much our monotonic clock is fast: no test waits for half a minute. */
static usec_t later;

usec_t __real_clock_monotonic(void);
usec_t __wrap_clock_monotonic(void);
usec_t __wrap_clock_monotonic(void)
{
	return __real_clock_monotonic() + later;
}

/* A line for each message: level, text, fields but the MESSAGE_ID. */
static struct buf lines;
static size_t line_count;

void __wrap_log_write(int level, const struct log_field fields[], size_t count, const char *text);
void __wrap_log_write(int level, const struct log_field fields[], size_t count, const char *text)
{
	buf_printf(&lines, "%d %s", level, text);
	for (size_t i = 0; i < count; i++)
		if (!text_equal(fields[i].name, "MESSAGE_ID"))
			buf_printf(&lines, " %s=%s", fields[i].name, fields[i].value);
	buf_add_char(&lines, '\n');
	line_count++;
}

static void start(struct engine_fixture *f, const char *config)
{
	engine_fixture_make(f, config);
	log_set_level(LOG_INFO);
	engine_fixture_start(f);
}

static void end(struct engine_fixture *f)
{
	engine_fixture_stop(f);
	engine_fixture_remove(f);
	buf_done(&lines);
	line_count = 0;
	later = 0;
}

static void check_lines(struct engine_fixture *f, size_t count, const char *expected)
{
	engine_fixture_await(f, line_count >= count);
	assert_string_equal(lines.data, expected);
	buf_done(&lines);
	line_count = 0;
}

#define OF(severity, state) " SERVICE=llama SEVERITY=" severity " STATE=" state " INCIDENT=1\n"

static void test_turns(void **state)
{
	struct engine_fixture f;

	start(&f, CONFIG);
	engine_fixture_event(&f, EVENT_PROCESS_STARTED, 100, 1);
	engine_fixture_event(&f, EVENT_PROCESS_EXITED, 100, 0);
	check_lines(&f, 1, "5 incident 1 (warning) opened: down" OF("warning", "open"));
	engine_fixture_command(&f, "acknowledge", "1");
	engine_fixture_await(&f, f.status == 200);
	assert_non_null(strstr(lines.data, "5 incident 1 (warning) acknowledged by "));
	assert_non_null(strstr(lines.data, ": down" OF("warning", "acknowledged")));
	buf_done(&lines);
	line_count = 0;
	engine_fixture_resident(&f, 20);
	check_lines(&f, 1,
		"4 incident 1 (critical) changed its severity: large" OF("critical", "acknowledged"));
	/* What was open before is no news to the log. */
	engine_fixture_stop(&f);
	engine_fixture_start(&f);
	engine_fixture_resident(&f, 5);
	check_lines(&f, 1,
		"5 incident 1 (warning) changed its severity: down" OF("warning", "acknowledged"));
	engine_fixture_event(&f, EVENT_PROCESS_STARTED, 101, 1);
	check_lines(&f, 1, "5 incident 1 (critical) resolved: large" OF("critical", "resolved"));
	engine_fixture_resident(&f, 20);
	check_lines(&f, 1, "4 incident 1 (critical) opened again: large" OF("critical", "open"));
	end(&f);
}

/* More incidents at once than the log names: the others are counted, and the next ones named again. */
static void test_storm(void **state)
{
	enum { RULES = 230, NAMED = 200 };
	_cleanup_buf_ struct buf config = BUF_INIT;
	struct engine_fixture f;

	buf_add_string(&config, CONFIG);
	for (int i = 1; i < RULES; i++)
		buf_printf(&config,
			"[alert Rule%d]\nexpr = modelwatch_service_resident_bytes > 10\n"
			"severity = critical\ngroup-by = rule\nsummary = rule %d\n",
			i, i);
	start(&f, config.data);
	engine_fixture_resident(&f, 20);
	engine_fixture_await(&f, line_count >= NAMED);
	engine_fixture_resident(&f, 21);
	assert_int_equal(line_count, NAMED);
	buf_done(&lines);
	line_count = 0;
	later += 31 * USEC_PER_SEC;
	check_lines(&f, 1, "4 30 more turns of incidents within 30 s are not in the log\n");
	engine_fixture_event(&f, EVENT_PROCESS_STARTED, 100, 1);
	engine_fixture_resident(&f, 5);
	engine_fixture_await(&f, line_count >= NAMED);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_storm),
	};

	return cmocka_run_group_tests_name("engine-journal", tests, NULL, NULL);
}
