/* SPDX-License-Identifier: Apache-2.0 */
/* Incidents and alerts as JSON: the shapes of schema/webhook.schema.json, for webhooks and for the
 * API.
 *
 * Layer: alerts. Pure. New references, or NULL without memory. */
#pragma once

#include <jansson.h>

#include "schema/records.h"

/* EXTERNAL_URL is "" where nobody said under which address the pages are reached: then `url` is
 * null. So is `runbook_url` where the runbook is none that a browser opens. */
json_t *incident_json(const struct incident *incident, const char *external_url);

json_t *alert_json(const struct alert *alert);

/* A JSON string of TEXT; bytes that are not UTF-8 are made printable first. */
json_t *text_json(const char *text);
/* The same, but null for NULL and "". */
json_t *text_or_null_json(const char *text);

/* RFC 3339 in UTC with milliseconds; null for 0. */
json_t *time_json(int64_t time_ms);

/* Whole numbers without a point; null for what JSON cannot say. */
json_t *number_json(double value);
