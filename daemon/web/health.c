/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/health.h"

#include "alerts/incident_json.h"
#include "daemon/base/clock.h"
#include "daemon/base/text.h"
#include "daemon/web/json_list.h"

#define LATE_INTERVALS 3    /* so many intervals without a report are too many */
#define LATE_MS        5000 /* but a busy host may take so long */

/* A reason that cannot be made leaves no document, rather than one that says all is well. */
static void check_roles(const struct health *h, json_t **reasons)
{
	if (!h->engine)
		json_list_add(reasons, json_string("the engine is not connected"));
	if (h->role_count == 0)
		json_list_add(reasons, json_string("no role has reported yet"));
	for (size_t i = 0; i < h->role_count; i++)
		if (!text_equal(h->roles[i].state, "running"))
			json_list_add(reasons,
				json_sprintf("role %s is %s", h->roles[i].name, h->roles[i].state));
}

bool health_is_late(int64_t last_ms, int64_t interval_ms, int64_t now_ms)
{
	int64_t limit = interval_ms * LATE_INTERVALS;

	return now_ms - last_ms > (limit < LATE_MS ? LATE_MS : limit);
}

static void check_collectors(const struct health *h, json_t **reasons)
{
	char text[RFC3339_MAX];

	for (size_t i = 0; i < h->collector_count; i++) {
		const struct collector_report *c = &h->collectors[i];

		if (c->last_ms == 0)
			json_list_add(reasons,
				json_sprintf("collector %s has not reported yet", c->name));
		else if (health_is_late(c->last_ms, h->interval_ms, h->now_ms))
			json_list_add(reasons,
				json_sprintf("collector %s last reported %s ago", c->name,
					clock_format_duration(
						usec_from_ms(h->now_ms - c->last_ms), text)));
	}
}

json_t *health_json(const struct health *h)
{
	json_t *reasons = json_array();

	if (!reasons)
		return NULL;
	check_roles(h, &reasons);
	/* What cannot be written tells nothing of who reported. */
	if (h->trouble)
		json_list_add(&reasons, text_json(h->trouble));
	else
		check_collectors(h, &reasons);
	if (h->systemd)
		json_list_add(&reasons, text_json(h->systemd));
	return json_pack("{s:s,s:o}", "status", json_array_size(reasons) == 0 ? "ok" : "failing",
		"reasons", reasons);
}

bool health_is_ok(const json_t *json)
{
	const char *status = json_string_value(json_object_get(json, "status"));

	return status && text_equal(status, "ok");
}
