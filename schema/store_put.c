/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's records: one statement each. */
#include "schema/rows.h"
#include "schema/store_internal.h"

int store_put_event(struct store *s, const struct event *e)
{
	_cleanup_query_ struct query q = query_write(&s->database, STATEMENT_ADD_EVENT);

	row_put_event(&q, e);
	return query_run(&q);
}

int store_put_process(struct store *s, const struct process_record *p)
{
	_cleanup_query_ struct query q = query_write(&s->database, STATEMENT_SET_PROCESS);

	row_put_process(&q, p);
	return query_run(&q);
}

int store_remove_process(struct store *s, const struct process_record *p)
{
	_cleanup_query_ struct query q = query_write(&s->database, STATEMENT_REMOVE_PROCESS);
	int r;

	row_put_process_key(&q, p);
	r = query_run(&q);
	return r < 0 ? r : sqlite3_changes(s->database.connection) > 0;
}

int store_put_service(struct store *s, const struct service_record *v)
{
	_cleanup_query_ struct query q = query_write(&s->database, STATEMENT_SET_SERVICE);

	row_put_service(&q, v);
	return query_run(&q);
}

/* Runs a statement whose only parameter is a text. */
static int run_text(struct store *s, enum statement statement, const char *text)
{
	_cleanup_query_ struct query q = query_write(&s->database, statement);

	query_put_text(&q, text);
	return query_run(&q);
}

int store_remove_service(struct store *s, const char *name)
{
	return run_text(s, STATEMENT_REMOVE_SERVICE, name);
}

int store_put_role(struct store *s, const struct role_record *r)
{
	_cleanup_query_ struct query q = query_write(&s->database, STATEMENT_SET_ROLE);

	row_put_role(&q, r);
	return query_run(&q);
}

int store_remove_role(struct store *s, const char *name)
{
	return run_text(s, STATEMENT_REMOVE_ROLE, name);
}

static int remove_fact(struct store *s, const struct fact *f)
{
	_cleanup_query_ struct query q = query_write(&s->database, STATEMENT_REMOVE_FACT);

	query_put_text(&q, f->role);
	query_put_text(&q, f->topic);
	query_put_text(&q, f->subject);
	query_put_text(&q, f->key);
	return query_run(&q);
}

static int set_fact(struct store *s, const struct fact *f)
{
	_cleanup_query_ struct query q = query_write(&s->database, STATEMENT_SET_FACT);

	row_put_fact(&q, f);
	return query_run(&q);
}

int store_put_fact(struct store *s, const struct fact *f)
{
	return f->value && *f->value ? set_fact(s, f) : remove_fact(s, f);
}

int store_clear_facts(struct store *s, const char *role)
{
	return run_text(s, STATEMENT_CLEAR_FACTS, role);
}

/* An alert lives in one incident only: what it was in an earlier one ends when it goes on here. */
static int end_alert_elsewhere(struct store *s, const struct alert *a)
{
	_cleanup_query_ struct query q = query_write(&s->database, STATEMENT_END_ALERT_ELSEWHERE);

	query_put_text(&q, a->fingerprint);
	query_put_i64(&q, a->incident);
	query_put_time(&q, a->started_ms > 0 ? a->started_ms : a->active_ms);
	return query_run(&q);
}

static int set_alert(struct store *s, const struct alert *a)
{
	_cleanup_query_ struct query q = query_write(&s->database, STATEMENT_SET_ALERT);

	row_put_alert(&q, a);
	return query_run(&q);
}

int store_put_alert(struct store *s, const struct alert *a)
{
	int r = end_alert_elsewhere(s, a);

	if (r == 0 && a->incident != 0)
		r = store_remove_alert(s, a->fingerprint);
	return r < 0 ? r : set_alert(s, a);
}

int store_remove_alert(struct store *s, const char *fingerprint)
{
	return run_text(s, STATEMENT_REMOVE_ALERT, fingerprint);
}

int store_next_incident(struct store *s, int64_t *ret_id)
{
	_cleanup_query_ struct query q = query_read(&s->database, STATEMENT_GET_LAST_INCIDENT);
	int r = query_step(&q);

	if (r < 0)
		return r;
	*ret_id = query_get_i64(&q) + 1;
	return 0;
}

int store_put_incident(struct store *s, const struct incident *i)
{
	_cleanup_query_ struct query q = query_write(&s->database, STATEMENT_SET_INCIDENT);

	row_put_incident(&q, i);
	return query_run(&q);
}

int store_add_timeline(struct store *s, const struct timeline_entry *t)
{
	_cleanup_query_ struct query q = query_write(&s->database, STATEMENT_ADD_TIMELINE);

	row_put_timeline(&q, t);
	return query_run(&q);
}

int store_put_notification(struct store *s, const struct notification *n, int64_t *ret_id)
{
	_cleanup_query_ struct query q = query_write(&s->database, STATEMENT_SET_NOTIFICATION);
	int r;

	row_put_notification(&q, n);
	r = query_run(&q);
	if (r == 0 && ret_id)
		*ret_id = n->id != 0 ? n->id
				     : sqlite3_last_insert_rowid(s->database.connection);
	return r;
}
