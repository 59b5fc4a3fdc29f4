/* SPDX-License-Identifier: Apache-2.0 */
/* PromQL's tokens.
 *
 * Layer: alerts; private to promql. Reference: Prometheus's promql/parser/lex.go. All of PromQL's
 * tokens are read, whatever the parser then takes. Nothing is copied: a token points into the text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/buf.h"

enum token_type {
	TOKEN_END,
	TOKEN_IDENTIFIER, /* names of metrics, labels, functions, and all keywords */
	TOKEN_NUMBER,	  /* `number` holds it; a duration counts in seconds */
	TOKEN_DURATION,	  /* likewise */
	TOKEN_STRING,	  /* with its quotes: lexer_unquote() */
	TOKEN_LEFT_PAREN,
	TOKEN_RIGHT_PAREN,
	TOKEN_LEFT_BRACE,
	TOKEN_RIGHT_BRACE,
	TOKEN_LEFT_BRACKET,
	TOKEN_RIGHT_BRACKET,
	TOKEN_COMMA,
	TOKEN_COLON,
	TOKEN_AT,
	TOKEN_ADD,
	TOKEN_SUBTRACT,
	TOKEN_MULTIPLY,
	TOKEN_DIVIDE,
	TOKEN_MODULO,
	TOKEN_POWER,
	TOKEN_EQUAL, /* == */
	TOKEN_NOT_EQUAL,
	TOKEN_LESS,
	TOKEN_LESS_OR_EQUAL,
	TOKEN_GREATER,
	TOKEN_GREATER_OR_EQUAL,
	TOKEN_ASSIGN, /* = */
	TOKEN_MATCH,
	TOKEN_NOT_MATCH,
};

struct token {
	enum token_type type;
	const char *start;
	size_t size;
	double number;
};

struct lexer {
	const char *text, *p;
	char **ret_why;
};

/* Reads the next token. -EINVAL with "position N: ..." in the lexer's *ret_why. */
int lexer_next(struct lexer *l, struct token *ret);

/* Refuses at PLACE: -EINVAL with "position N: WHAT"; N counts characters from 1. */
int lexer_refuse(const struct lexer *l, const char *place, const char *what);

/* Appends what a string token stands for. The forms of Go: '...' and "..." with escapes, `...` raw.
 * -EINVAL as above. */
int lexer_unquote(const struct lexer *l, const struct token *t, struct buf *out);

/* True where the token is this identifier; keywords are read in any case. */
bool token_is(const struct token *t, const char *keyword);
