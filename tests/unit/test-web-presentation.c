/* SPDX-License-Identifier: Apache-2.0 */
/* What a document gets so that templates can show it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "daemon/base/buf.h"
#include "daemon/base/cleanup.h"
#include "daemon/web/presentation.h"

#define NOW_MS 1769853792000 /* 2026-01-31T10:03:12Z */

static void assert_json(json_t *json, const char *expected)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);

	assert_string_equal(text, expected);
	free(text);
	json_decref(json);
}

/* A page's companions of the incident in DOCUMENT, an array with one. */
static json_t *incident_of(const char *text)
{
	json_t *document = json_loads(text, 0, NULL), *incident;

	assert_int_equal(presentation_add(document, NOW_MS), 0);
	incident = json_incref(json_array_get(json_object_get(document, "incidents"), 0));
	json_decref(document);
	return incident;
}

static void test_incident(void **state)
{
	json_t *a = incident_of("{\"incidents\":[{\"runbook_url\":\"https://a/b\",\"notifications\":["
				"{\"state\":\"failed\"},{\"state\":\"delivered\"}]}]}");
	json_t *b = incident_of("{\"incidents\":[{\"runbook_url\":\"man:a(7)\",\"notifications\":["
				"{\"state\":\"failed\"},{\"state\":\"failed\"}]}]}");
	json_t *c = incident_of("{\"incidents\":[{\"notifications\":[{\"state\":\"pending\"}]}]}");

	assert_true(json_is_true(json_object_get(a, "runbook_url_is_link")));
	assert_string_equal(json_string_value(json_object_get(a, "notifications_failed")),
		"1 notification failed");
	assert_true(json_is_false(json_object_get(b, "runbook_url_is_link")));
	assert_string_equal(json_string_value(json_object_get(b, "notifications_failed")),
		"2 notifications failed");
	assert_null(json_object_get(c, "notifications_failed"));
	json_decref(a);
	json_decref(b);
	json_decref(c);
}

/* What foreigners named is text, whatever it looks like; a time is a time. */
static void test_texts(void **state)
{
	static const struct {
		const char *text, *parts;
	} cases[] = {
		{"Z", "[{\"part\":\"Z\"}]"},
		{"", "[{\"part\":\"\"}]"},
		{"since 2026-01-31T10:01:00.123Z: no", "[{\"part\":\"since \"},{\"time\":"
			"\"2026-01-31T10:01:00.123Z\",\"time_text\":\"2026-01-31 10:01:00 UTC\","
			"\"time_ago\":\"2 min\"},{\"part\":\": no\"}]"},
		{"2026-13-31T10:01:00.123Z", "[{\"part\":\"2026-13-31T10:01:00.123Z\"}]"},
		{"26-01-31T10:01:00.123Z", "[{\"part\":\"26-01-31T10:01:00.123Z\"}]"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		json_t *document = json_pack("{s:[{s:s}],s:[{s:s}]}", "webhooks", "text",
			cases[i].text, "timeline", "text", cases[i].text);
		const json_t *note, *webhook;

		assert_int_equal(presentation_add(document, NOW_MS), 0);
		webhook = json_array_get(json_object_get(document, "webhooks"), 0);
		note = json_array_get(json_object_get(document, "timeline"), 0);
		assert_json(json_incref(json_object_get(webhook, "parts")), cases[i].parts);
		assert_null(json_object_get(note, "parts"));
		json_decref(document);
	}
}

static void test_names(void **state)
{
	json_t *document = json_pack("{s:s}", "metric", "a_b__c");

	assert_int_equal(presentation_add(document, NOW_MS), 0);
	assert_json(json_incref(json_object_get(document, "metric_parts")),
		"[{\"part\":\"a_\"},{\"part\":\"b_\"},{\"part\":\"_\"},{\"part\":\"c\"}]");
	json_decref(document);
}

static void test_resolution(void **state)
{
	static const struct {
		const char *state, *alerts, *timeline, *by, *fires;
	} cases[] = {
		{"resolved", "[{\"rule\":\"A\",\"state\":\"resolved\"}]",
			"[{\"type\":\"resolved\",\"actor\":\"modelwatch\"}]", NULL, NULL},
		{"resolved", "[{\"rule\":\"A\",\"state\":\"firing\"}]",
			"[{\"type\":\"resolved\",\"actor\":\"modelwatch\"},"
			"{\"type\":\"resolved\",\"actor\":\"ada\"},{\"type\":\"note\"}]",
			"ada", "A still fires"},
		{"resolved",
			"[{\"rule\":\"A\",\"state\":\"firing\"},{\"rule\":\"B\",\"state\":\"pending\"},"
			"{\"rule\":\"A\",\"state\":\"firing\"},{\"rule\":\"C\",\"state\":\"firing\"}]",
			"[]", NULL, "A and C still fire"},
		{"resolved",
			"[{\"rule\":\"A\",\"state\":\"firing\"},{\"rule\":\"B\",\"state\":\"firing\"},"
			"{\"rule\":\"C\",\"state\":\"firing\"},{\"rule\":\"D\",\"state\":\"firing\"}]",
			"[]", NULL, "A, B, C and others still fire"},
		{"open", "[{\"rule\":\"A\",\"state\":\"firing\"}]",
			"[{\"type\":\"resolved\",\"actor\":\"ada\"}]", NULL, NULL},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		char text[512];
		json_t *incident;
		const char *by, *fires;

		snprintf(text, sizeof(text),
			"{\"incidents\":[{\"state\":\"%s\",\"alerts\":%s,\"timeline\":%s}]}",
			cases[i].state, cases[i].alerts, cases[i].timeline);
		incident = incident_of(text);
		by = json_string_value(json_object_get(incident, "resolved_by"));
		fires = json_string_value(json_object_get(incident, "still_fires"));
		assert_string_equal(by ? by : "", cases[i].by ? cases[i].by : "");
		assert_string_equal(fires ? fires : "", cases[i].fires ? cases[i].fires : "");
		json_decref(incident);
	}
}

static void test_presentation(void **state)
{
	json_t *document = json_pack("{s:[{s:i,s:s,s:s}],s:s,s:[ii],s:i,s:{s:s}}", "incidents",
		"id", 17, "service", "a/b", "opened_at", "2026-01-31T10:01:00.123Z", "state",
		"open", "processes", 1, 2, "restarts", 0, "labels", "a", "b");

	assert_int_equal(presentation_add(document, NOW_MS), 0);
	assert_json(document,
		"{\"incidents\":[{\"id\":17,\"service\":\"a/b\",\"opened_at\":"
		"\"2026-01-31T10:01:00.123Z\",\"href\":\"incidents/17\",\"id_any\":true,"
		"\"opened_at_text\":\"2026-01-31 10:01:00 UTC\",\"opened_at_ago\":\"2 min\","
		"\"service_href\":\"services/a%2Fb\"}],\"state\":\"open\",\"processes\":[1,2],"
		"\"restarts\":0,\"labels\":{\"a\":\"b\"},\"incidents_any\":true,"
		"\"incidents_count\":1,\"incidents_plural\":\"\",\"state_is_open\":true,"
		"\"processes_any\":true,\"processes_count\":2,\"processes_plural\":\"s\","
		"\"processes_text\":\"1, 2\",\"restarts_any\":false,"
		"\"labels_list\":[{\"name\":\"a\",\"value\":\"b\"}]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_incident),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_resolution),
		cmocka_unit_test(test_presentation),
	};

	return cmocka_run_group_tests_name("web-presentation", tests, NULL, NULL);
}
