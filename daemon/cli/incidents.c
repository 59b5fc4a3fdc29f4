/* SPDX-License-Identifier: Apache-2.0 */
/* modelwatch incidents, ack, resolve, note: what is wrong, and what somebody does about it. */
#include <stdlib.h>
#include <string.h>

#include "daemon/base/num.h"
#include "daemon/base/text.h"
#include "daemon/cli/client.h"
#include "daemon/cli/show.h"
#include "daemon/cli/table.h"
#include "daemon/resolution.h"

#define UNKNOWN_MAX 128 /* bytes of what is said of an incident that is not there */

static bool is_open(const json_t *incident)
{
	return text_equal(show_string(incident, "state"), "open");
}

/* Open ones first, then the worst, then the newest. */
static int compare_incidents(const void *a, const void *b)
{
	const json_t *const *left = a, *const *right = b;
	int difference = is_open(*right) - is_open(*left);

	if (difference == 0)
		difference = show_severity_rank(show_string(*left, "severity")) -
			show_severity_rank(show_string(*right, "severity"));
	return difference ? difference
			  : strcmp(show_string(*right, "opened_at"),
				    show_string(*left, "opened_at"));
}

/* "opened 5min ago"; nothing where the time is not known. */
static void put_ago(const struct style *style, const char *what, const json_t *incident,
	const char *key, struct buf *b)
{
	_cleanup_buf_ struct buf ago = BUF_INIT;

	show_ago(&ago, style, show_string(incident, key));
	if (ago.size > 0)
		buf_printf(b, "%s%s", what, ago.data);
}

static void put_state(const json_t *incident, const struct style *style, struct buf *b)
{
	const char *person = show_string(incident, "acknowledged_by");

	if (is_open(incident) && *person) {
		buf_printf(b, "acknowledged by %s", person);
		return;
	}
	buf_add_string(b, show_string(incident, "state"));
	put_ago(style, " ", incident, "resolved_at", b);
}

static void add_incident(struct table *t, const json_t *incident, const struct style *style)
{
	const char *severity = show_string(incident, "severity");
	_cleanup_buf_ struct buf b = BUF_INIT, firing = BUF_INIT;
	bool live;

	resolution_write_firing(incident, &firing);
	live = is_open(incident) || firing.size > 0;
	buf_printf(&b, "%lld", (long long) json_integer_value(json_object_get(incident, "id")));
	table_add_buf(t, BOLD, &b);
	table_add(t, live ? show_severity_colour(severity) : DIM, severity);
	put_state(incident, style, &b);
	if (firing.size > 0)
		buf_printf(&b, ", %s", firing.data);
	table_add_buf(t, live ? PLAIN : DIM, &b);
	put_ago(style, "opened ", incident, "opened_at", &b);
	table_add_buf(t, PLAIN, &b);
	table_add(t, live ? PLAIN : DIM, show_string(incident, "title"));
}

void show_incidents(const json_t *body, const struct style *style, struct buf *b)
{
	const json_t *incidents = json_object_get(body, "incidents");
	size_t count = json_array_size(incidents);
	_cleanup_free_ json_t **sorted = calloc(count + 1, sizeof(*sorted));
	_cleanup_(table_done) struct table t = {.columns = 5};

	if (count == 0 || !sorted) {
		buf_add_string(b, "No incident.\n");
		return;
	}
	for (size_t i = 0; i < count; i++)
		sorted[i] = json_array_get(incidents, i);
	qsort(sorted, count, sizeof(json_t *), compare_incidents);
	for (size_t i = 0; i < count; i++)
		add_incident(&t, sorted[i], style);
	table_show(&t, style, b);
}

int verb_incidents(const struct invocation *i)
{
	const char *path = i->all ? "/v1/incidents?state=all" : "/v1/incidents";

	return client_show(i, path, NULL, show_incidents, NULL) < 0 ? i->verb->failure : EXIT_SUCCESS;
}

/* The number of an incident as people write it: 17 or #17. */
static int parse_id(const struct invocation *i, uint64_t *ret)
{
	const char *digits = *i->argument == '#' ? i->argument + 1 : i->argument;
	_cleanup_free_ char *printable = NULL;

	if (num_parse_u64(digits, ret) == 0)
		return 0;
	printable = text_printable(i->argument, strlen(i->argument));
	fprintf(stderr,
		"modelwatch: %s is not the number of an incident; "
		"'modelwatch incidents' lists them\n",
		printable ? printable : "that");
	return -EINVAL;
}

static void say_unknown(uint64_t id, char text[static UNKNOWN_MAX])
{
	snprintf(text, UNKNOWN_MAX,
		"there is no incident %" PRIu64 "; 'modelwatch incidents --all' lists them", id);
}

int verb_incident(const struct invocation *i)
{
	char path[64], unknown[UNKNOWN_MAX];
	uint64_t id;
	int r;

	if (parse_id(i, &id) < 0)
		return i->verb->failure;
	snprintf(path, sizeof(path), "/v1/incidents/%" PRIu64, id);
	say_unknown(id, unknown);
	r = client_show(i, path, unknown, show_incident, NULL);
	return r < 0 ? i->verb->failure : EXIT_SUCCESS;
}

/* {"comment":"..."}; free() it. NULL where the text is no UTF-8. */
static char *comment_body(const char *text)
{
	json_t *body = json_pack("{s:s}", "comment", text ? text : "");
	char *json = body ? json_dumps(body, JSON_COMPACT) : NULL;

	json_decref(body);
	return json;
}

/* POSTs the verb of the API and says what is now so. */
static int change(const struct invocation *i, const char *verb, const char *done)
{
	_cleanup_(answer_done) struct answer answer = {0};
	_cleanup_free_ char *body = comment_body(i->message);
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct style style = client_style();
	char path[64], unknown[UNKNOWN_MAX];
	uint64_t id;
	int r;

	if (parse_id(i, &id) < 0)
		return i->verb->failure;
	if (!body) {
		fputs("modelwatch: the text is not UTF-8\n", stderr);
		return i->verb->failure;
	}
	snprintf(path, sizeof(path), "/v1/incidents/%" PRIu64 "/%s", id, verb);
	say_unknown(id, unknown);
	r = client_request(i, "POST", path, body, unknown, &answer);
	if (i->json)
		client_print(&answer.body);
	else if (r == 0) {
		buf_printf(&text, "Incident %" PRIu64 " %s: ", id, done);
		show_paint(&text, &style, BOLD, show_string(answer.json, "title"));
		puts(text.data ? text.data : "");
	}
	return r < 0 ? i->verb->failure : EXIT_SUCCESS;
}

int verb_acknowledge(const struct invocation *i)
{
	return change(i, "acknowledge", "acknowledged");
}

int verb_resolve(const struct invocation *i)
{
	return change(i, "resolve", "resolved");
}

int verb_note(const struct invocation *i)
{
	return change(i, "note", "has a new note");
}
