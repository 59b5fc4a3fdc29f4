/* SPDX-License-Identifier: Apache-2.0 */
/* A service that has many units: instances of one glob. */
#include <stdio.h>
#include <string.h>

#include "schema/records.h"
#include "tests/unit/said.h"

#define INSTANCES 100

static void say_containers(struct collector_fixture *f, const char *active, const char *sub)
{
	char name[128];

	for (unsigned i = 0; i < INSTANCES; i++) {
		snprintf(name, sizeof(name), "docker-%064x.scope", i);
		say(f, (struct said){.name = name, .active = active, .sub = sub});
	}
	collector_take_units(f->collector, true);
}

/* What is told of all of them is told of as many as fit. */
static void test_facts_are_short(void **state)
{
	static const char *const units[] = {"docker-*.scope"};
	static const char *const facts[] = {
		"unit", "unit-state", "unit-result", "unit-restarts", "unit-file"};
	struct collector_fixture *f = *state;
	char name[64];

	by_unit(f, "llama")->units = units;
	fixture_begin(f, NULL);
	say_containers(f, "active", "running");
	for (size_t i = 0; i < ELEMENTS(facts); i++) {
		snprintf(name, sizeof(name), "service llama %s", facts[i]);
		assert_in_range(strlen(fixture_fact(f, name)), 1, FACT_VALUE_MAX);
	}
	assert_non_null(strstr(fixture_fact(f, "service llama unit"),
		"docker-0000000000000000000000000000000000000000000000000000000000000000.scope, docker-"));
	assert_string_equal(strstr(fixture_fact(f, "service llama unit-state"), " and "), " and 16 more");
}

/* The same holds for what people are told when there is no process. */
static void test_reason_is_short(void **state)
{
	static const char *const units[] = {"docker-*.scope"};
	struct collector_fixture *f = *state;
	const struct told_event *e;
	size_t size;

	by_unit(f, "llama")->units = units;
	fixture_begin(f, NULL);
	say_containers(f, "inactive", "dead");
	e = fixture_await(f, MISSING, "llama", 1);
	size = strlen(e->evidence);
	assert_in_range(size, 1, FACT_VALUE_MAX);
	assert_non_null(strstr(e->evidence, ".scope is inactive (dead); docker-"));
	assert_non_null(strstr(e->evidence, " more\nunit="));
}

/* Words of one unit are about its processes, but those of others may have waited for them. */
static void test_word_of_one(void **state)
{
	static const char *const units[] = {"vllm@*.service"};
	struct collector_fixture *f = *state;
	pid_t first = fixture_server(f, NULL)->pid, next = fixture_server(f, NULL)->pid;
	pid_t other = fixture_server(f, NULL)->pid;

	by_unit(f, "llama")->units = units;
	fixture_begin(f, NULL);
	collector_take_units(f->collector, true);
	say(f, (struct said){.name = "vllm@1.service", ACTIVE(first)});
	say(f, (struct said){.name = "vllm@2.service", ACTIVE(other)});
	assert_int_equal(fixture_events(f, STARTED, "llama"), 2);
	say(f, (struct said){.name = "vllm@2.service", .active = "deactivating", .main_pid = other});
	say(f, (struct said){.name = "vllm@1.service", ACTIVE(next)});
	assert_int_equal(fixture_events(f, STARTED, "llama"), 3);
	assert_int_equal(fixture_events(f, RELEASED, "llama"), 0);
	say(f, (struct said){.name = "vllm@2.service", ACTIVE(other)});
	assert_int_equal(fixture_events(f, RELEASED, "llama"), 1);
	assert_int_equal(f->events[f->event_count - 1].pid, first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITHOUT(test_facts_are_short),
		WITHOUT(test_reason_is_short),
		WITHOUT(test_word_of_one),
	};

	return cmocka_run_group_tests_name("collector-unit-many", tests, NULL, NULL);
}
