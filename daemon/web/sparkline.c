/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/sparkline.h"

#include <errno.h>
#include <math.h>

#define MARGIN 2.0 /* units above and below, so that a thick line is not cut */

void sparkline_init(struct sparkline *s, int64_t from_ms, int64_t to_ms)
{
	*s = (struct sparkline){.from_ms = from_ms, .to_ms = to_ms > from_ms ? to_ms : from_ms + 1};
}

void sparkline_add(struct sparkline *s, int64_t time_ms, double value)
{
	int64_t span = s->to_ms - s->from_ms, column;

	if (!isfinite(value) || time_ms < s->from_ms || time_ms > s->to_ms)
		return;
	if (__builtin_mul_overflow(time_ms - s->from_ms, SPARKLINE_COLUMNS, &column))
		return;
	column /= span;
	if (column == SPARKLINE_COLUMNS)
		column--;
	s->sum[column] += value;
	s->count[column]++;
	s->last = value;
	s->last_ms = time_ms;
}

static double column_value(const struct sparkline *s, size_t column)
{
	return s->sum[column] / s->count[column];
}

void sparkline_sum(struct sparkline *a, const struct sparkline *b)
{
	for (size_t i = 0; i < SPARKLINE_COLUMNS; i++) {
		bool both = a->count[i] > 0 && b->count[i] > 0;

		a->sum[i] = both ? column_value(a, i) + column_value(b, i) : 0;
		a->count[i] = both;
		a->last = both ? a->sum[i] : a->last;
	}
}

bool sparkline_range(const struct sparkline *s, double *ret_low, double *ret_high, double *ret_last)
{
	double low = INFINITY, high = -INFINITY;

	for (size_t i = 0; i < SPARKLINE_COLUMNS; i++)
		if (s->count[i] > 0) {
			low = fmin(low, column_value(s, i));
			high = fmax(high, column_value(s, i));
		}
	if (low > high)
		return false;
	*ret_low = low;
	*ret_high = high;
	*ret_last = s->last;
	return true;
}

double sparkline_mean(const struct sparkline *s)
{
	double sum = 0;
	size_t columns = 0;

	for (size_t i = 0; i < SPARKLINE_COLUMNS; i++)
		if (s->count[i] > 0) {
			sum += column_value(s, i);
			columns++;
		}
	return columns > 0 ? sum / (double) columns : NAN;
}

static double height_of(double value, double low, double high)
{
	double share = high > low ? (value - low) / (high - low) : 0.5;

	return SPARKLINE_HEIGHT - MARGIN - share * (SPARKLINE_HEIGHT - 2 * MARGIN);
}

static double middle_of(size_t column)
{
	return ((double) column + 0.5) * SPARKLINE_WIDTH / SPARKLINE_COLUMNS;
}

static void close_area(struct buf *area, size_t first, size_t last)
{
	buf_printf(area, "L%.1f %dL%.1f %dZ", middle_of(last), SPARKLINE_HEIGHT, middle_of(first),
		SPARKLINE_HEIGHT);
}

void sparkline_paths_done(struct sparkline_paths *p)
{
	buf_done(&p->line);
	buf_done(&p->area);
	buf_done(&p->end);
}

static void write_end(struct buf *end, size_t column, double y)
{
	buf_reset(end);
	buf_printf(end, "M%.1f %.1fh0", middle_of(column), y);
}

int sparkline_write(const struct sparkline *s, double low, double high, int64_t bridge_ms,
	struct sparkline_paths *p)
{
	int64_t column_ms = (s->to_ms - s->from_ms) / SPARKLINE_COLUMNS;
	size_t bridge = 1 + (size_t) (bridge_ms / (column_ms > 0 ? column_ms : 1));
	size_t first = SPARKLINE_COLUMNS, last = 0;
	double y = 0;

	for (size_t i = 0; i < SPARKLINE_COLUMNS; i++) {
		bool begins = first == SPARKLINE_COLUMNS || i - last > bridge;

		if (s->count[i] == 0)
			continue;
		if (begins && first < SPARKLINE_COLUMNS)
			close_area(&p->area, first, last);
		if (begins)
			first = i;
		y = height_of(column_value(s, i), low, high);
		/* A line of no length shows as a dot where a value stands alone. */
		buf_printf(&p->line, begins ? "M%.1f %.1fh0" : "L%.1f %.1f", middle_of(i), y);
		buf_printf(&p->area, "%c%.1f %.1f", begins ? 'M' : 'L', middle_of(i), y);
		last = i;
	}
	if (first < SPARKLINE_COLUMNS) {
		close_area(&p->area, first, last);
		write_end(&p->end, last, y);
	}
	return buf_error(&p->line) < 0 || buf_error(&p->area) < 0 || buf_error(&p->end) < 0
		       ? -ENOMEM
		       : 0;
}
