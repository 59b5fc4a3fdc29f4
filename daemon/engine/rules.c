/* SPDX-License-Identifier: Apache-2.0 */
/* From configuration sections to what alerting takes. The supervisor has validated them; what fails
 * here anyway is said and left out. */
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/config/rule.h"
#include "daemon/engine/engine.h"
#include "daemon/journal.h"

static int compile_rule(const struct section *s, struct rule **ret)
{
	_cleanup_free_ char *why = NULL;
	struct rule_source source;
	int r = config_rule(s, &source);

	if (r == 0)
		r = rule_new(&source, ret, &why);
	if (r < 0)
		journal_write(JOURNAL_RULE_NOT_USED, WITH(.rule = section_name(s)), "rule %s is not used: %s",
			section_name(s), why ? why : strerror(-r));
	return r;
}

static int set_rules(struct engine *e)
{
	const struct section *s = NULL;
	struct rule **rules = NULL;
	size_t count = 0;

	while ((s = config_next(role_config(e->role), SECTION_ALERT, s))) {
		struct rule **grown = reallocarray(rules, count + 1, sizeof(*rules));

		if (!grown) {
			while (count > 0)
				rule_free(rules[--count]);
			free(rules);
			return -ENOMEM;
		}
		rules = grown;
		if (compile_rule(s, &rules[count]) == 0)
			count++;
	}
	return alerting_set_rules(e->alerting, rules, count);
}

static int make_route(const struct section *s, struct route *ret)
{
	size_t count;
	const char *const *matchers = section_list(s, OPTION_WEBHOOK_MATCH, &count);
	struct route route = {.send_resolved = section_bool(s, OPTION_WEBHOOK_SEND_RESOLVED)};
	int r = severity_parse(section_string(s, OPTION_WEBHOOK_SEVERITY), &route.severity);

	route.webhook = strdup(section_name(s));
	route.matchers = calloc(count + 1, sizeof(*route.matchers));
	if (!route.webhook || !route.matchers)
		r = -ENOMEM;
	for (size_t i = 0; i < count && r == 0; i++) {
		_cleanup_free_ char *why = NULL;

		r = matcher_parse(matchers[i], &route.matchers[i], &why);
		if (r == 0)
			route.matcher_count++;
		else
			journal_write(JOURNAL_WEBHOOK_NOT_USED, WITH(.webhook = section_name(s)),
				"webhook %s is not used: %s", section_name(s), why ? why : strerror(-r));
	}
	if (r < 0) {
		route_done(&route);
		return r;
	}
	*ret = route;
	return 0;
}

static int set_routes(struct engine *e)
{
	const struct section *s = NULL;
	struct route *routes = NULL;
	size_t count = 0;

	while ((s = config_next(role_config(e->role), SECTION_WEBHOOK, s))) {
		struct route *grown;

		if (!webhook_is_built_in(s))
			continue;
		grown = reallocarray(routes, count + 1, sizeof(*routes));
		if (!grown) {
			while (count > 0)
				route_done(&routes[--count]);
			free(routes);
			return -ENOMEM;
		}
		routes = grown;
		if (make_route(s, &routes[count]) == 0)
			count++;
	}
	alerting_set_routes(e->alerting, routes, count);
	return 0;
}

int rules_configure(struct engine *e)
{
	const struct section *daemon = config_find(role_config(e->role), SECTION_DAEMON, "");
	int r;

	alerting_set_reopen(e->alerting, section_duration(daemon, OPTION_DAEMON_REOPEN));
	r = set_rules(e);
	return r < 0 ? r : set_routes(e);
}
