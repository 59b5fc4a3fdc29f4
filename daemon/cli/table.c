/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/cli/table.h"

#include <string.h>

#include "daemon/base/text.h"

#define GAP 2 /* blanks between columns */

void table_done(struct table *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i].text);
	free(t->cells);
	*t = (struct table){0};
}

/* A printable copy; of its lines only where they may be, else they become one, as tabs become
 * blanks. */
static char *copy_text(const char *text, bool has_lines)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	while (*text) {
		size_t size = strcspn(text, "\n\t");
		_cleanup_free_ char *part = text_printable(text, size);

		if (!part)
			return NULL;
		buf_add_string(&b, part);
		text += size;
		if (text[0] && text[1])
			buf_add_char(&b, *text == '\n' && has_lines ? '\n' : ' ');
		text += *text ? 1 : 0;
	}
	return buf_take(&b);
}

void table_add(struct table *t, enum colour colour, const char *text)
{
	if (t->error == 0 && t->count == t->allocated) {
		size_t more = t->allocated * 2 + 16;
		struct cell *cells = reallocarray(t->cells, more, sizeof(*cells));

		if (cells) {
			t->cells = cells;
			t->allocated = more;
		} else
			t->error = -ENOMEM;
	}
	if (t->error < 0)
		return;
	t->cells[t->count] =
		(struct cell){copy_text(text, (t->count + 1) % t->columns == 0), colour};
	if (t->cells[t->count].text)
		t->count++;
	else
		t->error = -ENOMEM;
}

void table_add_buf(struct table *t, enum colour colour, struct buf *b)
{
	table_add(t, colour, b->data ? b->data : "");
	if (buf_error(b) < 0)
		t->error = buf_error(b);
	buf_reset(b);
}

/* Characters: all bytes but those that continue one. */
static size_t width(const char *text)
{
	size_t characters = 0;

	for (; *text; text++)
		characters += ((unsigned char) *text & 0xc0) != 0x80;
	return characters;
}

static size_t column_width(const struct table *t, size_t column)
{
	size_t widest = 0;

	for (size_t i = column; i < t->count; i += t->columns)
		if (width(t->cells[i].text) > widest)
			widest = width(t->cells[i].text);
	return widest;
}

/* The first line where we are, the others beneath it. */
static void show_cell(const struct cell *cell, size_t column, const struct style *style, struct buf *b)
{
	const char *text = cell->text;

	for (;;) {
		size_t size = strcspn(text, "\n");
		_cleanup_free_ char *line = strndup(text, size);

		show_paint(b, style, cell->colour, line ? line : "");
		text += size;
		if (!*text)
			return;
		text++;
		buf_printf(b, "\n%*s", *text == '\n' ? 0 : (int) column, "");
	}
}

static void show_row(const struct table *t, const struct cell *row, const size_t *widths,
	const struct style *style, struct buf *b)
{
	size_t pending = GAP; /* blanks owed, written only if something follows */
	size_t column = GAP;

	for (size_t c = 0; c < t->columns; c++) {
		if (widths[c] == 0)
			continue;
		if (*row[c].text) {
			buf_printf(b, "%*s", (int) pending, "");
			show_cell(&row[c], column, style, b);
			pending = 0;
		}
		pending += widths[c] - width(row[c].text) + GAP;
		column += widths[c] + GAP;
	}
	buf_add_char(b, '\n');
}

void table_show(const struct table *t, const struct style *style, struct buf *b)
{
	_cleanup_free_ size_t *widths = calloc(t->columns + 1, sizeof(*widths));

	if (t->error < 0 || !widths) {
		buf_add_string(b, "  (out of memory)\n");
		return;
	}
	for (size_t c = 0; c < t->columns; c++)
		widths[c] = column_width(t, c);
	for (size_t i = 0; i + t->columns <= t->count; i += t->columns)
		show_row(t, t->cells + i, widths, style, b);
}
