/* SPDX-License-Identifier: Apache-2.0 */
/* Series as text for Prometheus: format 0.0.4 and OpenMetrics 1.0.
 *
 * Layer: daemon/web. Pure. References: prometheus.io/docs/instrumenting/exposition_formats and the
 * OpenMetrics specification. Series come in the order of their names, so that no family is torn; a
 * part of an exposition is worth nothing, so the text is built whole before it is sent. Metrics
 * that schema/metrics.def does not name (those scraped from services) are of unknown type. */
#pragma once

#include "daemon/base/buf.h"
#include "schema/series.h"

enum exposition_format { EXPOSITION_PROMETHEUS, EXPOSITION_OPENMETRICS };

struct exposition {
	enum exposition_format format;
	struct buf out;
	struct buf family; /* the metric name whose head was written last */
};

void exposition_done(struct exposition *e);

/* Adds one value, with the head of its family where that begins. 0 or -errno of the buffer. */
int exposition_add(struct exposition *e, const struct series *series, double value);

/* Ends the text. The result is in `out`. */
int exposition_end(struct exposition *e);

/* Of an answer in this format. */
const char *exposition_content_type(enum exposition_format format);
