/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/answer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/base/num.h"
#include "daemon/web/command_body.h"

#define JSON_FORM (JSON_COMPACT | JSON_REAL_PRECISION(15))

void answer_buffer(struct web_request *q, unsigned status, const char *type, struct buf *body)
{
	struct http_answer a = {.status = status,
		.content_type = type,
		.allow = q->match.allow ? q->match.allow : "",
		.last = q->http->fault != NULL,
		.body = *body};

	*body = BUF_INIT;
	if (a.body.error < 0) {
		buf_done(&a.body);
		a.status = 503;
	}
	http_exchange_answer(q->exchange, &a);
}

void answer_json(struct web_request *q, unsigned status, json_t *json)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	char *text = json ? json_dumps(json, JSON_FORM) : NULL;

	if (text) {
		buf_add_string(&body, text);
		buf_add_char(&body, '\n');
	} else
		body.error = -ENOMEM;
	free(text);
	json_decref(json);
	answer_buffer(q, status, JSON_TYPE, &body);
}

struct page web_request_page(const struct web_request *q)
{
	return (struct page){
		.template = q->match.route ? q->match.route->name : "error",
		.host = q->web->documents.host,
		.query = q->match.query,
		.depth = q->match.depth,
		.now_ms = usec_to_ms(clock_wall()),
	};
}

void answer_error_text(struct web_request *q, unsigned status, const char *text)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct page page = web_request_page(q);
	int r;

	if (!route_is_page(q->http->target)) {
		answer_json(q, status, json_pack("{s:s}", "error", text));
		return;
	}
	r = pages_render_error(q->web->pages, &page, status, text, &body);
	if (r < 0)
		body.error = r;
	answer_buffer(q, status, HTML_TYPE, &body);
}

static const struct {
	unsigned status;
	const char *text;
} error_texts[] = {
	{404, "there is nothing of this name"},
	{405, "this method is not for this path"},
	{414, "the path is too long"},
	{421, "this host name is not served here: allowed-host in the section [page] names more"},
	{503, "the engine is not there: it starts, or was stopped"},
};

void answer_error(struct web_request *q, unsigned status)
{
	const char *text = q->match.why && *q->match.why ? q->match.why : "this cannot be answered";

	for (size_t i = 0; i < ELEMENTS(error_texts); i++)
		if (error_texts[i].status == status)
			text = error_texts[i].text;
	answer_error_text(q, status, text);
}

/* The engine says the same of one that is to be changed. */
static void answer_no_incident(struct web_request *q)
{
	char text[64];
	int64_t id;

	if (num_parse_i64(q->match.argument, &id) < 0) {
		answer_error(q, 404);
		return;
	}
	snprintf(text, sizeof(text), "there is no incident %" PRIi64, id);
	answer_error_text(q, 404, text);
}

/* Names the key and what it may be. */
static void answer_bad_query(struct web_request *q)
{
	char text[128];

	snprintf(text, sizeof(text), "'%s' expects %s", q->match.route->query,
		documents_query(q->match.route->document));
	answer_error_text(q, 400, text);
}

void answer_document_error(struct web_request *q, int r)
{
	if (r == -ENOENT && q->match.route->document == DOCUMENT_INCIDENT)
		answer_no_incident(q);
	else if (r == -ENOENT)
		answer_error(q, 404);
	else if (r == -EINVAL)
		answer_bad_query(q);
	else if (r == -ENOMEM)
		answer_error_text(q, 503, "there is not enough memory");
	else
		answer_error_text(
			q, 503, "the database is not open: the engine starts, or is not running");
}
