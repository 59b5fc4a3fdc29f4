/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/documents.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/web/document_builders.h"

#define LATEST_MS (5 * 60 * 1000) /* a value older than this is no longer current */

int documents_init(struct documents *d, const char *state_directory, const char *host,
	const char *external_url, int64_t interval_ms, const struct config *config)
{
	*d = (struct documents){.host = host,
		.external_url = external_url,
		.interval_ms = interval_ms,
		.config = config};
	if (asprintf(&d->path, "%s/modelwatch.db", state_directory) < 0) {
		d->path = NULL;
		return -ENOMEM;
	}
	return 0;
}

void documents_done(struct documents *d)
{
	d->reader = reader_close(d->reader);
	free(d->path);
	d->path = NULL;
}

/* Opens the database where it is not open, or where its file is another one now. */
static int documents_open(struct documents *d)
{
	struct stat st;
	int r;

	if (stat(d->path, &st) < 0) {
		r = -errno;
		d->reader = reader_close(d->reader);
		return r == -ENOENT ? -EAGAIN : r;
	}
	if (d->reader && (st.st_ino != d->opened.st_ino || st.st_dev != d->opened.st_dev))
		d->reader = reader_close(d->reader);
	if (d->reader)
		return 0;
	r = reader_open(d->path, &d->reader);
	if (r < 0)
		return r == -ENOENT ? -EAGAIN : r;
	d->opened = st;
	return 0;
}

static const struct {
	int (*build)(struct documents *d, const struct document_request *q, json_t **ret);
	const char *query; /* what its query may be, in words; NULL where it takes none */
} rows[] = {
	[DOCUMENT_STATUS] = {document_status},
	[DOCUMENT_SERVICE] = {document_service},
	[DOCUMENT_INCIDENTS] = {document_incidents, "open, resolved or all"},
	[DOCUMENT_INCIDENT] = {document_incident},
	[DOCUMENT_ALERTS] = {document_alerts},
	[DOCUMENT_ABOUT] = {document_about},
	[DOCUMENT_HEALTH] = {document_health},
	[DOCUMENT_DISCOVER] = {document_discover},
	[DOCUMENT_DOCTOR] = {document_doctor},
};

const char *documents_query(enum document document)
{
	return rows[document].query ? rows[document].query : "";
}

/* What went wrong with the database closes it: the next request opens it anew. */
static int finish(struct documents *d, int r)
{
	reader_end(d->reader);
	if (r < 0 && r != -ENOENT && r != -EINVAL && r != -ENOMEM)
		d->reader = reader_close(d->reader);
	return r;
}

/* One snapshot for one answer. */
static int begin(struct documents *d)
{
	int r = documents_open(d);

	if (r < 0)
		return r;
	r = reader_begin(d->reader);
	return r < 0 ? finish(d, r) : 0;
}

int documents_get(struct documents *d, const struct document_request *q, json_t **ret)
{
	int r = begin(d);

	return r < 0 ? r : finish(d, rows[q->document].build(d, q, ret));
}

static int add_sample(void *userdata, const struct series *series, int64_t time_ms, double value)
{
	return exposition_add(userdata, series, value);
}

int documents_metrics(
	struct documents *d, int64_t now_ms, enum exposition_format format, struct buf *ret)
{
	_cleanup_(exposition_done) struct exposition e = {.format = format};
	int r = begin(d);

	if (r < 0)
		return r;
	r = finish(d, reader_latest(d->reader, now_ms - LATEST_MS, add_sample, &e));
	if (r == 0)
		r = exposition_end(&e);
	if (r < 0)
		return r;
	*ret = e.out;
	e.out = BUF_INIT;
	return 0;
}
