/* SPDX-License-Identifier: Apache-2.0 */
#include "alerts/promql/tree.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "daemon/base/text.h"

struct node *node_new(enum node_type type)
{
	struct node *n = calloc(1, sizeof(*n));

	if (n) {
		n->type = type;
		n->value = type == NODE_NUMBER ? VALUE_SCALAR : VALUE_VECTOR;
	}
	return n;
}

static void selector_done(struct selector *s)
{
	free(s->metric);
	for (size_t i = 0; i < s->matcher_count; i++)
		matcher_done(&s->matchers[i]);
	free(s->matchers);
}

static void matching_done(struct matching *m)
{
	for (size_t i = 0; i < m->count; i++)
		free(m->names[i]);
	free(m->names);
}

int matching_add(struct matching *m, const char *name, size_t size)
{
	char **names = reallocarray(m->names, m->count + 1, sizeof(*names));

	if (!names)
		return -ENOMEM;
	m->names = names;
	names[m->count] = strndup(name, size);
	if (!names[m->count])
		return -ENOMEM;
	m->count++;
	return 0;
}

struct node *node_free(struct node *n)
{
	if (!n)
		return NULL;
	if (n->type == NODE_SELECTOR)
		selector_done(&n->selector);
	if (n->type == NODE_BINARY) {
		node_free(n->binary.left);
		node_free(n->binary.right);
		matching_done(&n->binary.matching);
	}
	free(n);
	return NULL;
}

struct promql *promql_free(struct promql *p)
{
	if (!p)
		return NULL;
	node_free(p->root);
	free(p->metrics);
	free(p);
	return NULL;
}

double promql_threshold(const struct promql *p)
{
	const struct node *n = p->root;

	while (n->type == NODE_BINARY && !operator_is_comparison(n->binary.operator))
		n = n->binary.left;
	return n->type == NODE_BINARY ? n->binary.right->number : NAN;
}

const char *promql_metric(const struct promql *p, size_t i)
{
	return i < p->metric_count ? p->metrics[i] : NULL;
}

bool promql_reads(const struct promql *p, const char *metric)
{
	const char *read;

	for (size_t i = 0; (read = promql_metric(p, i)); i++)
		if (text_equal(read, metric))
			return true;
	return false;
}
