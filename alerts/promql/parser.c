/* SPDX-License-Identifier: Apache-2.0 */
/* METRIC{MATCHERS} OP NUMBER, by recursive descent. Whatever else of PromQL comes is named and
 * refused. */
#include <errno.h>
#include <string.h>

#include "alerts/promql/matcher.h"
#include "alerts/promql/tree.h"
#include "alerts/refuse.h"
#include "daemon/base/text.h"

#define EXPRESSION_MAX 16384 /* bytes */
#define MATCHERS_MAX   64    /* of one selector */
#define SIGNS_MAX      16    /* before a number */

struct parser {
	struct lexer lexer;
	struct token token; /* the next one */
};

DEFINE_CLEANUP(struct promql *, promql_free);

static struct node *node_free(struct node *n)
{
	if (!n)
		return NULL;
	if (n->type == NODE_SELECTOR) {
		free(n->selector.metric);
		for (size_t i = 0; i < n->selector.matcher_count; i++)
			matcher_done(&n->selector.matchers[i]);
		free(n->selector.matchers);
	}
	/* Comparisons do not nest: this goes one level down. */
	if (n->type == NODE_BINARY) {
		node_free(n->binary.left);
		node_free(n->binary.right);
	}
	free(n);
	return NULL;
}

DEFINE_CLEANUP(struct node *, node_free);

static struct node *node_new(enum node_type type)
{
	struct node *n = calloc(1, sizeof(*n));

	if (n)
		n->type = type;
	return n;
}

static int advance(struct parser *s)
{
	return lexer_next(&s->lexer, &s->token);
}

static int complain(const struct parser *s, const char *what)
{
	return lexer_refuse(&s->lexer, s->token.start, what);
}

#define UNSUPPORTED(what) what " not supported yet, only METRIC{MATCHERS} OP NUMBER"

static const struct {
	enum token_type type;
	const char *what;
} unsupported_tokens[] = {
	{TOKEN_LEFT_PAREN, UNSUPPORTED("parentheses are")},
	{TOKEN_LEFT_BRACKET, UNSUPPORTED("range selectors and subqueries are")},
	{TOKEN_LEFT_BRACE, UNSUPPORTED("selectors without a metric are")},
	{TOKEN_STRING, UNSUPPORTED("strings are")},
	{TOKEN_AT, UNSUPPORTED("the @ modifier is")},
	{TOKEN_ADD, UNSUPPORTED("arithmetic is")},
	{TOKEN_SUBTRACT, UNSUPPORTED("arithmetic is")},
	{TOKEN_MULTIPLY, UNSUPPORTED("arithmetic is")},
	{TOKEN_DIVIDE, UNSUPPORTED("arithmetic is")},
	{TOKEN_MODULO, UNSUPPORTED("arithmetic is")},
	{TOKEN_POWER, UNSUPPORTED("arithmetic is")},
	{TOKEN_END, "unexpected end"},
};

static const struct {
	const char *keyword;
	const char *what;
} unsupported_words[] = {
	{"offset", UNSUPPORTED("offset is")},
	{"and", UNSUPPORTED("set operators are")},
	{"or", UNSUPPORTED("set operators are")},
	{"unless", UNSUPPORTED("set operators are")},
	{"atan2", UNSUPPORTED("arithmetic is")},
	{"bool", UNSUPPORTED("the bool modifier is")},
	{"on", UNSUPPORTED("vector matching is")},
	{"ignoring", UNSUPPORTED("vector matching is")},
};

/* Refuses the next token, by what it is; else says WHAT. */
static int refuse_token(const struct parser *s, const char *what)
{
	for (size_t i = 0; i < ELEMENTS(unsupported_tokens); i++)
		if (unsupported_tokens[i].type == s->token.type)
			return complain(s, unsupported_tokens[i].what);
	for (size_t i = 0; i < ELEMENTS(unsupported_words); i++)
		if (token_is(&s->token, unsupported_words[i].keyword))
			return complain(s, unsupported_words[i].what);
	return complain(s, what);
}

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
		return complain(s, "=, !=, =~ or !~ expected");
	}
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
		return complain(s, "label name expected");
	r = advance(s);
	if (r >= 0)
		r = matcher_operator(s, &type);
	if (r >= 0)
		r = advance(s);
	if (r < 0)
		return r;
	if (s->token.type != TOKEN_STRING)
		return complain(s, "quoted value expected");
	r = lexer_unquote(&s->lexer, &s->token, &value);
	if (r < 0)
		return r;
	r = matcher_make(name.start, name.size, type, value.data ? value.data : "", ret, &why);
	if (r == -EINVAL)
		return lexer_refuse(&s->lexer, name.start, why ? why : "bad matcher");
	return r < 0 ? r : advance(s);
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
	int r = advance(s);

	while (r >= 0 && s->token.type != TOKEN_RIGHT_BRACE) {
		struct matcher m = {0};

		if (selector->matcher_count == MATCHERS_MAX)
			return complain(s, "too many matchers");
		r = parse_matcher(s, &m);
		if (r >= 0)
			r = add_matcher(selector, &m);
		if (r < 0) {
			matcher_done(&m);
			return r;
		}
		if (s->token.type == TOKEN_COMMA)
			r = advance(s);
		else if (s->token.type != TOKEN_RIGHT_BRACE)
			return complain(s, "comma or } expected");
	}
	return r < 0 ? r : advance(s);
}

/* Only "sum by (...)" and its like have such a word behind them. */
static bool is_grouping(const struct parser *s)
{
	return token_is(&s->token, "by") || token_is(&s->token, "without");
}

static int parse_selector(struct parser *s, struct node **ret)
{
	_cleanup_(node_free_pointer) struct node *n = node_new(NODE_SELECTOR);
	struct token name = s->token;
	int r;

	if (!n)
		return -ENOMEM;
	if (name.type == TOKEN_NUMBER || name.type == TOKEN_DURATION)
		return complain(s, UNSUPPORTED("numbers on the left are"));
	if (name.type != TOKEN_IDENTIFIER)
		return refuse_token(s, "metric expected");
	n->selector.metric = strndup(name.start, name.size);
	if (!n->selector.metric)
		return -ENOMEM;
	if (!series_metric_is_valid(n->selector.metric))
		return complain(s, "not a metric's name");
	r = advance(s);
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

static bool is_comparison(enum token_type type)
{
	return type == TOKEN_EQUAL || type == TOKEN_NOT_EQUAL || type == TOKEN_LESS ||
	       type == TOKEN_LESS_OR_EQUAL || type == TOKEN_GREATER ||
	       type == TOKEN_GREATER_OR_EQUAL;
}

/* Signs and a number; a duration counts in seconds. */
static int parse_number(struct parser *s, struct node **ret)
{
	_cleanup_(node_free_pointer) struct node *n = node_new(NODE_NUMBER);
	double sign = 1;
	int r = 0;

	if (!n)
		return -ENOMEM;
	for (unsigned signs = 0; r >= 0; signs++) {
		if (s->token.type != TOKEN_ADD && s->token.type != TOKEN_SUBTRACT)
			break;
		if (signs == SIGNS_MAX)
			return complain(s, "too many signs");
		sign = s->token.type == TOKEN_SUBTRACT ? -sign : sign;
		r = advance(s);
	}
	if (r < 0)
		return r;
	if (s->token.type == TOKEN_IDENTIFIER)
		return refuse_token(s, UNSUPPORTED("a metric on the right is"));
	if (s->token.type != TOKEN_NUMBER && s->token.type != TOKEN_DURATION)
		return refuse_token(s, "number expected");
	n->number = sign * s->token.number;
	r = advance(s);
	if (r < 0)
		return r;
	*ret = TAKE_POINTER(n);
	return 0;
}

static int parse_comparison(struct parser *s, struct node **ret)
{
	_cleanup_(node_free_pointer) struct node *n = node_new(NODE_BINARY);
	int r;

	if (!n)
		return -ENOMEM;
	r = parse_selector(s, &n->binary.left);
	if (r < 0)
		return r;
	if (!is_comparison(s->token.type))
		return refuse_token(s, "comparison expected: == != < <= > or >=");
	n->binary.operator = s->token.type;
	r = advance(s);
	if (r >= 0)
		r = parse_number(s, &n->binary.right);
	if (r < 0)
		return r;
	if (is_comparison(s->token.type))
		return complain(s, UNSUPPORTED("more than one comparison is"));
	if (s->token.type != TOKEN_END)
		return refuse_token(s, "unexpected here");
	*ret = TAKE_POINTER(n);
	return 0;
}

int promql_parse(const char *text, struct promql **ret, char **ret_why)
{
	struct parser s = {.lexer = {.text = text, .p = text, .ret_why = ret_why}};
	_cleanup_(promql_free_pointer) struct promql *p = NULL;
	size_t size = strnlen(text, EXPRESSION_MAX + 1);
	int r;

	if (size > EXPRESSION_MAX)
		return refuse(ret_why, "position %d: the expression is too long", EXPRESSION_MAX);
	if (!text_is_utf8(text, size))
		return refuse(ret_why, "position 1: the expression is not UTF-8");
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	r = advance(&s);
	if (r >= 0)
		r = parse_comparison(&s, &p->root);
	if (r < 0)
		return r;
	*ret = TAKE_POINTER(p);
	return 0;
}

struct promql *promql_free(struct promql *p)
{
	if (p)
		node_free(p->root);
	free(p);
	return NULL;
}
