/* SPDX-License-Identifier: Apache-2.0 */
/* Which text format of metrics a client wants (RFC 9110, section 12.5.1).
 *
 * Layer: daemon/web. Pure. */
#pragma once

enum exposition_format { EXPOSITION_PROMETHEUS, EXPOSITION_OPENMETRICS };

/* HEADER is the Accept header, NULL where there was none. The best quality wins, the first of equal
 * ones; Prometheus's text format where nothing fits. */
enum exposition_format accept_metrics(const char *header);

const char *exposition_content_type(enum exposition_format format);
