/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/base/cleanup.h"

int fixture_make(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const char *base = getenv("TMPDIR");

	assert_non_null(f);
	snprintf(f->directory, sizeof(f->directory), "%.40s/store-XXXXXX", base ? base : "/tmp");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->path, sizeof(f->path), "%s/modelwatch.db", f->directory);
	*state = f;
	return 0;
}

void fixture_reopen(struct fixture *f)
{
	_cleanup_free_ char *why = NULL;
	int r;

	store_close(f->store);
	f->store = NULL;
	r = store_open(f->path, &f->store, &why);
	if (r < 0)
		fail_msg("%s: %s", strerror(-r), why ? why : "?");
}

int fixture_open(void **state)
{
	fixture_make(state);
	fixture_reopen(*state);
	return 0;
}

int fixture_close(void **state)
{
	struct fixture *f = *state;
	struct dirent *entry;
	DIR *d;

	store_close(f->store);
	d = opendir(f->directory);
	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(d), entry->d_name, 0);
	if (d)
		closedir(d);
	rmdir(f->directory);
	free(f);
	return 0;
}

uint32_t fixture_series(struct fixture *f, const char *metric)
{
	char name[64];
	uint32_t id = 0;

	snprintf(name, sizeof(name), "%s", metric);
	assert_int_equal(store_series(f->store, &(struct series){.metric = name}, &id), 0);
	return id;
}

int fixture_tick(struct fixture *f, int64_t time_ms, uint32_t count, double value)
{
	_cleanup_free_ struct sample *samples = calloc(count, sizeof(*samples));
	int r = store_begin(f->store);

	assert_non_null(samples);
	for (uint32_t i = 0; i < count; i++)
		samples[i] = (struct sample){i + 1, value};
	if (r == 0)
		r = store_append(f->store, time_ms, samples, count);
	if (r == 0)
		r = store_commit(f->store);
	if (r < 0)
		store_rollback(f->store);
	return r;
}

static int count_value(void *userdata, const struct series *series, int64_t time_ms, double value)
{
	struct fixture_range *range = userdata;

	if (range->count++ == 0)
		range->first_ms = time_ms;
	range->last_ms = time_ms;
	range->last = value;
	return 0;
}

int fixture_read(struct reader *r, const char *metric, struct fixture_range *ret)
{
	char name[64];

	*ret = (struct fixture_range){0};
	snprintf(name, sizeof(name), "%s", metric);
	return reader_range(r, &(struct series){.metric = name}, 0, INT64_MAX, count_value, ret);
}

void fixture_sql(const char *path, const char *sql)
{
	char *error = NULL;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s", error);
	sqlite3_close(db);
}
