/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/migrate.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "daemon/base/buf.h"

#define HEADER_MAGIC	      "SQLite format 3" /* with its final NUL */
#define HEADER_USER_VERSION   60
#define HEADER_APPLICATION_ID 68

static uint32_t get_be32(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return be32toh(value);
}

static enum migrate_state judge(int64_t application_id, int64_t version)
{
	if (application_id != DATABASE_APPLICATION_ID || version < 1)
		return MIGRATE_FOREIGN;
	if (version == migration_count)
		return MIGRATE_CURRENT;
	return version < migration_count ? MIGRATE_OLDER : MIGRATE_NEWER;
}

int migrate_inspect_header(const uint8_t *header, size_t size, enum migrate_state *ret)
{
	uint32_t application_id, version;

	if (size == 0) {
		*ret = MIGRATE_EMPTY;
		return 0;
	}
	if (size < MIGRATE_HEADER_SIZE || memcmp(header, HEADER_MAGIC, sizeof(HEADER_MAGIC)) != 0)
		return -EUCLEAN;
	application_id = get_be32(header + HEADER_APPLICATION_ID);
	version = get_be32(header + HEADER_USER_VERSION);
	*ret = judge(application_id, version);
	return 0;
}

int migrate_inspect(struct database *d, enum migrate_state *ret)
{
	int64_t application_id, version, tables;
	int r = database_number(d, "PRAGMA application_id", &application_id);

	if (r == 0)
		r = database_number(d, "PRAGMA user_version", &version);
	if (r == 0)
		r = database_number(d, "SELECT count(*) FROM sqlite_master", &tables);
	if (r < 0)
		return r;
	*ret = judge(application_id, version);
	if (application_id == 0 && version == 0 && tables == 0)
		*ret = MIGRATE_EMPTY;
	return 0;
}

/* One step, whole or not at all. */
static int apply(struct database *d, int64_t version)
{
	_cleanup_buf_ struct buf sql = BUF_INIT;
	int r;

	buf_printf(&sql, "BEGIN IMMEDIATE;\n%s\nPRAGMA application_id = %d;"
		"PRAGMA user_version = %d;COMMIT;",
		migrations[version], DATABASE_APPLICATION_ID, (int) version + 1);
	if (buf_error(&sql) < 0)
		return buf_error(&sql);
	r = database_execute(d, sql.data);
	if (r < 0 && database_in_transaction(d))
		database_execute(d, "ROLLBACK");
	return r;
}

int migrate_run(struct database *d)
{
	int64_t version;
	int r = database_number(d, "PRAGMA user_version", &version);

	for (; r == 0 && version < migration_count; version++)
		r = apply(d, version);
	return r;
}
