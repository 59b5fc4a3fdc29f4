/* SPDX-License-Identifier: Apache-2.0 */
/* The services as far as they are known now: what the database says of them may be over, and what is not
 * there need not be.
 *
 * Layer: daemon/web. */
#pragma once

#include "daemon/web/documents.h"

struct current_services {
	struct service_record *items;
	struct fact *facts; /* of all of them */
	size_t count, fact_count;
	bool late;  /* a collector has been silent for too long: */
	bool stale; /* that which watches services, so that they are as they were then */
};

/* Of the open database; *RET is for current_services_done() in any case. Errors as those of
 * documents_get(). */
int current_services_read(
	struct documents *d, const struct document_request *q, struct current_services *ret);
/* Why it is no trouble that S, of ALL, is not there: a SERVICE_ word of schema/records.h; "" where it is
 * trouble, where S is there, and where nobody knows. */
const char *current_services_absence(const struct current_services *all, const struct service_record *s);
void current_services_done(struct current_services *s);
