/* SPDX-License-Identifier: Apache-2.0 */
/* The values of one moment as a row, in the span of time that is not in chunks yet.
 *
 * Layer: schema. Pure; the reader is bounded and takes foreign bytes. Most values are what they were at the
 * tick before, so that a row tells what changed. Version 1, little-endian; varint and zz as in column.h:
 *
 *	u8	kind: 1 all, 2 changes, 3 some
 *	each:	varint	series id less the one before it (the first: less 0)
 *		all, some:
 *		f64	its value
 *		changes:
 *		u8 14	it has no value any more, or
 *			a change (change.h)
 *	u32	CRC-32C of the key, as an i64, and of all that stands before
 *
 * A tick is written as a row of all, which needs no other, or of changes since the last tick. What happens
 * between two ticks is a row of some, which changes nothing for those that follow. Ids ascend and begin at
 * 1. */
#pragma once

#include "schema/sample.h"

#define HEAD_SERIES_MAX (1024 * 1024) /* the highest id */

enum head_kind {
	HEAD_ALL = 1,
	HEAD_CHANGES,
	HEAD_SOME,
};

/* The values of the last tick, by id. Initialise with zeros. */
struct head {
	double *values;
	bool *has; /* that series had a value */
	uint32_t size;
};
void head_done(struct head *h);

/* Appends the row of KEY, and takes its values as those of the last tick, unless it is one of some. The ids
 * of LIST ascend strictly, 1 to HEAD_SERIES_MAX. The first row that is written with H is one of all. 0,
 * -ENOMEM. */
int head_write(struct head *h, int64_t key, enum head_kind kind, const struct sample list[], size_t count,
	struct buf *b);

/* Called for each value of a row. */
typedef void (*head_fn)(void *userdata, uint32_t series, double value);

/* Reads the row of KEY, and takes its values as those of the last tick, unless it is one of some: FN is
 * called for those, and may be NULL. -EBADMSG: H is of no use until a row of all. -ENOMEM. */
int head_read(struct head *h, int64_t key, const void *data, size_t size, enum head_kind *ret_kind,
	head_fn fn, void *userdata);
