/* SPDX-License-Identifier: Apache-2.0 */
/* One alert, one evaluation: inactive, pending, firing, resolved.
 *
 * Layer: alerts. Pure. As in Prometheus a condition must hold for the rule's `for` before the alert
 * fires, and an alert keeps firing for `keep-firing-for` after it held last; as in Monit it may be
 * enough that it held in K of the last N evaluations; with `clear` an alert that fires holds until
 * that other condition does. What no longer has a series (it ended) is over at once. */
#pragma once

#include "alerts/rule.h"
#include "schema/records.h"

/* What an evaluation saw of the alert's series. */
struct observation {
	bool present; /* false: the series ended */
	bool holds;   /* the rule's condition */
	bool cleared; /* the rule's clear condition */
	double value;
};

enum alert_turn {
	ALERT_SAME,
	ALERT_CHANGED, /* nothing that anybody is told, but to be stored */
	ALERT_FIRES,   /* it should fire: the caller makes it so, or comes again if it cannot */
	ALERT_RESOLVES,
	ALERT_DROPS, /* it ends before it fired */
};

/* True where the condition of the alert's rule held in as many of its last evaluations as the rule wants. One
 * that fires may do so for longer: see keep-firing-for and clear. */
bool alert_holds(const struct rule *rule, const struct alert *alert);

/* Brings history and times of the pending or firing ALERT up to NOW_MS; its state and its value are
 * the caller's to change. FIRST: the first evaluation after a restart, where the stored held_ms may be
 * old. */
enum alert_turn alert_step(const struct rule *rule, struct alert *alert,
	const struct observation *seen, bool first, int64_t now_ms);
