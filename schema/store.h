/* SPDX-License-Identifier: Apache-2.0 */
/* The store's writer: the one connection that changes the database.
 *
 * Layer: schema; only the engine includes it. Every change stands between store_begin() and
 * store_commit(); a commit is on the disk (synchronous=FULL) when it returns. Errors: -ENOSPC disk
 * full, -EROFS read-only, -EIO, -EUCLEAN damaged, -EBUSY somebody's tool holds the write lock,
 * -EEXIST an identity that is taken, -ENOMEM. After an error inside a transaction call
 * store_rollback(); nothing of it happened. A change that failed makes the transaction's later
 * changes and its commit fail with the same error. What stores samples is behind this header
 * alone. */
#pragma once

#include <stdint.h>

#include "schema/records.h"
#include "schema/store_read.h"

struct store;

/* Opens the database PATH or makes it (0640) and migrates it to this program's schema.
 * On failure *RET_WHY says what is wrong in one sentence (free() it; may be NULL):
 * -EPROTONOSUPPORT a newer schema or another application's file, -EUCLEAN damaged or not a database,
 * both left untouched; -ENOENT no such directory; -EACCES, -EROFS. */
int store_open(const char *path, struct store **ret, char **ret_why);
struct store *store_close(struct store *s);

/* The same rows, read over the writer's own connection. Belongs to the store. */
struct reader *store_reader(struct store *s);

int store_begin(struct store *s);
int store_commit(struct store *s);
void store_rollback(struct store *s);

/* The id of a series; made if new. -ENOSPC... as above; -E2BIG beyond MAX_SERIES. */
int store_series(struct store *s, const struct series *series, uint32_t *ret_id);
void store_set_max_series(struct store *s, size_t max_series);

/* Values of one moment, in any order. A moment that exists already is added to (the newer value
 * wins). -EINVAL for an id that store_series() did not give: nothing was changed then. */
int store_append(struct store *s, int64_t time_ms, const struct sample samples[], size_t count);

/* Its samples are for store_append(). */
int store_put_event(struct store *s, const struct event *e);

int store_put_process(struct store *s, const struct process_record *p);
/* 1 if it was there, 0 if not. */
int store_remove_process(struct store *s, const struct process_record *p);

int store_put_service(struct store *s, const struct service_record *v);
int store_remove_service(struct store *s, const char *name);
int store_put_role(struct store *s, const struct role_record *r);
int store_remove_role(struct store *s, const char *name);

/* An empty value removes the fact. */
int store_put_fact(struct store *s, const struct fact *f);
int store_clear_facts(struct store *s, const char *role);

/* An alert is kept once for each incident that it was part of. Put with another incident than
 * before, it no longer lives in the earlier one, where it stays as a resolved row. */
int store_put_alert(struct store *s, const struct alert *a);
/* Removes the alert where it has no incident. */
int store_remove_alert(struct store *s, const char *fingerprint);

/* The id of the next new incident. */
int store_next_incident(struct store *s, int64_t *ret_id);
int store_put_incident(struct store *s, const struct incident *i);
int store_add_timeline(struct store *s, const struct timeline_entry *t);

/* With id 0 a new row; its id is returned in *RET_ID (may be NULL). Of a row that is there, state,
 * due and delivery time, attempts and last error change. */
int store_put_notification(struct store *s, const struct notification *n, int64_t *ret_id);

/* Work between ticks, a small step each, in a transaction of its own: removes the oldest moments
 * older than BEFORE_MS; settled notifications and events older than it; alerts and timeline of
 * incidents that were resolved before it. While the file is larger than MAX_BYTES, the oldest moments
 * go, or all else first where that has more than half of the room; but nothing of the newest ten
 * minutes. 1 if there is more to do, 0 if not. */
int store_expire(struct store *s, int64_t before_ms, uint64_t max_bytes);

/* Moves what is in the WAL to the database as far as readers allow, without waiting. */
int store_checkpoint(struct store *s);

/* Bytes of the database file and its WAL. */
uint64_t store_bytes(struct store *s);
