/* SPDX-License-Identifier: Apache-2.0 */
/* Records as rows: each put binds the columns of statements.def, each get reads them back.
 *
 * Layer: schema, within the store. Errors stick in the query. A get fills a zeroed record, which
 * must be emptied by its X_done() also after an error. */
#pragma once

#include "schema/query.h"
#include "schema/records.h"

void row_put_service(struct query *q, const struct service_record *v);
void row_get_service(struct query *q, struct service_record *ret);
/* By what it is known again. */
void row_put_process_key(struct query *q, const struct process_record *p);
void row_put_process(struct query *q, const struct process_record *p);
void row_get_process(struct query *q, struct process_record *ret);
void row_put_role(struct query *q, const struct role_record *r);
void row_get_role(struct query *q, struct role_record *ret);
void row_put_fact(struct query *q, const struct fact *f);
void row_get_fact(struct query *q, struct fact *ret);
void row_put_event(struct query *q, const struct event *e);
void row_put_alert(struct query *q, const struct alert *a);
void row_get_alert(struct query *q, struct alert *ret);
void row_put_incident(struct query *q, const struct incident *i);
void row_get_incident(struct query *q, struct incident *ret);
void row_put_timeline(struct query *q, const struct timeline_entry *t);
void row_get_timeline(struct query *q, struct timeline_entry *ret);
void row_put_notification(struct query *q, const struct notification *n);
void row_get_notification(struct query *q, struct notification *ret);

/* Label sets as text. */
void row_put_labels(struct query *q, const struct labels *l);
void row_get_labels(struct query *q, struct labels *ret);
