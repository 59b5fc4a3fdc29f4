/* SPDX-License-Identifier: Apache-2.0 */
#include "alerts/promql/lexer.h"

#include <string.h>
#include <strings.h>

#include "alerts/promql/number.h"
#include "alerts/refuse.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

/* Longer ones first, since some begin others. */
static const struct {
	const char *text;
	enum token_type type;
} marks[] = {
	{"==", TOKEN_EQUAL},
	{"!=", TOKEN_NOT_EQUAL},
	{"<=", TOKEN_LESS_OR_EQUAL},
	{">=", TOKEN_GREATER_OR_EQUAL},
	{"=~", TOKEN_MATCH},
	{"!~", TOKEN_NOT_MATCH},
	{"<", TOKEN_LESS},
	{">", TOKEN_GREATER},
	{"=", TOKEN_ASSIGN},
	{"(", TOKEN_LEFT_PAREN},
	{")", TOKEN_RIGHT_PAREN},
	{"{", TOKEN_LEFT_BRACE},
	{"}", TOKEN_RIGHT_BRACE},
	{"[", TOKEN_LEFT_BRACKET},
	{"]", TOKEN_RIGHT_BRACKET},
	{",", TOKEN_COMMA},
	{":", TOKEN_COLON},
	{"@", TOKEN_AT},
	{"+", TOKEN_ADD},
	{"-", TOKEN_SUBTRACT},
	{"*", TOKEN_MULTIPLY},
	{"/", TOKEN_DIVIDE},
	{"%", TOKEN_MODULO},
	{"^", TOKEN_POWER},
};

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
static const char name_characters[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789:";

int lexer_refuse(const struct lexer *l, const char *place, const char *what)
{
	size_t position = 1;

	for (const char *p = l->text; p < place; p++)
		position += ((unsigned char) *p & 0xc0) != 0x80;
	return refuse(l->ret_why, "position %zu: %s", position, what);
}

bool token_is(const struct token *t, const char *keyword)
{
	return t->type == TOKEN_IDENTIFIER && strlen(keyword) == t->size &&
	       strncasecmp(t->start, keyword, t->size) == 0;
}

static void skip_blanks_and_comments(struct lexer *l)
{
	for (;;) {
		l->p += strspn(l->p, " \t\r\n");
		if (*l->p != '#')
			return;
		l->p += strcspn(l->p, "\n");
	}
}

static int read_string(struct lexer *l, struct token *t)
{
	char quote = *t->start;
	const char *p = t->start + 1;

	for (; *p != quote; p++) {
		if (*p == '\\' && quote != '`' && p[1])
			p++;
		if (!*p || (*p == '\n' && quote != '`'))
			return lexer_refuse(l, t->start, "a string without its closing quote");
	}
	t->type = TOKEN_STRING;
	t->size = (size_t) (p - t->start) + 1;
	return 0;
}

static int read_number(struct lexer *l, struct token *t)
{
	bool is_duration;
	int r;

	t->size = promql_number_size(t->start);
	r = promql_number_parse(t->start, t->size, &t->number, &is_duration);
	if (r == -EINVAL || r == -ERANGE)
		return lexer_refuse(l, t->start,
			r == -EINVAL ? "not a number or a duration" : "number out of range");
	t->type = is_duration ? TOKEN_DURATION : TOKEN_NUMBER;
	return r;
}

static void read_identifier(struct token *t)
{
	t->type = TOKEN_IDENTIFIER;
	t->size = strspn(t->start, name_characters);
	if (token_is(t, "inf") || token_is(t, "nan")) {
		t->number = token_is(t, "inf") ? __builtin_inf() : __builtin_nan("");
		t->type = TOKEN_NUMBER;
	}
}

static int read_mark(const struct lexer *l, struct token *t)
{
	for (size_t i = 0; i < ELEMENTS(marks); i++)
		if (text_after(t->start, marks[i].text)) {
			t->type = marks[i].type;
			t->size = strlen(marks[i].text);
			return 0;
		}
	return lexer_refuse(l, t->start, "unexpected character");
}

int lexer_next(struct lexer *l, struct token *ret)
{
	struct token t = {.type = TOKEN_END};
	char first;
	int r = 0;

	skip_blanks_and_comments(l);
	t.start = l->p;
	first = *t.start;
	if (first && strchr("'\"`", first))
		r = read_string(l, &t);
	else if ((first >= '0' && first <= '9') ||
		 (first == '.' && t.start[1] >= '0' && t.start[1] <= '9'))
		r = read_number(l, &t);
	else if (first && (strchr(letters, first) ||
				  (first == ':' && t.start[1] && strchr(letters, t.start[1]))))
		read_identifier(&t);
	else if (first)
		r = read_mark(l, &t);
	if (r < 0)
		return r;
	l->p += t.size;
	*ret = t;
	return 0;
}
