/* SPDX-License-Identifier: Apache-2.0 */
#include "alerts/receivers/webhook.h"

#include <errno.h>
#include <string.h>

#include "alerts/incident_json.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

#define SCHEMA	    "modelwatch.notification/1"
#define LABEL_BYTES 256 /* that remain of a label in the smallest form */

/* How much is said, from everything to the least that is still a whole notification. */
static const struct detail {
	size_t alerts;
	bool evidence;
	bool texts; /* description and all labels */
} details[] = {
	{SIZE_MAX, true, true},
	{SIZE_MAX, false, true},
	{32, false, true},
	{4, false, true},
	{1, false, true},
	{1, false, false},
};

static int add_omitted(json_t *evidence, size_t count, const char *what)
{
	char text[128];

	if (count == 0)
		return 0;
	snprintf(text, sizeof(text), "%zu %s left out to keep this notification small", count, what);
	return json_array_append_new(evidence, json_pack("{s:s, s:s}", "name", "omitted", "text", text));
}

/* Empties the description, and leaves of the labels the one by which a person knows the service. */
static int strip_texts(json_t *alert, const struct alert *a)
{
	const char *service = labels_get(&a->labels, "service");
	_cleanup_free_ char *kept = NULL;

	if (json_object_clear(json_object_get(alert, "labels")) < 0 ||
		json_object_set_new(alert, "description", json_string("")) < 0)
		return -ENOMEM;
	if (!service)
		return 0;
	kept = strdup(service);
	if (!kept)
		return -ENOMEM;
	text_truncate(kept, LABEL_BYTES);
	return json_object_set_new(json_object_get(alert, "labels"), "service", text_json(kept));
}

/* The alert with so much detail; MORE others are left out behind it. */
static json_t *make_alert(const struct alert *a, const struct detail *detail, size_t more)
{
	json_t *json = alert_json(a), *evidence = json_object_get(json, "evidence");
	int r = json ? 0 : -ENOMEM;

	if (r >= 0 && !detail->evidence) {
		json_array_clear(evidence);
		r = add_omitted(evidence, a->evidence_count, "texts are");
	}
	if (r >= 0 && !detail->texts)
		r = strip_texts(json, a);
	if (r >= 0)
		r = add_omitted(evidence, more, "more alerts of this incident are");
	if (r >= 0)
		return json;
	json_decref(json);
	return NULL;
}

static json_t *make_alerts(const struct webhook_message *m, const struct detail *detail)
{
	size_t count = m->alert_count < detail->alerts ? m->alert_count : detail->alerts;
	size_t more = m->alert_count - count + m->more_alerts;
	json_t *json = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *alert = make_alert(m->alerts[i], detail, i + 1 == count ? more : 0);

		if (json_array_append_new(json, alert) < 0) {
			json_decref(json);
			return NULL;
		}
	}
	return json;
}

static int make_body(const struct webhook_message *m, const struct detail *detail, char **ret)
{
	json_t *incident = m->incident ? incident_json(m->incident, m->external_url) : json_null();
	json_t *json = json_pack("{s:s, s:s, s:s, s:o, s:{s:o, s:o}, s:o, s:o}", "schema", SCHEMA,
		"id", m->id, "type", m->type, "time", time_json(m->time_ms), "host", "name",
		text_json(m->host_name), "id", text_json(m->host_id), "incident", incident,
		"alerts", make_alerts(m, detail));

	/* 15 digits: what a person wrote as 0.1 is said as 0.1. */
	*ret = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
	json_decref(json);
	return *ret ? 0 : -ENOMEM;
}

int webhook_body(const struct webhook_message *m, char **ret)
{
	for (size_t i = 0; i < ELEMENTS(details); i++) {
		_cleanup_free_ char *body = NULL;
		int r = make_body(m, &details[i], &body);

		if (r < 0)
			return r;
		if (strlen(body) <= WEBHOOK_BODY_MAX || i + 1 == ELEMENTS(details)) {
			*ret = TAKE_POINTER(body);
			return 0;
		}
	}
	return -EINVAL;
}
