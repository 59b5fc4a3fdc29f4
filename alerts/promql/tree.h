/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of an expression.
 *
 * Layer: alerts; private to promql. */
#pragma once

#include "alerts/promql/lexer.h"
#include "alerts/promql/promql.h"

enum node_type { NODE_NUMBER, NODE_SELECTOR, NODE_BINARY };

struct selector {
	char *metric;
	struct matcher *matchers;
	size_t matcher_count;
};

struct node {
	enum node_type type;
	union {
		double number;
		struct selector selector;
		struct {
			enum token_type operator;
			struct node *left, *right;
		} binary;
	};
};

struct promql {
	struct node *root;
};
