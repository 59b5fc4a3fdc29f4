/* SPDX-License-Identifier: Apache-2.0 */
/* METRIC{MATCHERS}, and the lists of labels behind a set operator. */
#include <errno.h>
#include <string.h>

#include "alerts/promql/matcher.h"
#include "alerts/promql/parser.h"
#include "daemon/base/text.h"

#define MATCHERS_MAX 64		/* of one selector */
#define NAMES_MAX    LABELS_MAX /* of one list */
#define METRIC_LABEL "__name__" /* as which Prometheus keeps a metric's name */

static int matcher_operator(const struct parser *s, enum matcher_type *ret)
{
	switch (s->token.type) {
	case TOKEN_ASSIGN:
		*ret = MATCH_EQUAL;
		return 0;
	case TOKEN_NOT_EQUAL:
		*ret = MATCH_NOT_EQUAL;
		return 0;
	case TOKEN_MATCH:
		*ret = MATCH_REGEX;
		return 0;
	case TOKEN_NOT_MATCH:
		*ret = MATCH_NOT_REGEX;
		return 0;
	default:
		return parser_complain(s, "=, !=, =~ or !~ expected");
	}
}

static bool is_metric_label(const struct token *t)
{
	return t->size == strlen(METRIC_LABEL) && memcmp(t->start, METRIC_LABEL, t->size) == 0;
}

/* NAME OP "VALUE" */
static int parse_matcher(struct parser *s, struct matcher *ret)
{
	_cleanup_buf_ struct buf value = BUF_INIT;
	_cleanup_free_ char *why = NULL;
	struct token name = s->token;
	enum matcher_type type;
	int r;

	if (name.type != TOKEN_IDENTIFIER)
		return parser_complain(s, "label name expected");
	if (is_metric_label(&name))
		return parser_complain(s, "the metric's name stands before the braces already");
	r = parser_advance(s);
	if (r >= 0)
		r = matcher_operator(s, &type);
	if (r >= 0)
		r = parser_advance(s);
	if (r < 0)
		return r;
	if (s->token.type != TOKEN_STRING)
		return parser_complain(s, "quoted value expected");
	r = lexer_unquote(&s->lexer, &s->token, &value);
	if (r < 0)
		return r;
	r = matcher_make(name.start, name.size, type, value.data ? value.data : "", ret, &why);
	if (r == -EINVAL)
		return lexer_refuse(&s->lexer, name.start, why ? why : "bad matcher");
	return r < 0 ? r : parser_advance(s);
}

static int add_matcher(struct selector *selector, const struct matcher *m)
{
	struct matcher *matchers = reallocarray(
		selector->matchers, selector->matcher_count + 1, sizeof(*matchers));

	if (!matchers)
		return -ENOMEM;
	selector->matchers = matchers;
	matchers[selector->matcher_count++] = *m;
	return 0;
}

/* { MATCHER, ... } with a comma at the end, if one likes. */
static int parse_matchers(struct parser *s, struct selector *selector)
{
	int r = parser_advance(s);

	while (r >= 0 && s->token.type != TOKEN_RIGHT_BRACE) {
		struct matcher m = {0};

		if (selector->matcher_count == MATCHERS_MAX)
			return parser_complain(s, "too many matchers");
		r = parse_matcher(s, &m);
		if (r >= 0)
			r = add_matcher(selector, &m);
		if (r < 0) {
			matcher_done(&m);
			return r;
		}
		if (s->token.type == TOKEN_COMMA)
			r = parser_advance(s);
		else if (s->token.type != TOKEN_RIGHT_BRACE)
			return parser_complain(s, "comma or } expected");
	}
	return r < 0 ? r : parser_advance(s);
}

/* Only "sum by (...)" and its like have such a word behind them. */
static bool is_grouping(const struct parser *s)
{
	return token_is(&s->token, "by") || token_is(&s->token, "without");
}

int parser_selector(struct parser *s, struct node **ret)
{
	_cleanup_(node_free_pointer) struct node *n = NULL;
	struct token name = s->token;
	int r = parser_make_node(s, NODE_SELECTOR, &n);

	if (r < 0)
		return r;
	n->selector.metric = strndup(name.start, name.size);
	if (!n->selector.metric)
		return -ENOMEM;
	if (!series_metric_is_valid(n->selector.metric))
		return parser_complain(s, "not a metric's name");
	r = parser_advance(s);
	if (r < 0)
		return r;
	if (is_grouping(s))
		return lexer_refuse(&s->lexer, name.start, UNSUPPORTED("aggregations are"));
	if (s->token.type == TOKEN_LEFT_PAREN)
		return lexer_refuse(
			&s->lexer, name.start, UNSUPPORTED("functions and aggregations are"));
	if (s->token.type == TOKEN_LEFT_BRACE)
		r = parse_matchers(s, &n->selector);
	if (r < 0)
		return r;
	*ret = TAKE_POINTER(n);
	return 0;
}

/* Elements have no name of a metric any more where they meet: matching by it would find all equal. */
static int parse_name(struct parser *s, struct matching *m)
{
	_cleanup_free_ char *name = NULL;
	int r;

	if (s->token.type != TOKEN_IDENTIFIER)
		return parser_complain(s, "label name expected");
	if (m->on && is_metric_label(&s->token))
		return parser_complain(s, UNSUPPORTED("matching by the metric's name is"));
	if (m->count == NAMES_MAX)
		return parser_complain(s, "too many labels");
	name = strndup(s->token.start, s->token.size);
	if (!name)
		return -ENOMEM;
	if (!series_label_is_valid(name))
		return parser_complain(s, "not a label's name");
	r = matching_add(m, name, strlen(name));
	return r < 0 ? r : parser_advance(s);
}

/* ( NAME, ... ) with a comma at the end, if one likes. */
static int parse_names(struct parser *s, struct matching *m)
{
	int r;

	if (s->token.type != TOKEN_LEFT_PAREN)
		return parser_complain(s, "( expected");
	r = parser_advance(s);
	while (r >= 0 && s->token.type != TOKEN_RIGHT_PAREN) {
		r = parse_name(s, m);
		if (r < 0)
			return r;
		if (s->token.type == TOKEN_COMMA)
			r = parser_advance(s);
		else if (s->token.type != TOKEN_RIGHT_PAREN)
			return parser_complain(s, "comma or ) expected");
	}
	return r < 0 ? r : parser_advance(s);
}

int parser_matching(struct parser *s, struct matching *ret)
{
	int r = 0;

	ret->on = token_is(&s->token, "on");
	if (ret->on || token_is(&s->token, "ignoring")) {
		r = parser_advance(s);
		if (r >= 0)
			r = parse_names(s, ret);
	}
	if (r >= 0 && (token_is(&s->token, "group_left") || token_is(&s->token, "group_right")))
		return parser_complain(s, "and, or and unless take no group_left and no group_right");
	return r;
}
