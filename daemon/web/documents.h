/* SPDX-License-Identifier: Apache-2.0 */
/* From the database to the JSON that the API serves and the pages show.
 *
 * Layer: daemon/web. Reads through a connection of its own that can only read. The engine may set a
 * damaged file aside and begin another: the file is opened anew whenever it is no longer the one
 * that was opened. */
#pragma once

#include <jansson.h>
#include <sys/stat.h>

#include "daemon/web/exposition.h"
#include "daemon/web/route.h"
#include "schema/store_read.h"

struct documents {
	char *path; /* of the database */
	struct stat opened;
	struct reader *reader; /* NULL while it is not open */
	const char *host;
	const char *external_url; /* "" for none; without a final slash */
	int64_t interval_ms;      /* of what collectors say, until it can be read */
	const struct config *config;
};

struct document_request {
	enum document document;
	const char *argument, *query;
	bool engine; /* we are connected to the engine */
	const char *trouble; /* why it cannot write the database, or NULL */
	bool trouble_of_samples; /* ...but all else than samples: what the rows say is fresh */
	int64_t now_ms;
	int64_t running_ms; /* for how long the configuration has been this one, at least */
};

/* Keeps the pointers. -ENOMEM. */
int documents_init(struct documents *d, const char *state_directory, const char *host,
	const char *external_url, int64_t interval_ms, const struct config *config);
void documents_done(struct documents *d);

/* 0; -ENOENT nothing of that name; -EINVAL a bad query; -ENOMEM; any other: the database cannot be
 * read now. */
int documents_get(struct documents *d, const struct document_request *q, json_t **ret);

/* What the query of such a document may be, in words; "" where it takes none. */
const char *documents_query(enum document document);

/* Every current series. Errors as above. */
int documents_metrics(
	struct documents *d, int64_t now_ms, enum exposition_format format, struct buf *ret);
