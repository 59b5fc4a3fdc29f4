/* SPDX-License-Identifier: Apache-2.0 */
/* A request under way, and its answers in the form that its client reads: a page, or JSON.
 *
 * Layer: daemon/web. Each call but web_request_page() answers the request, which is to be done once. */
#pragma once

#include <jansson.h>

#include "daemon/base/buf.h"
#include "daemon/web/http_server.h"
#include "daemon/web/pages.h"
#include "daemon/web/route.h"
#include "daemon/web/web.h"

#define HTML_TYPE "text/html; charset=utf-8"

struct web_request {
	struct web *web;
	struct http_exchange *exchange;
	const struct http_request *http;
	struct route_match match;
};

/* Takes BODY, whose error makes it 503. */
void answer_buffer(struct web_request *q, unsigned status, const char *type, struct buf *body);

/* Takes the document; NULL is that there was no memory for it. */
void answer_json(struct web_request *q, unsigned status, json_t *json);

/* An error: a page that says so, or {"error":"..."}. */
void answer_error_text(struct web_request *q, unsigned status, const char *text);

/* The same, in the words that belong to STATUS. */
void answer_error(struct web_request *q, unsigned status);

/* What documents_get() or documents_metrics() could not do: R is its -errno. */
void answer_document_error(struct web_request *q, int r);

/* Where the page that Q asks for stands. */
struct page web_request_page(const struct web_request *q);
