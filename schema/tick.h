/* SPDX-License-Identifier: Apache-2.0 */
/* The values of one moment as one blob: what a row of the table tick holds.
 *
 * Layer: schema. Pure; the reader is bounded and takes foreign bytes. Version 1, little-endian:
 *
 *	u8 1
 *	varint count			at most TICK_SAMPLES_MAX
 *	count x { varint, f64 }		series id less the one before it (the first: less 0); value
 *	u32 CRC-32C of all that stands before
 *
 * A varint is LEB128 of at most 5 bytes in its shortest form. Ids ascend and begin at 1. */
#pragma once

#include "daemon/base/buf.h"
#include "daemon/base/cursor.h"
#include "schema/sample.h"

#define TICK_SAMPLES_MAX (1024 * 1024) /* values of one moment */

/* A blob being read. */
struct tick {
	struct cursor cursor;
	uint32_t left;
	uint32_t series; /* read last */
};

/* Appends the blob; the ids of LIST must ascend strictly and begin at 1 or more. */
void tick_write(const struct sample *list, size_t count, struct buf *b);

/* Begins to read. DATA must live on. -EBADMSG where the blob is damaged. */
int tick_read(const void *data, size_t size, struct tick *ret);

/* The next value: 1, 0 at the end, -EBADMSG. */
int tick_next(struct tick *t, struct sample *ret);

/* Sorts LIST by series in place and keeps the last value of each; returns how many remain. SCRATCH
 * has room for COUNT. */
size_t tick_sort(struct sample *list, size_t count, struct sample *scratch);

/* Adds NEW to the values of OLD; where both have a series, NEW wins. Both must ascend as
 * tick_sort() leaves them. RET has room for OLD_COUNT + NEW_COUNT; returns how many there are. */
size_t tick_merge(const struct sample *old, size_t old_count, const struct sample *new,
	size_t new_count, struct sample *ret);
