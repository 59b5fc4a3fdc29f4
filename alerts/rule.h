/* SPDX-License-Identifier: Apache-2.0 */
/* An alert rule, compiled from its configuration section.
 *
 * Layer: alerts. */
#pragma once

#include "alerts/promql/promql.h"
#include "daemon/base/clock.h"
#include "daemon/base/mustache.h"
#include "schema/records.h"

/* The section [alert NAME] as text and values; nothing in it is owned. */
struct rule_source {
	const char *name;
	const char *expr;
	const char *clear; /* "" where it resolves when expr no longer holds */
	usec_t wait;	   /* for */
	usec_t keep_firing;
	unsigned at_least, of; /* 1 of 1 where not given */
	enum severity severity;
	const char *const *labels; /* NAME=VALUE */
	size_t label_count;
	const char *group_by; /* the label that groups alerts to incidents */
	const char *summary, *description, *runbook; /* templates */
};

struct rule {
	char *name;
	struct promql *expr;
	struct promql *clear; /* NULL for none */
	usec_t wait, keep_firing;
	unsigned at_least, of;
	enum severity severity;
	struct labels labels;
	char *group_by;
	struct mustache *summary, *description, *runbook;
};

/* Checks and compiles. On -EINVAL *RET_WHY names what is wrong and where in the expression or
 * template (free() it). */
int rule_new(const struct rule_source *source, struct rule **ret, char **ret_why);
struct rule *rule_free(struct rule *r);

/* True for what leads to instructions: http:// or https://, which a browser opens, or man:, without
 * blanks. */
bool rule_is_runbook(const char *text);

/* "3 of 5". -EINVAL; at most 64. */
int rule_parse_at_least(const char *text, unsigned *ret_at_least, unsigned *ret_of);
