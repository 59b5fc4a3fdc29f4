/* SPDX-License-Identifier: Apache-2.0 */
/* PromQL: matchers, expressions and their evaluation.
 *
 * Layer: alerts. Reference: prometheus.io/docs/prometheus/latest/querying/basics and operators. The
 * expressions of this version are made of
 *   METRIC{MATCHERS}                      an instant selector,
 *   VECTOR OP NUMBER                      compared by == != < <= > or >=, which filters,
 *   VECTOR and|or|unless VECTOR           also by on (LABELS) or ignoring (LABELS),
 *   (EXPRESSION)
 * and mean what they mean to Prometheus; anything else of PromQL is refused by name and position, never
 * answered differently. Regular expressions are POSIX extended ones in this version; where RE2, PromQL's,
 * would read one differently, it is refused (alerts/promql/matcher_regex.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "schema/series.h"

enum matcher_type { MATCH_EQUAL, MATCH_NOT_EQUAL, MATCH_REGEX, MATCH_NOT_REGEX };

struct matcher {
	char *name;
	enum matcher_type type;
	char *value;
	void *regex; /* compiled, of the regex types */
};

/* NAME=VALUE, NAME!=VALUE, NAME=~REGEX, NAME!~REGEX, with or without quotes round the value: as
 * Alertmanager takes matchers. Regular expressions are anchored at both ends. -EINVAL with the
 * reason in *RET_WHY (free() it). */
int matcher_parse(const char *text, struct matcher *ret, char **ret_why);
void matcher_done(struct matcher *m);
/* A label that is not there counts as empty. */
bool matcher_matches(const struct matcher *m, const struct labels *labels);

struct promql;

/* On -EINVAL *RET_WHY holds "position N: ..." (free() it). */
int promql_parse(const char *text, struct promql **ret, char **ret_why);
struct promql *promql_free(struct promql *p);

/* The constant side of the outermost comparison, of a set operator that of its left operand, whose value is
 * the one that is shown; or NaN. */
double promql_threshold(const struct promql *p);

/* True where the expression reads METRIC. */
bool promql_reads(const struct promql *p, const char *metric);
/* The metric I that the expression reads, each one once; NULL behind the last. */
const char *promql_metric(const struct promql *p, size_t i);

/* Where values come from. Calls FN for every current series of METRIC (or of all metrics, where it
 * is NULL) whose value holds at TIME_MS. An error of FN stops it and is returned. */
typedef int (*promql_series_fn)(void *userdata, const struct series *series, double value);
struct promql_source {
	int (*select)(void *userdata, const char *metric, int64_t time_ms, promql_series_fn fn,
		void *fn_userdata);
	void *userdata;
};

/* The instant vector at TIME_MS. Labels come without the metric's name. -errno of FN stops. */
typedef int (*promql_element_fn)(void *userdata, const struct labels *labels, double value);
int promql_evaluate(const struct promql *p, const struct promql_source *source, int64_t time_ms,
	promql_element_fn fn, void *userdata);

/* Every series that the expression judges, and whether it holds for it: so a caller can tell a condition
 * that no longer holds from a series that ended. Of a comparison they are those compared; of `and` and
 * `unless` those of the left side, since the right side only decides; of `or` those of both sides, each label
 * set once, with the value of the side that holds. What the source does not give is not there, on the
 * right side of `unless` as well: then the left side holds. Labels and errors as above. */
typedef int (*promql_subject_fn)(
	void *userdata, const struct labels *labels, double value, bool holds);
int promql_subjects(const struct promql *p, const struct promql_source *source, int64_t time_ms,
	promql_subject_fn fn, void *userdata);
