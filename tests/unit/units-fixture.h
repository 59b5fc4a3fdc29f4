/* SPDX-License-Identifier: Apache-2.0 */
/* The watch of units, and the bus with systemd upon it that a test plays. Include after cmocka.h. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "collectors/units/units.h"
#include "daemon/base/clock.h"
#include "tests/unit/fake-systemd.h"

#define DEADLINE (20 * USEC_PER_SEC)
#define TOLD_MAX 16384

struct fixture {
	sd_event *event;
	struct fake_systemd systemd;
	struct units *units;
	struct units_sink sink;
	struct units_options options;
	struct unit_state told[TOLD_MAX]; /* in their order */
	size_t count;
	bool known;
	int why;
	unsigned turns; /* of `known` */
	char crowded[300]; /* the unit that is not watched; "": none */
	unsigned turns_crowded;
};

#define await(f, condition)                                                                        \
	for (usec_t _begin = clock_monotonic(); !(condition);) {                                   \
		assert_true(sd_event_run((f)->event, DEADLINE) >= 0);                              \
		assert_true(usec_since(clock_monotonic(), _begin) < DEADLINE);                     \
	}

/* By name: a.service, b.service, t@*.service, run-*.scope. */
extern const char *const units_fixture_names[4];

int units_fixture_make(void **state);
int units_fixture_remove(void **state);
#define TEST(function) \
	cmocka_unit_test_setup_teardown(function, units_fixture_make, units_fixture_remove)
/* Begins to watch. */
void begin(struct fixture *f);
/* The same, with the units that the test added. */
void begin_known(struct fixture *f);
/* The last that was told of the unit, or NULL. */
const struct unit_state *last(const struct fixture *f, const char *name);
/* True where that is what was told last. */
bool is_job(const struct fixture *f, const char *name, const char *job);
bool is_sub(const struct fixture *f, const char *name, const char *sub);
