/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/dispatch.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/base/num.h"
#include "daemon/base/text.h"
#include "daemon/web/answer.h"
#include "daemon/web/command_body.h"
#include "daemon/web/content_negotiation.h"
#include "daemon/web/files.h"
#include "daemon/web/health.h"

static int get_document(struct web_request *q, json_t **ret)
{
	return documents_get(&q->web->documents,
		&(struct document_request){
			.document = q->match.route->document,
			.argument = q->match.argument,
			.query = q->match.query,
			.engine = role_engine(q->web->role) != NULL,
			.trouble = q->web->trouble,
			.trouble_of_samples = q->web->trouble_of_samples,
			.now_ms = usec_to_ms(clock_wall()),
			.running_ms = usec_to_ms(
				usec_since(clock_monotonic(), q->web->started)),
		},
		ret);
}

static void render_json(struct web_request *q)
{
	unsigned status = 200;
	json_t *json;
	int r = get_document(q, &json);

	if (q->match.route->document == DOCUMENT_HEALTH) {
		if (r < 0)
			json = json_pack("{s:s,s:[s]}", "status", "failing", "reasons",
				r == -ENOMEM ? "there is not enough memory"
					     : "the database is not open");
		status = r == 0 && health_is_ok(json) ? 200 : 503;
	} else if (r < 0) {
		answer_document_error(q, r);
		return;
	}
	answer_json(q, status, json);
}

static void render_page(struct web_request *q)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct page page = web_request_page(q);
	json_t *document;
	int r = get_document(q, &document);

	if (r < 0) {
		answer_document_error(q, r);
		return;
	}
	r = pages_render(q->web->pages, &page, document, &body);
	json_decref(document);
	if (r < 0)
		body.error = r;
	answer_buffer(q, 200, HTML_TYPE, &body);
}

static void render_metrics(struct web_request *q)
{
	enum exposition_format format = negotiate_exposition_format(q->http->accept);
	_cleanup_buf_ struct buf body = BUF_INIT;
	int r = documents_metrics(&q->web->documents, usec_to_ms(clock_wall()), format, &body);

	if (r < 0)
		answer_document_error(q, r);
	else
		answer_buffer(q, 200, exposition_content_type(format), &body);
}

static void render_asset(struct web_request *q)
{
	for (size_t i = 0; i < FILES; i++) {
		struct file f = file_get((enum file_id) i);

		if (!*f.content_type || !text_equal(f.name, q->match.argument))
			continue;
		http_exchange_answer(q->exchange,
			&(struct http_answer){.status = 200,
				.content_type = f.content_type,
				.allow = "",
				.cacheable = true,
				.constant = f.data,
				.constant_size = f.size});
		return;
	}
	answer_error(q, 404);
}

/* It has the command, and what came of it nobody knows. */
static void answer_unanswered(struct web_request *q)
{
	const char *trouble = q->web->trouble;
	_cleanup_free_ char *text = NULL;

	if (asprintf(&text, "%s%sthe engine did not answer: what was asked may still take effect",
		    trouble ? trouble : "", trouble ? "; " : "") < 0)
		text = NULL;
	answer_error_text(q, 504, text ? text : "the engine did not answer");
}

/* The engine answered, or will not. The request was kept for this. */
static void on_command_done(void *userdata, unsigned status, const void *body, size_t size)
{
	_cleanup_free_ struct web_request *q = userdata;
	_cleanup_buf_ struct buf text = BUF_INIT;
	json_t *changed;

	if (!body && status == 504) {
		answer_unanswered(q);
		return;
	}
	if (!body) {
		answer_error(q, status);
		return;
	}
	if (status == 200 && q->match.route->document != DOCUMENT_NONE &&
		get_document(q, &changed) == 0) {
		answer_json(q, 200, changed);
		return;
	}
	buf_add(&text, body, size);
	buf_add_char(&text, '\n');
	answer_buffer(q, status, JSON_TYPE, &text);
}

/* Browsers say whose page asks; programs have no reason to. */
static bool is_of_browser(const struct http_request *http)
{
	return http->origin || http->fetch_site;
}

/* The engine would do it, and could not store that it did. */
static void answer_unwritable(struct web_request *q)
{
	_cleanup_free_ char *text = NULL;

	if (asprintf(&text, "nothing was changed: %s", q->web->trouble) < 0)
		text = NULL;
	answer_error_text(q, 503, text ? text : "nothing was changed");
}

/* Answers a command that is refused before the engine hears of it: false. */
static bool check_command(struct web_request *q)
{
	const struct http_request *http = q->http;
	int64_t id;

	if (!http->local)
		answer_error_text(q, 403,
			"changes are accepted over the unix socket alone: this version has no "
			"logins for TCP yet");
	else if (!origin_is_own(http->origin, http->fetch_site, http->host, &q->web->names))
		answer_error_text(q, 403, "changes are not accepted from pages of other hosts");
	else if (http->body_size > 0 && is_of_browser(http) &&
		 !command_body_is_json(http->content_type))
		answer_error_text(q, 400, "the body must be application/json");
	else if (q->match.route->document == DOCUMENT_INCIDENT &&
		 (num_parse_i64(q->match.argument, &id) < 0 || id <= 0))
		answer_error(q, 404);
	else if (q->web->trouble && !q->web->trouble_of_samples)
		answer_unwritable(q);
	else
		return true;
	return false;
}

static void run_command(struct web_request *q)
{
	const struct http_request *http = q->http;
	_cleanup_free_ char *body = NULL;
	const char *why = "there is not enough memory";
	struct web_request *kept;
	int r;

	if (!check_command(q))
		return;
	r = command_body_read(
		http->body, http->body_size, text_equal(q->match.route->name, "note"), &body, &why);
	kept = r == 0 ? malloc(sizeof(*kept)) : NULL;
	if (!kept) {
		answer_error_text(q, r == -EBADMSG ? 400 : 503, why);
		return;
	}
	*kept = *q;
	commands_send(q->web->commands,
		&(struct command_request){.verb = q->match.route->name,
			.argument = q->match.argument,
			.body = body,
			.fd = http->fd},
		on_command_done, kept);
}

static void (*const renderers[])(struct web_request *q) = {
	[RENDERS_PAGE] = render_page,
	[RENDERS_JSON] = render_json,
	[RENDERS_COMMAND] = run_command,
	[RENDERS_METRICS] = render_metrics,
	[RENDERS_ASSET] = render_asset,
};

static bool is_loopback(const char *address)
{
	return text_after(address, "127.") || text_equal(address, "::1");
}

void dispatch_request(struct http_exchange *x, const struct http_request *http, void *userdata)
{
	struct web_request q = {.web = userdata, .exchange = x, .http = http};
	unsigned status;

	if (http->fault) {
		answer_error_text(&q, 400, http->fault);
		return;
	}
	if (!http->local && !host_is_served(http->host, http->address, &q.web->names)) {
		answer_error(&q, 421);
		return;
	}
	if (!http->local && q.web->password_set && !is_loopback(http->address)) {
		answer_error_text(&q, 403,
			"this page has a password, and this version has no logins yet: use "
			"loopback or the unix socket");
		return;
	}
	status = route_resolve(http->method, http->target, &q.match);
	if (status != 200)
		answer_error(&q, status);
	else if (http->body_too_large)
		answer_error_text(&q, 400, "the body is larger than " STRINGIFY(HTTP_BODY_MAX) " bytes");
	else
		renderers[q.match.route->renders](&q);
}
