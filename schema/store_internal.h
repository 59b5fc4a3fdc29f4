/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store share: the writer and the reader themselves.
 *
 * Layer: schema, within the store. */
#pragma once

#include "schema/catalogue.h"
#include "schema/query.h"
#include "schema/store.h"

/* Reads over a connection of its own, or over the writer's. */
struct reader {
	struct database *database;
	struct catalogue *catalogue;
	struct database own_database;	/* where it is its own; else unused */
	struct catalogue own_catalogue;
	bool began; /* reader_begin() opened the snapshot, not the writer's transaction */
};

struct store {
	struct database database;
	struct catalogue catalogue;
	struct reader reader;
	char *path;
	size_t max_series;
	size_t committed_series; /* of the catalogue, those that a rollback leaves */
	uint64_t wal_pages;	 /* in the WAL after the last commit */
	uint64_t wal_pages_max;	 /* beyond this, a commit moves them to the database */
	struct sample *scratch;	 /* for sorting and merging */
	size_t scratch_size;
	struct buf blob; /* the row being written */
};
