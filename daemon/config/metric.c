/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of our own that rules name and this version does not have. */
#include <syslog.h>

#include "alerts/promql/promql.h"
#include "daemon/base/text.h"
#include "daemon/config/check.h"

#define OURS "modelwatch_" /* what every name of the catalogue begins with, and no scraped one should */

/* The catalogue: what is behind OURS, which is no part of what was mistyped. */
static const char *const metrics[] = {
#define METRIC(name, ...) &#name[sizeof(OURS) - 1],
#include "schema/metrics.def"
#undef METRIC
};

static bool is_there(const char *metric)
{
	for (size_t i = 0; i < ELEMENTS(metrics); i++)
		if (text_equal(metrics[i], metric))
			return true;
	return false;
}

static void check_metric(const char *name, const char *key, const struct place *place,
	struct problems *p)
{
	const char *metric = text_after(name, OURS), *nearest;

	if (!metric || is_there(metric))
		return;
	nearest = text_nearest(metric, metrics, ELEMENTS(metrics));
	if (nearest)
		problem_add(p, LOG_WARNING, place,
			"'%s': this version has no metric '%s', did you mean '" OURS "%s'?", key,
			name, nearest);
	else
		problem_add(p, LOG_WARNING, place, "'%s': this version has no metric '%s'", key, name);
}

static void check_expression(const struct section *s, enum option option, struct problems *p)
{
	const struct option_value *v = value_of(s, option);
	_cleanup_free_ char *why = NULL;
	struct promql *expression;
	const char *name;
	int r;

	if (v->count == 0)
		return;
	r = promql_parse(v->texts[0], &expression, &why);
	if (r == -ENOMEM)
		p->failure = r;
	if (r < 0)
		return;
	for (size_t i = 0; (name = promql_metric(expression, i)); i++)
		check_metric(name, option_rows[option].key, &v->places[0], p);
	promql_free(expression);
}

void config_check_metrics(const struct config *c, struct problems *p)
{
	for (const struct section *s = c->first[SECTION_ALERT]; s; s = s->next) {
		check_expression(s, OPTION_ALERT_EXPR, p);
		check_expression(s, OPTION_ALERT_CLEAR, p);
	}
}
