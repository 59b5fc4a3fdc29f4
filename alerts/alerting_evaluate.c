/* SPDX-License-Identifier: Apache-2.0 */
/* Rules to alerts. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alerts/alerting_state.h"

#define RENEW_MS INT64_C(60000) /* what an alert says is renewed so often while no event came */

/* One rule, at one time. */
struct pass {
	struct alerting *a;
	struct rule_entry *rule_entry;
	bool by_event;
	int64_t now_ms;
};

/* The element's labels with the rule's, and the fingerprint of both with the rule's name as
 * Prometheus has it. */
static int identify(const struct rule *rule, const struct labels *labels, struct labels *ret,
	char fingerprint[static FINGERPRINT_MAX])
{
	struct labels all = {0};
	int r = labels_copy(labels, &all);

	for (size_t i = 0; r >= 0 && i < rule->labels.count; i++)
		r = labels_set(&all, rule->labels.items[i].name, rule->labels.items[i].value);
	if (r >= 0)
		r = labels_set(&all, "alertname", rule->name);
	if (r >= 0) {
		snprintf(fingerprint, FINGERPRINT_MAX, "%016llx", labels_fingerprint(&all));
		r = labels_set(&all, "alertname", "");
	}
	if (r < 0) {
		labels_done(&all);
		return r;
	}
	*ret = all;
	return 0;
}

/* A pending alert that has not been seen; takes the labels. */
static int make_entry(struct alerting *a, struct rule_entry *w, struct labels *labels,
	const char *fingerprint, struct alert_entry **ret)
{
	_cleanup_(alert_entry_free_pointer) struct alert_entry *e = calloc(1, sizeof(*e));
	const struct rule *rule = w->rule;

	if (!e)
		return -ENOMEM;
	e->alert = (struct alert){
		.fingerprint = strdup(fingerprint),
		.rule = strdup(rule->name),
		.severity = rule->severity,
		.state = ALERT_PENDING,
		.value = NAN,
		.threshold = promql_threshold(rule->expr),
		.low = NAN,
		.high = NAN,
		.summary = strdup(""),
		.description = strdup(""),
		.runbook = strdup(""),
	};
	if (!e->alert.fingerprint || !e->alert.rule || !e->alert.summary || !e->alert.description ||
		!e->alert.runbook || map_put_string(a->live, fingerprint, e, NULL) < 0)
		return -ENOMEM;
	e->alert.labels = *labels;
	*labels = (struct labels){0};
	e->rule_entry = w;
	LIST_INSERT_HEAD(&w->live, e, siblings);
	*ret = TAKE_POINTER(e);
	return 0;
}

static void end_pending(struct alerting *a, struct alert_entry *e)
{
	e->alert.state = ALERT_INACTIVE;
	alert_mark_changed(a, e);
	alert_unlive(a, e);
}

/* A number moves at each evaluation: what is not told and to which nothing happened is renewed now and
 * then, or there would be a write for each alert and evaluation. */
static int renew(struct pass *p, struct alert_entry *e)
{
	int r;

	if (!e->changed && !p->by_event && p->now_ms - e->renewed_ms < RENEW_MS)
		return 0;
	r = alert_renew(p->a, e);
	if (r >= 0 && e->changed)
		e->renewed_ms = p->now_ms;
	return r;
}

static int advance(struct pass *p, struct alert_entry *e, const struct observation *seen)
{
	struct alerting *a = p->a;
	bool first = e->restored;
	int r = 0;

	e->restored = false;
	if (seen->holds)
		e->value = seen->value;
	switch (alert_step(p->rule_entry->rule, &e->alert, seen, first, p->now_ms)) {
	case ALERT_SAME:
		break;
	case ALERT_CHANGED:
		alert_mark_changed(a, e);
		break;
	case ALERT_FIRES:
		r = incident_alert_fires(a, e, p->now_ms);
		alert_mark_changed(a, e);
		break;
	case ALERT_RESOLVES:
		incident_alert_ended(a, e, seen->present ? END_CLEARED : END_SERIES, p->now_ms);
		return 0;
	case ALERT_DROPS:
		end_pending(a, e);
		return 0;
	}
	return r < 0 ? r : renew(p, e);
}

/* Two alerts of one fingerprint are told apart by what it was made of. */
static bool is_same(const struct alert_entry *e, const struct rule *rule,
	const struct labels *labels)
{
	return strcmp(e->alert.rule, rule->name) == 0 &&
	       labels_compare(&e->alert.labels, labels) == 0;
}

/* What could not be made an alert is counted, and is no error of the others. */
static int refused(struct alerting *a, int r)
{
	if (r != -E2BIG && r != -EINVAL && r != -EEXIST)
		return r;
	a->refused++;
	return 0;
}

static int find_entry(struct pass *p, const struct labels *element, bool make,
	struct alert_entry **ret)
{
	_cleanup_(labels_done) struct labels labels = {0};
	char fingerprint[FINGERPRINT_MAX];
	int r = identify(p->rule_entry->rule, element, &labels, fingerprint);

	if (r < 0)
		return r;
	*ret = map_get_string(p->a->live, fingerprint);
	if (*ret)
		return is_same(*ret, p->rule_entry->rule, &labels) ? 0 : -EEXIST;
	if (!make)
		return 0;
	if (map_size(p->a->live) >= ALERTS_MAX)
		return -E2BIG;
	return make_entry(p->a, p->rule_entry, &labels, fingerprint, ret);
}

static int on_subject(void *userdata, const struct labels *labels, double value, bool holds)
{
	struct pass *p = userdata;
	struct alert_entry *e = NULL;
	struct observation seen = {.present = true, .holds = holds, .value = value};
	int r;

	if (!holds && LIST_EMPTY(&p->rule_entry->live))
		return 0;
	r = find_entry(p, labels, holds, &e);
	if (r < 0)
		return refused(p->a, r);
	/* Labels of the rule may make one alert of two series: the first counts. */
	if (!e || e->seen == p->a->evaluation)
		return 0;
	e->seen = p->a->evaluation;
	seen.cleared = e->cleared == p->a->evaluation;
	return advance(p, e, &seen);
}

static int on_clear(void *userdata, const struct labels *labels, double value)
{
	struct pass *p = userdata;
	struct alert_entry *e = NULL;
	int r = find_entry(p, labels, false, &e);

	if (r < 0)
		return refused(p->a, r);
	if (e)
		e->cleared = p->a->evaluation;
	return 0;
}

/* Only a pass that saw everything tells which series ended. */
static void end_unseen(struct pass *p)
{
	static const struct observation gone = {.present = false};
	struct alert_entry *e, *next;

	for (e = LIST_FIRST(&p->rule_entry->live); e; e = next) {
		next = LIST_NEXT(e, siblings);
		if (e->seen != p->a->evaluation)
			advance(p, e, &gone);
	}
}

static int evaluate_rule(struct pass *p, const struct promql_source *source)
{
	const struct rule *rule = p->rule_entry->rule;
	int r = 0;

	if (rule->clear && !LIST_EMPTY(&p->rule_entry->live))
		r = promql_evaluate(rule->clear, source, p->now_ms, on_clear, p);
	if (r >= 0)
		r = promql_subjects(rule->expr, source, p->now_ms, on_subject, p);
	if (r >= 0)
		end_unseen(p);
	return r;
}

static bool reads(const struct rule *rule, const char *const metrics[])
{
	if (!metrics)
		return true;
	for (size_t i = 0; metrics[i]; i++)
		if (promql_reads(rule->expr, metrics[i]) ||
			(rule->clear && promql_reads(rule->clear, metrics[i])))
			return true;
	return false;
}

static void end_orphans(struct alerting *a, int64_t now_ms)
{
	struct alert_entry *e;

	while ((e = LIST_FIRST(&a->orphans.live))) {
		if (e->alert.state == ALERT_FIRING)
			incident_alert_ended(a, e, END_RULE, now_ms);
		else
			end_pending(a, e);
	}
}

int alerting_evaluate(struct alerting *a, const struct promql_source *source,
	const char *const metrics[], int64_t now_ms)
{
	int error = restored_link(a);

	if (error < 0)
		return error;
	a->evaluation++;
	keep_first(&error, incidents_settle(a, now_ms));
	end_orphans(a, now_ms);
	for (size_t i = 0; i < a->rule_count; i++) {
		struct pass p = {.a = a, .rule_entry = &a->rules[i],
			.by_event = metrics, .now_ms = now_ms};

		if (reads(p.rule_entry->rule, metrics))
			keep_first(&error, evaluate_rule(&p, source));
	}
	keep_first(&error, incidents_finish(a, now_ms));
	keep_first(&error, announce(a, now_ms));
	return error;
}
