/* SPDX-License-Identifier: Apache-2.0 */
/* The store's readers: pages, the command line, and the engine at its start.
 *
 * Layer: schema. Each call is one short read of its own snapshot, unless it stands between
 * reader_begin() and reader_end(). Lists are freed with X_list_free() of records.h. Errors as in
 * store.h; -EAGAIN where the engine does not have the database open (a reader of its own that did not
 * begin can meet it amid a commit, too); -ETIMEDOUT after five seconds. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "schema/records.h"

struct reader;

/* Opens the database read-only. -ENOENT where there is none, -EAGAIN, -EPROTONOSUPPORT where its
 * schema is not this program's. */
int reader_open(const char *path, struct reader **ret);
struct reader *reader_close(struct reader *r);

/* One snapshot for all reads until reader_end(). */
int reader_begin(struct reader *r);
void reader_end(struct reader *r);

int reader_services(struct reader *r, struct service_record **ret, size_t *ret_count);
int reader_processes(struct reader *r, struct process_record **ret, size_t *ret_count);
int reader_roles(struct reader *r, struct role_record **ret, size_t *ret_count);
/* TOPIC may be NULL for all; ordered by topic, subject, key. */
int reader_facts(struct reader *r, const char *topic, struct fact **ret, size_t *ret_count);

enum incident_filter { INCIDENTS_OPEN, INCIDENTS_RESOLVED, INCIDENTS_ALL };
/* Newest first, at most LIMIT. */
int reader_incidents(struct reader *r, enum incident_filter filter, size_t limit,
	struct incident **ret, size_t *ret_count);
/* -ENOENT where there is none. */
int reader_incident(struct reader *r, int64_t id, struct incident *ret);

/* Resolved ones, newest first, at most LIMIT: since SINCE_MS, or before where an alert of it goes on, or
 * something is still to be told of it. */
int reader_recent_incidents(struct reader *r, int64_t since_ms, size_t limit,
	struct incident **ret, size_t *ret_count);

/* Alerts of an incident; and those that are pending or firing, of any incident or of none yet. */
int reader_alerts(struct reader *r, int64_t incident, struct alert **ret, size_t *ret_count);
int reader_live_alerts(struct reader *r, struct alert **ret, size_t *ret_count);
/* The newest thousand turns of an incident, oldest first. */
int reader_timeline(struct reader *r, int64_t incident, struct timeline_entry **ret,
	size_t *ret_count);
/* The newest thousand of an incident (and of one webhook, unless it is NULL), oldest first, without their
 * bodies ("" each). */
int reader_notifications(struct reader *r, int64_t incident, const char *webhook,
	struct notification **ret, size_t *ret_count);
/* As far as they say who knows of the incident: of each webhook the last that was not given up, or
 * that told of its end, and the last. In the order of their ids, without bodies. */
int reader_told(struct reader *r, int64_t incident, struct notification **ret, size_t *ret_count);
/* Calls FN for all that are pending and have a higher id than AFTER, in the order of their ids; an
 * error of it stops and is returned. */
typedef int (*reader_notification_fn)(void *userdata, const struct notification *n);
int reader_pending(struct reader *r, int64_t after, reader_notification_fn fn, void *userdata);

/* 1 where this very event (its time, type, service and process) is a row already, else 0. */
int reader_has_event(struct reader *r, const struct event *event);

/* The newest moment that has values; 0 while there is none. */
int reader_newest(struct reader *r, int64_t *ret_ms);

/* Every series' newest value not older than SINCE_MS, in the order of metric and labels; a series
 * that ended is left out. -errno of FN stops and is returned. It reads back until it has seen every
 * series, so SINCE_MS should be near: seconds of history cost nothing, days of it seconds. */
typedef int (*reader_sample_fn)(void *userdata, const struct series *series, int64_t time_ms,
	double value);
int reader_latest(struct reader *r, int64_t since_ms, reader_sample_fn fn, void *userdata);

/* All values of one series in [FROM_MS, TO_MS], oldest first; a stale one says that the series
 * ended there. -ENOENT where there is no such series. FN may not call reader_range(). */
int reader_range(struct reader *r, const struct series *series, int64_t from_ms, int64_t to_ms,
	reader_sample_fn fn, void *userdata);

/* The host's stable id, made with the database; free() it. */
int reader_host_id(struct reader *r, char **ret);
