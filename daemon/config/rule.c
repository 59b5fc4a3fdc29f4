/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config/rule.h"

int config_rule(const struct section *s, struct rule_source *ret)
{
	struct rule_source source = {
		.name = section_name(s),
		.expr = section_string(s, OPTION_ALERT_EXPR),
		.clear = section_string(s, OPTION_ALERT_CLEAR),
		.wait = section_duration(s, OPTION_ALERT_FOR),
		.keep_firing = section_duration(s, OPTION_ALERT_KEEP_FIRING_FOR),
		.group_by = section_string(s, OPTION_ALERT_GROUP_BY),
		.summary = section_string(s, OPTION_ALERT_SUMMARY),
		.description = section_string(s, OPTION_ALERT_DESCRIPTION),
		.runbook = section_string(s, OPTION_ALERT_RUNBOOK),
	};
	int r = severity_parse(section_string(s, OPTION_ALERT_SEVERITY), &source.severity);

	source.labels = section_list(s, OPTION_ALERT_LABEL, &source.label_count);
	if (r == 0)
		r = rule_parse_at_least(
			section_string(s, OPTION_ALERT_AT_LEAST), &source.at_least, &source.of);
	if (r < 0)
		return r;
	*ret = source;
	return 0;
}
