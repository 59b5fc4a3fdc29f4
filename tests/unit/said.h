/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd would say of the unit of the service "llama". */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

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
