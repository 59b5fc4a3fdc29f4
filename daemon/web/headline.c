/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/headline.h"

#include <errno.h>
#include <stdbool.h>

#include "daemon/base/buf.h"
#include "daemon/base/text.h"
#include "daemon/web/json_list.h"

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

static void write_incidents(
	const json_t *document, size_t open, struct buf *headline, struct buf *subline)
{
	size_t critical = count_items(document, "incidents", "severity", "critical");
	size_t warning = count_items(document, "incidents", "severity", "warning");
	size_t acknowledged = count_items(document, "incidents", "acknowledged_at", NULL);
	size_t unknown = count_items(document, "services", "state", "unknown");

	buf_printf(headline, "%zu open incident%s", open, open == 1 ? "" : "s");
	if (critical > 0)
		buf_printf(subline, "%zu critical", critical);
	if (warning > 0)
		buf_printf(subline, "%s%zu warning%s", subline->size > 0 ? ", " : "", warning,
			warning == 1 ? "" : "s");
	if (acknowledged == open)
		buf_printf(subline, "%sacknowledged", subline->size > 0 ? ", " : "");
	else
		buf_printf(subline, "%s%zu not acknowledged", subline->size > 0 ? ", " : "",
			open - acknowledged);
	if (unknown > 0)
		buf_printf(subline, ", %zu service%s in unknown state", unknown,
			unknown == 1 ? "" : "s");
}

static void write_services(const json_t *document, struct buf *headline, struct buf *subline)
{
	size_t services = json_array_size(json_object_get(document, "services"));
	size_t up = count_items(document, "services", "state", "up");

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

static void write_roles(const json_t *document, struct buf *headline, struct buf *subline)
{
	size_t unknown = count_items(document, "services", "state", "unknown");
	json_t *role, *webhook;
	size_t i;

	/* What it does not see comes before why. */
	if (unknown > 0)
		buf_printf(headline, "%zu service%s in unknown state", unknown,
			unknown == 1 ? "" : "s");
	buf_add_string(unknown > 0 ? subline : headline, "modelwatch itself needs a look");
	json_array_foreach (json_object_get(document, "roles"), i, role) {
		const char *state = json_string_value(json_object_get(role, "state"));

		if (state && !text_equal(state, "running") && !text_equal(state, "starting"))
			buf_printf(subline, "%srole %s is %s", subline->size > 0 ? ", " : "",
				json_string_value(json_object_get(role, "name")), state);
	}
	json_array_foreach (json_object_get(document, "webhooks"), i, webhook)
		buf_printf(subline, "%swebhook %s takes nothing", subline->size > 0 ? ", " : "",
			json_string_value(json_object_get(webhook, "name")));
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
		write_roles(document, &headline, &subline);
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
