/* SPDX-License-Identifier: Apache-2.0 */
/* What a string literal stands for: the escapes of Go (go.dev/ref/spec#String_literals). */
#include <string.h>

#include "alerts/promql/lexer.h"
#include "daemon/base/cleanup.h"

static const struct {
	char letter;
	char value;
} simple[] = {
	{'a', '\a'},
	{'b', '\b'},
	{'f', '\f'},
	{'n', '\n'},
	{'r', '\r'},
	{'t', '\t'},
	{'v', '\v'},
	{'\\', '\\'},
};

/* The escapes by number: how many digits, of which base, and whether they name a character. */
static const struct {
	char letter;
	unsigned digits, base;
	bool character;
} numbered[] = {
	{'x', 2, 16, false},
	{'u', 4, 16, true},
	{'U', 8, 16, true},
};

static int digit_value(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : 16;
}

static void add_character(struct buf *out, uint32_t c)
{
	if (c >= 0x10000)
		buf_put_u8(out, (uint8_t) (0xf0 | c >> 18));
	else if (c >= 0x800)
		buf_put_u8(out, (uint8_t) (0xe0 | c >> 12));
	else if (c >= 0x80)
		buf_put_u8(out, (uint8_t) (0xc0 | c >> 6));
	if (c >= 0x10000)
		buf_put_u8(out, (uint8_t) (0x80 | (c >> 12 & 0x3f)));
	if (c >= 0x800)
		buf_put_u8(out, (uint8_t) (0x80 | (c >> 6 & 0x3f)));
	buf_put_u8(out, (uint8_t) (c >= 0x80 ? 0x80 | (c & 0x3f) : c));
}

/* Reads COUNT digits at *P. False where they are not there. */
static bool read_digits(const char **p, unsigned count, unsigned base, uint32_t *ret)
{
	uint32_t value = 0;

	for (; count > 0; count--, ++*p) {
		unsigned digit = (unsigned) digit_value(**p);

		if (digit >= base)
			return false;
		value = value * base + digit;
	}
	*ret = value;
	return true;
}

static bool is_character(uint32_t c)
{
	return c > 0 && c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
}

/* Behind the backslash at *P. False where it is no escape; NUL is none here. */
static bool read_escape(const char **p, char quote, struct buf *out)
{
	char c = **p;
	uint32_t value;

	if (c == quote) {
		buf_add_char(out, quote);
		++*p;
		return true;
	}
	for (size_t i = 0; i < ELEMENTS(simple); i++)
		if (simple[i].letter == c) {
			buf_add_char(out, simple[i].value);
			++*p;
			return true;
		}
	for (size_t i = 0; i < ELEMENTS(numbered); i++) {
		if (numbered[i].letter != c)
			continue;
		++*p;
		if (!read_digits(p, numbered[i].digits, numbered[i].base, &value) || value == 0)
			return false;
		if (!numbered[i].character)
			buf_put_u8(out, (uint8_t) value);
		else if (is_character(value))
			add_character(out, value);
		return !numbered[i].character || is_character(value);
	}
	if (!read_digits(p, 3, 8, &value) || value == 0 || value > 0xff)
		return false;
	buf_put_u8(out, (uint8_t) value);
	return true;
}

int lexer_unquote(const struct lexer *l, const struct token *t, struct buf *out)
{
	char quote = *t->start;
	const char *p = t->start + 1, *end = t->start + t->size - 1;

	if (quote == '`') {
		buf_add(out, p, (size_t) (end - p));
		return buf_error(out);
	}
	while (p < end) {
		const char *place = p;

		if (*p != '\\') {
			buf_add_char(out, *p++);
			continue;
		}
		p++;
		if (!read_escape(&p, quote, out))
			return lexer_refuse(l, place, "unknown escape in a string");
	}
	return buf_error(out);
}
