/* SPDX-License-Identifier: Apache-2.0 */
/* What builds each document of documents.h, in a file of its own: reads the open database, returns
 * JSON. Errors as those of documents_get().
 *
 * Layer: daemon/web; for documents.c and the builders alone. */
#pragma once

#include <errno.h>

#include "daemon/web/documents.h"

#define INCIDENTS_MAX 500 /* of one list */

int document_status(struct documents *d, const struct document_request *q, json_t **ret);
int document_service(struct documents *d, const struct document_request *q, json_t **ret);
int document_incidents(struct documents *d, const struct document_request *q, json_t **ret);
int document_incident(struct documents *d, const struct document_request *q, json_t **ret);
int document_alerts(struct documents *d, const struct document_request *q, json_t **ret);
int document_about(struct documents *d, const struct document_request *q, json_t **ret);
int document_health(struct documents *d, const struct document_request *q, json_t **ret);
int document_discover(struct documents *d, const struct document_request *q, json_t **ret);
int document_doctor(struct documents *d, const struct document_request *q, json_t **ret);

/* Incidents with their alerts, timelines and notifications. */
int document_incidents_detailed(
	struct documents *d, const struct incident *incidents, size_t count, json_t **ret);

/* SERVICE's incidents, all that are on record; with those where an alert of it fires, else without. */
int document_incidents_of_service(struct documents *d, const char *service, json_t **ret);

/* What MAKE makes of the facts of TOPIC. */
int document_facts(struct documents *d, const char *topic,
	json_t *(*make)(const struct fact *facts, size_t count), json_t **ret);

/* Why systemd cannot be asked, as systemd_json() makes it. */
int document_systemd(struct documents *d, const struct document_request *q, json_t **ret);

/* Returns JSON; NULL is that there was no memory for it. */
static inline int document_return(json_t *json, json_t **ret)
{
	if (!json)
		return -ENOMEM;
	*ret = json;
	return 0;
}
