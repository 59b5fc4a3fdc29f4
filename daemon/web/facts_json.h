/* SPDX-License-Identifier: Apache-2.0 */
/* What collectors found out, by subject: /v1/doctor and /v1/discover.
 *
 * Layer: daemon/web. Pure. Each returns a new reference, or NULL without memory. */
#pragma once

#include <jansson.h>

#include "schema/records.h"

/* {"checks":[{"subject","state","text","remedy"}]} from facts of the topic doctor. */
json_t *doctor_json(const struct fact *facts, size_t count);

/* The webhooks that take nothing, of the same facts: [{"name","state","text"}] */
json_t *webhooks_json(const struct fact *facts, size_t count);

/* Why the configuration on disk is refused, of the same facts; JSON's null where it is not. */
json_t *configuration_json(const struct fact *facts, size_t count);

/* Why systemd cannot be asked about units, and what helps, of the same facts; JSON's null where it can, or
 * where that began but now. */
json_t *systemd_json(const struct fact *facts, size_t count, int64_t now_ms);

/* {"services":[...]}: the discovered ones among facts of the topic service, each with a
 * configuration section ready to paste. */
json_t *discover_json(const struct fact *facts, size_t count);
