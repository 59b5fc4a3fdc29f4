/* SPDX-License-Identifier: Apache-2.0 */
/* A small chart as SVG path data, from values in the order of their times.
 *
 * Layer: daemon/web. Pure; constant memory however many values there are: they are averaged in
 * columns. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/buf.h"

#define SPARKLINE_COLUMNS 180
#define SPARKLINE_WIDTH   360 /* units of the view box */
#define SPARKLINE_HEIGHT  48

struct sparkline {
	int64_t from_ms, to_ms;
	double sum[SPARKLINE_COLUMNS];
	uint32_t count[SPARKLINE_COLUMNS];
	double last; /* value, not averaged: what holds now */
	int64_t last_ms;
};

void sparkline_init(struct sparkline *s, int64_t from_ms, int64_t to_ms);

/* Values outside the time range or that are not finite are left out. */
void sparkline_add(struct sparkline *s, int64_t time_ms, double value);

/* Adds B's columns to A's, as for user and system time; a column that one of them lacks has no value
 * then. */
void sparkline_sum(struct sparkline *a, const struct sparkline *b);

/* The least and greatest column and the last value; false where there is none. */
bool sparkline_range(
	const struct sparkline *s, double *ret_low, double *ret_high, double *ret_last);

/* The mean of the columns; NaN where there is none. */
double sparkline_mean(const struct sparkline *s);

/* SVG path data of a chart. */
struct sparkline_paths {
	struct buf line, area;
	struct buf end; /* the newest value, as a line of no length */
};
void sparkline_paths_done(struct sparkline_paths *p);

/* Writes the path of the line, from LOW at the bottom to HIGH at the top, of the area under it and of
 * its end; all are empty without a value. A gap of more than BRIDGE_MS without values stays a gap.
 * -ENOMEM. */
int sparkline_write(const struct sparkline *s, double low, double high, int64_t bridge_ms,
	struct sparkline_paths *p);
