/* SPDX-License-Identifier: Apache-2.0 */
/* A value as what it is more than the one before.
 *
 * Layer: schema. Pure; the reader is bounded and takes foreign bytes. zz as in column.h:
 *
 *	u8	0 to CHANGE_OTHER - 1: an exponent e; CHANGE_OTHER
 *	e: zz	value * 10^e, less that of the value before where there is one that is such a decimal
 *		(decimal.h)
 *	other: f64	the value */
#pragma once

#include "daemon/base/buf.h"
#include "daemon/base/cursor.h"

#define CHANGE_OTHER 15

/* BEFORE is NULL where there is none. */
void change_write(const double *before, double value, struct buf *b);

/* What follows the code, which is read already. C fails where that is none, or is cut short. */
double change_read(const double *before, uint8_t code, struct cursor *c);
