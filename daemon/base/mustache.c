/* SPDX-License-Identifier: Apache-2.0 */
/* From text to nodes, and every error that a template can have. */
#include "daemon/base/mustache_nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/text.h"

#define TEMPLATE_MAX  (1024 * 1024) /* bytes of a template */
#define DELIMITER_MAX 16            /* bytes of a delimiter */
#define SHOWN_MAX     40            /* bytes of a template quoted in an error */

struct parser {
	struct mustache *m;
	size_t size, position;
	char open[DELIMITER_MAX + 1], close[DELIMITER_MAX + 1];
	bool line_start;  /* what comes next begins a line */
	size_t line;      /* of tag_start, from 1: what an error names */
	size_t next_line; /* of `counted` */
	size_t counted;
	size_t tag_start, tag_end;
	struct {
		size_t node, line;
	} open_sections[MUSTACHE_DEPTH_MAX];
	size_t depth;
	char **ret_why;
};

static int refuse(struct parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int refuse(struct parser *p, const char *format, ...)
{
	_cleanup_buf_ struct buf why = BUF_INIT;
	va_list arguments;

	if (!p->ret_why)
		return -EBADMSG;
	buf_printf(&why, "line %zu: ", p->line);
	va_start(arguments, format);
	buf_vprintf(&why, format, arguments);
	va_end(arguments);
	*p->ret_why = buf_take(&why);
	return *p->ret_why ? -EBADMSG : -ENOMEM;
}

/* As refuse(), quoting the beginning of SIZE bytes of the template. */
static int refuse_quoted(struct parser *p, const char *what, const char *bytes, size_t size)
{
	_cleanup_free_ char *shown = NULL;
	char copy[SHOWN_MAX];

	size = size < sizeof(copy) ? size : sizeof(copy);
	for (size_t i = 0; i < size; i++)
		copy[i] = bytes[i] ? bytes[i] : '.'; /* a name cut already */
	shown = text_printable(copy, size);
	return shown ? refuse(p, "%s: %s", what, shown) : -ENOMEM;
}

static int add_node(struct parser *p, struct mustache_node node)
{
	struct mustache *m = p->m;
	struct mustache_node *grown;
	size_t room = m->allocated;

	if (m->count == room) {
		room = room > 0 ? room * 2 : 16;
		grown = reallocarray(m->nodes, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		m->nodes = grown;
		m->allocated = room;
	}
	m->nodes[m->count++] = node;
	return 0;
}

static int add_text(struct parser *p, size_t start, size_t end)
{
	struct mustache_node node = {
		.kind = MUSTACHE_NODE_TEXT,
		.line_start = p->line_start,
		.bytes = p->m->text + start,
		.size = (uint32_t) (end - start),
	};

	if (start == end)
		return 0;
	p->line_start = p->m->text[end - 1] == '\n';
	return add_node(p, node);
}

/* Where a line begins with a tag, an empty text before it takes the indentation of a partial. */
static int add_line_start(struct parser *p)
{
	if (!p->line_start)
		return 0;
	p->line_start = false;
	return add_node(p, (struct mustache_node){
				   .kind = MUSTACHE_NODE_TEXT, .line_start = true, .bytes = ""});
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_space(char c)
{
	return is_blank(c) || c == '\n' || c == '\r';
}

/* True where nothing but blanks stands on the tag's line; *RET_START and *RET_END are then the
 * line's, its line feed included. */
static bool stands_alone(const struct parser *p, size_t *ret_start, size_t *ret_end)
{
	const char *text = p->m->text;
	size_t start = p->tag_start, end = p->tag_end;

	while (start > 0 && is_blank(text[start - 1]))
		start--;
	if (start > 0 && text[start - 1] != '\n')
		return false;
	while (end < p->size && is_blank(text[end]))
		end++;
	if (end < p->size && text[end] == '\r')
		end++;
	if (end < p->size && text[end++] != '\n')
		return false;
	*ret_start = start;
	*ret_end = end;
	return true;
}

/* Takes the next word of a set-delimiter tag, up to a blank or END. */
static bool take_delimiter(const char **at, const char *end, char ret[static DELIMITER_MAX + 1])
{
	size_t size = 0;

	while (*at < end && is_space(**at))
		(*at)++;
	for (; *at < end && !is_space(**at); (*at)++) {
		if (size == DELIMITER_MAX || **at == '=')
			return false;
		ret[size++] = **at;
	}
	ret[size] = '\0';
	return size > 0;
}

static int set_delimiters(struct parser *p, const char *bytes, size_t size)
{
	char open[DELIMITER_MAX + 1], close[DELIMITER_MAX + 1];
	const char *at = bytes, *end = bytes + size;

	if (!take_delimiter(&at, end, open) || !take_delimiter(&at, end, close))
		return refuse_quoted(p, "two delimiters are wanted", bytes, size);
	while (at < end && is_space(*at))
		at++;
	if (at < end)
		return refuse_quoted(p, "two delimiters are wanted", bytes, size);
	memcpy(p->open, open, sizeof(open));
	memcpy(p->close, close, sizeof(close));
	return 0;
}

/* The name between START and END without its blanks, NUL-terminated in place and, where SPLIT, cut
 * at its dots. What stood there was a blank or the closing delimiter, read already. */
static int take_name(
	struct parser *p, size_t start, size_t end, bool split, struct mustache_node *node)
{
	char *text = p->m->text;

	while (start < end && is_space(text[start]))
		start++;
	while (start < end && is_space(text[end - 1]))
		end--;
	if (start == end)
		return refuse(p, "a tag without a name");
	for (size_t i = start; i < end; i++)
		if (is_space(text[i]))
			return refuse_quoted(p, "a name with a blank", text + start, end - start);
	node->bytes = text + start;
	node->size = (uint32_t) (end - start);
	if (split && (node->size > 1 || text[start] != '.')) {
		if (text[start] == '.' || text[end - 1] == '.' ||
			memmem(text + start, end - start, "..", 2))
			return refuse_quoted(
				p, "a name with an empty part", text + start, end - start);
		node->parts = 1;
		for (size_t i = start; i < end; i++)
			if (text[i] == '.') {
				text[i] = '\0';
				node->parts++;
			}
	}
	text[end] = '\0';
	return 0;
}

static int open_section(struct parser *p, struct mustache_node node)
{
	if (p->depth == MUSTACHE_DEPTH_MAX)
		return refuse(p, "more than %d sections within each other", MUSTACHE_DEPTH_MAX);
	p->open_sections[p->depth].node = p->m->count;
	p->open_sections[p->depth++].line = p->line;
	return add_node(p, node);
}

static int close_section(struct parser *p, const struct mustache_node *closing)
{
	struct mustache_node *opened;

	if (p->depth == 0)
		return refuse_quoted(
			p, "the end of a section that is not open", closing->bytes, closing->size);
	opened = &p->m->nodes[p->open_sections[p->depth - 1].node];
	if (opened->size != closing->size || memcmp(opened->bytes, closing->bytes, opened->size))
		return refuse_quoted(p, "the end of another section than the one that is open",
			closing->bytes, closing->size);
	opened->end = (uint32_t) p->m->count;
	p->depth--;
	return 0;
}

/* What the first character of a tag says that it is. */
static const struct sigil {
	char sigil;
	enum mustache_kind kind;
	bool may_stand_alone;
} sigils[] = {
	{'#', MUSTACHE_NODE_SECTION, true},
	{'^', MUSTACHE_NODE_INVERTED, true},
	{'/', MUSTACHE_NODE_TEXT, true}, /* the end of a section: no node */
	{'>', MUSTACHE_NODE_PARTIAL, true},
	{'!', MUSTACHE_NODE_TEXT, true},
	{'=', MUSTACHE_NODE_TEXT, true},
	{'{', MUSTACHE_NODE_RAW, false},
	{'&', MUSTACHE_NODE_RAW, false},
};
static const struct sigil variable = {'\0', MUSTACHE_NODE_ESCAPED, false};

static const struct sigil *find_sigil(char c)
{
	for (size_t i = 0; i < ELEMENTS(sigils); i++)
		if (sigils[i].sigil == c)
			return &sigils[i];
	return &variable;
}

static void count_lines(struct parser *p, size_t to)
{
	for (; p->counted < to; p->counted++)
		p->next_line += p->m->text[p->counted] == '\n';
}

/* Finds where the tag whose content begins at START ends: *RET_END is the end of its content. */
static int find_close(struct parser *p, const struct sigil *s, size_t start, size_t *ret_end)
{
	char close[DELIMITER_MAX + 2];
	const char *text = p->m->text, *found;

	snprintf(close, sizeof(close), "%s%s", s->sigil == '{' ? "}" : (s->sigil == '=' ? "=" : ""),
		p->close);
	found = memmem(text + start, p->size - start, close, strlen(close));
	if (!found)
		return refuse_quoted(
			p, "a tag that does not end", text + p->tag_start, p->size - p->tag_start);
	*ret_end = (size_t) (found - text);
	p->tag_end = *ret_end + strlen(close);
	count_lines(p, p->tag_end); /* before take_name() writes over a line feed */
	return 0;
}

static int parse_tag(struct parser *p)
{
	size_t start = p->tag_start + strlen(p->open), line_start = 0, line_end = 0, end = 0;
	const struct sigil *s = find_sigil(start < p->size ? p->m->text[start] : '\0');
	struct mustache_node node = {.kind = s->kind};
	bool alone;
	int r;

	if (s->sigil != '\0')
		start++;
	else if (start < p->size && (p->m->text[start] == '<' || p->m->text[start] == '$'))
		return refuse(p, "inheritance is not supported");
	r = find_close(p, s, start, &end);
	if (r < 0)
		return r;
	alone = s->may_stand_alone && stands_alone(p, &line_start, &line_end);
	r = add_text(p, p->position, alone ? line_start : p->tag_start);
	if (r == 0 && !alone)
		r = add_line_start(p);
	if (r < 0)
		return r;
	node.indent = p->m->text + line_start;
	node.indent_size = alone ? (uint32_t) (p->tag_start - line_start) : 0;
	p->position = alone ? line_end : p->tag_end;
	if (s->sigil == '=')
		return set_delimiters(p, p->m->text + start, end - start);
	if (s->sigil == '!')
		return 0;
	r = take_name(p, start, end, s->kind != MUSTACHE_NODE_PARTIAL, &node);
	if (r < 0)
		return r;
	if (s->sigil == '/')
		return close_section(p, &node);
	return s->kind == MUSTACHE_NODE_SECTION || s->kind == MUSTACHE_NODE_INVERTED
		       ? open_section(p, node)
		       : add_node(p, node);
}

static int parse(struct parser *p)
{
	char *text = p->m->text, *found;
	int r;

	while ((found = memmem(
			text + p->position, p->size - p->position, p->open, strlen(p->open)))) {
		p->tag_start = (size_t) (found - text);
		count_lines(p, p->tag_start);
		p->line = p->next_line;
		r = parse_tag(p);
		if (r < 0)
			return r;
	}
	if (p->depth > 0) {
		const struct mustache_node *opened =
			&p->m->nodes[p->open_sections[p->depth - 1].node];

		p->line = p->open_sections[p->depth - 1].line;
		return refuse_quoted(
			p, "the end is missing of the section", opened->bytes, opened->size);
	}
	return add_text(p, p->position, p->size);
}

DEFINE_CLEANUP(struct mustache *, mustache_free);

int mustache_parse(const char *text, struct mustache **ret, char **ret_why)
{
	_cleanup_(mustache_free_pointer) struct mustache *m = calloc(1, sizeof(*m));
	struct parser p = {
		.m = m,
		.size = strlen(text),
		.open = "{{",
		.close = "}}",
		.line_start = true,
		.line = 1,
		.next_line = 1,
		.ret_why = ret_why,
	};
	int r;

	if (!m)
		return -ENOMEM;
	if (p.size > TEMPLATE_MAX)
		return refuse(&p, "a template of more than %d bytes", TEMPLATE_MAX);
	m->text = strdup(text);
	if (!m->text)
		return -ENOMEM;
	r = parse(&p);
	if (r < 0)
		return r;
	*ret = TAKE_POINTER(m);
	return 0;
}

struct mustache *mustache_free(struct mustache *m)
{
	if (!m)
		return NULL;
	free(m->nodes);
	free(m->text);
	free(m);
	return NULL;
}
