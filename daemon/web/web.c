/* SPDX-License-Identifier: Apache-2.0 */
/* modelwatch-web: the status page, the API and the metrics. It reads the database, and hands what
 * people want changed to the engine; who connects reaches nothing else. */
#include <stdio.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/num.h"
#include "daemon/base/text.h"
#include "daemon/role.h"
#include "daemon/web/command_body.h"
#include "daemon/web/commands.h"
#include "daemon/web/content_negotiation.h"
#include "daemon/web/documents.h"
#include "daemon/web/files.h"
#include "daemon/web/health.h"
#include "daemon/web/host_check.h"
#include "daemon/web/pages.h"
#include "daemon/web/route.h"
#include "daemon/web/server.h"

#define HTML_TYPE "text/html; charset=utf-8"
#define JSON_FORM (JSON_COMPACT | JSON_REAL_PRECISION(15))

struct web {
	struct role *role;
	struct server *server;
	struct pages *pages;
	struct commands *commands;
	struct documents documents;
	struct host_names names;
	char *external_url;
	char *trouble; /* why the engine cannot write the database; NULL while it can */
	bool trouble_of_samples; /* ...but all else than samples */
	bool guarded; /* logins were asked for: who is not local gets nothing without */
};

/* A request under way. */
struct visit {
	struct web *web;
	struct exchange *exchange;
	const struct server_request *request;
	struct route_match match;
};

static void answer_buf(struct visit *v, unsigned status, const char *type, struct buf *body)
{
	struct server_answer a = {.status = status,
		.content_type = type,
		.allow = v->match.allow ? v->match.allow : "",
		.last = v->request->fault != NULL,
		.body = *body};

	*body = BUF_INIT;
	if (a.body.error < 0) {
		buf_done(&a.body);
		a.status = 503;
	}
	server_answer(v->exchange, &a);
}

/* Takes the document. */
static void answer_json(struct visit *v, unsigned status, json_t *json)
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
	answer_buf(v, status, JSON_TYPE, &body);
}

static struct page page_of(const struct visit *v)
{
	return (struct page){
		.template = v->match.route ? v->match.route->name : "error",
		.host = v->web->documents.host,
		.query = v->match.query,
		.depth = v->match.depth,
		.now_ms = usec_to_ms(clock_wall()),
	};
}

/* In the form that who asked can read: a page, or {"error":"..."}. */
static void answer_error(struct visit *v, unsigned status, const char *text)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct page page = page_of(v);
	int r;

	if (!route_is_page(v->request->target)) {
		answer_json(v, status, json_pack("{s:s}", "error", text));
		return;
	}
	r = pages_render_error(v->web->pages, &page, status, text, &body);
	if (r < 0)
		body.error = r;
	answer_buf(v, status, HTML_TYPE, &body);
}

static const struct {
	unsigned status;
	const char *text;
} refusals[] = {
	{404, "there is nothing of this name"},
	{405, "this method is not for this path"},
	{414, "the path is too long"},
	{421, "this host name is not served here: allowed-host in the section [page] names more"},
	{503, "the engine is not there: it starts, or was stopped"},
	{504, "no answer came in time"},
};

static void refuse(struct visit *v, unsigned status)
{
	const char *text = v->match.why && *v->match.why ? v->match.why : "this cannot be answered";

	for (size_t i = 0; i < ELEMENTS(refusals); i++)
		if (refusals[i].status == status)
			text = refusals[i].text;
	answer_error(v, status, text);
}

/* The engine says the same of one that is to be changed. */
static void refuse_incident(struct visit *v)
{
	char text[64];
	int64_t id;

	if (num_parse_i64(v->match.argument, &id) < 0) {
		refuse(v, 404);
		return;
	}
	snprintf(text, sizeof(text), "there is no incident %" PRIi64, id);
	answer_error(v, 404, text);
}

/* What documents_get() could not do. */
static void refuse_document(struct visit *v, int r)
{
	if (r == -ENOENT && v->match.route->document == DOCUMENT_INCIDENT)
		refuse_incident(v);
	else if (r == -ENOENT)
		refuse(v, 404);
	else if (r == -EINVAL)
		answer_error(v, 400, "the query has a value that is not known here");
	else if (r == -ENOMEM)
		answer_error(v, 503, "there is not enough memory");
	else
		answer_error(
			v, 503, "the database is not open: the engine starts, or is not running");
}

static int get_document(struct visit *v, json_t **ret)
{
	return documents_get(&v->web->documents,
		&(struct document_request){
			.document = v->match.route->document,
			.argument = v->match.argument,
			.query = v->match.query,
			.engine = role_engine(v->web->role) != NULL,
			.trouble = v->web->trouble,
			.trouble_of_samples = v->web->trouble_of_samples,
			.now_ms = usec_to_ms(clock_wall()),
		},
		ret);
}

static void render_json(struct visit *v)
{
	unsigned status = 200;
	json_t *json;
	int r = get_document(v, &json);

	if (v->match.route->document == DOCUMENT_HEALTH) {
		if (r < 0)
			json = json_pack("{s:s,s:[s]}", "status", "failing", "reasons",
				r == -ENOMEM ? "there is not enough memory"
					     : "the database is not open");
		status = r == 0 && health_is_ok(json) ? 200 : 503;
	} else if (r < 0) {
		refuse_document(v, r);
		return;
	}
	answer_json(v, status, json);
}

static void render_page(struct visit *v)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct page page = page_of(v);
	json_t *document;
	int r = get_document(v, &document);

	if (r < 0) {
		refuse_document(v, r);
		return;
	}
	r = pages_render(v->web->pages, &page, document, &body);
	json_decref(document);
	if (r < 0)
		body.error = r;
	answer_buf(v, 200, HTML_TYPE, &body);
}

static void render_metrics(struct visit *v)
{
	enum exposition_format format = negotiate_exposition_format(v->request->accept);
	_cleanup_buf_ struct buf body = BUF_INIT;
	int r = documents_metrics(&v->web->documents, usec_to_ms(clock_wall()), format, &body);

	if (r < 0)
		refuse_document(v, r);
	else
		answer_buf(v, 200, exposition_content_type(format), &body);
}

static void render_asset(struct visit *v)
{
	for (size_t i = 0; i < FILES; i++) {
		struct file f = file_get((enum file_id) i);

		if (!*f.content_type || !text_equal(f.name, v->match.argument))
			continue;
		server_answer(v->exchange, &(struct server_answer){.status = 200,
						   .content_type = f.content_type,
						   .allow = "",
						   .cacheable = true,
						   .constant = f.data,
						   .constant_size = f.size});
		return;
	}
	refuse(v, 404);
}

/* The engine answered, or will not. The visit was kept for this. */
static void on_command_done(void *userdata, unsigned status, const void *body, size_t size)
{
	_cleanup_free_ struct visit *v = userdata;
	_cleanup_buf_ struct buf text = BUF_INIT;
	json_t *changed;

	if (!body) {
		refuse(v, status);
		return;
	}
	if (status == 200 && v->match.route->document != DOCUMENT_NONE &&
		get_document(v, &changed) == 0) {
		answer_json(v, 200, changed);
		return;
	}
	buf_add(&text, body, size);
	buf_add_char(&text, '\n');
	answer_buf(v, status, JSON_TYPE, &text);
}

static void run_command(struct visit *v)
{
	const struct server_request *q = v->request;
	_cleanup_free_ char *body = NULL;
	const char *why = "there is not enough memory";
	struct visit *kept;
	int64_t id;
	int r;

	if (!q->local) {
		answer_error(v, 403,
			"changes are accepted over the unix socket alone: this version has no "
			"logins for TCP yet");
		return;
	}
	if (!origin_is_own(q->origin, q->fetch_site, q->host, &v->web->names)) {
		answer_error(v, 403, "changes are not accepted from pages of other hosts");
		return;
	}
	if (q->body_size > 0 && !command_body_is_json(q->content_type)) {
		answer_error(v, 400, "the body must be application/json");
		return;
	}
	if (v->match.route->document == DOCUMENT_INCIDENT &&
		(num_parse_i64(v->match.argument, &id) < 0 || id <= 0)) {
		refuse(v, 404);
		return;
	}
	r = command_body_read(
		q->body, q->body_size, text_equal(v->match.route->name, "note"), &body, &why);
	kept = r == 0 ? malloc(sizeof(*kept)) : NULL;
	if (!kept) {
		answer_error(v, r == -EBADMSG ? 400 : 503, why);
		return;
	}
	*kept = *v;
	commands_send(v->web->commands,
		&(struct command_request){.verb = v->match.route->name,
			.argument = v->match.argument,
			.body = body,
			.fd = q->fd},
		on_command_done, kept);
}

static void (*const renderers[])(struct visit *v) = {
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

static void on_request(struct exchange *x, const struct server_request *q, void *userdata)
{
	struct visit v = {.web = userdata, .exchange = x, .request = q};
	unsigned status;

	if (q->fault) {
		answer_error(&v, 400, q->fault);
		return;
	}
	if (!q->local && !host_is_served(q->host, q->address, &v.web->names)) {
		refuse(&v, 421);
		return;
	}
	if (!q->local && v.web->guarded && !is_loopback(q->address)) {
		answer_error(&v, 403,
			"this page has a password, and this version has no logins yet: use "
			"loopback or the unix socket");
		return;
	}
	status = route_resolve(q->method, q->target, &v.match);
	if (status != 200)
		refuse(&v, status);
	else if (q->body_too_large)
		answer_error(&v, 400, "the body is larger than " STRINGIFY(SERVER_BODY_MAX) " bytes");
	else
		renderers[v.match.route->renders](&v);
}

static const struct server_ops server_ops = {on_request};

static int listen_to_all(struct web *w)
{
	int fd, r;

	while ((fd = role_take_next_descriptor(w->role, "listen:")) >= 0) {
		r = server_listen(w->server, fd);
		if (r < 0)
			return log_error_errno(r, "cannot serve a listening socket");
	}
	return 0;
}

/* How long it takes at most until what a collector saw can be read. */
static int64_t reading_interval_ms(const struct section *daemon)
{
	usec_t interval = section_duration(daemon, OPTION_DAEMON_INTERVAL);
	usec_t evaluate = section_duration(daemon, OPTION_DAEMON_EVALUATE);

	return usec_to_ms(interval > evaluate ? interval : evaluate);
}

static int read_configuration(struct web *w)
{
	const struct config *c = role_config(w->role);
	const struct section *page = config_find(c, SECTION_PAGE, "");
	const struct section *daemon = config_find(c, SECTION_DAEMON, "");

	w->external_url = config_external_url(c);
	if (!w->external_url)
		return -ENOMEM;
	w->guarded = section_has(page, OPTION_PAGE_PASSWORD);
	w->names.host = role_host(w->role);
	w->names.external_url = w->external_url;
	w->names.allowed = section_list(page, OPTION_PAGE_ALLOWED_HOST, &w->names.allowed_count);
	return documents_init(&w->documents, role_state_directory(w->role), w->names.host,
		w->external_url, reading_interval_ms(daemon), c);
}

static void web_free(struct web *w)
{
	commands_free(w->commands);
	server_free(w->server);
	pages_free(w->pages);
	documents_done(&w->documents);
	free(w->external_url);
	free(w->trouble);
	free(w);
}

static int start(struct web *w)
{
	_cleanup_free_ char *why = NULL;
	int r = pages_new(&w->pages, &why);

	if (r < 0)
		return log_error_errno(r, "cannot read the template %s", why ? why : "");
	r = read_configuration(w);
	if (r == 0)
		r = commands_new(w->role, &w->commands);
	if (r == 0)
		r = server_new(role_event(w->role), &server_ops, w, &w->server);
	return r < 0 ? log_error_errno(r, "cannot start") : listen_to_all(w);
}

static int web_start(struct role *role)
{
	struct web *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->role = role;
	role_set_userdata(role, w);
	r = start(w);
	if (r < 0)
		web_free(w);
	return r;
}

static int take_trouble(struct web *w, const char *text, bool of_samples)
{
	w->trouble_of_samples = of_samples;
	free(w->trouble);
	w->trouble = *text ? strdup(text) : NULL;
	return *text && !w->trouble ? -ENOMEM : 0;
}

static int web_connected(struct role *r)
{
	struct web *w = role_userdata(r);

	commands_forget(w->commands);
	return take_trouble(w, "", false);
}

static int web_message(struct role *r, struct message *m)
{
	struct web *w = role_userdata(r);

	if (m->type == MESSAGE_TROUBLE) {
		const char *text = message_string(m);

		return take_trouble(w, text, message_u64(m) > 0);
	}
	return m->type == MESSAGE_REPLY ? commands_reply(w->commands, m) : -EBADMSG;
}

static void web_stop(struct role *r)
{
	web_free(role_userdata(r));
}

static const struct role_program web_program = {
	.name = "web",
	.engine_says = FROM_ENGINE,
	.start = web_start,
	.connected = web_connected,
	.message = web_message,
	.stop = web_stop,
};

int main(void)
{
	return role_run(&web_program);
}
