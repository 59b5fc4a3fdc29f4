/* SPDX-License-Identifier: Apache-2.0 */
/* What a template needs beside the API's JSON, derived from that JSON alone.
 *
 * Layer: daemon/web. Pure. Templates have no logic, so beside
 * - "state", "status", "severity": "X"   stands "state_is_X": true,
 * - a time "opened_at": "2026-..."       stands "opened_at_text" and "opened_at_ago" ("3 min"),
 * - a list "services": [...]             stands "services_any", "services_count" and
 *                                        "services_plural" ("s", or "" for one),
 * - a number "restarts": 2               stands "restarts_any": true (false for 0),
 * - "runbook_url": "https://..."         stands "runbook_url_is_link": true,
 * - "notifications": [...]               stands "notifications_failed": "1 notification failed",
 * - "processes": [1, 2]                  stands "processes_text": "1, 2",
 * - "labels": {"a": "b"}                 stands "labels_list": [{"name": "a", "value": "b"}],
 * - "metric": "a_b"                      stands "metric_parts": [{"part": "a_"}, {"part": "b"}],
 * - "text" of a check or webhook         stands "parts": its text and times, {"part"} or {"time"},
 * and an incident and a service get an "href" relative to the root of the pages, a resolved incident
 * "resolved_by" where a person resolved it and "still_fires" ("ServiceDown still fires") where that is
 * so. */
#pragma once

#include <jansson.h>
#include <stdint.h>

/* 0 or -ENOMEM. */
int presentation_add(json_t *document, int64_t now_ms);
