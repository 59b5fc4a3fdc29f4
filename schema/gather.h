/* SPDX-License-Identifier: Apache-2.0 */
/* Rows become columns: the values of each series in the order of time, while they wait to be sealed in
 * chunks.
 *
 * Layer: schema. Pure. They are held encoded, about two bytes a value, as what changed since the value
 * before. */
#pragma once

#include "schema/sample.h"

struct gather;

/* NULL without memory. */
struct gather *gather_new(void);
struct gather *gather_free(struct gather *g);

/* The next value of a series, at a place that is higher than that of the one before, 0 to UINT16_MAX. 0,
 * -ENOMEM. */
int gather_add(struct gather *g, uint16_t place, uint32_t series, double value);

/* How many values the series has. */
size_t gather_count(const struct gather *g, uint32_t series);
/* The highest series that has values; 0 for none. */
uint32_t gather_last_series(const struct gather *g);

/* All values of the series, for which there is room for gather_count(), and gives back their memory. */
void gather_take(struct gather *g, uint32_t series, uint16_t places[], double values[]);

/* Bytes of memory that it takes. */
size_t gather_bytes(const struct gather *g);
