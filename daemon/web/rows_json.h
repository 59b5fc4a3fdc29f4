/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the database as the API's JSON (/v1/status, /v1/incidents).
 *
 * Layer: daemon/web. Pure. Each returns a new reference, or NULL without memory. Incidents and
 * alerts have their shape from alerts/incident_json.h: it is that of the webhook. */
#pragma once

#include <jansson.h>

#include "schema/records.h"

/* ABSENCE is why it is no trouble that it is not there, "" where it is; PROCESSES are those of all services.
 * EXTERNAL_URL is "" for none. */
json_t *service_json(const struct service_record *s, const char *absence,
	const struct process_record *processes, size_t process_count, const char *external_url);

/* The state of S is not known since LAST_MS (0: never was), when its collector last reported: unknown,
 * with the state it had as the reason. -ENOMEM. */
int service_mark_unknown(struct service_record *s, int64_t last_ms);

/* True where that fact of the service, among FACTS of the topic "service", has that value. */
bool service_has_fact(const struct fact *facts, size_t count, const char *service, const char *key,
	const char *value);

/* ENGINE: we are connected to the engine, whose own row may be its last words. */
json_t *role_json(const struct role_record *r, bool engine);
json_t *timeline_entry_json(const struct timeline_entry *t);
json_t *notification_json(const struct notification *n);

/* What the state of the host as a whole follows from. */
struct overview {
	const struct service_record *services;
	const struct incident *incidents;
	const struct role_record *roles;
	const struct fact *facts; /* of the topic "service" */
	size_t service_count, incident_count, role_count, fact_count;
	bool engine;  /* we are connected to it */
	bool limited; /* what is shown may be over, or is not all there should be to see; or somebody may not
			 be told: a collector is late, a service is missed, a webhook takes nothing, the
			 configuration on disk is refused, the database cannot be written, systemd cannot be
			 asked */
};

/* "ok", "warning" or "critical": the worst of the open incidents, of a service that is down (critical,
 * whatever became of its incident; a warning where systemd was asked for it; nothing where nobody expects
 * it), of roles in trouble (a warning, but one that starts is none), and
 * of being limited (a warning). */
const char *status_rollup(const struct overview *o);
