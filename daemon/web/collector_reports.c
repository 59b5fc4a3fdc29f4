/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/collector_reports.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/message.h"
#include "daemon/roles.h"

#define REPORT_MS (5 * 60 * 1000) /* the engine repeats the last report of each more often */
#define TIME_MAX  1e12            /* seconds: no clock says more */

void collector_reports_done(struct collector_reports *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->names[i]);
}

static int add_report(struct collector_reports *c, const char *name, int64_t last_ms)
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

static int take_report(void *userdata, const struct series *series, int64_t time_ms, double value)
{
	const char *name = labels_get(&series->labels, "collector");
	struct collector_reports *c = userdata;

	if (!text_equal(series->metric, COLLECTOR_REPORTED) || !name || !isfinite(value) || value < 0 ||
		value > TIME_MAX)
		return 0;
	return add_report(c, name, (int64_t) (value * 1000));
}

int collector_reports_read(struct reader *reader, struct collector_reports *c)
{
	int64_t newest_ms;
	int r = reader_newest(reader, &newest_ms);

	return r < 0 ? r : reader_latest(reader, newest_ms - REPORT_MS, take_report, c);
}

static bool has_report(const struct collector_reports *c, const char *name)
{
	for (size_t i = 0; i < c->count; i++)
		if (text_equal(c->items[i].name, name))
			return true;
	return false;
}

int collector_reports_expect(
	struct collector_reports *c, const struct role_record *roles, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		const struct role_row *row = role_row_find(roles[i].name);

		if (row && row->sender == FROM_COLLECTOR && !has_report(c, row->name))
			r = add_report(c, row->name, 0);
	}
	return r;
}
