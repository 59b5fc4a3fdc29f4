/* SPDX-License-Identifier: Apache-2.0 */
/* PromQL's number and duration literals.
 *
 * Layer: alerts; private to promql. Reference: prometheus.io/docs/prometheus/latest/querying/basics,
 * "Float literals and time durations". */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* How many bytes at TEXT (which begins with a digit or a dot) belong to the literal. */
size_t promql_number_size(const char *text);

/* Decimal, hexadecimal (0x1f), octal (017), with underscores between digits and an exponent; or a
 * duration (1h30m), in seconds. -EINVAL, -ERANGE, -ENOMEM. */
int promql_number_parse(const char *text, size_t size, double *ret, bool *ret_is_duration);
