/* SPDX-License-Identifier: Apache-2.0 */
/* The document of the rules and of what is pending and firing. */
#include "alerts/incident_json.h"
#include "daemon/base/text.h"
#include "daemon/config/config.h"
#include "daemon/web/document_builders.h"
#include "daemon/web/json_list.h"

/* A rule as its section says it, with how many alerts it has pending and firing. */
static json_t *rule_json(const struct section *s, const struct alert *alerts, size_t count)
{
	json_int_t pending = 0, firing = 0;

	for (size_t i = 0; i < count; i++)
		if (text_equal(alerts[i].rule, section_name(s))) {
			pending += alerts[i].state == ALERT_PENDING;
			firing += alerts[i].state == ALERT_FIRING;
		}
	return json_pack("{s:s,s:s,s:s,s:s,s:I,s:I}", "name", section_name(s), "expr",
		section_string(s, OPTION_ALERT_EXPR), "severity",
		section_string(s, OPTION_ALERT_SEVERITY), "state",
		firing > 0 ? "firing" : (pending > 0 ? "pending" : "inactive"), "pending", pending,
		"firing", firing);
}

int document_alerts(struct documents *d, const struct document_request *q, json_t **ret)
{
	json_t *rules = json_array(), *list = json_array();
	const struct section *s = NULL;
	struct alert *alerts = NULL;
	size_t count = 0;
	int r = reader_live_alerts(d->reader, &alerts, &count);

	while (r == 0 && (s = config_next(d->config, SECTION_ALERT, s)))
		json_list_add(&rules, rule_json(s, alerts, count));
	for (size_t i = 0; i < count; i++) {
		json_t *alert = alert_json(&alerts[i]);

		if (alerts[i].incident > 0)
			json_object_set_new(alert, "incident", json_integer(alerts[i].incident));
		json_list_add(&list, alert);
	}
	alert_list_free(alerts, count);
	if (r == 0)
		return document_return(json_pack("{s:o,s:o}", "rules", rules, "alerts", list), ret);
	json_decref(rules);
	json_decref(list);
	return r;
}
