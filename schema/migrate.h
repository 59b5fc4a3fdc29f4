/* SPDX-License-Identifier: Apache-2.0 */
/* The schema's versions: the files schema/NNN_*.sql, applied in order, each in one transaction with
 * its number as user_version.
 *
 * Layer: schema, within the store. Forward only: what a newer program made is refused. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "schema/database.h"

/* The text of each file in order, made at build time; file 001 stands first. */
extern const char *const migrations[];
extern const int migration_count; /* also the user_version of a file that is up to date */

enum migrate_state {
	MIGRATE_EMPTY,	 /* nothing in it yet */
	MIGRATE_CURRENT,
	MIGRATE_OLDER,
	MIGRATE_NEWER,
	MIGRATE_FOREIGN, /* another application's */
};

#define MIGRATE_HEADER_SIZE 100 /* bytes of the header that every SQLite file begins with */

/* What the first bytes of a file say (https://www.sqlite.org/fileformat.html#the_database_header);
 * SIZE may be 0. -EUCLEAN where they are not a database's. Pure: a file can be refused without a
 * byte of it being touched. */
int migrate_inspect_header(const uint8_t *header, size_t size, enum migrate_state *ret);

/* The same of an open database, whose newest header may lie in the WAL. */
int migrate_inspect(struct database *d, enum migrate_state *ret);

/* Brings an empty or older database up to date. */
int migrate_run(struct database *d);
