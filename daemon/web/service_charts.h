/* SPDX-License-Identifier: Apache-2.0 */
/* The charts of a service: its last hour.
 *
 * Layer: daemon/web. */
#pragma once

#include <jansson.h>

#include "schema/store_read.h"

/* Appends a chart for each metric that has values: {"name","title","now","range","line","area","end"},
 * the last three SVG path data. -ENOMEM, or that of the reader. */
int service_charts_add(struct reader *reader, const char *service, int64_t interval_ms,
	int64_t now_ms, json_t *list);
