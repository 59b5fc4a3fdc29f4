/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/records.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

static const char *const severity_names[] = {
	[SEVERITY_INFO] = "info",
	[SEVERITY_WARNING] = "warning",
	[SEVERITY_CRITICAL] = "critical",
};

static const char *const alert_state_names[] = {
	[ALERT_INACTIVE] = "inactive",
	[ALERT_PENDING] = "pending",
	[ALERT_FIRING] = "firing",
	[ALERT_RESOLVED] = "resolved",
};

static const char *const incident_state_names[] = {
	[INCIDENT_OPEN] = "open",
	[INCIDENT_RESOLVED] = "resolved",
};

static const char *const service_state_names[] = {
	[SERVICE_UNKNOWN] = "unknown",
	[SERVICE_UP] = "up",
	[SERVICE_DOWN] = "down",
};

static const char *const notification_state_names[] = {
	[NOTIFICATION_PENDING] = "pending",
	[NOTIFICATION_DELIVERED] = "delivered",
	[NOTIFICATION_FAILED] = "failed",
};

static const char *const check_state_names[] = {
	[CHECK_OK] = "ok",
	[CHECK_LIMITED] = "limited",
	[CHECK_MISSING] = "missing",
	[CHECK_FAILING] = "failing",
	[CHECK_DISABLED] = "disabled",
};

/* Defines NAME_name() and NAME_parse() over NAME_names. */
#define DEFINE_NAMES(type)                                                                         \
	const char *type##_name(enum type s)                                                       \
	{                                                                                          \
		assert((size_t) s < ELEMENTS(type##_names));                                       \
		return type##_names[s];                                                            \
	}                                                                                          \
	int type##_parse(const char *name, enum type *ret)                                         \
	{                                                                                          \
		for (size_t i = 0; i < ELEMENTS(type##_names); i++)                                \
			if (text_equal(name, type##_names[i])) {                                   \
				*ret = (enum type) i;                                              \
				return 0;                                                          \
			}                                                                          \
		return -EINVAL;                                                                    \
	}                                                                                          \
	struct _semicolon_

DEFINE_NAMES(severity);
DEFINE_NAMES(alert_state);
DEFINE_NAMES(incident_state);
DEFINE_NAMES(service_state);
DEFINE_NAMES(notification_state);

const char *check_state_name(enum check_state s)
{
	assert((size_t) s < ELEMENTS(check_state_names));
	return check_state_names[s];
}

/* Copies a string that may be NULL. False without memory. */
static bool copy_string(const char *from, char **ret)
{
	*ret = from ? strdup(from) : NULL;
	return *ret || !from;
}

void alert_done(struct alert *a)
{
	free(a->fingerprint);
	free(a->rule);
	labels_done(&a->labels);
	free(a->summary);
	free(a->description);
	free(a->runbook);
	evidence_list_free(a->evidence, a->evidence_count);
	*a = (struct alert){0};
}

/* What an alert owns; COPY holds the rest already, and nothing owned. */
static int copy_alert_strings(const struct alert *from, struct alert *copy)
{
	int r = labels_copy(&from->labels, &copy->labels);

	if (r < 0)
		return r;
	if (!copy_string(from->fingerprint, &copy->fingerprint) ||
		!copy_string(from->rule, &copy->rule) ||
		!copy_string(from->summary, &copy->summary) ||
		!copy_string(from->description, &copy->description) ||
		!copy_string(from->runbook, &copy->runbook))
		return -ENOMEM;
	r = evidence_list_copy(from->evidence, from->evidence_count, &copy->evidence);
	if (r < 0)
		return r;
	copy->evidence_count = from->evidence_count;
	return 0;
}

int alert_copy(const struct alert *from, struct alert *ret)
{
	struct alert copy = *from;
	int r;

	copy.fingerprint = copy.rule = NULL;
	copy.labels = (struct labels){0};
	copy.summary = copy.description = copy.runbook = NULL;
	copy.evidence = NULL;
	copy.evidence_count = 0;
	r = copy_alert_strings(from, &copy);
	if (r < 0) {
		alert_done(&copy);
		return r;
	}
	*ret = copy;
	return 0;
}

void incident_done(struct incident *i)
{
	free(i->title);
	free(i->service);
	free(i->runbook);
	free(i->acknowledged_by);
	*i = (struct incident){0};
}

int incident_copy(const struct incident *from, struct incident *ret)
{
	struct incident copy = *from;

	copy.title = copy.service = copy.runbook = copy.acknowledged_by = NULL;
	if (!copy_string(from->title, &copy.title) || !copy_string(from->service, &copy.service) ||
		!copy_string(from->runbook, &copy.runbook) ||
		!copy_string(from->acknowledged_by, &copy.acknowledged_by)) {
		incident_done(&copy);
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

void timeline_entry_done(struct timeline_entry *t)
{
	free(t->type);
	free(t->actor);
	free(t->text);
	*t = (struct timeline_entry){0};
}

void notification_done(struct notification *n)
{
	free(n->message_id);
	free(n->webhook);
	free(n->type);
	free(n->last_error);
	free(n->body);
	*n = (struct notification){0};
}

void service_record_done(struct service_record *s)
{
	free(s->name);
	free(s->reason);
	free(s->url);
	*s = (struct service_record){0};
}

void process_record_done(struct process_record *p)
{
	free(p->service);
	free(p->boot);
	free(p->command_line);
	*p = (struct process_record){0};
}

void role_record_done(struct role_record *r)
{
	free(r->name);
	free(r->state);
	*r = (struct role_record){0};
}

void fact_done(struct fact *f)
{
	free(f->role);
	free(f->topic);
	free(f->subject);
	free(f->key);
	free(f->value);
	*f = (struct fact){0};
}

/* NAME_list_free() of an array of struct TYPE, whose elements DONE empties. */
#define DEFINE_LIST_FREE(name, type, done)                                                         \
	void name##_list_free(struct type *list, size_t count)                                     \
	{                                                                                          \
		for (size_t i = 0; i < count; i++)                                                 \
			done(&list[i]);                                                            \
		free(list);                                                                        \
	}                                                                                          \
	struct _semicolon_

DEFINE_LIST_FREE(alert, alert, alert_done);
DEFINE_LIST_FREE(incident, incident, incident_done);
DEFINE_LIST_FREE(timeline, timeline_entry, timeline_entry_done);
DEFINE_LIST_FREE(notification, notification, notification_done);
DEFINE_LIST_FREE(service, service_record, service_record_done);
DEFINE_LIST_FREE(process, process_record, process_record_done);
DEFINE_LIST_FREE(role, role_record, role_record_done);
DEFINE_LIST_FREE(fact, fact, fact_done);
