/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/presentation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/text.h"
#include "daemon/resolution.h"
#include "daemon/time_in_text.h"
#include "daemon/web/json_list.h"
#include "daemon/web/url_segment.h"

#define DEPTH_MAX 8  /* levels of a document; deeper ones stay as they are */
#define KEY_MAX   64 /* bytes of a key that gets a companion */

/* Sets KEY + SUFFIX. */
static int set(json_t *object, const char *key, const char *suffix, json_t *value)
{
	char name[KEY_MAX];

	snprintf(name, sizeof(name), "%s%s", key, suffix);
	return json_object_set_new(object, name, value) < 0 ? -ENOMEM : 0;
}

/* One unit is enough: who looks at a page thinks in minutes, not in seconds of an hour. */
static json_t *ago_json(int64_t seconds)
{
	static const struct {
		int64_t seconds;
		const char *unit;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {0, "s"}};
	size_t i = 0;

	if (seconds < 0)
		seconds = 0;
	while (seconds < units[i].seconds * 2)
		i++;
	return json_sprintf("%lld %s",
		(long long) (units[i].seconds > 0 ? seconds / units[i].seconds : seconds),
		units[i].unit);
}

static int add_time(json_t *object, const char *key, const char *value, int64_t now_ms)
{
	char text[RFC3339_MAX];
	usec_t time;
	int r;

	if (clock_parse(value, &time) < 0)
		return 0;
	r = set(object, key, "_text", json_string(clock_format_utc(time, text)));
	return r < 0 ? r
		     : set(object, key, "_ago",
			       ago_json(now_ms / 1000 - (int64_t) (time / USEC_PER_SEC)));
}

static int add_flag(json_t *object, const char *key, const char *value, int64_t now_ms)
{
	char suffix[KEY_MAX];

	snprintf(suffix, sizeof(suffix), "_is_%s", value);
	return set(object, key, suffix, json_true());
}

/* A runbook may be a manual page, or a word: a browser can follow the web's addresses alone. */
static int add_link(json_t *object, const char *key, const char *value, int64_t now_ms)
{
	bool link = text_after(value, "https://") || text_after(value, "http://");

	return set(object, key, "_is_link", json_boolean(link));
}

/* A name breaks behind its underscores. */
static int add_name_parts(json_t *object, const char *key, const char *value, int64_t now_ms)
{
	json_t *list = json_array();

	while (*value) {
		size_t size = strcspn(value, "_");

		size += value[size] == '_';
		json_list_add(&list, json_pack("{s:s%}", "part", value, size));
		value += size;
	}
	return set(object, key, "_parts", list);
}

/* What a role says, in parts: text, and the times within it. */
static json_t *prose_parts(const char *text)
{
	json_t *parts = json_array();
	const char *at, *behind;
	char time[RFC3339_MAX];
	usec_t when;

	while ((at = time_in_text(text, &when, &behind))) {
		json_list_add(&parts, json_pack("{s:s%}", "part", text, (size_t) (at - text)));
		json_list_add(&parts, json_pack("{s:s}", "time", clock_format(when, time)));
		text = behind;
	}
	json_list_add(&parts, json_pack("{s:s}", "part", text));
	return parts;
}

static int add_prose(json_t *object, const char *key, const char *value, int64_t now_ms)
{
	json_t *parts = prose_parts(value), *part;
	int r = 0;
	size_t i;

	/* What is set here is not walked again. */
	json_array_foreach (parts, i, part) {
		const char *time = json_string_value(json_object_get(part, "time"));

		if (time && r == 0)
			r = add_time(part, "time", time, now_ms);
	}
	if (r == 0)
		return set(object, key, "_prose", json_pack("{s:o}", "parts", parts));
	json_decref(parts);
	return r;
}

static const struct {
	const char *key;
	int (*add)(json_t *object, const char *key, const char *value, int64_t now_ms);
} companions[] = {
	{"state", add_flag},
	{"status", add_flag},
	{"headline_status", add_flag},
	{"severity", add_flag},
	{"runbook_url", add_link},
	{"metric", add_name_parts},
	{"configuration", add_prose},
	{"systemd", add_prose},
	{"since", add_time},
	{"time", add_time},
	{"opened_at", add_time},
	{"acknowledged_at", add_time},
	{"resolved_at", add_time},
	{"started_at", add_time},
	{"ended_at", add_time},
};

static int add_companion(json_t *object, const char *key, const char *value, int64_t now_ms)
{
	for (size_t i = 0; i < ELEMENTS(companions); i++)
		if (text_equal(companions[i].key, key))
			return companions[i].add(object, key, value, now_ms);
	return 0;
}

static int add_count(json_t *object, const char *key, const json_t *list)
{
	size_t count = json_array_size(list);
	int r = set(object, key, "_any", json_boolean(count > 0));

	if (r == 0)
		r = set(object, key, "_count", json_integer((json_int_t) count));
	return r < 0 ? r : set(object, key, "_plural", json_string(count == 1 ? "" : "s"));
}

/* Who should have been told and was not. */
static int add_failed(json_t *object, const char *key, const json_t *list)
{
	size_t failed = 0, i;
	json_t *item;

	if (!text_equal(key, "notifications"))
		return 0;
	json_array_foreach (list, i, item) {
		const char *state = json_string_value(json_object_get(item, "state"));

		failed += state && text_equal(state, "failed");
	}
	return failed == 0 ? 0
			   : set(object, key, "_failed",
				     json_sprintf("%zu notification%s failed", failed,
					     failed == 1 ? "" : "s"));
}

static int add_text_parts(json_t *item, const char *list)
{
	const char *text = json_string_value(json_object_get(item, "text"));

	if (!text || (!text_equal(list, "checks") && !text_equal(list, "webhooks")))
		return 0;
	return set(item, "parts", "", prose_parts(text));
}

/* A list of numbers as text. */
static int add_numbers(json_t *object, const char *key, const json_t *list)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		if (!json_is_integer(item))
			return 0;
		buf_printf(&text, "%s%" JSON_INTEGER_FORMAT, i > 0 ? ", " : "",
			json_integer_value(item));
	}
	if (buf_error(&text) < 0)
		return -ENOMEM;
	return set(object, key, "_text", json_string(text.data ? text.data : ""));
}

/* A template can walk a list, not an object. */
static int add_labels(json_t *object, json_t *labels)
{
	json_t *list = json_array(), *value;
	const char *name;

	json_object_foreach (labels, name, value)
		json_list_add(&list, json_pack("{s:s,s:O}", "name", name, "value", value));
	return json_object_set_new(object, "labels_list", list) < 0 ? -ENOMEM : 0;
}

/* Where an item of the list KEY has its page. */
static int add_href(json_t *item, const char *key)
{
	const char *name = json_string_value(json_object_get(item, "name"));
	const json_t *id = json_object_get(item, "id");
	_cleanup_buf_ struct buf segment = BUF_INIT;

	if (text_equal(key, "incidents") && json_is_integer(id))
		return set(item, "href", "",
			json_sprintf("incidents/%" JSON_INTEGER_FORMAT, json_integer_value(id)));
	if (!text_equal(key, "services") || !name)
		return 0;
	url_segment_write(&segment, name);
	if (buf_error(&segment) < 0)
		return -ENOMEM;
	return set(item, "href", "", json_sprintf("services/%s", segment.data));
}

/* An incident names its service. */
static int add_service_href(json_t *object)
{
	const char *name = json_string_value(json_object_get(object, "service"));
	_cleanup_buf_ struct buf segment = BUF_INIT;

	if (!name || !*name)
		return 0;
	url_segment_write(&segment, name);
	if (buf_error(&segment) < 0)
		return -ENOMEM;
	return set(object, "service", "_href", json_sprintf("services/%s", segment.data));
}

/* How an incident ended; nothing for what is none. */
static int add_resolution(json_t *object)
{
	const char *person = resolution_person(object);
	_cleanup_buf_ struct buf firing = BUF_INIT;
	int r = 0;

	resolution_write_firing(object, &firing);
	if (buf_error(&firing) < 0)
		return -ENOMEM;
	if (person)
		r = set(object, "resolved_by", "", json_string(person));
	if (r == 0 && firing.size > 0)
		r = set(object, "still_fires", "", json_string(firing.data));
	return r;
}

static int add_to(json_t *value, int64_t now_ms, size_t depth);

static int add_to_member(
	json_t *object, const char *key, json_t *value, int64_t now_ms, size_t depth)
{
	json_t *item;
	size_t i;
	int r;

	if (json_is_string(value))
		return add_companion(object, key, json_string_value(value), now_ms);
	if (json_is_integer(value))
		return set(object, key, "_any", json_boolean(json_integer_value(value) > 0));
	if (json_is_object(value) && text_equal(key, "labels"))
		return add_labels(object, value);
	if (!json_is_array(value))
		return add_to(value, now_ms, depth + 1);
	r = add_count(object, key, value);
	if (r == 0)
		r = add_numbers(object, key, value);
	if (r == 0)
		r = add_failed(object, key, value);
	json_array_foreach (value, i, item) {
		if (r == 0)
			r = add_href(item, key);
		if (r == 0)
			r = add_text_parts(item, key);
		if (r == 0)
			r = add_to(item, now_ms, depth + 1);
	}
	return r;
}

static int add_to(json_t *value, int64_t now_ms, size_t depth)
{
	json_t *copy, *member;
	const char *key;
	int r = 0;

	if (!json_is_object(value) || depth == DEPTH_MAX)
		return 0;
	/* Companions are set while the members are walked: walk a copy of the table. */
	copy = json_copy(value);
	if (!copy)
		return -ENOMEM;
	json_object_foreach (copy, key, member) {
		if (r == 0 && strlen(key) < KEY_MAX / 2)
			r = add_to_member(value, key, member, now_ms, depth);
	}
	json_decref(copy);
	if (r == 0)
		r = add_resolution(value);
	return r == 0 ? add_service_href(value) : r;
}

int presentation_add(json_t *document, int64_t now_ms)
{
	return add_to(document, now_ms, 0);
}
