/* SPDX-License-Identifier: Apache-2.0 */
/* What ends the time that a service may be down while systemd is at work on it, and what does not. */
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/unit/said.h"

#define STOP_TIME GAUGE("stop_time_seconds")

#define IS_EXPECTED GAUGE("expected")

static const uint16_t silent[] = {1};

static void listens_never(struct collector_fixture *f, usec_t grace)
{
	f->matches[0].ports = silent;
	f->matches[0].port_count = 1;
	f->matches[0].stop_grace = grace;
}

static bool pages(struct collector_fixture *f)
{
	const struct told_series *up = fixture_series(f, UP), *stopped = fixture_series(f, STOPPED);

	return up->any && !up->stale && up->value == 0 &&
	       !(stopped->any && !stopped->stale && stopped->value == 1);
}

static bool any_evidence(struct collector_fixture *f, const char *text)
{
	for (size_t i = 0; i < f->event_count; i++)
		if (strstr(f->events[i].evidence, text))
			return true;
	return false;
}

/* Begins with values of a predecessor: pairs of name and value. */
static void begin_with(struct collector_fixture *f, const struct said *said, unsigned n,
	const char *const *names, const double *numbers)
{
	struct known_value values[8] = {0};
	struct known known = {.values = values, .value_count = n};

	for (unsigned i = 0; i < n; i++) {
		values[i].value = numbers[i];
		values[i].series.metric = strdup(names[i]);
		assert_int_equal(labels_set(&values[i].series.labels, "service", "llama"), 0);
	}
	f->prepared = say_before;
	f->prepared_data = said;
	fixture_begin(f, &known);
	for (unsigned i = 0; i < n; i++)
		series_done(&values[i].series);
}

/* Restarted on purpose; then somebody ends each new process by SIGTERM while it loads, Restart=always. */
static void test_clean_loop_after_restart(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);
	bool paged = false;

	listens_never(f, 400 * USEC_PER_MSEC);
	say(f, (struct said){ACTIVE(s->pid), .job = "restart"});
	server_end(s, SIGTERM);
	fixture_await(f, EXITED, "llama", 1);
	for (unsigned i = 1; i <= 10; i++) {
		s = fixture_server(f, NULL);
		say(f, (struct said){ACTIVE(s->pid), .restarts = i});
		fixture_ticks(f, 10);
		paged |= pages(f);
		server_end(s, SIGTERM);
		say(f, (struct said){.active = "activating", .sub = "auto-restart", .restarts = i});
		fixture_ticks(f, 2);
		paged |= pages(f);
	}
	assert_true(paged);
}

/* The same, by a watchdog that asks systemd for the restart of what does not answer. */
static void test_watchdog_restarts(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);
	bool paged = false;

	listens_never(f, 400 * USEC_PER_MSEC);
	for (unsigned i = 1; i <= 10; i++) {
		say(f, (struct said){ACTIVE(s->pid), .job = "restart"});
		server_end(s, SIGTERM);
		say(f, (struct said){.active = "deactivating", .sub = "stop-sigterm", .job = "restart"});
		s = fixture_server(f, NULL);
		say(f, (struct said){ACTIVE(s->pid)});
		fixture_ticks(f, 12);
		paged |= pages(f);
	}
	assert_true(paged);
}

/* Its first start ever: each process ends with success before it listens, Restart=always, RestartSec=20ms. */
static void test_clean_loop_first(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s;
	bool paged = false;

	by_unit(f, "llama");
	listens_never(f, 400 * USEC_PER_MSEC);
	fixture_begin(f, NULL);
	collector_take_units(f->collector, true);
	for (unsigned i = 1; i <= 10; i++) {
		s = fixture_server(f, NULL);
		say(f, (struct said){ACTIVE(s->pid), .restarts = i});
		fixture_ticks(f, 10);
		paged |= pages(f);
		server_end(s, SIGTERM);
		say(f, (struct said){.active = "activating", .sub = "auto-restart", .restarts = i});
	}
	assert_true(paged);
}

/* A reboot, and the bus is broken since: nobody can be asked. */
static void test_rebooted_without_bus(void **state)
{
	struct collector_fixture *f = *state;

	by_unit(f, "llama")->expected_by_unit = true;
	f->matches[0].stop_grace = 200 * USEC_PER_MSEC;
	begin_known(f, "another boot", 1 << 22, 1, NULL);
	collector_take_units(f->collector, false);
	fixture_await(f, EXITED, "llama", 1);
	fixture_ticks(f, 50);
	assert_true(pages(f));
}

/* Stopped on purpose, then the bus goes away for good. */
static void test_stopped_bus_lost(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	f->matches[0].expected_by_unit = true;
	f->matches[0].stop_grace = 200 * USEC_PER_MSEC;
	say(f, (struct said){ACTIVE(s->pid), .job = "stop"});
	server_end(s, SIGTERM);
	say(f, (struct said){0});
	fixture_await(f, EXITED, "llama", 1);
	collector_take_units(f->collector, false);
	fixture_ticks(f, 50);
	assert_true(pages(f));
}

/* It crashed, and its unit is disabled: the page ends; /metrics still says that it is expected. */
static void test_expected_after_disable(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	f->matches[0].expected_by_unit = true;
	fixture_ticks(f, 2);
	server_end(s, SIGKILL);
	fixture_await(f, EXITED, "llama", 1);
	say(f, (struct said){.active = "failed", .sub = "failed", .result = "signal"});
	fixture_ticks(f, 2);
	assert_true(fixture_series(f, IS_EXPECTED)->value == 1);
	say(f, (struct said){.active = "failed", .sub = "failed", .result = "signal", .file = "disabled"});
	fixture_ticks(f, 10);
	assert_true(fixture_series(f, UP)->stale);
	assert_true(fixture_series(f, IS_EXPECTED)->stale || fixture_series(f, IS_EXPECTED)->value == 0);
}

/* Begun by hand, it crashed and pages; whoever is on call enables the unit. It is as down as before. */
static void test_enable_ends_page(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);

	by_unit(f, "llama")->expected_by_unit = true;
	fixture_begin(f, NULL);
	say(f, (struct said){ACTIVE(s->pid), .file = "disabled"});
	collector_take_units(f->collector, true);
	fixture_await(f, STARTED, "llama", 1);
	server_end(s, SIGKILL);
	say(f, (struct said){.active = "failed", .sub = "failed", .result = "signal", .file = "disabled"});
	fixture_await(f, EXITED, "llama", 1);
	fixture_ticks(f, 3);
	assert_true(pages(f));
	say(f, (struct said){.active = "failed", .sub = "failed", .result = "signal", .file = "enabled"});
	fixture_ticks(f, 3);
	assert_true(pages(f));
}

/* Begun by hand, it fails again and again while it loads (Restart=on-failure), and pages; somebody enables
 * it. */
static void test_enable_in_crash_loop(void **state)
{
	struct collector_fixture *f = *state;
	struct said failed = {.active = "activating",
		.sub = "auto-restart",
		.result = "exit-code",
		.file = "disabled",
		.exit_code = CLD_EXITED,
		.exit_status = 1};
	struct server *s;
	bool paged = false;

	by_unit(f, "llama")->expected_by_unit = true;
	listens_never(f, 400 * USEC_PER_MSEC);
	fixture_begin(f, NULL);
	collector_take_units(f->collector, true);
	s = fixture_server(f, NULL);
	say(f, (struct said){ACTIVE(s->pid), .file = "disabled"});
	server_end(s, SIGKILL);
	say(f, failed);
	fixture_ticks(f, 3);
	assert_true(pages(f));
	failed.file = "enabled";
	say(f, failed);
	for (unsigned i = 1; i <= 10; i++) {
		s = fixture_server(f, NULL);
		say(f, (struct said){ACTIVE(s->pid), .restarts = i});
		fixture_ticks(f, 10);
		if (i > 1)
			paged |= pages(f);
		server_end(s, SIGKILL);
		say(f, failed);
		fixture_ticks(f, 2);
		paged |= pages(f);
	}
	assert_true(paged);
}

/* Enabled; a while later it is started, and never listens: the page says that its unit is inactive. */
static void test_enabled_never_listens(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s;

	by_unit(f, "llama")->expected_by_unit = true;
	listens_never(f, 400 * USEC_PER_MSEC);
	fixture_begin(f, NULL);
	say(f, (struct said){.file = "disabled"});
	collector_take_units(f->collector, true);
	fixture_ticks(f, 3);
	say(f, (struct said){0});
	fixture_ticks(f, 5);
	s = fixture_server(f, NULL);
	say(f, (struct said){ACTIVE(s->pid)});
	fixture_ticks(f, 60);
	assert_true(pages(f));
	assert_true(any_evidence(f, "does not listen"));
}

/* Stopped while it loads for the first time, started again, and never listens: the same. */
static void test_stopped_first_never_listens(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);

	by_unit(f, "llama");
	listens_never(f, 400 * USEC_PER_MSEC);
	fixture_begin(f, NULL);
	say(f, (struct said){ACTIVE(s->pid)});
	collector_take_units(f->collector, true);
	fixture_ticks(f, 3);
	say(f, (struct said){ACTIVE(s->pid), .job = "stop"});
	server_end(s, SIGTERM);
	say(f, (struct said){0});
	fixture_ticks(f, 5);
	s = fixture_server(f, NULL);
	say(f, (struct said){ACTIVE(s->pid)});
	fixture_ticks(f, 60);
	assert_true(pages(f));
	assert_true(any_evidence(f, "does not listen"));
}

/* A transient instance crashed and was collected; the daemon is reloaded, and only one that is disabled is
 * left. */
static void test_collected_over_restart(void **state)
{
	static const char *const units[] = {"vllm*.service"};
	static const char *const names[] = {"modelwatch_service_up", "modelwatch_service_expected"};
	static const double numbers[] = {0, 1};
	struct collector_fixture *f = *state;
	const struct said said = {.name = "vllm-old.service", .file = "disabled"};

	by_unit(f, "llama")->expected_by_unit = true;
	f->matches[0].units = units;
	begin_with(f, &said, 2, names, numbers);
	fixture_ticks(f, 5);
	assert_true(pages(f));
}

/* `systemctl restart` (needrestart) while the daemon itself is restarted. */
static void test_restarted_meanwhile(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	const struct said said = {ACTIVE(s->pid)};
	const struct told_event *e;
	char boot[64];

	this_boot(boot);
	by_unit(f, "llama");
	begin_known(f, boot, 1 << 22, 1, &said);
	e = fixture_await(f, EXITED, "llama", 1);
	assert_false(event_value(f, e, UP) == 0 && event_value(f, e, STOPPED) == 0);
}

/* Stopped and disabled an hour ago; enabled while the daemon was away. */
static void test_enabled_meanwhile(void **state)
{
	static const char *const names[] = {"modelwatch_service_up", "modelwatch_service_expected",
		"modelwatch_service_stopped", "modelwatch_service_stop_time_seconds"};
	double numbers[] = {0, 0, 1, (double) clock_wall() / (double) USEC_PER_SEC - 900};
	struct collector_fixture *f = *state;
	const struct said said = {0};

	by_unit(f, "llama")->expected_by_unit = true;
	f->matches[0].stop_grace = 300 * USEC_PER_SEC;
	begin_with(f, &said, 4, names, numbers);
	fixture_ticks(f, 5);
	assert_false(pages(f));
}

/* It was a unit, which is stopped; now it is configured by its program, and does not run. */
static void test_no_unit_any_more(void **state)
{
	static const char *const names[] = {"modelwatch_service_up", "modelwatch_service_expected",
		"modelwatch_service_stopped", "modelwatch_service_stop_time_seconds"};
	double numbers[] = {0, 0, 1, (double) clock_wall() / (double) USEC_PER_SEC - 900};
	struct collector_fixture *f = *state;

	fixture_service(f, "llama");
	begin_with(f, NULL, 4, names, numbers);
	fixture_ticks(f, 5);
	assert_true(fixture_series(f, STOPPED)->stale);
	assert_true(fixture_series(f, STOP_TIME)->stale);
}

/* A crash while the grace after an enable, a reboot or a stop lasts: page at once. */
static void test_failure_while_held(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	listens_never(f, USEC_PER_HOUR);
	say(f, (struct said){ACTIVE(s->pid), .job = "restart"});
	server_end(s, SIGTERM);
	fixture_await(f, EXITED, "llama", 1);
	s = fixture_server(f, NULL);
	say(f, (struct said){ACTIVE(s->pid)});
	fixture_ticks(f, 3);
	assert_false(pages(f));
	server_end(s, SIGKILL);
	say(f, (struct said){.active = "activating", .sub = "auto-restart", .result = "signal"});
	assert_true(pages(f));
}

/* The process that loads is killed, and is not restarted; systemd calls SIGTERM a success. */
static void test_terminated_while_held(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	listens_never(f, USEC_PER_HOUR);
	say(f, (struct said){ACTIVE(s->pid), .job = "restart"});
	server_end(s, SIGTERM);
	fixture_await(f, EXITED, "llama", 1);
	s = fixture_server(f, NULL);
	say(f, (struct said){ACTIVE(s->pid)});
	fixture_ticks(f, 3);
	server_end(s, SIGTERM);
	say(f, (struct said){.exit_pid = s->pid, .exit_code = CLD_KILLED, .exit_status = SIGTERM});
	fixture_ticks(f, 5);
	assert_true(pages(f));
}

/* Rebooted, expected = yes, disabled: page. */
static void test_rebooted_expected_yes_disabled(void **state)
{
	struct collector_fixture *f = *state;
	const struct said said = {.file = "disabled"};

	by_unit(f, "llama");
	begin_known(f, "another boot", 1 << 22, 1, &said);
	fixture_await(f, EXITED, "llama", 1);
	fixture_ticks(f, 5);
	assert_true(pages(f));
}
static void say_two(struct collector_fixture *f)
{
	say(f, (struct said){.name = "vllm@b.service",
		       .active = "failed",
		       .sub = "failed",
		       .result = "signal"});
	say(f, (struct said){.name = "vllm@a.service"});
	collector_take_units(f->collector, true);
}

/* The last instance was stopped on purpose, another one failed days ago; the daemon is reloaded meanwhile. */
static void test_old_failure_over_restart(void **state)
{
	static const char *const units[] = {"vllm@*.service"};
	struct collector_fixture *f = *state;
	struct known_value values[3] = {{.value = 0}, {.value = 1}, {.value = 1}};
	struct known known = {.values = values, .value_count = 3};
	static const char *const names[] = {
		"modelwatch_service_up", "modelwatch_service_stopped", "modelwatch_service_expected"};

	for (size_t i = 0; i < 3; i++) {
		values[i].series.metric = strdup(names[i]);
		assert_int_equal(labels_set(&values[i].series.labels, "service", "llama"), 0);
	}
	by_unit(f, "llama")->expected_by_unit = true;
	f->matches[0].units = units;
	f->prepared = say_two;
	fixture_begin(f, &known);
	for (size_t i = 0; i < 3; i++)
		series_done(&values[i].series);
	fixture_ticks(f, 5);
	assert_false(pages(f));
}

/* A transient instance crashed and was collected: it pages, is expected, and is shown as "not expected". */
static void test_collected_is_said_unexpected(void **state)
{
	static const char *const units[] = {"vllm*.service"};
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	f->matches[0].units = units;
	f->matches[0].expected_by_unit = true;
	say(f, (struct said){ACTIVE(s->pid), .file = "transient"});
	fixture_ticks(f, 2);
	server_end(s, SIGKILL);
	fixture_await(f, EXITED, "llama", 1);
	say(f, (struct said){.active = "failed", .sub = "failed", .result = "signal", .file = "transient"});
	say(f, (struct said){.load = ""});
	fixture_ticks(f, 5);
	assert_true(pages(f));
	assert_true(fixture_series(f, IS_EXPECTED)->value == 1);
	assert_string_equal(fixture_fact(f, ABSENCE), "");
}

/* Never up, and not expected: it is not in modelwatch_service_expected at all. */
static void test_expected_of_never_up(void **state)
{
	struct collector_fixture *f = *state;

	by_unit(f, "llama")->expected_by_unit = true;
	fixture_begin(f, NULL);
	say(f, (struct said){.file = "disabled"});
	collector_take_units(f->collector, true);
	fixture_ticks(f, 5);
	assert_true(fixture_series(f, IS_EXPECTED)->any);
}

/* Restarted by `systemctl restart` while the daemon itself is restarted; and it loads. */
static void test_restarted_meanwhile_loads(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	const struct said said = {ACTIVE(s->pid)};
	char boot[64];

	this_boot(boot);
	by_unit(f, "llama");
	listens_never(f, USEC_PER_HOUR);
	begin_known(f, boot, 1 << 22, 1, &said);
	fixture_await(f, EXITED, "llama", 1);
	fixture_ticks(f, 5);
	assert_false(pages(f));
}

/* What loads after a reboot fails: at once. */
static void test_rebooted_loads_and_fails(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = fixture_server(f, NULL);
	const struct said said = {ACTIVE(s->pid)};

	by_unit(f, "llama")->expected_by_unit = true;
	listens_never(f, USEC_PER_HOUR);
	begin_known(f, "another boot", 1 << 22, 1, &said);
	fixture_await(f, EXITED, "llama", 1);
	fixture_ticks(f, 3);
	assert_false(pages(f));
	server_end(s, SIGKILL);
	say(f, (struct said){.active = "failed", .sub = "failed", .result = "signal"});
	assert_true(pages(f));
}

/* The bus comes back while the grace lasts, and the unit failed meanwhile. */
static void test_failed_while_bus_away(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s = running(f);

	f->matches[0].expected_by_unit = true;
	listens_never(f, USEC_PER_HOUR);
	say(f, (struct said){ACTIVE(s->pid), .job = "restart"});
	server_end(s, SIGTERM);
	fixture_await(f, EXITED, "llama", 1);
	s = fixture_server(f, NULL);
	say(f, (struct said){ACTIVE(s->pid)});
	fixture_ticks(f, 3);
	collector_take_units(f->collector, false);
	server_end(s, SIGKILL);
	fixture_ticks(f, 3);
	say(f, (struct said){.active = "failed", .sub = "failed", .result = "signal"});
	collector_take_units(f->collector, true);
	fixture_ticks(f, 3);
	assert_true(pages(f));
}

/* Expected by its option until now, it is down and pages; expected = no. No unit. */
static void test_option_ends_page(void **state)
{
	static const char *const names[] = {"modelwatch_service_up", "modelwatch_service_expected"};
	static const double numbers[] = {0, 1};
	struct collector_fixture *f = *state;

	fixture_service(f, "llama")->expected = false;
	begin_with(f, NULL, 2, names, numbers);
	fixture_ticks(f, 5);
	assert_false(pages(f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITHOUT(test_clean_loop_after_restart),
		WITHOUT(test_watchdog_restarts),
		WITHOUT(test_clean_loop_first),
		WITHOUT(test_rebooted_without_bus),
		WITHOUT(test_stopped_bus_lost),
		WITHOUT(test_expected_after_disable),
		WITHOUT(test_enable_ends_page),
		WITHOUT(test_enable_in_crash_loop),
		WITHOUT(test_enabled_never_listens),
		WITHOUT(test_stopped_first_never_listens),
		WITHOUT(test_collected_over_restart),
		WITHOUT(test_restarted_meanwhile),
		WITHOUT(test_enabled_meanwhile),
		WITHOUT(test_no_unit_any_more),
		WITHOUT(test_failure_while_held),
		WITHOUT(test_terminated_while_held),
		WITHOUT(test_rebooted_expected_yes_disabled),
		WITHOUT(test_old_failure_over_restart),
		WITHOUT(test_collected_is_said_unexpected),
		WITHOUT(test_expected_of_never_up),
		WITHOUT(test_restarted_meanwhile_loads),
		WITHOUT(test_rebooted_loads_and_fails),
		WITHOUT(test_failed_while_bus_away),
		WITHOUT(test_option_ends_page),
	};

	return cmocka_run_group_tests_name("collector-unit-limits", tests, NULL, NULL);
}
