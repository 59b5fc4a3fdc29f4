/* SPDX-License-Identifier: Apache-2.0 */
/* The body of the generic webhook: schema/webhook.schema.json.
 *
 * Layer: alerts. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "schema/records.h"

#define WEBHOOK_BODY_MAX (64 * 1024) /* bytes */

struct webhook_message {
	const char *id;
	const char *type;
	int64_t time_ms;
	const char *host_name, *host_id;
	const char *external_url;	 /* "" for none */
	const struct incident *incident; /* NULL for a test */
	const struct alert *const *alerts;
	size_t alert_count; /* of those in ALERTS: the most important first */
	size_t more_alerts; /* of the incident, that ALERTS leaves out already */
};

/* The body in *RET (free() it). Where it would be larger than WEBHOOK_BODY_MAX evidence is left out,
 * then alerts but for the first; an evidence "omitted" says so. -ENOMEM. */
int webhook_body(const struct webhook_message *m, char **ret);
