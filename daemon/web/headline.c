/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/headline.h"

#include <errno.h>
#include <stdbool.h>

#include "daemon/base/buf.h"
#include "daemon/base/text.h"
#include "daemon/web/json_list.h"
#include "schema/records.h"

/* How many items of a list have KEY as VALUE; with VALUE NULL: have it at all. */
static size_t count_items(
	const json_t *document, const char *list, const char *key, const char *value)
{
	size_t count = 0, i;
	json_t *item;

	json_array_foreach (json_object_get(document, list), i, item) {
		const char *text = json_string_value(json_object_get(item, key));

		count += text && (!value || text_equal(text, value));
	}
	return count;
}

/* False for what nobody expects to be in another one, too: that is nothing to look at. */
static bool is_in_state(const json_t *service, const char *state)
{
	const char *now = json_string_value(json_object_get(service, "state"));
	const char *absence = json_string_value(json_object_get(service, "absence"));

	return now && text_equal(now, state) && !(absence && text_equal(absence, SERVICE_NOT_EXPECTED));
}

static size_t count_state(const json_t *document, const char *state)
{
	size_t count = 0, i;
	json_t *service;

	json_array_foreach (json_object_get(document, "services"), i, service)
		count += is_in_state(service, state);
	return count;
}

/* Begins another part of a line. */
static void separate(struct buf *line)
{
	if (line->size > 0)
		buf_add_string(line, ", ");
}

/* "2 services down"; nothing of none. */
static void write_count(struct buf *line, size_t count, const char *state)
{
	if (count == 0)
		return;
	separate(line);
	buf_printf(line, "%zu service%s %s", count, count == 1 ? "" : "s", state);
}

/* Which of its parts keep modelwatch from its work. */
static void write_parts(const json_t *document, struct buf *subline)
{
	json_t *role, *webhook;
	size_t i;

	json_array_foreach (json_object_get(document, "roles"), i, role) {
		const char *state = json_string_value(json_object_get(role, "state"));

		if (!state || text_equal(state, "running") || text_equal(state, "starting"))
			continue;
		separate(subline);
		buf_printf(subline, "role %s is %s",
			json_string_value(json_object_get(role, "name")), state);
	}
	json_array_foreach (json_object_get(document, "webhooks"), i, webhook) {
		separate(subline);
		buf_printf(subline, "webhook %s takes nothing",
			json_string_value(json_object_get(webhook, "name")));
	}
	if (json_is_string(json_object_get(document, "trouble"))) {
		separate(subline);
		buf_add_string(subline, "the database is in trouble");
	}
	if (json_is_string(json_object_get(document, "configuration"))) {
		separate(subline);
		buf_add_string(subline, "the configuration on disk is refused");
	}
	if (json_is_string(json_object_get(document, "systemd"))) {
		separate(subline);
		buf_add_string(subline, "systemd cannot be asked");
	}
}

static void write_incidents(
	const json_t *document, size_t open, struct buf *headline, struct buf *subline)
{
	size_t critical = count_items(document, "incidents", "severity", "critical");
	size_t warning = count_items(document, "incidents", "severity", "warning");
	size_t acknowledged = count_items(document, "incidents", "acknowledged_at", NULL);

	buf_printf(headline, "%zu open incident%s", open, open == 1 ? "" : "s");
	if (critical > 0)
		buf_printf(subline, "%zu critical", critical);
	if (warning > 0) {
		separate(subline);
		buf_printf(subline, "%zu warning%s", warning, warning == 1 ? "" : "s");
	}
	separate(subline);
	if (acknowledged == open)
		buf_add_string(subline, "acknowledged");
	else
		buf_printf(subline, "%zu not acknowledged", open - acknowledged);
	write_count(subline, count_state(document, "down"), "down");
	write_parts(document, subline);
	write_count(subline, count_state(document, "unknown"), "in unknown state");
}

static void write_services(const json_t *document, struct buf *headline, struct buf *subline)
{
	size_t services = json_array_size(json_object_get(document, "services"));
	size_t up = count_state(document, "up");

	if (services == 0) {
		buf_add_string(headline, "No model servers found yet");
		buf_add_string(subline, "modelwatch keeps looking");
		return;
	}
	buf_add_string(headline, "All is well");
	if (up == services)
		buf_printf(subline, "%zu service%s up", services, services == 1 ? "" : "s");
	else
		buf_printf(subline, "%zu of %zu services up, no open incident", up, services);
}

/* The name of the first service that is down. */
static const char *find_down(const json_t *document)
{
	const char *name = NULL;
	json_t *service;
	size_t i;

	json_array_foreach (json_object_get(document, "services"), i, service)
		if (!name && is_in_state(service, "down"))
			name = json_string_value(json_object_get(service, "name"));
	return name ? name : "a service";
}

/* What is wrong without an open incident: what is down, then what keeps modelwatch from its work. A service
 * in unknown state may be known soon: it is the reason where there is no other. */
static void write_trouble(const json_t *document, struct buf *headline, struct buf *subline)
{
	size_t down = count_state(document, "down"), unknown = count_state(document, "unknown");

	if (down > 0)
		buf_add_string(subline, "no open incident");
	write_parts(document, subline);
	if (down == 1)
		buf_printf(headline, "%s is down", find_down(document));
	else if (down > 0)
		write_count(headline, down, "down");
	else if (unknown > 0 && subline->size == 0) {
		write_count(headline, unknown, "in unknown state");
		buf_add_string(subline, "modelwatch itself needs a look");
		return;
	} else
		buf_add_string(headline, "modelwatch itself needs a look");
	write_count(subline, unknown, "in unknown state");
}

/* What needs a look comes first, however many services there are. */
static int sort_services(json_t *document)
{
	static const char *const states[] = {"down", "unknown", "up"};
	json_t *services = json_object_get(document, "services"), *sorted = json_array(), *item;
	size_t n;

	for (size_t i = 0; i < ELEMENTS(states); i++)
		json_array_foreach (services, n, item) {
			const char *state = json_string_value(json_object_get(item, "state"));

			if (state && text_equal(state, states[i]))
				json_list_add(&sorted, json_incref(item));
		}
	return json_object_set_new(document, "services", sorted) < 0 ? -ENOMEM : 0;
}

static int set(json_t *document, const char *key, const char *text)
{
	return json_object_set_new(document, key, json_string(text)) < 0 ? -ENOMEM : 0;
}

int headline_add(json_t *document)
{
	_cleanup_buf_ struct buf headline = BUF_INIT, subline = BUF_INIT;
	const char *status = json_string_value(json_object_get(document, "status"));
	size_t open = json_array_size(json_object_get(document, "incidents"));
	bool empty = json_array_size(json_object_get(document, "services")) == 0;
	int r = sort_services(document);

	if (r < 0)
		return r;
	if (open > 0)
		write_incidents(document, open, &headline, &subline);
	else if (status && !text_equal(status, "ok"))
		write_trouble(document, &headline, &subline);
	else {
		write_services(document, &headline, &subline);
		status = empty ? "none" : status;
	}
	if (buf_error(&headline) < 0 || buf_error(&subline) < 0)
		return -ENOMEM;
	r = set(document, "headline", headline.data);
	if (r == 0)
		r = set(document, "subline", subline.data ? subline.data : "");
	return r < 0 ? r : set(document, "headline_status", status ? status : "none");
}
