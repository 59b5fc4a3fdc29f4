/* SPDX-License-Identifier: Apache-2.0 */
/* All series in memory, by id and by name: what makes a tick cheap to write and to read.
 *
 * Layer: schema, within the store. Ids are dense and begin at 1. */
#pragma once

#include "daemon/base/map.h"
#include "schema/database.h"
#include "schema/series.h"

struct catalogue {
	struct series *series; /* id 1 first */
	size_t count, allocated;
	struct map *ids;  /* metric, NUL, labels as text; the id as value */
	uint32_t *sorted; /* ids in the order of metric and labels */
	size_t sorted_count;
};

void catalogue_done(struct catalogue *c);

/* Reads the series that the database has and C has not. */
int catalogue_refresh(struct catalogue *c, struct database *d);

/* The id, or 0 where there is no such series, or without memory for the question: then
 * *RET_ERROR is set. */
uint32_t catalogue_find(const struct catalogue *c, const struct series *s, int *ret_error);

/* Adds a copy with the next id. -ENOMEM. */
int catalogue_add(struct catalogue *c, const struct series *s);

/* Forgets those after the first COUNT. */
void catalogue_truncate(struct catalogue *c, size_t count);

/* Brings `sorted` up to date. -ENOMEM. */
int catalogue_sort(struct catalogue *c);
