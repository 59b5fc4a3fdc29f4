/* SPDX-License-Identifier: Apache-2.0 */
/* modelwatch status: the host at a glance. */
#include <stdlib.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/cli/client.h"
#include "daemon/cli/show.h"
#include "daemon/cli/table.h"

#define PIDS_SHOWN  3
#define NAMES_SHOWN 3

/* The words of the API, what a monitoring plugin says for each, and its colour. */
static const struct {
	const char *word;
	int exit_status;
	enum colour colour;
	const char *text;
} conditions[] = {
	{"ok", 0, GREEN, "ok"},
	{"warning", 1, YELLOW, "WARNING"},
	{"critical", 2, RED, "CRITICAL"},
};

static int service_rank(const json_t *service)
{
	const char *state = show_string(service, "state");

	return text_equal(state, "down") ? 0 : text_equal(state, "up") ? 2 : 1;
}

/* What needs somebody first, then by name. */
static int compare_services(const void *a, const void *b)
{
	const json_t *const *left = a, *const *right = b;
	int difference = service_rank(*left) - service_rank(*right);

	return difference ? difference
			  : strcmp(show_string(*left, "name"), show_string(*right, "name"));
}

static void put_pids(const json_t *service, struct buf *b)
{
	const json_t *pids = json_object_get(service, "processes");
	size_t count = json_array_size(pids);

	for (size_t i = 0; i < count && i < PIDS_SHOWN; i++)
		buf_printf(b, "%s%lld", i > 0 ? ", " : "pid ",
			(long long) json_integer_value(json_array_get(pids, i)));
	if (count > PIDS_SHOWN)
		buf_printf(b, " and %zu more", count - PIDS_SHOWN);
}

static void add_service(struct table *t, const json_t *service, const struct style *style)
{
	static const enum colour colours[] = {RED, YELLOW, GREEN};
	long long restarts = json_integer_value(json_object_get(service, "restarts"));
	const char *reason = show_string(service, "reason");
	_cleanup_buf_ struct buf b = BUF_INIT;

	table_add(t, BOLD, show_string(service, "name"));
	table_add(t, colours[service_rank(service)], show_string(service, "state"));
	show_ago(&b, style, show_string(service, "since"));
	table_add_buf(t, PLAIN, &b);
	put_pids(service, &b);
	table_add_buf(t, PLAIN, &b);
	if (restarts > 0)
		buf_printf(&b, "%lld restart%s", restarts, restarts == 1 ? "" : "s");
	table_add_buf(t, PLAIN, &b);
	if (*reason)
		table_add(t, PLAIN, reason);
	else
		table_add(t, DIM,
			json_is_true(json_object_get(service, "discovered")) ? "discovered" : "");
}

static void show_services(const json_t *body, const struct style *style, struct buf *b)
{
	const json_t *services = json_object_get(body, "services");
	size_t count = json_array_size(services);
	_cleanup_free_ json_t **sorted = calloc(count + 1, sizeof(*sorted));
	_cleanup_(table_done) struct table t = {.columns = 6};

	show_heading(b, style, "Services");
	if (count == 0 || !sorted) {
		buf_add_string(b,
			"  none: no model server was found here. A [service NAME] section\n"
			"  of modelwatch.conf names one.\n");
		return;
	}
	for (size_t i = 0; i < count; i++)
		sorted[i] = json_array_get(services, i);
	qsort(sorted, count, sizeof(json_t *), compare_services);
	for (size_t i = 0; i < count; i++)
		add_service(&t, sorted[i], style);
	table_show(&t, style, b);
}

/* Roles are shown where one of them does not simply run. */
static void show_roles(const json_t *body, const struct style *style, struct buf *b)
{
	const json_t *roles = json_object_get(body, "roles");
	_cleanup_(table_done) struct table t = {.columns = 3};

	for (size_t i = 0; i < json_array_size(roles); i++) {
		const json_t *role = json_array_get(roles, i);
		const char *state = show_string(role, "state");
		long long restarts = json_integer_value(json_object_get(role, "restarts"));
		_cleanup_buf_ struct buf text = BUF_INIT;

		if (text_equal(state, "running") && restarts == 0)
			continue;
		table_add(&t, PLAIN, show_string(role, "name"));
		table_add(&t, text_equal(state, "running") ? PLAIN : RED, state);
		if (restarts > 0)
			buf_printf(&text, "%lld restart%s", restarts, restarts == 1 ? "" : "s");
		table_add_buf(&t, PLAIN, &text);
	}
	if (t.count == 0)
		return;
	show_heading(b, style, "Roles of modelwatchd");
	table_show(&t, style, b);
}

static void show_configuration(const json_t *body, const struct style *style, struct buf *b)
{
	const char *refused = show_string(body, "configuration");
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (!*refused)
		return;
	buf_printf(&text, "Configuration on disk: %s", refused);
	show_sentence(b, style, RED, text.data ? text.data : "");
	buf_add_char(b, '\n');
}

static void show_systemd(const json_t *body, const struct style *style, struct buf *b)
{
	const char *text = show_string(body, "systemd");

	if (!*text)
		return;
	show_sentence(b, style, RED, text);
	buf_add_char(b, '\n');
}

/* Those that take nothing. */
static void show_webhooks(const json_t *body, const struct style *style, struct buf *b)
{
	const json_t *webhooks = json_object_get(body, "webhooks");

	for (size_t i = 0; i < json_array_size(webhooks); i++) {
		const json_t *webhook = json_array_get(webhooks, i);
		_cleanup_buf_ struct buf text = BUF_INIT;

		buf_printf(&text, "Webhook %s: %s", show_string(webhook, "name"),
			show_string(webhook, "text"));
		show_sentence(b, style, RED, text.data ? text.data : "");
		buf_add_char(b, '\n');
	}
}

static bool is_in_trouble(const json_t *role)
{
	const char *state = show_string(role, "state");

	return !text_equal(state, "running") && !text_equal(state, "starting");
}

static void show_roles_in_trouble(const json_t *body, const struct style *style, struct buf *b)
{
	const json_t *roles = json_object_get(body, "roles");

	for (size_t i = 0; i < json_array_size(roles); i++) {
		const json_t *role = json_array_get(roles, i);

		if (!is_in_trouble(role))
			continue;
		buf_add_string(b, ", role ");
		show_paint(b, style, PLAIN, show_string(role, "name"));
		buf_add_char(b, ' ');
		show_paint(b, style, PLAIN, show_string(role, "state"));
	}
}

/* " (a, b, c and 2 more)": the first names of LIST, of those in STATE (NULL: of all); returns their count. */
static size_t list_names(const json_t *list, const char *state, struct buf *ret)
{
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);

		if ((!state || text_equal(show_string(item, "state"), state)) &&
			count++ < NAMES_SHOWN)
			buf_printf(ret, "%s%s", count > 1 ? ", " : " (", show_string(item, "name"));
	}
	if (count > NAMES_SHOWN)
		buf_printf(ret, " and %zu more", count - NAMES_SHOWN);
	buf_add_char(ret, ')');
	return count;
}

/* ", 5 services down (a, b, c and 2 more)"; nothing where none is. */
static void show_count(const json_t *body, const char *state, const struct style *style, struct buf *b)
{
	_cleanup_buf_ struct buf names = BUF_INIT;
	size_t count = list_names(json_object_get(body, "services"), state, &names);

	if (count == 0)
		return;
	buf_printf(b, ", %zu service%s %s", count, count == 1 ? "" : "s", state);
	show_paint(b, style, PLAIN, names.data ? names.data : "");
}

/* What keeps modelwatch from its work. */
static void show_parts(const json_t *body, const struct style *style, struct buf *b)
{
	_cleanup_buf_ struct buf names = BUF_INIT;
	size_t webhooks = list_names(json_object_get(body, "webhooks"), NULL, &names);

	show_roles_in_trouble(body, style, b);
	if (webhooks > 0) {
		buf_printf(b, ", %zu webhook%s nothing", webhooks, webhooks == 1 ? " takes" : "s take");
		show_paint(b, style, PLAIN, names.data ? names.data : "");
	}
	if (*show_string(body, "trouble"))
		buf_add_string(b, ", the database is in trouble");
	if (*show_string(body, "configuration"))
		buf_add_string(b, ", the configuration on disk is refused");
	if (*show_string(body, "systemd"))
		buf_add_string(b, ", systemd cannot be asked");
}

/* The one line that a monitoring plugin shows: how it is, and of what. */
static void show_summary(const json_t *body, const struct style *style, struct buf *b)
{
	size_t open = json_array_size(json_object_get(body, "incidents"));
	const char *word = show_string(body, "status");
	const char *text = word;
	enum colour colour = YELLOW;

	for (size_t i = 0; i < ELEMENTS(conditions); i++)
		if (text_equal(conditions[i].word, word)) {
			colour = conditions[i].colour;
			text = conditions[i].text;
		}
	show_paint(b, style, colour, text);
	show_count(body, "down", style, b);
	show_parts(body, style, b);
	/* Where all is well, what is unknown is none of those that should be there. */
	if (!text_equal(word, conditions[0].word))
		show_count(body, "unknown", style, b);
	if (open == 0)
		buf_add_string(b, ", no open incident\n");
	else
		buf_printf(b, ", %zu open incident%s\n", open, open == 1 ? "" : "s");
}

void show_status(const json_t *body, const struct style *style, struct buf *b)
{
	size_t open = json_array_size(json_object_get(body, "incidents"));
	const char *trouble = show_string(body, "trouble");

	show_summary(body, style, b);
	if (*trouble) {
		show_paint(b, style, RED, trouble);
		buf_add_char(b, '\n');
	}
	show_configuration(body, style, b);
	show_systemd(body, style, b);
	show_webhooks(body, style, b);
	show_services(body, style, b);
	if (open > 0) {
		show_heading(b, style, "Incidents");
		show_incidents(body, style, b);
	}
	show_roles(body, style, b);
}

int verb_status(const struct invocation *i)
{
	_cleanup_(answer_done) struct answer answer = {0};
	int r = client_show(i, "/v1/status", NULL, show_status, &answer);

	if (r < 0)
		return i->verb->failure;
	for (size_t n = 0; n < ELEMENTS(conditions); n++)
		if (text_equal(conditions[n].word, show_string(answer.json, "status")))
			return conditions[n].exit_status;
	return i->verb->failure;
}
