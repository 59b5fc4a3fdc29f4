/* SPDX-License-Identifier: Apache-2.0 */
/* One incident with everything that whoever is on call needs: what it is, since when, why we think
 * so, what happened until now, who was told, and what to type next. */
#include <math.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/cli/show.h"
#include "daemon/cli/table.h"
#include "daemon/resolution.h"

#define INDENT "    "

static bool has(const json_t *object, const char *key)
{
	return *show_string(object, key) != '\0';
}

static void add_fact(struct table *t, const char *name, enum colour colour, struct buf *value)
{
	if (value->size == 0)
		return;
	table_add(t, DIM, name);
	table_add_buf(t, colour, value);
}

/* "2026-01-31 11:00:00 (5min ago) by NAME" */
static void put_when(struct buf *b, const struct style *style, const json_t *incident,
	const char *key, const char *person)
{
	show_time(b, style, show_string(incident, key));
	if (b->size > 0 && *person)
		buf_printf(b, " by %s", person);
}

/* "2026-01-31 11:02:00 (3min ago) by NAME while ServiceDown still fires" */
static bool put_resolution(struct buf *b, const struct style *style, const json_t *incident)
{
	const char *person = resolution_person(incident);
	_cleanup_buf_ struct buf firing = BUF_INIT;

	put_when(b, style, incident, "resolved_at", person ? person : "");
	resolution_write_firing(incident, &firing);
	if (firing.size > 0)
		buf_printf(b, " while %s", firing.data);
	return firing.size > 0;
}

static void show_facts(const json_t *incident, const struct style *style, struct buf *b)
{
	static const struct {
		const char *name, *key;
	} last[] = {{"Runbook", "runbook_url"}, {"Page", "url"}};
	const char *severity = show_string(incident, "severity");
	bool is_open = text_equal(show_string(incident, "state"), "open"), still_fires;
	_cleanup_(table_done) struct table t = {.columns = 2};
	_cleanup_buf_ struct buf value = BUF_INIT;

	buf_printf(&value, "%s, %s", show_string(incident, "state"), severity);
	add_fact(&t, "State", is_open ? show_severity_colour(severity) : PLAIN, &value);
	buf_add_string(&value, show_string(incident, "service"));
	add_fact(&t, "Service", PLAIN, &value);
	put_when(&value, style, incident, "opened_at", "");
	add_fact(&t, "Opened", PLAIN, &value);
	put_when(&value, style, incident, "acknowledged_at",
		show_string(incident, "acknowledged_by"));
	if (value.size == 0 && is_open)
		buf_add_string(&value, "by nobody yet");
	add_fact(&t, "Acknowledged", PLAIN, &value);
	still_fires = put_resolution(&value, style, incident);
	add_fact(&t, "Resolved", still_fires ? show_severity_colour(severity) : PLAIN, &value);
	for (size_t i = 0; i < ELEMENTS(last); i++) {
		buf_add_string(&value, show_string(incident, last[i].key));
		add_fact(&t, last[i].name, PLAIN, &value);
	}
	table_show(&t, style, b);
}

static bool put_number(struct buf *b, const char *name, const json_t *number)
{
	if (!json_is_number(number))
		return false;
	buf_printf(b, "%s%s %.10g", b->size > 0 ? ", " : "", name, json_number_value(number));
	return true;
}

/* "value 0, threshold 0, expected from 1 to 2" */
static void show_values(const json_t *alert, struct buf *b)
{
	const json_t *expected = json_object_get(alert, "expected");
	_cleanup_buf_ struct buf text = BUF_INIT;

	put_number(&text, "value", json_object_get(alert, "value"));
	put_number(&text, "threshold", json_object_get(alert, "threshold"));
	put_number(&text, "expected from", json_object_get(expected, "low"));
	put_number(&text, "expected up to", json_object_get(expected, "high"));
	if (text.data && text.size > 0)
		show_lines(b, INDENT, text.data);
}

static void show_labels(const json_t *alert, struct buf *b)
{
	json_t *labels = json_object_get(alert, "labels"), *value;
	_cleanup_buf_ struct buf text = BUF_INIT;
	const char *name;

	json_object_foreach(labels, name, value)
		if (json_is_string(value))
			buf_printf(&text, "%s%s=%s", text.size > 0 ? ", " : "", name,
				json_string_value(value));
	if (text.data && text.size > 0)
		show_lines(b, INDENT, text.data);
}

static void show_evidence(const json_t *alert, const struct style *style, struct buf *b)
{
	const json_t *evidence = json_object_get(alert, "evidence");

	for (size_t i = 0; i < json_array_size(evidence); i++) {
		const json_t *one = json_array_get(evidence, i);
		const char *text = show_string(one, "text");

		buf_add_string(b, INDENT);
		show_paint(b, style, DIM, show_string(one, "name"));
		if (strchr(text, '\n')) {
			buf_add_string(b, ":\n");
			show_lines(b, INDENT INDENT, text);
		} else {
			buf_add_string(b, ": ");
			show_paint(b, style, PLAIN, text);
			buf_add_char(b, '\n');
		}
	}
}

static void show_alert(const json_t *alert, const struct style *style, struct buf *b)
{
	const char *severity = show_string(alert, "severity"), *state = show_string(alert, "state");
	bool firing = text_equal(state, "firing");

	buf_add_string(b, "  ");
	show_paint(b, style, BOLD, show_string(alert, "rule"));
	buf_add_string(b, "  ");
	show_paint(b, style, firing ? show_severity_colour(severity) : DIM, state);
	buf_add_string(b, ", ");
	show_paint(b, style, PLAIN, severity);
	if (has(alert, "started_at")) {
		buf_add_string(b, ", since ");
		show_time(b, style, show_string(alert, "started_at"));
	}
	buf_add_char(b, '\n');
	show_lines(b, INDENT, show_string(alert, "summary"));
	show_lines(b, INDENT, show_string(alert, "description"));
	show_evidence(alert, style, b);
	show_values(alert, b);
	show_labels(alert, b);
}

static void show_alerts(const json_t *incident, const struct style *style, struct buf *b)
{
	const json_t *alerts = json_object_get(incident, "alerts");

	if (json_array_size(alerts) == 0)
		return;
	show_heading(b, style, "Alerts");
	for (size_t i = 0; i < json_array_size(alerts); i++)
		show_alert(json_array_get(alerts, i), style, b);
}

static void show_timeline(const json_t *incident, const struct style *style, struct buf *b)
{
	const json_t *timeline = json_object_get(incident, "timeline");
	_cleanup_(table_done) struct table t = {.columns = 4};
	_cleanup_buf_ struct buf time = BUF_INIT;

	if (json_array_size(timeline) == 0)
		return;
	show_heading(b, style, "Timeline");
	for (size_t i = 0; i < json_array_size(timeline); i++) {
		const json_t *entry = json_array_get(timeline, i);

		show_time_alone(&time, show_string(entry, "time"));
		table_add_buf(&t, DIM, &time);
		table_add(&t, PLAIN, show_string(entry, "type"));
		table_add(&t, PLAIN, show_string(entry, "actor"));
		table_add(&t, PLAIN, show_string(entry, "text"));
	}
	table_show(&t, style, b);
}

static void show_notifications(const json_t *incident, const struct style *style, struct buf *b)
{
	const json_t *notifications = json_object_get(incident, "notifications");
	_cleanup_(table_done) struct table t = {.columns = 5};
	_cleanup_buf_ struct buf tries = BUF_INIT;

	show_heading(b, style, "Notifications");
	if (json_array_size(notifications) == 0)
		buf_add_string(b, "  none: no webhook was to be told of it\n");
	for (size_t i = 0; i < json_array_size(notifications); i++) {
		const json_t *n = json_array_get(notifications, i);
		const char *state = show_string(n, "state");
		long long attempts = json_integer_value(json_object_get(n, "attempts"));

		table_add(&t, PLAIN, show_string(n, "webhook"));
		table_add(&t, PLAIN, show_string(n, "type"));
		table_add(&t,
			text_equal(state, "failed")	 ? RED
			: text_equal(state, "delivered") ? GREEN
							 : YELLOW,
			state);
		buf_printf(&tries, "%lld %s", attempts, attempts == 1 ? "try" : "tries");
		table_add_buf(&t, PLAIN, &tries);
		table_add(&t, PLAIN, show_string(n, "last_error"));
	}
	table_show(&t, style, b);
}

/* The unit that the first of the alerts names, if it is one. */
static const char *unit_of(const json_t *incident)
{
	json_t *alert, *evidence;
	size_t i, j;

	json_array_foreach (json_object_get(incident, "alerts"), i, alert)
		json_array_foreach (json_object_get(alert, "evidence"), j, evidence)
			if (text_equal(show_string(evidence, "name"), "unit"))
				return show_string(evidence, "text");
	return NULL;
}

static void add_unit(struct table *t, const json_t *incident)
{
	const char *unit = unit_of(incident), *quote;
	_cleanup_buf_ struct buf status = BUF_INIT, journal = BUF_INIT;

	if (!unit || strpbrk(unit, " ,'*?["))
		return;
	/* systemd escapes what a path has. */
	quote = strchr(unit, '\\') ? "'" : "";
	buf_printf(&status, "systemctl status %s%s%s", quote, unit, quote);
	table_add_buf(t, PLAIN, &status);
	table_add(t, PLAIN, "see what systemd says of it");
	buf_printf(&journal, "journalctl -u %s%s%s -n 50", quote, unit, quote);
	table_add_buf(t, PLAIN, &journal);
	table_add(t, PLAIN, "read what it said last");
}

static void show_next(const json_t *incident, const struct style *style, struct buf *b)
{
	static const struct {
		const char *verb, *what;
	} steps[] = {{"ack", "say that you are on it"}, {"note", "write down what you found"},
		{"resolve", "say that it is over"}};
	long long id = json_integer_value(json_object_get(incident, "id"));
	_cleanup_(table_done) struct table t = {.columns = 2};

	if (!text_equal(show_string(incident, "state"), "open"))
		return;
	show_heading(b, style, "What next");
	for (size_t i = has(incident, "acknowledged_by"); i < ELEMENTS(steps); i++) {
		_cleanup_buf_ struct buf command = BUF_INIT;

		buf_printf(&command, "modelwatch %s %lld -m TEXT", steps[i].verb, id);
		table_add_buf(&t, PLAIN, &command);
		table_add(&t, PLAIN, steps[i].what);
	}
	add_unit(&t, incident);
	if (has(incident, "service")) {
		table_add(&t, PLAIN, "modelwatch status");
		table_add(&t, PLAIN, "see whether it is up again");
	}
	table_show(&t, style, b);
}

void show_incident(const json_t *incident, const struct style *style, struct buf *b)
{
	long long id = json_integer_value(json_object_get(incident, "id"));
	const char *severity = show_string(incident, "severity");
	bool is_open = text_equal(show_string(incident, "state"), "open");

	buf_printf(b, "Incident %lld: ", id);
	show_paint(b, style, is_open ? show_severity_colour(severity) : BOLD,
		show_string(incident, "title"));
	buf_add_char(b, '\n');
	show_facts(incident, style, b);
	show_alerts(incident, style, b);
	show_timeline(incident, style, b);
	show_notifications(incident, style, b);
	show_next(incident, style, b);
}
