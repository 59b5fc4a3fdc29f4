/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the parser share.
 *
 * Layer: alerts; private to promql. The parser looks one token ahead. Whatever fails says why in the
 * lexer's *ret_why and returns -EINVAL, or -ENOMEM. */
#pragma once

#include "alerts/promql/lexer.h"
#include "alerts/promql/tree.h"

#define PARSER_SUBSET "METRIC{MATCHERS}, compared with a number, joined by and, or, unless"
#define UNSUPPORTED(what) what " not supported yet, only " PARSER_SUBSET

struct parser {
	struct lexer lexer;
	struct token token; /* the next one */
	size_t nodes;	    /* made so far ... */
	unsigned depth;	    /* ... and parentheses that are open */
};

int parser_advance(struct parser *s);

/* Refuses the next token. */
int parser_complain(const struct parser *s, const char *what);

/* A new node; counts it. */
int parser_make_node(struct parser *s, enum node_type type, struct node **ret);

/* selector.c: METRIC{MATCHERS} from the next token on, which is an identifier. */
int parser_selector(struct parser *s, struct node **ret);

/* selector.c: on (NAMES), ignoring (NAMES) or nothing. */
int parser_matching(struct parser *s, struct matching *ret);
