/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/message.h"
#include "daemon/roles.h"
#include "daemon/web/documents.h"
#include "daemon/web/health.h"

#define COLLECTORS_MAX 64              /* that are looked at */
#define COLLECTOR_MS   (5 * 60 * 1000) /* the engine repeats the last report of each more often */
#define TIME_MAX       1e12            /* seconds: no clock says more */
#define SERVICES_COLLECTOR "process" /* whose word it is that a service is up */
#define LAST_SUCCESS   "modelwatch_collector_last_success_timestamp_seconds"

struct collectors {
	struct collector_report items[COLLECTORS_MAX];
	char *names[COLLECTORS_MAX]; /* of the items, owned */
	size_t count;
};

static void collectors_done(struct collectors *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->names[i]);
}

static int add_collector(struct collectors *c, const char *name, int64_t last_ms)
{
	if (c->count == COLLECTORS_MAX)
		return 0;
	c->names[c->count] = strdup(name);
	if (!c->names[c->count])
		return -ENOMEM;
	c->items[c->count] =
		(struct collector_report){.name = c->names[c->count], .last_ms = last_ms};
	c->count++;
	return 0;
}

static int take_collector(
	void *userdata, const struct series *series, int64_t time_ms, double value)
{
	const char *name = labels_get(&series->labels, "collector");
	struct collectors *c = userdata;

	if (!text_equal(series->metric, LAST_SUCCESS) || !name || !isfinite(value) || value < 0 ||
		value > TIME_MAX)
		return 0;
	return add_collector(c, name, (int64_t) (value * 1000));
}

/* As of the newest values that there are: an engine that is gone for long leaves its last word. */
static int read_collectors(struct documents *d, struct collectors *c)
{
	int64_t newest_ms;
	int r = reader_newest(d->reader, &newest_ms);

	return r < 0 ? r
		     : reader_latest(d->reader, newest_ms - COLLECTOR_MS, take_collector, c);
}

static bool is_known(const struct collectors *c, const char *name)
{
	for (size_t i = 0; i < c->count; i++)
		if (text_equal(c->items[i].name, name))
			return true;
	return false;
}

/* A role that collects and has not reported counts as a collector of its name. */
static int expect_collectors(const struct role_record *roles, size_t count, struct collectors *c)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		const struct role_row *row = role_row_find(roles[i].name);

		if (row && row->sender == FROM_COLLECTOR && !is_known(c, row->name))
			r = add_collector(c, row->name, 0);
	}
	return r;
}

int document_health(struct documents *d, const struct document_request *q, json_t **ret)
{
	_cleanup_(collectors_done) struct collectors collectors = {.count = 0};
	struct role_record *roles = NULL;
	size_t count = 0;
	int r = reader_roles(d->reader, &roles, &count);

	if (r == 0)
		r = read_collectors(d, &collectors);
	if (r == 0)
		r = expect_collectors(roles, count, &collectors);
	if (r == 0) {
		*ret = health_json(&(struct health){
			.roles = roles,
			.role_count = count,
			.collectors = collectors.items,
			.collector_count = collectors.count,
			.engine = q->engine,
			.trouble = q->trouble,
			.interval_ms = d->interval_ms,
			.now_ms = q->now_ms,
		});
		r = *ret ? 0 : -ENOMEM;
	}
	role_list_free(roles, count);
	return r;
}

int document_look(struct documents *d, const struct document_request *q, struct look *ret)
{
	_cleanup_(collectors_done) struct collectors collectors = {.count = 0};
	int r = read_collectors(d, &collectors);
	struct look look = {.services_late = true};

	for (size_t i = 0; i < collectors.count; i++) {
		int64_t last_ms = collectors.items[i].last_ms;
		bool late = health_is_late(last_ms, d->interval_ms, q->now_ms);

		look.late |= late;
		if (text_equal(collectors.items[i].name, SERVICES_COLLECTOR)) {
			look.services_late = late && !q->trouble_of_samples;
			look.services_ms = last_ms;
		}
	}
	if (r == 0)
		*ret = look;
	return r;
}
