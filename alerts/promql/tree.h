/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of an expression.
 *
 * Layer: alerts; private to promql. Each node knows what it evaluates to. Parentheses leave no node. A
 * tree has at most as many nodes as the parser allows, so that it can be walked by recursion. */
#pragma once

#include "alerts/promql/promql.h"
#include "daemon/base/cleanup.h"

enum node_type { NODE_NUMBER, NODE_SELECTOR, NODE_BINARY };
enum value_type { VALUE_SCALAR, VALUE_VECTOR };

enum operator {
	OPERATOR_OR, /* the set operators */
	OPERATOR_AND,
	OPERATOR_UNLESS,
	OPERATOR_EQUAL, /* the comparisons: a vector on the left, a number on the right */
	OPERATOR_NOT_EQUAL,
	OPERATOR_LESS,
	OPERATOR_LESS_OR_EQUAL,
	OPERATOR_GREATER,
	OPERATOR_GREATER_OR_EQUAL,
};

struct selector {
	char *metric;
	struct matcher *matchers;
	size_t matcher_count;
};

/* By which labels the elements of two vectors are partners: those in the list, or all but those. */
struct matching {
	bool on;
	char **names;
	size_t count;
};

struct node {
	enum node_type type;
	enum value_type value;
	union {
		double number;
		struct selector selector;
		struct {
			enum operator operator;
			struct node *left, *right;
			struct matching matching; /* of a set operator */
		} binary;
	};
};

struct promql {
	struct node *root;
	const char **metrics; /* of the tree's selectors, each once */
	size_t metric_count;
};

static inline bool operator_is_comparison(enum operator operator)
{
	return operator >= OPERATOR_EQUAL;
}

/* NULL without memory. */
struct node *node_new(enum node_type type);
struct node *node_free(struct node *n);
DEFINE_CLEANUP(struct node *, node_free);

/* Copies SIZE bytes of NAME into the list. 0 or -ENOMEM. */
int matching_add(struct matching *m, const char *name, size_t size);
