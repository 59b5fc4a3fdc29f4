/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios: values and persons in, incidents and notifications out, with a clock of our own and a
 * database that holds what was committed.
 *
 * A step is a time in seconds, what happens then (words, below), what is told in it ("WEBHOOK TYPE
 * INCIDENT;" each) and how all incidents and the alerts of the database stand after it. NULL is not
 * checked. Words:
 *   METRIC:SERVICE=VALUE  the series has this value        METRIC:SERVICE=-  it ended
 *   ack:N  resolve:N  note:N                               a person does it to an incident
 *   evidence:SERVICE=TEXT                                  its reason is known
 *   fail     this step's commit fails                      kill     the daemon starts anew first
 *   only:METRIC   only rules that read it are evaluated    norules  all rules are taken away */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "alerts/alerting.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

#define SERIES_MAX 16
#define ROWS_MAX   512
#define BEGIN_MS   INT64_C(1700000000000)

struct point {
	char metric[32], service[32];
	double value;
};

/* One daemon, its world and its database. */
struct world {
	struct alerting *alerting;
	struct point points[SERIES_MAX];
	size_t point_count;
	const struct rule_spec *rules;
	const struct route_spec *routes;
	unsigned char random;

	struct alert alerts[ROWS_MAX];
	struct incident incidents[ROWS_MAX];
	struct timeline_entry timeline[ROWS_MAX];
	struct notification notifications[ROWS_MAX];
	size_t alert_count, incident_count, timeline_count, notification_count;
	struct buf told;
};

struct rule_spec {
	const char *name, *expr, *clear;
	unsigned wait_s, keep_s, at_least, of;
	enum severity severity;
	const char *summary;
	const char *group_by;
};

struct route_spec {
	const char *webhook;
	enum severity severity;
	const char *match;
	bool quiet; /* send-resolved = no */
};

struct step {
	int at_s;
	const char *what, *told, *incidents, *alerts;
};

static const struct rule_spec down[] = {
	{"Down", "up == 0", .severity = SEVERITY_CRITICAL,
		.summary = "{{ service }} is down{{#reason}}: {{ reason }}{{/reason}}"},
	{0},
};
static const struct rule_spec slow_and_down[] = {
	{"Slow", "latency > 2", .wait_s = 30, .severity = SEVERITY_WARNING,
		.summary = "{{ service }} takes {{ value }} s, more than {{ threshold }}"},
	{"Down", "up == 0", .severity = SEVERITY_CRITICAL, .summary = "{{ service }} is down"},
	{0},
};
static const struct route_spec oncall[] = {{.webhook = "oncall"}, {0}};

static int count_up(void *userdata, void *bytes, size_t size)
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

static void set_rules(struct world *w)
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
			.inhibits = "",
		};

		assert_int_equal(rule_new(&source, &rules[count++], NULL), 0);
	}
	assert_int_equal(alerting_set_rules(w->alerting, rules, count), 0);
}

static void set_routes(struct world *w)
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
	assert_int_equal(alerting_set_routes(w->alerting, routes, count), 0);
}

static void start(struct world *w)
{
	static const struct alerting_host host = {"gpu7", "id", "https://mw.example.net"};

	w->alerting = alerting_new();
	assert_non_null(w->alerting);
	alerting_set_random(w->alerting, count_up, w);
	assert_int_equal(alerting_set_host(w->alerting, &host), 0);
	alerting_set_reopen(w->alerting, 10 * USEC_PER_MIN);
	set_rules(w);
	set_routes(w);
	for (size_t i = 0; i < w->incident_count; i++)
		assert_int_equal(alerting_restore_incident(w->alerting, &w->incidents[i]), 0);
	for (size_t i = 0; i < w->alert_count; i++)
		assert_int_equal(alerting_restore_alert(w->alerting, &w->alerts[i]), 0);
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
		.body = strdup(n->body),
	};
}

static void commit(struct world *w)
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
	struct promql_source source = {select_points, w};
	int64_t now_ms = BEGIN_MS + s->at_s * INT64_C(1000);
	_cleanup_free_ char *words = strdup(s->what);
	char *save = NULL, *only = NULL;
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
			set_rules(w);
		} else if (text_after(word, "only:")) {
			only = word + strlen("only:");
		} else {
			do_word(w, word, now_ms);
		}
	}
	assert_int_equal(alerting_evaluate(w->alerting, &source, only, now_ms), 0);
	if (!fails)
		commit(w);
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

static void run_on(struct world *w, const struct step *steps, size_t count)
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

static struct world *begin(const struct rule_spec *rules, const struct route_spec *routes)
{
	struct world *w = calloc(1, sizeof(*w));

	w->rules = rules;
	w->routes = routes;
	start(w);
	return w;
}

static void end(struct world *w)
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

static void run(const struct rule_spec *rules, const struct route_spec *routes,
	const struct step *steps, size_t count)
{
	struct world *w = begin(rules, routes);

	run_on(w, steps, count);
	end(w);
}

/* The types of the incident's turns, in their order. */
static void expect_timeline(const struct world *w, const char *expected)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	for (size_t i = 0; i < w->timeline_count; i++)
		buf_printf(&out, "%s ", w->timeline[i].type);
	assert_string_equal(out.data, expected);
}

static void test_opens_and_resolves(void **state)
{
	static const struct step steps[] = {
		{0, "up:a=1", "", ""},
		{1, "up:a=0", "oncall opened 1; ", "1 open; ", "Down a firing 1; "},
		{2, "up:a=0", "", "1 open; "},
		{3, "up:a=1", "oncall resolved 1; ", "1 resolved; ", "Down a resolved 1; "},
		{4, "up:a=1", ""},
		/* Not known any more after the reopen time. */
		{604, "up:a=0", "oncall opened 2; ", "1 resolved; 2 open; ",
			"Down a resolved 1; Down a firing 2; "},
	};

	run(down, oncall, steps, ELEMENTS(steps));
}

static void test_texts(void **state)
{
	static const struct step steps[] = {
		{1, "evidence:a=oom up:a=0 up:b=0", "oncall opened 1; oncall opened 2; "},
	};
	struct world *w = begin(down, oncall);

	run_on(w, steps, ELEMENTS(steps));
	for (size_t i = 0; i < 2; i++) {
		bool is_a = text_equal(w->incidents[i].service, "a");

		assert_string_equal(w->incidents[i].title, is_a ? "a is down: oom" : "b is down");
		assert_int_equal(w->alerts[i].evidence_count, is_a ? 1 : 0);
		assert_non_null(strstr(w->notifications[i].body, w->incidents[i].title));
		assert_non_null(strstr(w->notifications[i].body, w->notifications[i].message_id));
	}
	end(w);
}

static void test_evidence_taken_back(void **state)
{
	static const struct step steps[] = {
		{1, "evidence:a=oom evidence:a=", ""},
		{2, "up:a=0", "oncall opened 1; "},
	};
	struct world *w = begin(down, oncall);

	run_on(w, steps, ELEMENTS(steps));
	assert_string_equal(w->incidents[0].title, "a is down");
	end(w);
}

static void test_for(void **state)
{
	static const struct step steps[] = {
		{0, "latency:a=3", "", "", "Slow a pending 0; "},
		{10, "latency:a=1", "", "", ""}, /* one miss and it begins again */
		{20, "latency:a=3", "", "", "Slow a pending 0; "},
		{49, "latency:a=3", "", "", "Slow a pending 0; "},
		{50, "latency:a=4", "oncall opened 1; ", "1 open; ", "Slow a firing 1; "},
		{51, "latency:a=1", "oncall resolved 1; "},
		/* Pending again: what it was in the incident stays as it ended. */
		{52, "latency:a=3", "", NULL, "Slow a resolved 1; Slow a pending 0; "},
		{60, "latency:a=1", "", NULL, "Slow a resolved 1; "},
	};

	run(slow_and_down, oncall, steps, ELEMENTS(steps));
}

static void test_joins_and_raises(void **state)
{
	static const struct step steps[] = {
		{0, "latency:a=3 latency:b=3", ""},
		{30, "latency:a=3", "oncall opened 1; oncall opened 2; "},
		{31, "up:a=0", "oncall updated 1; ", "1 open; 2 open; "},
		{32, "latency:a=1", "", "1 open; 2 open; "},
		{33, "up:a=1", "oncall resolved 1; ", "1 resolved; 2 open; "},
	};
	struct world *w = begin(slow_and_down, oncall);
	const struct incident *i = &w->incidents[0];

	run_on(w, steps, 2);
	assert_int_equal(i->severity, SEVERITY_WARNING);
	assert_string_equal(i->title, "a takes 3 s, more than 2");
	run_on(w, steps + 2, 2);
	assert_int_equal(i->severity, SEVERITY_CRITICAL);
	assert_string_equal(i->title, "a is down");
	run_on(w, steps + 4, 1);
	/* What it was at its worst. */
	assert_int_equal(i->severity, SEVERITY_CRITICAL);
	expect_timeline(w, "opened opened alert resolved ");
	end(w);
}

/* One rule's alert clears and another's fires in one evaluation: one story goes on. */
static void test_hands_over(void **state)
{
	static const struct step steps[] = {
		{0, "latency:a=3", ""},
		{30, "latency:a=3", "oncall opened 1; "},
		{31, "latency:a=1 up:a=0", "oncall updated 1; ", "1 open; "},
	};

	run(slow_and_down, oncall, steps, ELEMENTS(steps));
}

static void test_all_at_once_is_one_page(void **state)
{
	static const struct rule_spec rules[] = {
		{"A", "up == 0", .severity = SEVERITY_WARNING, .summary = "first"},
		{"B", "up < 1", .severity = SEVERITY_CRITICAL, .summary = "worst"},
		{"C", "up != 1", .severity = SEVERITY_CRITICAL, .summary = "later"},
		{0},
	};
	static const struct step steps[] = {{1, "up:a=0", "oncall opened 1; ", "1 open; "}};
	struct world *w = begin(rules, oncall);

	run_on(w, steps, ELEMENTS(steps));
	assert_string_equal(w->incidents[0].title, "worst");
	assert_int_equal(w->alert_count, 3);
	expect_timeline(w, "opened alert alert ");
	end(w);
}

static void test_reopens(void **state)
{
	static const struct step steps[] = {
		{1, "up:a=0", "oncall opened 1; "},
		{2, "ack:1", "oncall acknowledged 1; "},
		{3, "up:a=1", "oncall resolved 1; "},
		{602, "evidence:a=signalled up:a=0", "oncall opened 1; ", "1 open; ",
			"Down a firing 1; "},
		{603, "up:a=1", "oncall resolved 1; "},
		{1203, "up:a=0", "oncall opened 2; ", "1 resolved; 2 open; "},
	};
	struct world *w = begin(down, oncall);
	const struct incident *i = &w->incidents[0];

	run_on(w, steps, 3);
	assert_string_equal(i->acknowledged_by, "alice");
	run_on(w, steps + 3, 1);
	assert_null(i->acknowledged_by);
	assert_int_equal(i->acknowledged_ms, 0);
	assert_int_equal(i->resolved_ms, 0);
	assert_int_equal(i->reopened, 1);
	assert_string_equal(i->title, "a is down: signalled");
	run_on(w, steps + 4, 2);
	expect_timeline(w, "opened acknowledged resolved reopened resolved opened ");
	end(w);
}

/* Another rule's alert has no part in the incident that is over. */
static void test_another_alert_opens_another(void **state)
{
	static const struct step steps[] = {
		{1, "up:a=0", "oncall opened 1; "},
		{2, "up:a=1 latency:a=3", "oncall resolved 1; "},
		{32, "latency:a=3", "oncall opened 2; "},
		/* The old one's alert joins what is open. */
		{33, "up:a=0", "oncall updated 2; ", "1 resolved; 2 open; "},
	};

	run(slow_and_down, oncall, steps, ELEMENTS(steps));
}

static void test_flapping(void **state)
{
	static const struct step steps[] = {
		{0, "up:a=0", "oncall opened 1; "},
		{10, "up:a=1", "oncall resolved 1; "},
		{20, "up:a=0", "oncall opened 1; "},
		{30, "up:a=1", "oncall resolved 1; "},
		{40, "up:a=0", "oncall opened 1; "},
		{50, "up:a=1", "oncall resolved 1; "},
		{60, "up:a=0", "oncall opened 1; "},
		{70, "up:a=1", "oncall resolved 1; "},
		{80, "up:a=0", "oncall opened 1; "},
		{90, "up:a=1", "oncall resolved 1; "},
		{100, "up:a=0", "oncall flapping 1; ", "1 open; "},
		{110, "up:a=1", "", "1 resolved; "},
		{120, "up:a=0", "", "1 open; "},
		{130, "ack:1", "oncall acknowledged 1; "},
		{140, "up:a=1", "", "1 resolved; "},
		{739, "up:a=1", "", "1 resolved; "},
		{740, "up:a=1", "oncall resolved 1; ", "1 resolved; "},
		{741, "up:a=1", ""},
		/* Over is over: the reopen time counts from its end. */
		{1000, "up:a=0", "oncall opened 2; "},
	};

	run(down, oncall, steps, ELEMENTS(steps));
}

/* The same with a kill before each step. */
static void test_flapping_survives(void **state)
{
	static const struct step steps[] = {
		{0, "kill up:a=0", "oncall opened 1; "},
		{10, "kill up:a=1", "oncall resolved 1; "},
		{20, "kill up:a=0", "oncall opened 1; "},
		{30, "kill up:a=1", "oncall resolved 1; "},
		{40, "kill up:a=0", "oncall opened 1; "},
		{50, "kill up:a=1", "oncall resolved 1; "},
		{60, "kill up:a=0", "oncall opened 1; "},
		{70, "kill up:a=1", "oncall resolved 1; "},
		{80, "kill up:a=0", "oncall opened 1; "},
		{90, "kill up:a=1", "oncall resolved 1; "},
		{100, "kill up:a=0", "oncall flapping 1; "},
		{110, "kill up:a=1", "", "1 resolved; "},
		{120, "kill up:a=0", "", "1 open; "},
		{719, "kill up:a=0", ""},
		{720, "kill up:a=0", "", "1 open; "}, /* settled, open: nothing to say */
		{721, "kill up:a=1", "oncall resolved 1; "},
		{722, "kill up:a=0", "oncall opened 1; "},
	};

	run(down, oncall, steps, ELEMENTS(steps));
}

static void test_slow_turns_are_no_flapping(void **state)
{
	struct world *w = begin(down, oncall);

	for (int i = 0; i < 12; i++) {
		struct step turns[] = {
			{i * 200, "up:a=0", "oncall opened 1; "},
			{i * 200 + 100, "up:a=1", "oncall resolved 1; "},
		};

		run_on(w, turns, 2);
	}
	assert_int_equal(w->incidents[0].reopened, 11);
	end(w);
}

static void test_person_resolves(void **state)
{
	static const struct step steps[] = {
		{1, "up:a=0", "oncall opened 1; "},
		{2, "resolve:1", "oncall resolved 1; ", "1 resolved; ", "Down a firing 1; "},
		{3, "up:a=0", "", "1 resolved; "},
		{4, "kill up:a=0", "", "1 resolved; ", "Down a firing 1; "},
		{700, "up:a=0", "", "1 resolved; "},
		{701, "up:a=1", "", "1 resolved; ", "Down a resolved 1; "},
		{702, "up:a=0", "oncall opened 2; ", "1 resolved; 2 open; "},
		{703, "resolve:2", "oncall resolved 2; "},
		{704, "up:a=1", ""},
		{705, "up:a=0", "oncall opened 2; ", "1 resolved; 2 open; "},
	};

	run(down, oncall, steps, ELEMENTS(steps));
}

static void test_person_errors(void **state)
{
	static const struct step steps[] = {
		{1, "up:a=0", "oncall opened 1; "},
		{2, "note:1 ack:1", "oncall acknowledged 1; "},
		{3, "up:a=1", "oncall resolved 1; "},
		{4, "note:1", ""},
	};
	struct world *w = begin(down, oncall);
	int64_t now_ms = BEGIN_MS + 5000;

	run_on(w, steps, 2);
	assert_int_equal(alerting_acknowledge(w->alerting, 1, "bob", "", now_ms), -EALREADY);
	assert_int_equal(alerting_acknowledge(w->alerting, 9, "bob", "", now_ms), -ENOENT);
	assert_int_equal(alerting_resolve(w->alerting, 9, "bob", "", now_ms), -ENOENT);
	assert_int_equal(alerting_note(w->alerting, 9, "bob", "", now_ms), -ENOENT);
	run_on(w, steps + 2, 2);
	assert_int_equal(alerting_resolve(w->alerting, 1, "bob", "", now_ms), -EALREADY);
	assert_int_equal(alerting_acknowledge(w->alerting, 1, "bob", "", now_ms), -EALREADY);
	assert_false(alerting_has_changes(w->alerting));
	expect_timeline(w, "opened note acknowledged resolved note ");
	assert_string_equal(w->timeline[1].actor, "alice");
	assert_string_equal(w->timeline[1].text, "words");
	assert_string_equal(w->timeline[0].actor, "modelwatch");
	end(w);
}

static void test_routes(void **state)
{
	static const struct route_spec routes[] = {
		{"all", SEVERITY_INFO},
		{"critical", SEVERITY_CRITICAL},
		{"only-b", SEVERITY_INFO, "service=b"},
		{"downs", SEVERITY_INFO, "alertname=~Do.*"},
		{"warnings", SEVERITY_INFO, "severity=warning"},
		{"quiet", SEVERITY_INFO, .quiet = true},
		{0},
	};
	static const struct step steps[] = {
		{0, "latency:a=3", ""},
		{30, "latency:a=3", "all opened 1; warnings opened 1; quiet opened 1; "},
		/* Who hears of it late hears that it was opened. */
		{31, "up:a=0",
			"all updated 1; critical opened 1; downs opened 1; warnings updated 1; "
			"quiet updated 1; "},
		{32, "latency:a=1", ""},
		{33, "ack:1",
			"all acknowledged 1; critical acknowledged 1; downs acknowledged 1; "
			"warnings acknowledged 1; quiet acknowledged 1; "},
		/* Who was told of it is told of its end, whatever matches now. */
		{34, "kill up:a=1",
			"all resolved 1; critical resolved 1; downs resolved 1; "
			"warnings resolved 1; "},
		{35, "up:b=0",
			"all opened 2; critical opened 2; only-b opened 2; downs opened 2; "
			"quiet opened 2; "},
	};

	run(slow_and_down, routes, steps, ELEMENTS(steps));
}

/* A webhook that was configured after the incident opened does not hear of its end alone. */
static void test_new_route(void **state)
{
	static const struct route_spec more[] = {{.webhook = "oncall"}, {.webhook = "new"}, {0}};
	static const struct step steps[] = {
		{1, "up:a=0", "oncall opened 1; "},
		{2, "up:a=1", "oncall resolved 1; "},
		{3, "up:a=0", "oncall opened 1; new opened 1; "},
	};
	struct world *w = begin(down, oncall);

	run_on(w, steps, 1);
	w->routes = more;
	set_routes(w);
	run_on(w, steps + 1, 2);
	end(w);
}

static void test_at_least(void **state)
{
	static const struct rule_spec rules[] = {
		{"Flaky", "up == 0", .at_least = 3, .of = 5, .severity = SEVERITY_WARNING}, {0}};
	static const struct step steps[] = {
		{1, "up:a=0", "", "", "Flaky a pending 0; "},
		{2, "up:a=1", ""},
		{3, "kill up:a=0", ""},
		{4, "up:a=1", ""},
		{5, "kill up:a=0", "oncall opened 1; "}, /* 10101 */
		{6, "up:a=0", ""},			 /* 01011 */
		{7, "up:a=1", ""},			 /* 10110 */
		{8, "up:a=1", "oncall resolved 1; "},	 /* 01100 */
		{20, "up:a=0", "", NULL, "Flaky a resolved 1; Flaky a pending 0; "},
		{21, "up:a=1", ""},
		{22, "up:a=1", ""},
		{23, "up:a=1", ""},
		{24, "up:a=1", ""},
		{25, "up:a=1", "", NULL, "Flaky a resolved 1; "},
	};
	struct world *w = begin(rules, oncall);

	run_on(w, steps, 5);
	/* Without a summary the rule's name is the title. */
	assert_string_equal(w->incidents[0].title, "Flaky");
	run_on(w, steps + 5, ELEMENTS(steps) - 5);
	end(w);
}

static void test_keep_firing(void **state)
{
	static const struct rule_spec rules[] = {
		{"Down", "up == 0", .keep_s = 60, .severity = SEVERITY_CRITICAL}, {0}};
	static const struct step steps[] = {
		{0, "up:a=0", "oncall opened 1; "},
		{100, "up:a=0", ""},
		{110, "up:a=1", ""},
		{159, "up:a=1", ""},
		{160, "up:a=1", "oncall resolved 1; "},
		{170, "up:a=0", "oncall opened 1; "},
		{180, "up:a=1", ""},
		{190, "kill up:a=1", "", "1 open; "},
		{200, "up:a=0", ""}, /* holds again: the time begins anew */
		{259, "up:a=1", ""},
		{260, "up:a=1", "oncall resolved 1; "},
		{270, "up:a=0", "oncall opened 1; "},
		/* The end of a series is the end, whatever else would be kept. */
		{280, "up:a=-", "oncall resolved 1; "},
	};

	run(rules, oncall, steps, ELEMENTS(steps));
}

static void test_clear(void **state)
{
	static const struct rule_spec rules[] = {
		{"Hot", "temp > 85", .clear = "temp < 75", .severity = SEVERITY_WARNING}, {0}};
	static const struct step steps[] = {
		{1, "temp:a=80 temp:b=80", "", ""},
		{2, "temp:a=86", "oncall opened 1; "},
		{3, "temp:a=80", ""}, /* between the two */
		{4, "kill temp:a=76", "", "1 open; "},
		{5, "temp:a=74", "oncall resolved 1; "},
		{6, "temp:a=80", ""},
		{7, "temp:a=90 temp:b=90", NULL, "1 open; 2 open; "},
		{8, "temp:a=-", "oncall resolved 1; ", "1 resolved; 2 open; "},
	};

	run(rules, oncall, steps, ELEMENTS(steps));
}

static void test_series_that_ended(void **state)
{
	static const struct step steps[] = {
		{1, "up:a=0 latency:a=3", "oncall opened 1; "},
		{2, "up:a=- latency:a=-", "oncall resolved 1; ", "1 resolved; ",
			"Down a resolved 1; "},
	};

	run(slow_and_down, oncall, steps, ELEMENTS(steps));
}

static void test_rules_that_are_gone(void **state)
{
	static const struct step steps[] = {
		{1, "up:a=0 latency:a=3", "oncall opened 1; "},
		{2, "norules", "oncall resolved 1; ", "1 resolved; ", "Down a resolved 1; "},
	};

	run(slow_and_down, oncall, steps, ELEMENTS(steps));
}

static void test_rules_set_again(void **state)
{
	static const struct step steps[] = {
		{0, "latency:a=3 up:b=0", "oncall opened 1; "},
		{30, "latency:a=3 up:b=0", "oncall opened 2; ", "1 open; 2 open; "},
	};
	struct world *w = begin(slow_and_down, oncall);

	run_on(w, steps, 1);
	set_rules(w);
	set_rules(w);
	run_on(w, steps + 1, 1);
	end(w);
}

static void test_only_one_metric(void **state)
{
	static const struct step steps[] = {
		{1, "up:a=0 only:latency", "", ""},
		{2, "up:a=0 only:up", "oncall opened 1; "},
		{3, "up:a=1 only:latency", "", "1 open; "},
		{4, "up:a=1 only:up", "oncall resolved 1; "},
	};

	run(slow_and_down, oncall, steps, ELEMENTS(steps));
}

static void test_failed_commits(void **state)
{
	static const struct step steps[] = {
		{1, "up:a=0 fail", "", ""},
		{2, "up:a=0 fail", "", ""},
		{3, "up:a=0", "oncall opened 1; ", "1 open; ", "Down a firing 1; "},
		{4, "up:a=1 fail", "", "1 open; "},
		{5, "up:a=0 fail", "", "1 open; "},
		{6, "up:a=1", "oncall resolved 1; oncall opened 1; oncall resolved 1; ",
			"1 resolved; ", "Down a resolved 1; "},
	};

	run(down, oncall, steps, ELEMENTS(steps));
}

/* The ids of what could not be committed are the same at the next try. */
static void test_ids_stay(void **state)
{
	struct step failing = {1, "up:a=0 fail", "", NULL, NULL};
	struct world *w = begin(down, oncall);
	struct alerting_changes c;
	_cleanup_free_ char *id = NULL;

	run_on(w, &failing, 1);
	assert_int_equal(alerting_changes(w->alerting, &c), 0);
	assert_int_equal(c.notification_count, 1);
	id = strdup(c.notifications[0].message_id);
	assert_int_equal(strlen(id), 32);
	assert_null(strchr(id, '.'));
	assert_true(c.notifications[0].due_ms == c.notifications[0].created_ms);
	failing.at_s = 2;
	run_on(w, &failing, 1);
	commit(w);
	assert_int_equal(w->notification_count, 1);
	assert_string_equal(w->notifications[0].message_id, id);
	end(w);
}

static void test_restart(void **state)
{
	static const struct step steps[] = {
		{0, "latency:a=3", "", "", "Slow a pending 0; "},
		{20, "kill latency:a=3", "", "", "Slow a pending 0; "},
		{30, "kill latency:a=3", "oncall opened 1; ", "1 open; ", "Slow a firing 1; "},
		{31, "kill latency:a=3", "", "1 open; ", "Slow a firing 1; "},
		{32, "kill latency:a=1", "oncall resolved 1; ", "1 resolved; "},
		{33, "kill latency:a=3", "", "1 resolved; "},
		{63, "kill latency:a=3", "oncall opened 1; ", "1 open; ", "Slow a firing 1; "},
		{64, "kill ack:1", "oncall acknowledged 1; "},
		{65, "kill resolve:1", "oncall resolved 1; "},
	};

	run(slow_and_down, oncall, steps, ELEMENTS(steps));
}

/* What fired and was not committed before a kill fires again, once. */
static void test_killed_before_the_commit(void **state)
{
	static const struct step steps[] = {
		{1, "up:a=0 fail", "", ""},
		{2, "kill up:a=0", "oncall opened 1; ", "1 open; "},
		{3, "up:a=1 fail", "", "1 open; "},
		{4, "kill up:a=1", "oncall resolved 1; ", "1 resolved; "},
	};

	run(down, oncall, steps, ELEMENTS(steps));
}

/* Without what was told, those count as told that it would be sent to. */
static void test_restart_without_notifications(void **state)
{
	static const struct route_spec routes[] = {
		{"oncall", SEVERITY_INFO}, {"other", SEVERITY_INFO, "service=b"}, {0}};
	static const struct step steps[] = {
		{1, "up:a=0", "oncall opened 1; "},
		{2, "kill up:a=1", "oncall resolved 1; ", "1 resolved; "},
	};
	struct world *w = begin(down, routes);

	run_on(w, steps, 1);
	while (w->notification_count > 0)
		notification_done(&w->notifications[--w->notification_count]);
	run_on(w, steps + 1, 1);
	end(w);
}

static void test_no_service(void **state)
{
	static const struct rule_spec rules[] = {
		{"StoreFull", "store == 1", .severity = SEVERITY_WARNING, .summary = "full"},
		{"Fault", "fault == 1", .severity = SEVERITY_WARNING, .summary = "fault"},
		{0},
	};
	static const struct step steps[] = {
		{1, "store:=1", "oncall opened 1; "},
		{2, "fault:=1", "oncall opened 2; ", "1 open; 2 open; "}, /* not one story */
		{3, "kill store:=0 fault:=1", "oncall resolved 1; "},
		{4, "kill store:=1", "oncall opened 1; ", "1 open; 2 open; "},
	};

	run(rules, oncall, steps, ELEMENTS(steps));
}

static void test_test_notification(void **state)
{
	struct world *w = begin(down, oncall);
	struct notification n;

	assert_int_equal(alerting_test_notification(w->alerting, "oncall", BEGIN_MS, &n), 0);
	assert_string_equal(n.type, "test");
	assert_string_equal(n.webhook, "oncall");
	assert_int_equal(n.incident, 0);
	assert_non_null(strstr(n.body, "\"name\":\"gpu7\""));
	assert_false(alerting_has_changes(w->alerting));
	notification_done(&n);
	end(w);
}

/* A source of many series: one service each, or one service for all. */
struct crowd {
	size_t count;
	double value;
	bool one_service;
	size_t calls;
};

static int select_crowd(void *userdata, const char *metric, int64_t time_ms, promql_series_fn fn,
	void *fn_userdata)
{
	struct crowd *c = userdata;
	char name[] = "up", service[] = "service", index[] = "index", one[] = "one";
	int r = 0;

	for (size_t i = 0; i < c->count && r == 0; i++) {
		char number[32];
		struct label labels[] = {{index, number}, {service, c->one_service ? one : number}};
		struct series series = {name, {labels, 2}};

		snprintf(number, sizeof(number), "s%zu", i);
		c->calls++;
		r = fn(fn_userdata, &series, c->value);
	}
	return r;
}

static void evaluate_crowd(struct world *w, struct crowd *c, int64_t now_ms)
{
	struct promql_source source = {select_crowd, c};

	c->calls = 0;
	assert_int_equal(alerting_evaluate(w->alerting, &source, NULL, now_ms), 0);
	assert_int_equal(c->calls, c->count);
}

static void test_ten_thousand_services(void **state)
{
	struct crowd crowd = {.count = 10000};
	struct world *w = begin(down, oncall);
	struct alerting_changes c;

	evaluate_crowd(w, &crowd, BEGIN_MS);
	assert_int_equal(alerting_changes(w->alerting, &c), 0);
	assert_int_equal(c.alert_count, 10000);
	assert_int_equal(c.incident_count, 10000);
	assert_int_equal(c.notification_count, 10000);
	/* Nothing more while it cannot be committed; what is due is kept as a mark. */
	crowd.value = 1;
	evaluate_crowd(w, &crowd, BEGIN_MS + 1000);
	assert_int_equal(alerting_changes(w->alerting, &c), 0);
	assert_int_equal(c.notification_count, 10000);
	alerting_committed(w->alerting);
	evaluate_crowd(w, &crowd, BEGIN_MS + 2000);
	assert_int_equal(alerting_changes(w->alerting, &c), 0);
	assert_int_equal(c.notification_count, 10000);
	assert_string_equal(c.notifications[0].type, "incident.resolved");
	alerting_committed(w->alerting);
	evaluate_crowd(w, &crowd, BEGIN_MS + 3000);
	assert_false(alerting_has_changes(w->alerting));
	end(w);
}

static void test_ten_thousand_of_one_service(void **state)
{
	struct crowd crowd = {.count = 10000, .one_service = true};
	struct world *w = begin(down, oncall);
	struct alerting_changes c;

	evaluate_crowd(w, &crowd, BEGIN_MS);
	assert_int_equal(alerting_changes(w->alerting, &c), 0);
	assert_int_equal(c.alert_count, 10000);
	assert_int_equal(c.incident_count, 1);
	assert_int_equal(c.notification_count, 1);
	assert_true(strlen(c.notifications[0].body) <= 65536);
	assert_non_null(strstr(c.notifications[0].body, "9936 more alerts"));
	assert_true(c.timeline_count < 110);
	alerting_committed(w->alerting);
	crowd.value = 1;
	evaluate_crowd(w, &crowd, BEGIN_MS + 1000);
	alerting_committed(w->alerting);
	/* All of them reopen it together. */
	crowd.value = 0;
	evaluate_crowd(w, &crowd, BEGIN_MS + 2000);
	assert_int_equal(alerting_changes(w->alerting, &c), 0);
	assert_int_equal(c.incident_count, 1);
	assert_int_equal(c.notification_count, 1);
	assert_string_equal(c.notifications[0].type, "incident.opened");
	end(w);
}

static void test_too_many(void **state)
{
	struct crowd crowd = {.count = 20010, .one_service = true};
	struct world *w = begin(down, oncall);

	evaluate_crowd(w, &crowd, BEGIN_MS);
	assert_int_equal(alerting_refused(w->alerting), 10);
	end(w);
}

static int refuse_to_select(void *userdata, const char *metric, int64_t time_ms,
	promql_series_fn fn, void *fn_userdata)
{
	return -EIO;
}

/* What cannot be read has not ended. */
static void test_source_that_fails(void **state)
{
	static const struct step steps[] = {{1, "up:a=0", "oncall opened 1; "}};
	struct promql_source broken = {refuse_to_select, NULL};
	struct world *w = begin(down, oncall);

	run_on(w, steps, 1);
	assert_int_equal(alerting_evaluate(w->alerting, &broken, NULL, BEGIN_MS + 5000), -EIO);
	assert_false(alerting_has_changes(w->alerting));
	end(w);
}

static int no_random(void *userdata, void *bytes, size_t size)
{
	return -EIO;
}

/* Who could not be told is told at the next evaluation. */
static void test_telling_that_fails(void **state)
{
	struct crowd crowd = {.count = 1};
	struct promql_source source = {select_crowd, &crowd};
	struct world *w = begin(down, oncall);
	struct alerting_changes c;

	alerting_set_random(w->alerting, no_random, NULL);
	assert_int_equal(alerting_evaluate(w->alerting, &source, NULL, BEGIN_MS), -EIO);
	assert_int_equal(alerting_changes(w->alerting, &c), 0);
	assert_int_equal(c.incident_count, 1);
	assert_int_equal(c.notification_count, 0);
	alerting_committed(w->alerting);
	alerting_set_random(w->alerting, count_up, w);
	evaluate_crowd(w, &crowd, BEGIN_MS + 1000);
	assert_int_equal(alerting_changes(w->alerting, &c), 0);
	assert_int_equal(c.notification_count, 1);
	assert_string_equal(c.notifications[0].type, "incident.opened");
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opens_and_resolves),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_evidence_taken_back),
		cmocka_unit_test(test_for),
		cmocka_unit_test(test_joins_and_raises),
		cmocka_unit_test(test_hands_over),
		cmocka_unit_test(test_all_at_once_is_one_page),
		cmocka_unit_test(test_reopens),
		cmocka_unit_test(test_another_alert_opens_another),
		cmocka_unit_test(test_flapping),
		cmocka_unit_test(test_flapping_survives),
		cmocka_unit_test(test_slow_turns_are_no_flapping),
		cmocka_unit_test(test_person_resolves),
		cmocka_unit_test(test_person_errors),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_new_route),
		cmocka_unit_test(test_at_least),
		cmocka_unit_test(test_keep_firing),
		cmocka_unit_test(test_clear),
		cmocka_unit_test(test_series_that_ended),
		cmocka_unit_test(test_rules_that_are_gone),
		cmocka_unit_test(test_rules_set_again),
		cmocka_unit_test(test_only_one_metric),
		cmocka_unit_test(test_failed_commits),
		cmocka_unit_test(test_ids_stay),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_killed_before_the_commit),
		cmocka_unit_test(test_restart_without_notifications),
		cmocka_unit_test(test_no_service),
		cmocka_unit_test(test_test_notification),
		cmocka_unit_test(test_ten_thousand_services),
		cmocka_unit_test(test_ten_thousand_of_one_service),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_source_that_fails),
		cmocka_unit_test(test_telling_that_fails),
	};

	return cmocka_run_group_tests_name("alerting", tests, NULL, NULL);
}
