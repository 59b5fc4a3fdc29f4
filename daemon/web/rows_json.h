/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the database as the API's JSON (/v1/status, /v1/incidents).
 *
 * Layer: daemon/web. Pure. Each returns a new reference, or NULL without memory. Incidents and
 * alerts have their shape from alerts/incident_json.h: it is that of the webhook. */
#pragma once

#include <jansson.h>

#include "schema/records.h"

/* Appends ITEM. After a failure *LIST is NULL and stays it, so that what is made of it fails. */
void json_list_add(json_t **list, json_t *item);

/* PROCESSES are those of all services. EXTERNAL_URL is "" for none. */
json_t *service_json(const struct service_record *s, const struct process_record *processes,
	size_t process_count, const char *external_url);

/* Makes S what can be said of it when nobody has looked since LAST_MS (0: not yet): unknown, and what
 * it was. -ENOMEM. */
int service_unsee(struct service_record *s, int64_t last_ms);

/* ENGINE: we are connected to the engine, whose own row may be its last words. */
json_t *role_json(const struct role_record *r, bool engine);
json_t *timeline_entry_json(const struct timeline_entry *t);
json_t *notification_json(const struct notification *n);

/* Those that take nothing, of the same facts: [{"name","state","text"}] */
json_t *webhooks_json(const struct fact *facts, size_t count);

/* {"checks":[{"subject","state","text","remedy"}]} from facts of the topic doctor. */
json_t *doctor_json(const struct fact *facts, size_t count);

/* {"services":[...]}: the discovered ones among facts of the topic service, each with a
 * configuration section ready to paste. */
json_t *discover_json(const struct fact *facts, size_t count);

/* "ok", "warning" or "critical": the worst of the open incidents and of the roles, of which one that
 * starts is no trouble. LATE: a collector is silent, so that what is shown may be over. */
const char *status_rollup(const struct incident *incidents, size_t incident_count,
	const struct role_record *roles, size_t role_count, bool engine, bool late);

/* Appends NAME as a segment of an URL's path. */
void url_segment_write(struct buf *b, const char *name);
