/* SPDX-License-Identifier: Apache-2.0 */
#include "alerts/incident_json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "alerts/rule.h"
#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/text.h"

#define WHOLE_MAX 9007199254740992.0 /* 2^53: beyond it a double skips whole numbers */

json_t *text_json(const char *text)
{
	_cleanup_free_ char *printable = NULL;
	json_t *json = json_string(text);

	if (json)
		return json;
	printable = text_printable(text, strlen(text));
	return printable ? json_string(printable) : NULL;
}

json_t *time_json(int64_t time_ms)
{
	char text[RFC3339_MAX];

	return time_ms > 0 ? json_string(clock_format(usec_from_ms(time_ms), text)) : json_null();
}

json_t *number_json(double value)
{
	if (!isfinite(value))
		return json_null();
	if (value == floor(value) && fabs(value) <= WHOLE_MAX)
		return json_integer((json_int_t) value);
	return json_real(value);
}

json_t *text_or_null_json(const char *text)
{
	return text && *text ? text_json(text) : json_null();
}

static json_t *url_json(const struct incident *incident, const char *external_url)
{
	_cleanup_buf_ struct buf url = BUF_INIT;

	if (!*external_url)
		return json_null();
	buf_printf(&url, "%s/incidents/%" PRId64, external_url, incident->id);
	return buf_error(&url) < 0 ? NULL : text_json(url.data);
}

static json_t *runbook_json(const char *runbook)
{
	return runbook && rule_is_runbook(runbook) ? text_json(runbook) : json_null();
}

json_t *incident_json(const struct incident *i, const char *external_url)
{
	return json_pack("{s:I, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
		(json_int_t) i->id, "state", incident_state_name(i->state), "severity",
		severity_name(i->severity), "title", text_json(i->title), "service",
		text_json(i->service), "opened_at", time_json(i->opened_ms), "acknowledged_at",
		time_json(i->acknowledged_ms), "acknowledged_by",
		text_or_null_json(i->acknowledged_ms > 0 ? i->acknowledged_by : NULL), "resolved_at",
		time_json(i->resolved_ms), "url", url_json(i, external_url), "runbook_url",
		runbook_json(i->runbook));
}

static json_t *labels_json(const struct labels *labels)
{
	json_t *json = json_object();

	for (size_t i = 0; i < labels->count; i++)
		if (json_object_set_new(
			    json, labels->items[i].name, text_json(labels->items[i].value)) < 0) {
			json_decref(json);
			return NULL;
		}
	return json;
}

static json_t *evidence_json(const struct alert *alert)
{
	json_t *json = json_array();

	for (size_t i = 0; i < alert->evidence_count; i++) {
		json_t *item = json_pack("{s:o, s:o}", "name", text_json(alert->evidence[i].name),
			"text", text_json(alert->evidence[i].text));

		if (json_array_append_new(json, item) < 0) {
			json_decref(json);
			return NULL;
		}
	}
	return json;
}

json_t *alert_json(const struct alert *a)
{
	return json_pack("{s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o}, s:o, s:o, s:o}",
		"rule", text_json(a->rule), "fingerprint", a->fingerprint, "state",
		alert_state_name(a->state), "severity", severity_name(a->severity), "labels",
		labels_json(&a->labels), "summary", text_json(a->summary), "description",
		text_json(a->description), "value", number_json(a->value), "threshold",
		number_json(a->threshold), "expected", "low", number_json(a->low), "high",
		number_json(a->high), "started_at", time_json(a->started_ms), "ended_at",
		time_json(a->ended_ms), "evidence", evidence_json(a));
}
