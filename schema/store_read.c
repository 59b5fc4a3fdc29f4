/* SPDX-License-Identifier: Apache-2.0 */
/* The reader and its lists of records. */
#include "schema/store_read.h"

#include <errno.h>
#include <string.h>

#include "schema/migrate.h"
#include "schema/rows.h"
#include "schema/store_internal.h"

#define ROWS_MAX   (1024 * 1024) /* of one list: what grows beyond it is an error, not memory */
#define NEWEST_MAX 1000          /* of what an incident gathers as long as it goes on */

/* BEGIN alone takes none: the first read after it does. */
static const char take_snapshot[] = "SELECT 1 FROM sqlite_master LIMIT 1";

DEFINE_CLEANUP(struct reader *, reader_close);

static bool has_file(const char *path, const char *suffix)
{
	_cleanup_buf_ struct buf name = BUF_INIT;

	buf_add_string(&name, path);
	buf_add_string(&name, suffix);
	return buf_error(&name) == 0 && access(name.data, F_OK) == 0;
}

static int run(struct reader *r, enum statement statement)
{
	_cleanup_query_ struct query q = query_read(r->database, statement);

	return query_run(&q);
}

int reader_begin(struct reader *r)
{
	int error;

	if (database_in_transaction(r->database))
		return 0;
	error = run(r, STATEMENT_BEGIN_READ);
	if (error == 0)
		error = database_execute(r->database, take_snapshot);
	r->began = error == 0;
	if (error < 0 && database_in_transaction(r->database))
		run(r, STATEMENT_ROLLBACK);
	return error;
}

void reader_end(struct reader *r)
{
	if (r->began && database_in_transaction(r->database))
		run(r, STATEMENT_COMMIT);
	r->began = false;
}

int reader_open(const char *path, struct reader **ret)
{
	_cleanup_(reader_close_pointer) struct reader *reader = NULL;
	enum migrate_state state;
	int r;

	if (access(path, F_OK) < 0)
		return -errno;
	/* Both stand beside a file that a writer has open, or had when it was killed. Without them
	 * SQLite would make them, and they would not be the writer's. */
	if (!has_file(path, "-wal") || !has_file(path, "-shm"))
		return -EAGAIN;
	reader = calloc(1, sizeof(*reader));
	if (!reader)
		return -ENOMEM;
	reader->database = &reader->own_database;
	reader->catalogue = &reader->own_catalogue;
	r = database_open_reader(reader->database, path);
	if (r == 0)
		r = reader_begin(reader);
	if (r == 0)
		r = migrate_inspect(reader->database, &state);
	if (r < 0)
		return r;
	reader_end(reader);
	/* The writer makes it, or brings it up to date. */
	if (state == MIGRATE_EMPTY || state == MIGRATE_OLDER)
		return -EAGAIN;
	if (state != MIGRATE_CURRENT)
		return -EPROTONOSUPPORT;
	*ret = TAKE_POINTER(reader);
	return 0;
}

struct reader *reader_close(struct reader *r)
{
	if (!r)
		return NULL;
	database_close(&r->own_database);
	catalogue_done(&r->own_catalogue);
	free(r);
	return NULL;
}

/* How a kind of record is read, and emptied again. */
struct kind {
	size_t size;
	void (*get)(struct query *q, void *record);
	void (*done)(void *record);
};

/* Defines NAME_kind from row_get_NAME() and DONE. */
#define DEFINE_KIND(name, type, release)                                                           \
	static void get_##name(struct query *q, void *record)                                      \
	{                                                                                          \
		row_get_##name(q, record);                                                         \
	}                                                                                          \
	static void done_##name(void *record)                                                      \
	{                                                                                          \
		release(record);                                                                   \
	}                                                                                          \
	static const struct kind name##_kind = {sizeof(struct type), get_##name, done_##name}

DEFINE_KIND(service, service_record, service_record_done);
DEFINE_KIND(process, process_record, process_record_done);
DEFINE_KIND(role, role_record, role_record_done);
DEFINE_KIND(fact, fact, fact_done);
DEFINE_KIND(alert, alert, alert_done);
DEFINE_KIND(incident, incident, incident_done);
DEFINE_KIND(timeline, timeline_entry, timeline_entry_done);
DEFINE_KIND(notification, notification, notification_done);

struct list {
	char *records;
	size_t count, allocated;
};

/* Room for one more record of SIZE, zeroed; or NULL. */
static void *list_add(struct list *l, size_t size)
{
	size_t wanted = l->allocated > 0 ? 2 * l->allocated : 8;
	char *records;

	if (l->count == l->allocated) {
		records = reallocarray(l->records, wanted, size);
		if (!records)
			return NULL;
		l->records = records;
		l->allocated = wanted;
	}
	return memset(l->records + size * l->count++, 0, size);
}

static int read_rows(struct query *q, const struct kind *kind, struct list *l)
{
	int r;

	while ((r = query_step(q)) > 0) {
		void *record = l->count < ROWS_MAX ? list_add(l, kind->size) : NULL;

		if (!record)
			return l->count < ROWS_MAX ? -ENOMEM : -E2BIG;
		kind->get(q, record);
	}
	return r;
}

/* All rows of Q, whose parameters are put, as an array of records. */
static int read_list(struct query *q, const struct kind *kind, void *ret, size_t *ret_count)
{
	struct list l = {0};
	int r = read_rows(q, kind, &l);

	if (r < 0) {
		for (size_t i = 0; i < l.count; i++)
			kind->done(l.records + i * kind->size);
		free(l.records);
		return r;
	}
	memcpy(ret, &l.records, sizeof(l.records));
	*ret_count = l.count;
	return 0;
}

/* The one row of Q, or -ENOENT. */
static int read_one(struct query *q, const struct kind *kind, void *ret)
{
	int r = query_step(q);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	memset(ret, 0, kind->size);
	kind->get(q, ret);
	if (q->error < 0)
		kind->done(ret);
	return q->error;
}

int reader_services(struct reader *r, struct service_record **ret, size_t *ret_count)
{
	_cleanup_query_ struct query q = query_read(r->database, STATEMENT_GET_SERVICES);

	return read_list(&q, &service_kind, ret, ret_count);
}

int reader_processes(struct reader *r, struct process_record **ret, size_t *ret_count)
{
	_cleanup_query_ struct query q = query_read(r->database, STATEMENT_GET_PROCESSES);

	return read_list(&q, &process_kind, ret, ret_count);
}

int reader_roles(struct reader *r, struct role_record **ret, size_t *ret_count)
{
	_cleanup_query_ struct query q = query_read(r->database, STATEMENT_GET_ROLES);

	return read_list(&q, &role_kind, ret, ret_count);
}

int reader_facts(struct reader *r, const char *topic, struct fact **ret, size_t *ret_count)
{
	_cleanup_query_ struct query q = query_read(r->database, STATEMENT_GET_FACTS);

	query_put_text_or_null(&q, topic);
	return read_list(&q, &fact_kind, ret, ret_count);
}

int reader_incidents(struct reader *r, enum incident_filter filter, size_t limit,
	struct incident **ret, size_t *ret_count)
{
	static const enum statement statements[] = {
		[INCIDENTS_OPEN] = STATEMENT_GET_OPEN_INCIDENTS,
		[INCIDENTS_RESOLVED] = STATEMENT_GET_RESOLVED_INCIDENTS,
		[INCIDENTS_ALL] = STATEMENT_GET_INCIDENTS,
	};
	_cleanup_query_ struct query q = query_read(r->database, statements[filter]);

	query_put_i64(&q, limit < ROWS_MAX ? (int64_t) limit : ROWS_MAX);
	return read_list(&q, &incident_kind, ret, ret_count);
}

int reader_incident(struct reader *r, int64_t id, struct incident *ret)
{
	_cleanup_query_ struct query q = query_read(r->database, STATEMENT_GET_INCIDENT);

	query_put_i64(&q, id);
	return read_one(&q, &incident_kind, ret);
}

int reader_recent_incidents(
	struct reader *r, int64_t since_ms, size_t limit, struct incident **ret, size_t *ret_count)
{
	_cleanup_query_ struct query q = query_read(r->database, STATEMENT_GET_RECENT_INCIDENTS);

	query_put_i64(&q, since_ms);
	query_put_i64(&q, limit < ROWS_MAX ? (int64_t) limit : ROWS_MAX);
	return read_list(&q, &incident_kind, ret, ret_count);
}

int reader_alerts(struct reader *r, int64_t incident, struct alert **ret, size_t *ret_count)
{
	_cleanup_query_ struct query q = query_read(r->database, STATEMENT_GET_ALERTS);

	query_put_i64(&q, incident);
	return read_list(&q, &alert_kind, ret, ret_count);
}

int reader_live_alerts(struct reader *r, struct alert **ret, size_t *ret_count)
{
	_cleanup_query_ struct query q = query_read(r->database, STATEMENT_GET_LIVE_ALERTS);

	return read_list(&q, &alert_kind, ret, ret_count);
}

int reader_timeline(
	struct reader *r, int64_t incident, struct timeline_entry **ret, size_t *ret_count)
{
	_cleanup_query_ struct query q = query_read(r->database, STATEMENT_GET_TIMELINE);

	query_put_i64(&q, incident);
	query_put_i64(&q, NEWEST_MAX);
	return read_list(&q, &timeline_kind, ret, ret_count);
}

int reader_notifications(struct reader *r, int64_t incident, const char *webhook,
	struct notification **ret, size_t *ret_count)
{
	_cleanup_query_ struct query q = query_read(r->database, STATEMENT_GET_NOTIFICATIONS);

	query_put_i64(&q, incident);
	query_put_text_or_null(&q, webhook);
	query_put_i64(&q, NEWEST_MAX);
	return read_list(&q, &notification_kind, ret, ret_count);
}

int reader_told(struct reader *r, int64_t incident, struct notification **ret, size_t *ret_count)
{
	_cleanup_query_ struct query q = query_read(r->database, STATEMENT_GET_TOLD);

	query_put_i64(&q, incident);
	return read_list(&q, &notification_kind, ret, ret_count);
}

int reader_pending(struct reader *r, int64_t after, reader_notification_fn fn, void *userdata)
{
	_cleanup_query_ struct query q =
		query_read(r->database, STATEMENT_GET_PENDING_NOTIFICATIONS);
	int error;

	query_put_i64(&q, after);
	while ((error = query_step(&q)) > 0) {
		_cleanup_(notification_done) struct notification n = {0};

		row_get_notification(&q, &n);
		error = q.error < 0 ? q.error : fn(userdata, &n);
		if (error < 0)
			break;
	}
	return error;
}

int reader_has_event(struct reader *r, const struct event *event)
{
	_cleanup_query_ struct query q = query_read(r->database, STATEMENT_HAS_EVENT);

	query_put_i64(&q, usec_to_ms(event->time));
	query_put_text(&q, event->type);
	query_put_text(&q, event->service);
	query_put_i64(&q, event->pid);
	query_put_i64(&q, (int64_t) event->start);
	return query_step(&q);
}

int reader_host_id(struct reader *r, char **ret)
{
	_cleanup_query_ struct query q = query_read(r->database, STATEMENT_GET_META);
	char *id;
	int error;

	query_put_text(&q, "host_id");
	error = query_step(&q);
	if (error <= 0)
		return error < 0 ? error : -EUCLEAN;
	id = query_get_text(&q);
	if (!id)
		return q.error;
	*ret = id;
	return 0;
}
