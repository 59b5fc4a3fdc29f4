/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of webhooks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "alerts/incident_json.h"
#include "alerts/receivers/webhook.h"
#include "daemon/base/cleanup.h"

#define TIME_MS INT64_C(1769853600123) /* 2026-01-31T10:00:00.123Z */

static char service[] = "llama", empty[] = "", title[] = "llama is down", rule[] = "ServiceDown";
static char fingerprint[] = "0123456789abcdef", runbook[] = "https://runbooks.example.net/x";
static char label_name[] = "service", evidence_name[] = "exit", evidence_text[] = "SIGKILL";
static char person[] = "alice", manual[] = "man:modelwatch-rules(7)";

static struct label labels[] = {{label_name, service}};
static struct evidence evidence[] = {{evidence_name, evidence_text}};

static struct incident make_incident(void)
{
	return (struct incident){
		.id = 17,
		.severity = SEVERITY_CRITICAL,
		.title = title,
		.service = service,
		.runbook = runbook,
		.opened_ms = TIME_MS,
	};
}

static struct alert make_alert(void)
{
	return (struct alert){
		.fingerprint = fingerprint,
		.rule = rule,
		.labels = {labels, 1},
		.severity = SEVERITY_CRITICAL,
		.state = ALERT_FIRING,
		.value = 0,
		.threshold = 0,
		.low = NAN,
		.high = NAN,
		.started_ms = TIME_MS,
		.summary = title,
		.description = empty,
		.runbook = runbook,
		.evidence = evidence,
		.evidence_count = 1,
	};
}

static char *make_body(const struct incident *incident, const struct alert *const *alerts,
	size_t count, size_t more, const char *url)
{
	struct webhook_message m = {
		.id = "abc",
		.type = incident ? "incident.opened" : "test",
		.time_ms = TIME_MS,
		.host_name = "gpu7",
		.host_id = "h",
		.external_url = url,
		.incident = incident,
		.alerts = alerts,
		.alert_count = count,
		.more_alerts = more,
	};
	char *body;

	assert_int_equal(webhook_body(&m, &body), 0);
	return body;
}

/* To the letter: the keys, their order, numbers, nulls and times. */
static void test_body(void **state)
{
	struct incident incident = make_incident();
	struct alert alert = make_alert();
	const struct alert *const alerts[] = {&alert};
	_cleanup_free_ char *body = make_body(&incident, alerts, 1, 0, "https://mw.example.net");

	assert_string_equal(body,
		"{\"schema\":\"modelwatch.notification/1\",\"id\":\"abc\","
		"\"type\":\"incident.opened\",\"time\":\"2026-01-31T10:00:00.123Z\","
		"\"host\":{\"name\":\"gpu7\",\"id\":\"h\"},"
		"\"incident\":{\"id\":17,\"state\":\"open\",\"severity\":\"critical\","
		"\"title\":\"llama is down\",\"service\":\"llama\","
		"\"opened_at\":\"2026-01-31T10:00:00.123Z\",\"acknowledged_at\":null,"
		"\"acknowledged_by\":null,\"resolved_at\":null,"
		"\"url\":\"https://mw.example.net/incidents/17\","
		"\"runbook_url\":\"https://runbooks.example.net/x\"},"
		"\"alerts\":[{\"rule\":\"ServiceDown\",\"fingerprint\":\"0123456789abcdef\","
		"\"state\":\"firing\",\"severity\":\"critical\",\"labels\":{\"service\":\"llama\"},"
		"\"summary\":\"llama is down\",\"description\":\"\",\"value\":0,\"threshold\":0,"
		"\"expected\":{\"low\":null,\"high\":null},"
		"\"started_at\":\"2026-01-31T10:00:00.123Z\",\"ended_at\":null,"
		"\"evidence\":[{\"name\":\"exit\",\"text\":\"SIGKILL\"}]}]}");
}

static void test_incident_over(void **state)
{
	struct incident incident = make_incident();
	json_t *json;

	incident.state = INCIDENT_RESOLVED;
	incident.resolved_ms = incident.acknowledged_ms = TIME_MS + 1;
	incident.acknowledged_by = person;
	incident.runbook = manual;
	json = incident_json(&incident, "");
	assert_string_equal(json_string_value(json_object_get(json, "state")), "resolved");
	assert_string_equal(
		json_string_value(json_object_get(json, "resolved_at")), "2026-01-31T10:00:00.124Z");
	assert_string_equal(json_string_value(json_object_get(json, "acknowledged_by")), "alice");
	/* Nobody knows under which address the page is reached; a manual page is on every host. */
	assert_true(json_is_null(json_object_get(json, "url")));
	assert_string_equal(json_string_value(json_object_get(json, "runbook_url")), manual);
	json_decref(json);
}

static void test_test(void **state)
{
	_cleanup_free_ char *body = make_body(NULL, NULL, 0, 0, "");

	assert_string_equal(body,
		"{\"schema\":\"modelwatch.notification/1\",\"id\":\"abc\",\"type\":\"test\","
		"\"time\":\"2026-01-31T10:00:00.123Z\",\"host\":{\"name\":\"gpu7\",\"id\":\"h\"},"
		"\"incident\":null,\"alerts\":[]}");
}

static void test_numbers(void **state)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{0, "0"}, {-0.0, "0"}, {3, "3"}, {-7, "-7"}, {0.1, "0.1"}, {1e20, "1e20"},
		{9007199254740992.0, "9007199254740992"}, {NAN, "null"}, {INFINITY, "null"},
		{-INFINITY, "null"}, {0.95, "0.95"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		json_t *json = number_json(cases[i].value);
		_cleanup_free_ char *text =
			json_dumps(json, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));

		assert_string_equal(text, cases[i].text);
		json_decref(json);
	}
}

static void test_bytes_that_are_no_text(void **state)
{
	static char bad[] = "a\xff\x01";
	struct incident incident = make_incident();
	struct alert alert = make_alert();
	const struct alert *const alerts[] = {&alert};
	_cleanup_free_ char *body = NULL;
	json_t *json;

	alert.evidence = &(struct evidence){evidence_name, bad};
	incident.title = bad;
	body = make_body(&incident, alerts, 1, 0, "");
	json = json_loads(body, JSON_REJECT_DUPLICATES, NULL);
	assert_string_equal(json_string_value(json_object_get(json_object_get(json, "incident"),
				    "title")),
		"a??");
	json_decref(json);
}

/* Everything at its largest, with what JSON writes longest. */
static void test_bounded(void **state)
{
	enum { COUNT = 64, EVIDENCE = 8, LABELS = 64 };
	static const struct {
		size_t alerts, evidence, label_size;
		char fill;
		bool keeps_labels;
	} cases[] = {
		{COUNT, EVIDENCE, 10, 'x', true},
		{COUNT, 0, 100, '"', true},
		{1, EVIDENCE, 2048, 'x', false},
		{1, EVIDENCE, 2048, '\x01', false},
	};

	for (size_t c = 0; c < ELEMENTS(cases); c++) {
		struct incident incident = make_incident();
		struct alert alert = make_alert();
		const struct alert *alerts[COUNT];
		struct evidence texts[EVIDENCE];
		struct label many[LABELS];
		char names[LABELS][8], value[2049] = "", text[4097] = "";
		_cleanup_free_ char *body = NULL;
		json_t *json, *list;

		memset(value, cases[c].fill, cases[c].label_size);
		memset(text, cases[c].fill, 4096);
		for (size_t i = 0; i < LABELS; i++) {
			snprintf(names[i], sizeof(names[i]), "l%02zu", i);
			many[i] = (struct label){names[i], value};
		}
		many[LABELS - 1].name = label_name;
		for (size_t i = 0; i < EVIDENCE; i++)
			texts[i] = (struct evidence){evidence_name, text};
		alert.labels = (struct labels){many, LABELS};
		alert.evidence = texts;
		alert.evidence_count = cases[c].evidence;
		alert.description = text;
		for (size_t i = 0; i < COUNT; i++)
			alerts[i] = &alert;
		body = make_body(&incident, alerts, cases[c].alerts, 9, "");
		assert_true(strlen(body) <= WEBHOOK_BODY_MAX);
		json = json_loads(body, JSON_REJECT_DUPLICATES, NULL);
		list = json_object_get(json, "alerts");
		assert_true(json_array_size(list) >= 1);
		assert_non_null(strstr(body, "more alerts of this incident are left out"));
		if (cases[c].evidence > 0)
			assert_non_null(strstr(body, "8 texts are left out"));
		assert_int_equal(json_object_size(json_object_get(json_array_get(list, 0), "labels")),
			cases[c].keeps_labels ? LABELS : 1);
		json_decref(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_incident_over),
		cmocka_unit_test(test_test),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_bytes_that_are_no_text),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests_name("payload", tests, NULL, NULL);
}
