/* SPDX-License-Identifier: Apache-2.0 */
/* The values of a few series over a span of time as one blob.
 *
 * Layer: schema. Pure; the reader is bounded and takes foreign bytes. Version 1, little-endian; varint and
 * zz as in column.h:
 *
 *	u8 'M', u8 1, u8 0, u8 0
 *	varint	count of times, 1 to CHUNK_TIMES_MAX
 *	varint	count of columns, 1 to CHUNK_COLUMNS_MAX
 *	times:	zz first; then, until all are given: varint times whose distance is that of the one before,
 *		and, unless those were the last, zz how much the next distance is more than that (the
 *		first: than 0)
 *	each column:
 *		varint	series id less the one before it (the first: less 0)
 *		varint	count of runs; 0: it has a value at each time
 *		varint	each run: times without a value, with one, without one, ...; the last one is of values
 *		varint	bytes of its values
 *	each column: its values (column.h)
 *	u32	CRC-32C of the key, as an i64, and of all that stands before
 *
 * The key is what the blob is kept by: one that stands where it does not belong is damaged. Times are
 * milliseconds and ascend, and so do ids, which begin at 1. */
#pragma once

#include "daemon/base/buf.h"
#include "schema/column.h"

#define CHUNK_TIMES_MAX	  COLUMN_VALUES_MAX
#define CHUNK_COLUMNS_MAX 128
#define CHUNK_TIME_MAX	  (INT64_C(1) << 53) /* milliseconds, before and after 1970 */

/* What is to be written of one series. */
struct chunk_series {
	uint32_t id;
	size_t count;		/* 1 to CHUNK_TIMES_MAX */
	const uint16_t *places; /* of its values among the times, ascending */
	const double *values;
};

/* Appends the blob of that key. */
void chunk_write(struct column_work *w, int64_t key, const int64_t times[], size_t time_count,
	const struct chunk_series series[], size_t series_count, struct buf *b);

/* A blob being read. */
struct chunk {
	size_t time_count, column_count;
	struct chunk_column {
		uint32_t id;
		size_t count; /* of values */
		const uint8_t *runs, *values;
		size_t runs_size, values_size;
	} columns[CHUNK_COLUMNS_MAX];
	int64_t times[CHUNK_TIMES_MAX];
};

/* Reads all but the values. DATA must live on while C is used. -EBADMSG where the blob is damaged, or of
 * another key. */
int chunk_read(struct chunk *c, int64_t key, const void *data, size_t size);

/* The column of the series, or NULL. */
const struct chunk_column *chunk_find(const struct chunk *c, uint32_t id);

/* Its values and their times, for which there is room for column->count. -EBADMSG. */
int chunk_read_column(
	const struct chunk *c, const struct chunk_column *column, int64_t times[], double values[]);
