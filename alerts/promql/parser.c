/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions, by precedence climbing (Vaughan Pratt, "Top Down Operator Precedence", 1973). The
 * operators and how strongly each binds are a table; what it joins is checked by type. Whatever else of
 * PromQL comes is named and refused. */
#include "alerts/promql/parser.h"

#include <errno.h>
#include <string.h>

#include "alerts/refuse.h"
#include "daemon/base/text.h"

#define EXPRESSION_MAX 16384 /* bytes */
#define SIGNS_MAX      16    /* before a number */
#define NODES_MAX      256   /* of one expression */
#define DEPTH_MAX      32    /* parentheses in parentheses */

DEFINE_CLEANUP(struct promql *, promql_free);

/* As Prometheus's grammar has them (promql/parser/generated_parser.y); all associate to the left. */
static const struct operator_row {
	enum token_type token;
	const char *keyword; /* of an identifier */
	enum operator operator;
	unsigned power; /* that with more binds tighter */
} operators[] = {
	{TOKEN_IDENTIFIER, "or", OPERATOR_OR, 1},
	{TOKEN_IDENTIFIER, "and", OPERATOR_AND, 2},
	{TOKEN_IDENTIFIER, "unless", OPERATOR_UNLESS, 2},
	{TOKEN_EQUAL, NULL, OPERATOR_EQUAL, 3},
	{TOKEN_NOT_EQUAL, NULL, OPERATOR_NOT_EQUAL, 3},
	{TOKEN_LESS, NULL, OPERATOR_LESS, 3},
	{TOKEN_LESS_OR_EQUAL, NULL, OPERATOR_LESS_OR_EQUAL, 3},
	{TOKEN_GREATER, NULL, OPERATOR_GREATER, 3},
	{TOKEN_GREATER_OR_EQUAL, NULL, OPERATOR_GREATER_OR_EQUAL, 3},
};

static const struct {
	enum token_type type;
	const char *what;
} unsupported_tokens[] = {
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

#define MATCHING UNSUPPORTED("vector matching in other places than behind and, or, unless is")

static const struct {
	const char *keyword;
	bool reserved; /* no metric can have this name */
	const char *what;
} unsupported_words[] = {
	{"offset", false, UNSUPPORTED("offset is")},
	{"atan2", true, UNSUPPORTED("arithmetic is")},
	{"bool", true, UNSUPPORTED("the bool modifier is")},
	{"on", true, MATCHING},
	{"ignoring", true, MATCHING},
	{"group_left", true, MATCHING},
	{"group_right", true, MATCHING},
};

int parser_advance(struct parser *s)
{
	return lexer_next(&s->lexer, &s->token);
}

int parser_complain(const struct parser *s, const char *what)
{
	return lexer_refuse(&s->lexer, s->token.start, what);
}

int parser_make_node(struct parser *s, enum node_type type, struct node **ret)
{
	if (s->nodes == NODES_MAX)
		return parser_complain(s, "the expression has too many parts");
	*ret = node_new(type);
	if (!*ret)
		return -ENOMEM;
	s->nodes++;
	return 0;
}

/* Refuses the next token, by what it is; else says WHAT. */
static int refuse_token(const struct parser *s, const char *what)
{
	for (size_t i = 0; i < ELEMENTS(unsupported_tokens); i++)
		if (unsupported_tokens[i].type == s->token.type)
			return parser_complain(s, unsupported_tokens[i].what);
	for (size_t i = 0; i < ELEMENTS(unsupported_words); i++)
		if (token_is(&s->token, unsupported_words[i].keyword))
			return parser_complain(s, unsupported_words[i].what);
	return parser_complain(s, what);
}

static bool is_reserved(const struct token *t)
{
	for (size_t i = 0; i < ELEMENTS(unsupported_words); i++)
		if (unsupported_words[i].reserved && token_is(t, unsupported_words[i].keyword))
			return true;
	return false;
}

/* A duration counts in seconds. */
static int parse_number(struct parser *s, struct node **ret)
{
	_cleanup_(node_free_pointer) struct node *n = NULL;
	int r = parser_make_node(s, NODE_NUMBER, &n);

	if (r < 0)
		return r;
	n->number = s->token.number;
	r = parser_advance(s);
	if (r < 0)
		return r;
	*ret = TAKE_POINTER(n);
	return 0;
}

static int parse_expression(struct parser *s, unsigned power, struct node **ret);

static int parse_parentheses(struct parser *s, struct node **ret)
{
	_cleanup_(node_free_pointer) struct node *n = NULL;
	int r;

	if (s->depth == DEPTH_MAX)
		return parser_complain(s, "parentheses nested too deeply");
	s->depth++;
	r = parser_advance(s);
	if (r >= 0)
		r = parse_expression(s, 0, &n);
	if (r < 0)
		return r;
	if (s->token.type != TOKEN_RIGHT_PAREN)
		return refuse_token(s, "operator or ) expected");
	s->depth--;
	r = parser_advance(s);
	if (r < 0)
		return r;
	*ret = TAKE_POINTER(n);
	return 0;
}

static int parse_unsigned(struct parser *s, struct node **ret)
{
	if (s->token.type == TOKEN_NUMBER || s->token.type == TOKEN_DURATION)
		return parse_number(s, ret);
	if (s->token.type == TOKEN_LEFT_PAREN)
		return parse_parentheses(s, ret);
	if (s->token.type == TOKEN_IDENTIFIER && !is_reserved(&s->token))
		return parser_selector(s, ret);
	return refuse_token(s, "metric, number or ( expected");
}

/* Signs are of numbers only. */
static int parse_operand(struct parser *s, struct node **ret)
{
	_cleanup_(node_free_pointer) struct node *n = NULL;
	const char *place = s->token.start;
	double sign = 1;
	int r = 0;

	for (unsigned signs = 0; r >= 0; signs++) {
		if (s->token.type != TOKEN_ADD && s->token.type != TOKEN_SUBTRACT)
			break;
		if (signs == SIGNS_MAX)
			return parser_complain(s, "too many signs");
		sign = s->token.type == TOKEN_SUBTRACT ? -sign : sign;
		r = parser_advance(s);
	}
	if (r >= 0)
		r = parse_unsigned(s, &n);
	if (r < 0)
		return r;
	if (n->value == VALUE_SCALAR)
		n->number *= sign;
	else if (*place == '+' || *place == '-')
		return lexer_refuse(&s->lexer, place, UNSUPPORTED("arithmetic is"));
	*ret = TAKE_POINTER(n);
	return 0;
}

static const struct operator_row *find_operator(const struct token *t)
{
	for (size_t i = 0; i < ELEMENTS(operators); i++)
		if (operators[i].token == t->type &&
			(!operators[i].keyword || token_is(t, operators[i].keyword)))
			return &operators[i];
	return NULL;
}

/* Numbers evaluate to scalars, all else to vectors. */
static int check_left(const struct parser *s, enum operator operator, const struct node *n,
	const char *place)
{
	if (n->value == VALUE_VECTOR)
		return 0;
	return lexer_refuse(&s->lexer, place,
		operator_is_comparison(operator) ? UNSUPPORTED("numbers on the left are")
						 : "and, or and unless take no numbers");
}

static int check_right(const struct parser *s, enum operator operator, const struct node *n,
	const char *place)
{
	if (operator_is_comparison(operator) && n->value == VALUE_VECTOR)
		return lexer_refuse(&s->lexer, place, UNSUPPORTED("a metric on the right is"));
	if (!operator_is_comparison(operator) && n->value == VALUE_SCALAR)
		return lexer_refuse(&s->lexer, place, "and, or and unless take no numbers");
	return 0;
}

/* OPERATOR EXPRESSION behind *LEFT, which begins at PLACE and becomes a part of what takes its place. */
static int parse_binary(struct parser *s, const struct operator_row *row, const char *place,
	struct node **left)
{
	_cleanup_(node_free_pointer) struct node *n = NULL;
	int r = check_left(s, row->operator, *left, place);

	if (r >= 0)
		r = parser_make_node(s, NODE_BINARY, &n);
	if (r < 0)
		return r;
	n->binary.operator = row->operator;
	r = parser_advance(s);
	if (r >= 0 && !operator_is_comparison(row->operator))
		r = parser_matching(s, &n->binary.matching);
	if (r < 0)
		return r;
	place = s->token.start;
	r = parse_expression(s, row->power + 1, &n->binary.right);
	if (r >= 0)
		r = check_right(s, row->operator, n->binary.right, place);
	if (r < 0)
		return r;
	n->binary.left = *left;
	*left = TAKE_POINTER(n);
	return 0;
}

/* As far as the operators bind at least with POWER. */
static int parse_expression(struct parser *s, unsigned power, struct node **ret)
{
	_cleanup_(node_free_pointer) struct node *n = NULL;
	const char *place = s->token.start;
	const struct operator_row *row;
	int r = parse_operand(s, &n);

	while (r >= 0 && (row = find_operator(&s->token)) && row->power >= power)
		r = parse_binary(s, row, place, &n);
	if (r < 0)
		return r;
	*ret = TAKE_POINTER(n);
	return 0;
}

static int parse_all(struct parser *s, struct node **ret)
{
	_cleanup_(node_free_pointer) struct node *n = NULL;
	int r = parser_advance(s);
	const char *place = s->token.start;

	if (r >= 0)
		r = parse_expression(s, 0, &n);
	if (r < 0)
		return r;
	if (s->token.type == TOKEN_RIGHT_PAREN)
		return parser_complain(s, "a ) without its (");
	if (s->token.type != TOKEN_END)
		return refuse_token(s, "operator expected: == != < <= > >= and or unless");
	if (n->value == VALUE_SCALAR)
		return lexer_refuse(&s->lexer, place, UNSUPPORTED("a number alone is"));
	*ret = TAKE_POINTER(n);
	return 0;
}

static void collect_metrics(struct promql *p, const struct node *n)
{
	if (n->type == NODE_BINARY) {
		collect_metrics(p, n->binary.left);
		collect_metrics(p, n->binary.right);
	} else if (n->type == NODE_SELECTOR && !promql_reads(p, n->selector.metric)) {
		p->metrics[p->metric_count++] = n->selector.metric;
	}
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
	r = parse_all(&s, &p->root);
	if (r < 0)
		return r;
	p->metrics = calloc(s.nodes, sizeof(*p->metrics));
	if (!p->metrics)
		return -ENOMEM;
	collect_metrics(p, p->root);
	*ret = TAKE_POINTER(p);
	return 0;
}
