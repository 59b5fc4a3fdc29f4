/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/figures.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/text.h"

#define TIME_MAX 1e11 /* seconds: beyond it a number is not a time */

static void write_bytes(double value, char *buffer)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	size_t unit = 0;

	while (fabs(value) >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		unit++;
	}
	snprintf(buffer, FIGURE_MAX, value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value,
		units[unit]);
}

static void write_time(double value, char *buffer)
{
	char text[RFC3339_MAX];

	clock_format_utc((usec_t) (value * (double) USEC_PER_SEC), text);
	snprintf(buffer, FIGURE_MAX, "%s", text);
}

static void write_duration(double value, char *buffer)
{
	char text[RFC3339_MAX];

	clock_format_duration((usec_t) (value * (double) USEC_PER_SEC), text);
	snprintf(buffer, FIGURE_MAX, "%s", text);
}

/* The first that fits the end of the name. */
static const struct {
	const char *suffix;
	void (*write)(double value, char *buffer);
} formats[] = {
	{"_start_time_seconds", write_time},
	{"_stop_time_seconds", write_time},
	{"_timestamp_seconds", write_time},
	{"_bytes", write_bytes},
	{"_bytes_total", write_bytes},
	{"_seconds", write_duration},
	{"_seconds_total", write_duration},
};

char *figure_format(const char *metric, double value, char buffer[static FIGURE_MAX])
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (text_ends_with(metric, formats[i].suffix) && value >= 0 &&
			value < TIME_MAX * 1e7) {
			if (formats[i].write != write_bytes && value >= TIME_MAX)
				break;
			formats[i].write(value, buffer);
			return buffer;
		}
	snprintf(buffer, FIGURE_MAX, fabs(value) < 1e15 && value == trunc(value) ? "%.0f" : "%.4g",
		value);
	return buffer;
}
