/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what the database says still holds: how long ago collectors reported.
 *
 * Layer: daemon/web. */
#pragma once

#include "daemon/web/documents.h"

struct freshness {
	bool collector_late;      /* a collector has been silent for too long */
	bool services_late;       /* so has the one that watches services */
	int64_t services_last_ms; /* its last report; 0 for none within an hour */
};

/* Of the open database. Errors as those of documents_get(). */
int freshness_read(struct documents *d, const struct document_request *q, struct freshness *ret);
