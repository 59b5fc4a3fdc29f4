/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "alerts/promql/tree.h"
#include "daemon/base/text.h"

struct evaluation {
	const struct promql *promql;
	promql_subject_fn fn;
	void *userdata;
};

struct holding {
	promql_element_fn fn;
	void *userdata;
};

double promql_threshold(const struct promql *p)
{
	return p->root->type == NODE_BINARY ? p->root->binary.right->number : NAN;
}

const char *promql_metric(const struct promql *p, size_t i)
{
	return i == 0 ? p->root->binary.left->selector.metric : NULL;
}

bool promql_reads(const struct promql *p, const char *metric)
{
	const char *read;

	for (size_t i = 0; (read = promql_metric(p, i)); i++)
		if (text_equal(read, metric))
			return true;
	return false;
}

static bool compare(enum token_type operator, double left, double right)
{
	switch (operator) {
	case TOKEN_EQUAL:
		return left == right;
	case TOKEN_NOT_EQUAL:
		return left != right;
	case TOKEN_LESS:
		return left < right;
	case TOKEN_LESS_OR_EQUAL:
		return left <= right;
	case TOKEN_GREATER:
		return left > right;
	case TOKEN_GREATER_OR_EQUAL:
		return left >= right;
	default:
		return false;
	}
}

static int on_series(void *userdata, const struct series *series, double value)
{
	const struct evaluation *e = userdata;
	const struct node *root = e->promql->root;
	const struct selector *selector = &root->binary.left->selector;

	if (!text_equal(series->metric, selector->metric))
		return 0;
	for (size_t i = 0; i < selector->matcher_count; i++)
		if (!matcher_matches(&selector->matchers[i], &series->labels))
			return 0;
	return e->fn(e->userdata, &series->labels, value,
		compare(root->binary.operator, value, root->binary.right->number));
}

int promql_subjects(const struct promql *p, const struct promql_source *source, int64_t time_ms,
	promql_subject_fn fn, void *userdata)
{
	struct evaluation e = {.promql = p, .fn = fn, .userdata = userdata};

	return source->select(
		source->userdata, p->root->binary.left->selector.metric, time_ms, on_series, &e);
}

static int on_subject(void *userdata, const struct labels *labels, double value, bool holds)
{
	const struct holding *h = userdata;

	return holds ? h->fn(h->userdata, labels, value) : 0;
}

int promql_evaluate(const struct promql *p, const struct promql_source *source, int64_t time_ms,
	promql_element_fn fn, void *userdata)
{
	struct holding h = {.fn = fn, .userdata = userdata};

	return promql_subjects(p, source, time_ms, on_subject, &h);
}
