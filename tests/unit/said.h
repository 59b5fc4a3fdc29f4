/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd would say of the unit of the service "llama". */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/file.h"
#include "tests/unit/collector-fixture.h"

#define STOPPED GAUGE("stopped")
#define UNIT	"vllm.service"
#define ABSENCE "service llama absence"
#define ACTIVE(pid) .active = "active", .sub = "running", .main_pid = (pid)

/* What is not given is as of an enabled unit that does nothing. */
struct said {
	const char *name, *load, *active, *sub, *file, *result, *job, *cgroup, *cause;
	int64_t main_pid, exit_pid, exit_code, exit_status;
	uint64_t restarts;
};

static inline char *or_else(const char *text, const char *other)
{
	return (char *) (uintptr_t) (text ? text : other);
}

static inline void say(struct collector_fixture *f, struct said s)
{
	const struct unit_state u = {
		.name = or_else(s.name, UNIT),
		.load = or_else(s.load, "loaded"),
		.active = or_else(s.active, "inactive"),
		.sub = or_else(s.sub, "dead"),
		.file = or_else(s.file, "enabled"),
		.result = or_else(s.result, "success"),
		.job = or_else(s.job, ""),
		.cgroup = or_else(s.cgroup, ""),
		.cause = or_else(s.cause, ""),
		.main_pid = s.main_pid,
		.exit_pid = s.exit_pid,
		.exit_code = s.exit_code,
		.exit_status = s.exit_status,
		.restarts = s.restarts,
	};

	assert_int_equal(collector_take_unit(f->collector, &u), 0);
}

/* A service that is found by its unit alone. */
static inline struct service_match *by_unit(struct collector_fixture *f, const char *name)
{
	static const char *const units[] = {UNIT};
	struct service_match *m = fixture_service(f, name);

	m->executable_count = m->user_count = 0;
	m->units = units;
	m->unit_count = 1;
	m->stop_grace = USEC_PER_HOUR;
	return m;
}

/* One whose main process runs, and is known. */
static inline struct server *running(struct collector_fixture *f)
{
	struct server *s = fixture_server(f, NULL);

	by_unit(f, "llama");
	fixture_begin(f, NULL);
	say(f, (struct said){ACTIVE(s->pid)});
	collector_take_units(f->collector, true);
	assert_int_equal(fixture_events(f, STARTED, "llama"), 1);
	return s;
}

/* For f->prepared: units are told of before it starts, as a rule. */
static inline void say_before(struct collector_fixture *f)
{
	const struct said *said = f->prepared_data;

	if (said) {
		say(f, *said);
		collector_take_units(f->collector, true);
	}
}

/* A predecessor knew it up, with a main process of BOOT. SAID: what systemd says before the first look; NULL
 * for nothing. */
static inline void begin_known(struct collector_fixture *f, const char *boot, pid_t pid, uint64_t start,
	const struct said *said)
{
	char name[] = "llama", none[] = "";
	struct known_process process = {.service = name,
		.pid = pid,
		.start = start,
		.boot = (char *) (uintptr_t) boot,
		.command_line = none};
	struct known_value up = {.value = 1};
	struct known known = {.processes = &process, .process_count = 1, .values = &up, .value_count = 1};

	up.series.metric = strdup("modelwatch_service_up");
	assert_int_equal(labels_set(&up.series.labels, "service", "llama"), 0);
	f->prepared = say_before;
	f->prepared_data = said;
	fixture_begin(f, &known);
	series_done(&up.series);
}

/* The boot that is. */
static inline void this_boot(char boot[64])
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	assert_int_equal(file_read("/proc/sys/kernel/random/boot_id", 64, &text), 0);
	snprintf(boot, 64, "%.36s", text.data);
}
