/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, durations, sizes and the like from text.
 *
 * Layer: base. The whole text must be the value: no leading or trailing blanks or signs beyond
 * what is named. Each returns 0, -EINVAL (not of that form) or -ERANGE (does not fit), and writes
 * its result only on success. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/clock.h"

int num_parse_u64(const char *text, uint64_t *ret);
int num_parse_u32(const char *text, uint32_t *ret);
int num_parse_i64(const char *text, int64_t *ret);

/* A finite decimal number as C and Prometheus write it; independent of the locale. */
int num_parse_double(const char *text, double *ret);

/* One or more of NUMBER UNIT with units us ms s min (or m) h d w y (365 days), such as "250ms" or
 * "1h 30min". A bare number is refused, but for 0. */
int num_parse_duration(const char *text, usec_t *ret);

/* A whole number of bytes, or with K M G T: powers of 1024. */
int num_parse_size(const char *text, uint64_t *ret);

/* "99.9%" as 0.999; from 0 to 100 percent. */
int num_parse_percentage(const char *text, double *ret);

/* yes/no, true/false, on/off, 1/0. */
int num_parse_bool(const char *text, bool *ret);
