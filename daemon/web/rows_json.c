/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/rows_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/incident_json.h"
#include "daemon/base/buf.h"
#include "daemon/base/text.h"
#include "daemon/web/json_list.h"
#include "daemon/web/url_segment.h"

static json_t *service_url(const struct service_record *s, const char *external_url)
{
	_cleanup_buf_ struct buf url = BUF_INIT;

	if (*s->url || !*external_url)
		return text_or_null_json(s->url);
	buf_printf(&url, "%s/services/", external_url);
	url_segment_write(&url, s->name);
	return buf_error(&url) < 0 ? NULL : json_string(url.data);
}

json_t *service_json(const struct service_record *s, const char *absence,
	const struct process_record *processes, size_t process_count, const char *external_url)
{
	json_t *pids = json_array();

	for (size_t i = 0; i < process_count; i++)
		if (text_equal(processes[i].service, s->name))
			json_list_add(&pids, json_integer(processes[i].pid));
	return json_pack("{s:s,s:s,s:b,s:o,s:o,s:I,s:o,s:o,s:o}", "name", s->name, "state",
		service_state_name(s->state), "discovered", s->discovered, "processes", pids,
		"since", time_json(s->since_ms), "restarts", (json_int_t) s->restarts, "reason",
		text_or_null_json(s->reason), "absence", text_or_null_json(absence), "url",
		service_url(s, external_url));
}

int service_mark_unknown(struct service_record *s, int64_t last_ms)
{
	char *reason;

	if (s->state == SERVICE_UNKNOWN)
		return 0;
	if (asprintf(&reason, "%s when modelwatch last looked%s%s%s", service_state_name(s->state),
		    last_ms > 0 ? "" : "; its collector has not reported yet", *s->reason ? ": " : "",
		    s->reason) < 0)
		return -ENOMEM;
	free(s->reason);
	s->reason = reason;
	s->state = SERVICE_UNKNOWN;
	s->since_ms = last_ms;
	return 0;
}

bool service_has_fact(const struct fact *facts, size_t count, const char *service, const char *key,
	const char *value)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal(facts[i].subject, service) && text_equal(facts[i].key, key) &&
			text_equal(facts[i].value, value))
			return true;
	return false;
}

static const char *role_state(const struct role_record *r, bool engine)
{
	return !engine && text_equal(r->name, "engine") ? "stopped" : r->state;
}

json_t *role_json(const struct role_record *r, bool engine)
{
	return json_pack("{s:s,s:I,s:s,s:I}", "name", r->name, "pid", (json_int_t) r->pid, "state",
		role_state(r, engine), "restarts", (json_int_t) r->restarts);
}

json_t *timeline_entry_json(const struct timeline_entry *t)
{
	return json_pack("{s:o,s:s,s:s,s:s}", "time", time_json(t->time_ms), "type", t->type,
		"actor", t->actor, "text", t->text);
}

json_t *notification_json(const struct notification *n)
{
	return json_pack("{s:s,s:s,s:s,s:I,s:o}", "webhook", n->webhook, "type", n->type, "state",
		notification_state_name(n->state), "attempts", (json_int_t) n->attempts,
		"last_error", text_or_null_json(n->last_error));
}

/* A role that starts is no trouble yet. */
static bool is_in_trouble(const struct role_record *r, bool engine)
{
	const char *state = role_state(r, engine);

	return !text_equal(state, "running") && !text_equal(state, "starting");
}

static enum severity worst_incident(const struct overview *o)
{
	enum severity worst = SEVERITY_INFO;

	for (size_t i = 0; i < o->incident_count; i++)
		if (o->incidents[i].state == INCIDENT_OPEN && o->incidents[i].severity > worst)
			worst = o->incidents[i].severity;
	return worst;
}

static bool is_absent_for(const struct overview *o, const struct service_record *s, const char *why)
{
	return service_has_fact(o->facts, o->fact_count, s->name, SERVICE_ABSENCE, why);
}

static enum severity severity_of_absence(const struct overview *o, const struct service_record *s)
{
	if (s->state != SERVICE_DOWN || is_absent_for(o, s, SERVICE_NOT_EXPECTED))
		return SEVERITY_INFO;
	return is_absent_for(o, s, SERVICE_ASKED_TO_STOP) ? SEVERITY_WARNING : SEVERITY_CRITICAL;
}

const char *status_rollup(const struct overview *o)
{
	enum severity worst = worst_incident(o);

	for (size_t i = 0; i < o->service_count; i++) {
		enum severity severity = severity_of_absence(o, &o->services[i]);

		worst = severity > worst ? severity : worst;
	}
	if (o->limited && worst < SEVERITY_WARNING)
		worst = SEVERITY_WARNING;
	for (size_t i = 0; i < o->role_count && worst < SEVERITY_WARNING; i++)
		if (is_in_trouble(&o->roles[i], o->engine))
			worst = SEVERITY_WARNING;
	return worst == SEVERITY_INFO ? "ok" : severity_name(worst);
}
