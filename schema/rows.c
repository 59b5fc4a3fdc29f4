/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/rows.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "daemon/base/text.h"

DEFINE_CLEANUP(json_t *, json_decref);

/* Defines get_TYPE(): one of the words of an enum. */
#define DEFINE_GET_WORD(type)                                                                      \
	static void get_##type(struct query *q, enum type *ret)                                    \
	{                                                                                          \
		const char *word = query_look_text(q);                                             \
                                                                                                   \
		if (q->error == 0 && (!word || type##_parse(word, ret) < 0))                       \
			query_fail(q, -EUCLEAN);                                                   \
	}                                                                                          \
	struct _semicolon_

DEFINE_GET_WORD(severity);
DEFINE_GET_WORD(alert_state);
DEFINE_GET_WORD(incident_state);
DEFINE_GET_WORD(service_state);
DEFINE_GET_WORD(notification_state);

/* Start times and histories use all 64 bits; SQLite's integers have a sign. */
static void put_u64(struct query *q, uint64_t value)
{
	query_put_i64(q, (int64_t) value);
}

static uint64_t get_u64(struct query *q)
{
	return (uint64_t) query_get_i64(q);
}

void row_put_labels(struct query *q, const struct labels *l)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	labels_write(l, &text);
	if (buf_error(&text) < 0)
		query_fail(q, buf_error(&text));
	query_put_text(q, text.data);
}

void row_get_labels(struct query *q, struct labels *ret)
{
	const char *text = query_look_text(q);
	int r = text ? labels_parse(text, ret) : -EBADMSG;

	if (r < 0)
		query_fail(q, r == -EBADMSG ? -EUCLEAN : r);
}

/* A JSON string of TEXT, which must be UTF-8; bytes that are not become '?'. */
static json_t *json_text(const char *text)
{
	_cleanup_free_ char *printable = NULL;
	size_t size = strlen(text ? text : "");

	if (!text)
		return json_string("");
	if (text_is_utf8(text, size))
		return json_stringn(text, size);
	printable = text_printable(text, size);
	return printable ? json_string(printable) : NULL;
}

/* Appends {"name":...,"text":...}. False without memory. */
static bool append_evidence(json_t *array, const struct evidence *e)
{
	json_t *item = json_object();

	if (json_object_set_new(item, "name", json_text(e->name)) < 0 ||
		json_object_set_new(item, "text", json_text(e->text)) < 0) {
		json_decref(item);
		return false;
	}
	return json_array_append_new(array, item) == 0;
}

static void put_evidence(struct query *q, const struct evidence *list, size_t count)
{
	_cleanup_(json_decref_pointer) json_t *array = json_array();
	_cleanup_free_ char *text = NULL;
	bool complete = array;

	for (size_t i = 0; i < count && complete; i++)
		complete = append_evidence(array, &list[i]);
	text = complete ? json_dumps(array, JSON_COMPACT) : NULL;
	if (!text)
		query_fail(q, -ENOMEM);
	query_put_text(q, text);
}

/* Reads element I of ARRAY. -EUCLEAN, -ENOMEM. */
static int parse_evidence(const json_t *array, size_t i, struct evidence *ret)
{
	const json_t *item = json_array_get(array, i);
	const char *name = json_string_value(json_object_get(item, "name"));
	const char *text = json_string_value(json_object_get(item, "text"));

	if (!name || !text)
		return -EUCLEAN;
	ret->name = strdup(name);
	ret->text = strdup(text);
	return ret->name && ret->text ? 0 : -ENOMEM;
}

static int parse_evidence_list(const char *text, struct evidence **ret, size_t *ret_count)
{
	_cleanup_(json_decref_pointer) json_t *array = json_loads(text, 0, NULL);
	size_t count = json_array_size(array);
	struct evidence *list;
	int r = 0;

	if (!json_is_array(array))
		return -EUCLEAN;
	if (count == 0)
		return 0;
	list = calloc(count, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < count && r == 0; i++)
		r = parse_evidence(array, i, &list[i]);
	if (r < 0) {
		evidence_list_free(list, count);
		return r;
	}
	*ret = list;
	*ret_count = count;
	return 0;
}

static void get_evidence(struct query *q, struct evidence **ret, size_t *ret_count)
{
	const char *text = query_look_text(q);
	int r = text ? parse_evidence_list(text, ret, ret_count) : -EUCLEAN;

	if (r < 0)
		query_fail(q, r);
}

void row_put_service(struct query *q, const struct service_record *v)
{
	query_put_text(q, v->name);
	query_put_text(q, service_state_name(v->state));
	query_put_i64(q, v->discovered);
	query_put_time(q, v->since_ms);
	query_put_i64(q, v->restarts);
	query_put_text(q, v->reason);
	query_put_text(q, v->url);
}

void row_get_service(struct query *q, struct service_record *ret)
{
	ret->name = query_get_text(q);
	get_service_state(q, &ret->state);
	ret->discovered = query_get_i64(q) != 0;
	ret->since_ms = query_get_i64(q);
	ret->restarts = query_get_i64(q);
	ret->reason = query_get_text(q);
	ret->url = query_get_text(q);
}

void row_put_process_key(struct query *q, const struct process_record *p)
{
	query_put_text(q, p->service);
	query_put_i64(q, p->pid);
	put_u64(q, p->start);
	query_put_text(q, p->boot);
}

void row_put_process(struct query *q, const struct process_record *p)
{
	row_put_process_key(q, p);
	put_u64(q, p->stack);
	query_put_text(q, p->command_line);
}

void row_get_process(struct query *q, struct process_record *ret)
{
	ret->service = query_get_text(q);
	ret->pid = query_get_i64(q);
	ret->start = get_u64(q);
	ret->boot = query_get_text(q);
	ret->stack = get_u64(q);
	ret->command_line = query_get_text(q);
}

void row_put_role(struct query *q, const struct role_record *r)
{
	query_put_text(q, r->name);
	query_put_i64(q, r->pid);
	query_put_text(q, r->state);
	query_put_i64(q, r->restarts);
}

void row_get_role(struct query *q, struct role_record *ret)
{
	ret->name = query_get_text(q);
	ret->pid = query_get_i64(q);
	ret->state = query_get_text(q);
	ret->restarts = query_get_i64(q);
}

void row_put_fact(struct query *q, const struct fact *f)
{
	query_put_text(q, f->role);
	query_put_text(q, f->topic);
	query_put_text(q, f->subject);
	query_put_text(q, f->key);
	query_put_text(q, f->value);
}

void row_get_fact(struct query *q, struct fact *ret)
{
	ret->role = query_get_text(q);
	ret->topic = query_get_text(q);
	ret->subject = query_get_text(q);
	ret->key = query_get_text(q);
	ret->value = query_get_text(q);
}

void row_put_event(struct query *q, const struct event *e)
{
	query_put_i64(q, usec_to_ms(e->time));
	query_put_text(q, e->type);
	query_put_text(q, e->service);
	query_put_i64(q, e->pid);
	put_u64(q, e->start);
	query_put_text(q, e->reason);
	put_evidence(q, e->evidence, e->evidence_count);
}

void row_put_alert(struct query *q, const struct alert *a)
{
	query_put_text(q, a->fingerprint);
	query_put_i64(q, a->incident);
	query_put_text(q, a->rule);
	row_put_labels(q, &a->labels);
	query_put_text(q, severity_name(a->severity));
	query_put_text(q, alert_state_name(a->state));
	query_put_f64(q, a->value);
	query_put_f64(q, a->threshold);
	query_put_f64(q, a->low);
	query_put_f64(q, a->high);
	query_put_time(q, a->active_ms);
	query_put_time(q, a->started_ms);
	query_put_time(q, a->held_ms);
	query_put_time(q, a->ended_ms);
	put_u64(q, a->history);
	query_put_text(q, a->summary);
	query_put_text(q, a->description);
	query_put_text(q, a->runbook);
	put_evidence(q, a->evidence, a->evidence_count);
}

void row_get_alert(struct query *q, struct alert *ret)
{
	ret->fingerprint = query_get_text(q);
	ret->incident = query_get_i64(q);
	ret->rule = query_get_text(q);
	row_get_labels(q, &ret->labels);
	get_severity(q, &ret->severity);
	get_alert_state(q, &ret->state);
	ret->value = query_get_f64(q);
	ret->threshold = query_get_f64(q);
	ret->low = query_get_f64(q);
	ret->high = query_get_f64(q);
	ret->active_ms = query_get_i64(q);
	ret->started_ms = query_get_i64(q);
	ret->held_ms = query_get_i64(q);
	ret->ended_ms = query_get_i64(q);
	ret->history = get_u64(q);
	ret->summary = query_get_text(q);
	ret->description = query_get_text(q);
	ret->runbook = query_get_text(q);
	get_evidence(q, &ret->evidence, &ret->evidence_count);
}

/* NULL where there is none: then false in *RET_IS. */
static void get_severity_or_null(struct query *q, bool *ret_is, enum severity *ret)
{
	const char *word = query_look_text(q);

	if (word && severity_parse(word, ret) < 0)
		query_fail(q, -EUCLEAN);
	*ret_is = word != NULL;
}

void row_put_incident(struct query *q, const struct incident *i)
{
	query_put_i64(q, i->id);
	query_put_text(q, incident_state_name(i->state));
	query_put_text(q, severity_name(i->severity));
	query_put_text(q, i->title);
	query_put_text(q, i->service);
	query_put_text(q, i->runbook);
	query_put_i64(q, i->opened_ms);
	query_put_time(q, i->acknowledged_ms);
	query_put_time(q, i->resolved_ms);
	query_put_text_or_null(q, i->acknowledged_by);
	query_put_i64(q, i->reopened);
	query_put_i64(q, i->untold);
	query_put_text_or_null(q, i->flapping ? severity_name(i->held) : NULL);
	query_put_time(q, i->flap_turned_ms);
}

void row_get_incident(struct query *q, struct incident *ret)
{
	ret->id = query_get_i64(q);
	get_incident_state(q, &ret->state);
	get_severity(q, &ret->severity);
	ret->title = query_get_text(q);
	ret->service = query_get_text(q);
	ret->runbook = query_get_text(q);
	ret->opened_ms = query_get_i64(q);
	ret->acknowledged_ms = query_get_i64(q);
	ret->resolved_ms = query_get_i64(q);
	ret->acknowledged_by = query_get_text_or_null(q);
	ret->reopened = query_get_i64(q);
	ret->untold = query_get_i64(q);
	get_severity_or_null(q, &ret->flapping, &ret->held);
	ret->flap_turned_ms = query_get_i64(q);
}

void row_put_timeline(struct query *q, const struct timeline_entry *t)
{
	query_put_id(q, t->id);
	query_put_i64(q, t->incident);
	query_put_i64(q, t->time_ms);
	query_put_text(q, t->type);
	query_put_text(q, t->actor);
	query_put_text(q, t->text);
}

void row_get_timeline(struct query *q, struct timeline_entry *ret)
{
	ret->id = query_get_i64(q);
	ret->incident = query_get_i64(q);
	ret->time_ms = query_get_i64(q);
	ret->type = query_get_text(q);
	ret->actor = query_get_text(q);
	ret->text = query_get_text(q);
}

void row_put_notification(struct query *q, const struct notification *n)
{
	query_put_id(q, n->id);
	query_put_text(q, n->message_id);
	query_put_i64(q, n->incident);
	query_put_text(q, n->webhook);
	query_put_text(q, n->type);
	query_put_text(q, notification_state_name(n->state));
	query_put_i64(q, n->created_ms);
	query_put_time(q, n->due_ms);
	query_put_time(q, n->delivered_ms);
	query_put_i64(q, n->attempts);
	query_put_text(q, n->last_error);
	query_put_text(q, n->body);
}

void row_get_notification(struct query *q, struct notification *ret)
{
	ret->id = query_get_i64(q);
	ret->message_id = query_get_text(q);
	ret->incident = query_get_i64(q);
	ret->webhook = query_get_text(q);
	ret->type = query_get_text(q);
	get_notification_state(q, &ret->state);
	ret->created_ms = query_get_i64(q);
	ret->due_ms = query_get_i64(q);
	ret->delivered_ms = query_get_i64(q);
	ret->attempts = query_get_i64(q);
	ret->last_error = query_get_text(q);
	ret->body = query_get_text(q);
}
