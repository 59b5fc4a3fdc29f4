/* SPDX-License-Identifier: Apache-2.0 */
/* The values of one series in a chunk as bytes: exactly, and as few as can be.
 *
 * Layer: schema. Pure; the reader is bounded and takes foreign bytes. Version 1. Integers are varint (LEB128,
 * shortest form) and zz (varint of a zigzag).
 *
 *	u8	order << 6 | exceptions << 5 | step << 4 | exponent, or 255
 *	zz	first
 *	varint	step, where there is that flag; else it is 1
 *	varint	count of exceptions, where there is that flag, and each:
 *		varint	its place, less that of the one before, less 1 (the first: its place)
 *		f64	itself
 *	bits	blocks of RICE_BLOCK numbers (rice.h)
 *
 * A value is (first + step * x) / 10^exponent. Order 0: the numbers are x; 1: the differences from one x to
 * the next; 2: the differences of those; before the first all are 0. What no such decimal is (decimal.h) is
 * an exception; its number stands for the value before it. 255: bits of gorilla.h follow, since too many are
 * exceptions. */
#pragma once

#include "daemon/base/buf.h"

#define COLUMN_VALUES_MAX 8192

/* Room to work in; nothing is kept in it. */
struct column_work;
/* -ENOMEM is NULL. free() it. */
struct column_work *column_work_new(void);

/* Appends COUNT values, 1 to COLUMN_VALUES_MAX. */
void column_write(struct column_work *w, const double values[], size_t count, struct buf *b);

/* Reads the COUNT values of all of DATA. -EBADMSG. */
int column_read(const void *data, size_t size, double ret[], size_t count);
