/* SPDX-License-Identifier: Apache-2.0 */
#include "alerts/alert_step.h"

static uint64_t history_mask(const struct rule *rule)
{
	return rule->of >= 64 ? UINT64_MAX : (UINT64_C(1) << rule->of) - 1;
}

bool alert_holds(const struct rule *rule, const struct alert *alert)
{
	return (unsigned) __builtin_popcountll(alert->history) >= rule->at_least;
}

static enum alert_turn step_pending(
	const struct rule *rule, struct alert *alert, bool changed, int64_t now_ms)
{
	if (alert->history == 0)
		return ALERT_DROPS;
	if (!alert_holds(rule, alert)) {
		alert->active_ms = 0;
		return changed ? ALERT_CHANGED : ALERT_SAME;
	}
	if (alert->active_ms == 0) {
		alert->active_ms = now_ms;
		changed = true;
	}
	alert->held_ms = now_ms;
	if (now_ms - alert->active_ms >= usec_to_ms(rule->wait))
		return ALERT_FIRES;
	return changed ? ALERT_CHANGED : ALERT_SAME;
}

static enum alert_turn step_firing(const struct rule *rule, struct alert *alert,
	const struct observation *seen, bool may_be_old, bool changed, int64_t now_ms)
{
	bool holds = rule->clear ? seen->holds || !seen->cleared : alert_holds(rule, alert);

	if (holds || may_be_old)
		alert->held_ms = now_ms;
	if (!holds && now_ms - alert->held_ms >= usec_to_ms(rule->keep_firing))
		return ALERT_RESOLVES;
	return changed ? ALERT_CHANGED : ALERT_SAME;
}

enum alert_turn alert_step(const struct rule *rule, struct alert *alert,
	const struct observation *seen, bool first, int64_t now_ms)
{
	uint64_t before = alert->history, mask = history_mask(rule);
	bool changed;

	if (!seen->present)
		return alert->state == ALERT_FIRING ? ALERT_RESOLVES : ALERT_DROPS;
	alert->history = (before << 1 | seen->holds) & mask;
	changed = alert->history != (before & mask);
	if (alert->state != ALERT_FIRING)
		return step_pending(rule, alert, changed, now_ms);
	/* Stored when it changes only: held_ms in the database is the time of the last change. */
	return step_firing(
		rule, alert, seen, first && ((before & 1) || rule->clear), changed, now_ms);
}
