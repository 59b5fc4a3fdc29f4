/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned columns.
 *
 * Layer: daemon. Pure. Cells are added one after the other, row by row; then the table is shown. */
#pragma once

#include "daemon/base/buf.h"
#include "daemon/cli/show.h"

struct cell {
	char *text;
	enum colour colour;
};

struct table {
	size_t columns;
	struct cell *cells;
	size_t count, allocated;
	int error;
};

void table_done(struct table *t);

/* Adds the next cell: a copy of TEXT. In the last column it may have lines, which go on beneath the
 * first; in others they are joined. */
void table_add(struct table *t, enum colour colour, const char *text);
/* The same, taking what is in B and emptying it. */
void table_add_buf(struct table *t, enum colour colour, struct buf *b);

/* Writes the rows, indented by two blanks; a column whose cells are all empty takes no room. */
void table_show(const struct table *t, const struct style *style, struct buf *b);
