/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios of alerting: values and persons in, incidents and notifications out, with a clock of our
 * own and a database that holds what was committed.
 *
 * A step is a time in seconds, what happens then (words, below), what is told in it ("WEBHOOK TYPE
 * INCIDENT;" each) and how all incidents and the alerts of the database stand after it. NULL is not
 * checked. Words:
 *   METRIC:SERVICE=VALUE  the series has this value        METRIC:SERVICE=-  it ended
 *   ack:N  resolve:N  note:N                               a person does it to an incident
 *   evidence:SERVICE=TEXT                                  its reason is known
 *   fail     this step's commit fails                      kill     the daemon starts anew first
 *   only:METRIC   only rules that read it are evaluated    norules  all rules are taken away */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alerts/alerting.h"
#include "daemon/base/buf.h"

#define SERIES_MAX 16
#define ROWS_MAX   512
#define BEGIN_MS   INT64_C(1700000000000)

struct point {
	char metric[32], service[32];
	double value;
};

/* One daemon, its world and its database. */
struct world {
	struct alerting *alerting;
	struct point points[SERIES_MAX];
	size_t point_count;
	const struct rule_spec *rules;
	const struct route_spec *routes;
	unsigned char random;

	struct alert alerts[ROWS_MAX];
	struct incident incidents[ROWS_MAX];
	struct timeline_entry timeline[ROWS_MAX];
	struct notification notifications[ROWS_MAX];
	size_t alert_count, incident_count, timeline_count, notification_count;
	struct buf told;
};

struct rule_spec {
	const char *name, *expr, *clear;
	unsigned wait_s, keep_s, at_least, of;
	enum severity severity;
	const char *summary;
	const char *group_by;
};

struct route_spec {
	const char *webhook;
	enum severity severity;
	const char *match;
	bool quiet; /* send-resolved = no */
};

struct step {
	int at_s;
	const char *what, *told, *incidents, *alerts;
};

/* Most scenarios' rules: Down; Slow (for 30 s) and Down; Down and Restarting; and their one webhook. */
extern const struct rule_spec rules_down[], rules_slow_and_down[], rules_crash_loop[];
extern const struct route_spec route_oncall[];

/* Ids that count up. */
int world_random(void *userdata, void *bytes, size_t size);

struct world *world_begin(const struct rule_spec *rules, const struct route_spec *routes);
void world_end(struct world *w);
void world_set_rules(struct world *w);
void world_set_routes(struct world *w);
/* The values of now, for alerting_evaluate(). It allocates nothing. */
struct promql_source world_source(struct world *w);
/* Does the steps and checks what they say. */
void world_run(struct world *w, const struct step *steps, size_t count);
/* Applies what changed to the database. */
void world_commit(struct world *w);
/* The types of all turns, in their order, each with a blank behind it. */
void world_expect_timeline(const struct world *w, const char *expected);
/* All of a scenario. */
void run_scenario(const struct rule_spec *rules, const struct route_spec *routes,
	const struct step *steps, size_t count);
