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
	t->cells[t->count] = (struct cell){text_printable(text, strlen(text)), colour};
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

static void show_row(const struct table *t, const struct cell *row, const size_t *widths,
	const struct style *style, struct buf *b)
{
	size_t pending = GAP; /* blanks owed, written only if something follows */

	for (size_t c = 0; c < t->columns; c++) {
		if (widths[c] == 0)
			continue;
		if (*row[c].text) {
			buf_printf(b, "%*s", (int) pending, "");
			show_paint(b, style, row[c].colour, row[c].text);
			pending = 0;
		}
		pending += widths[c] - width(row[c].text) + GAP;
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
