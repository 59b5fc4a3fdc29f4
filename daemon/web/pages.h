/* SPDX-License-Identifier: Apache-2.0 */
/* Documents to HTML, by the templates that the program carries.
 *
 * Layer: daemon/web. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "daemon/base/buf.h"

struct pages;

/* Where a page stands. */
struct page {
	const char *template; /* "home" */
	const char *host;
	const char *query; /* what the list is limited to, "" for its default */
	size_t depth;      /* slashes of its path behind the first: how far its root is */
	int64_t now_ms;
};

/* Parses every template: -EBADMSG with *RET_WHY naming it (free() it), -ENOMEM. */
int pages_new(struct pages **ret, char **ret_why);
struct pages *pages_free(struct pages *p);

/* Appends the page. The document gets what presentation.h adds and an object "page". */
int pages_render(const struct pages *p, const struct page *page, json_t *document, struct buf *out);

/* A page that says what went wrong. */
int pages_render_error(const struct pages *p, const struct page *page, unsigned status,
	const char *text, struct buf *out);
