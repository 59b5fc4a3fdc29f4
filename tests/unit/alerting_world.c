/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/alerting_world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

const struct rule_spec rules_down[] = {
	{"Down", "up == 0", .severity = SEVERITY_CRITICAL,
		.summary = "{{ service }} is down{{#reason}}: {{ reason }}{{/reason}}"},
	{0},
};
const struct rule_spec rules_slow_and_down[] = {
	{"Slow", "latency > 2", .wait_s = 30, .severity = SEVERITY_WARNING,
		.summary = "{{ service }} takes {{ value }} s, more than {{ threshold }}"},
	{"Down", "up == 0", .severity = SEVERITY_CRITICAL, .summary = "{{ service }} is down"},
	{0},
};
const struct rule_spec rules_crash_loop[] = {
	{"Down", "up == 0", .severity = SEVERITY_CRITICAL, .summary = "down"},
	{"Restarting", "restarts >= 3", .keep_s = 300, .severity = SEVERITY_WARNING,
		.summary = "{{ value }} restarts{{#reason}}, last {{ reason }}{{/reason}}"},
	{0},
};
const struct route_spec route_oncall[] = {{.webhook = "oncall"}, {0}};

int world_random(void *userdata, void *bytes, size_t size)
{
	struct world *w = userdata;

	memset(bytes, 0, size);
	*(unsigned char *) bytes = ++w->random;
	return 0;
}

static int select_points(void *userdata, const char *metric, int64_t time_ms, promql_series_fn fn,
	void *fn_userdata)
{
	const struct world *w = userdata;
	int r = 0;

	for (size_t i = 0; i < w->point_count && r == 0; i++) {
		char service[] = "service";
		const struct point *p = &w->points[i];
		struct label label = {service, (char *) (uintptr_t) p->service};
		struct series series = {
			(char *) (uintptr_t) p->metric, {&label, *p->service ? 1 : 0}};

		if (!isnan(p->value) && (!metric || text_equal(metric, p->metric)))
			r = fn(fn_userdata, &series, p->value);
	}
	return r;
}

struct promql_source world_source(struct world *w)
{
	return (struct promql_source){select_points, w};
}

void world_set_rules(struct world *w)
{
	struct rule **rules = calloc(16, sizeof(*rules));
	size_t count = 0;

	for (const struct rule_spec *s = w->rules; s && s->name; s++) {
		struct rule_source source = {
			.name = s->name,
			.expr = s->expr,
			.clear = s->clear ? s->clear : "",
			.wait = s->wait_s * USEC_PER_SEC,
			.keep_firing = s->keep_s * USEC_PER_SEC,
			.at_least = s->at_least ? s->at_least : 1,
			.of = s->of ? s->of : 1,
			.severity = s->severity,
			.group_by = s->group_by ? s->group_by : "",
			.summary = s->summary ? s->summary : "",
			.description = "",
			.runbook = "",
		};

		assert_int_equal(rule_new(&source, &rules[count++], NULL), 0);
	}
	assert_int_equal(alerting_set_rules(w->alerting, rules, count), 0);
}

void world_set_routes(struct world *w)
{
	struct route *routes = calloc(8, sizeof(*routes));
	size_t count = 0;

	for (const struct route_spec *s = w->routes; s->webhook; s++, count++) {
		routes[count] = (struct route){
			.webhook = strdup(s->webhook),
			.severity = s->severity,
			.send_resolved = !s->quiet,
		};
		if (!s->match)
			continue;
		routes[count].matchers = calloc(1, sizeof(struct matcher));
		assert_int_equal(matcher_parse(s->match, routes[count].matchers, NULL), 0);
		routes[count].matcher_count = 1;
	}
	alerting_set_routes(w->alerting, routes, count);
}

static void restore_alerts(struct world *w, int64_t incident)
{
	for (size_t i = 0; i < w->alert_count; i++)
		if (w->alerts[i].incident == incident)
			assert_int_equal(alerting_restore_alert(w->alerting, &w->alerts[i]), 0);
}

static void start(struct world *w)
{
	static const struct alerting_host host = {"gpu7", "id", "https://mw.example.net"};

	w->alerting = alerting_new();
	assert_non_null(w->alerting);
	alerting_set_random(w->alerting, world_random, w);
	assert_int_equal(alerting_set_host(w->alerting, &host), 0);
	alerting_set_reopen(w->alerting, 10 * USEC_PER_MIN);
	world_set_rules(w);
	world_set_routes(w);
	/* The newest first, as the store lists them. */
	for (size_t i = w->incident_count; i > 0; i--) {
		assert_int_equal(alerting_restore_incident(w->alerting, &w->incidents[i - 1]), 0);
		restore_alerts(w, w->incidents[i - 1].id);
	}
	restore_alerts(w, 0);
	for (size_t i = 0; i < w->timeline_count; i++)
		assert_int_equal(alerting_restore_timeline(w->alerting, &w->timeline[i]), 0);
	for (size_t i = 0; i < w->notification_count; i++)
		assert_int_equal(
			alerting_restore_notification(w->alerting, &w->notifications[i]), 0);
}

/* The database's alert rows have the key (fingerprint, incident), as the store's. */
static size_t find_alert(const struct world *w, const char *fingerprint, int64_t incident)
{
	size_t i = 0;

	while (i < w->alert_count && (!text_equal(w->alerts[i].fingerprint, fingerprint) ||
					     w->alerts[i].incident != incident))
		i++;
	return i;
}

static void remove_alert(struct world *w, const char *fingerprint)
{
	size_t i = find_alert(w, fingerprint, 0);

	if (i == w->alert_count)
		return;
	alert_done(&w->alerts[i]);
	memmove(&w->alerts[i], &w->alerts[i + 1], (--w->alert_count - i) * sizeof(struct alert));
}

static void put_alert(struct world *w, const struct alert *alert)
{
	size_t i;

	if (alert->incident != 0)
		remove_alert(w, alert->fingerprint);
	i = find_alert(w, alert->fingerprint, alert->incident);
	if (i == w->alert_count)
		w->alert_count++;
	else
		alert_done(&w->alerts[i]);
	assert_int_equal(alert_copy(alert, &w->alerts[i]), 0);
}

static void put_incident(struct world *w, const struct incident *incident)
{
	size_t i = 0;

	while (i < w->incident_count && w->incidents[i].id != incident->id)
		i++;
	if (i == w->incident_count)
		w->incident_count++;
	else
		incident_done(&w->incidents[i]);
	assert_int_equal(incident_copy(incident, &w->incidents[i]), 0);
}

static void put_notification(struct world *w, const struct notification *n)
{
	buf_printf(&w->told, "%s %s %d; ", n->webhook,
		text_after(n->type, "incident.") ? text_after(n->type, "incident.") : n->type,
		(int) n->incident);
	for (size_t i = 0; i < w->notification_count; i++)
		assert_string_not_equal(w->notifications[i].message_id, n->message_id);
	assert_true(w->notification_count < ROWS_MAX);
	w->notifications[w->notification_count++] = (struct notification){
		.message_id = strdup(n->message_id),
		.incident = n->incident,
		.webhook = strdup(n->webhook),
		.type = strdup(n->type),
		.created_ms = n->created_ms,
		.body = strdup(n->body),
	};
}

void world_commit(struct world *w)
{
	struct alerting_changes c;

	assert_int_equal(alerting_changes(w->alerting, &c), 0);
	for (size_t i = 0; i < c.removed_count; i++)
		remove_alert(w, c.removed[i]);
	for (size_t i = 0; i < c.alert_count; i++)
		put_alert(w, c.alerts[i]);
	for (size_t i = 0; i < c.incident_count; i++)
		put_incident(w, c.incidents[i]);
	for (size_t i = 0; i < c.timeline_count; i++)
		w->timeline[w->timeline_count++] = (struct timeline_entry){
			.incident = c.timeline[i].incident,
			.time_ms = c.timeline[i].time_ms,
			.type = strdup(c.timeline[i].type),
			.actor = strdup(c.timeline[i].actor),
			.text = strdup(c.timeline[i].text),
		};
	for (size_t i = 0; i < c.notification_count; i++)
		put_notification(w, &c.notifications[i]);
	alerting_committed(w->alerting);
	assert_false(alerting_has_changes(w->alerting));
}

static void set_value(struct world *w, const char *metric, const char *service, const char *value)
{
	size_t i = 0;

	while (i < w->point_count && (!text_equal(w->points[i].metric, metric) ||
					     !text_equal(w->points[i].service, service)))
		i++;
	if (i == w->point_count)
		w->point_count++;
	assert_true(i < SERIES_MAX);
	snprintf(w->points[i].metric, sizeof(w->points[i].metric), "%s", metric);
	snprintf(w->points[i].service, sizeof(w->points[i].service), "%s", service);
	w->points[i].value = text_equal(value, "-") ? NAN : strtod(value, NULL);
}

static void set_evidence(struct world *w, const char *service, char *text)
{
	char name[] = "reason";
	struct evidence evidence = {name, text};

	assert_int_equal(alerting_evidence(w->alerting, service, &evidence, 1), 0);
}

static const struct {
	const char *name;
	int (*act)(struct alerting *a, int64_t incident, const char *actor, const char *comment,
		int64_t now_ms);
} acts[] = {
	{"ack", alerting_acknowledge},
	{"resolve", alerting_resolve},
	{"note", alerting_note},
};

/* WORD is NAME:SUBJECT=VALUE, or a part of it. */
static void do_word(struct world *w, char *word, int64_t now_ms)
{
	char *subject = strchr(word, ':'), *value = strchr(word, '=');

	assert_non_null(subject);
	*subject++ = '\0';
	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < ELEMENTS(acts); i++)
		if (text_equal(acts[i].name, word)) {
			assert_int_equal(acts[i].act(w->alerting, atoi(subject), "alice", "words",
						 now_ms),
				0);
			return;
		}
	if (text_equal(word, "evidence"))
		set_evidence(w, subject, value);
	else
		set_value(w, word, subject, value);
}

static void do_step(struct world *w, const struct step *s)
{
	struct promql_source source = world_source(w);
	int64_t now_ms = BEGIN_MS + s->at_s * INT64_C(1000);
	_cleanup_free_ char *words = strdup(s->what);
	char *save = NULL, *only = NULL;
	const char *only_metrics[] = {NULL, NULL};
	bool fails = false;

	buf_reset(&w->told);
	for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (text_equal(word, "fail")) {
			fails = true;
		} else if (text_equal(word, "kill")) {
			alerting_free(w->alerting);
			start(w);
		} else if (text_equal(word, "norules")) {
			w->rules = NULL;
			world_set_rules(w);
		} else if (text_after(word, "only:")) {
			only = word + strlen("only:");
		} else {
			do_word(w, word, now_ms);
		}
	}
	only_metrics[0] = only;
	assert_int_equal(alerting_evaluate(w->alerting, &source, only ? only_metrics : NULL, now_ms), 0);
	if (!fails)
		world_commit(w);
}

/* "1 open; 2 resolved; " */
static void check_incidents(const struct world *w, const struct step *s)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	for (size_t i = 0; i < w->incident_count; i++)
		buf_printf(&out, "%d %s; ", (int) w->incidents[i].id,
			incident_state_name(w->incidents[i].state));
	if (s->incidents && !text_equal(out.data ? out.data : "", s->incidents))
		fail_msg("%d s, %s: incidents %s", s->at_s, s->what, out.data);
}

/* "Down llama firing 1; ": rule, service, state, incident */
static void check_alerts(const struct world *w, const struct step *s)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	for (size_t i = 0; i < w->alert_count; i++) {
		const char *service = labels_get(&w->alerts[i].labels, "service");

		buf_printf(&out, "%s %s %s %d; ", w->alerts[i].rule, service ? service : "",
			alert_state_name(w->alerts[i].state), (int) w->alerts[i].incident);
	}
	if (s->alerts && !text_equal(out.data ? out.data : "", s->alerts))
		fail_msg("%d s, %s: alerts %s", s->at_s, s->what, out.data);
}

void world_run(struct world *w, const struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct step *s = &steps[i];
		const char *told;

		do_step(w, s);
		told = w->told.size > 0 ? w->told.data : "";
		if (s->told && !text_equal(told, s->told))
			fail_msg("%d s, %s: told \"%s\"", s->at_s, s->what, told);
		check_incidents(w, s);
		check_alerts(w, s);
	}
}

struct world *world_begin(const struct rule_spec *rules, const struct route_spec *routes)
{
	struct world *w = calloc(1, sizeof(*w));

	w->rules = rules;
	w->routes = routes;
	start(w);
	return w;
}

void world_end(struct world *w)
{
	alerting_free(w->alerting);
	for (size_t i = 0; i < w->alert_count; i++)
		alert_done(&w->alerts[i]);
	for (size_t i = 0; i < w->incident_count; i++)
		incident_done(&w->incidents[i]);
	for (size_t i = 0; i < w->timeline_count; i++)
		timeline_entry_done(&w->timeline[i]);
	for (size_t i = 0; i < w->notification_count; i++)
		notification_done(&w->notifications[i]);
	buf_done(&w->told);
	free(w);
}

void run_scenario(const struct rule_spec *rules, const struct route_spec *routes,
	const struct step *steps, size_t count)
{
	struct world *w = world_begin(rules, routes);

	world_run(w, steps, count);
	world_end(w);
}

void world_expect_timeline(const struct world *w, const char *expected)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	for (size_t i = 0; i < w->timeline_count; i++)
		buf_printf(&out, "%s ", w->timeline[i].type);
	assert_string_equal(out.data, expected);
}
