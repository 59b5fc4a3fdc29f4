/* SPDX-License-Identifier: Apache-2.0 */
/* Names, copies and destructors of the records. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/base/cleanup.h"
#include "schema/records.h"

static void test_names(void **state)
{
	static const char *const refused[] = {"", "Info", "critical ", "page"};
	enum severity s = SEVERITY_WARNING;

	for (int i = SEVERITY_INFO; i <= SEVERITY_CRITICAL; i++) {
		assert_int_equal(severity_parse(severity_name((enum severity) i), &s), 0);
		assert_int_equal(s, i);
	}
	for (size_t i = 0; i < ELEMENTS(refused); i++)
		assert_int_equal(severity_parse(refused[i], &s), -EINVAL);
	assert_int_equal(s, SEVERITY_CRITICAL);
	assert_string_equal(severity_name(SEVERITY_INFO), "info");
	assert_string_equal(severity_name(SEVERITY_WARNING), "warning");
	assert_string_equal(severity_name(SEVERITY_CRITICAL), "critical");
	assert_string_equal(alert_state_name(ALERT_INACTIVE), "inactive");
	assert_string_equal(alert_state_name(ALERT_PENDING), "pending");
	assert_string_equal(alert_state_name(ALERT_FIRING), "firing");
	assert_string_equal(alert_state_name(ALERT_RESOLVED), "resolved");
	assert_string_equal(incident_state_name(INCIDENT_OPEN), "open");
	assert_string_equal(incident_state_name(INCIDENT_RESOLVED), "resolved");
	assert_string_equal(service_state_name(SERVICE_UNKNOWN), "unknown");
	assert_string_equal(service_state_name(SERVICE_UP), "up");
	assert_string_equal(service_state_name(SERVICE_DOWN), "down");
	assert_string_equal(notification_state_name(NOTIFICATION_PENDING), "pending");
	assert_string_equal(notification_state_name(NOTIFICATION_DELIVERED), "delivered");
	assert_string_equal(notification_state_name(NOTIFICATION_FAILED), "failed");
}

static void test_alert_copy_is_deep(void **state)
{
	struct evidence evidence[] = {{(char[]){"exit"}, (char[]){"SIGKILL"}},
		{(char[]){"memory"}, (char[]){""}}};
	struct alert a = {.fingerprint = (char[]){"0123456789abcdef"}, .rule = (char[]){"R"},
		.severity = SEVERITY_CRITICAL, .state = ALERT_FIRING, .incident = 7, .value = 0,
		.threshold = NAN, .low = -1, .high = 1, .active_ms = 1, .started_ms = 2,
		.held_ms = 3, .ended_ms = 4, .history = 5, .summary = (char[]){"s"},
		.evidence = evidence, .evidence_count = 2};
	_cleanup_(alert_done) struct alert copy = {0};

	assert_int_equal(labels_set(&a.labels, "service", "llama"), 0);
	assert_int_equal(alert_copy(&a, &copy), 0);
	assert_ptr_not_equal(copy.fingerprint, a.fingerprint);
	assert_string_equal(copy.fingerprint, a.fingerprint);
	assert_string_equal(copy.rule, "R");
	assert_string_equal(labels_get(&copy.labels, "service"), "llama");
	assert_string_equal(copy.summary, "s");
	assert_null(copy.description);
	assert_null(copy.runbook);
	assert_int_equal(copy.evidence_count, 2);
	assert_ptr_not_equal(copy.evidence, a.evidence);
	assert_string_equal(copy.evidence[0].text, "SIGKILL");
	assert_string_equal(copy.evidence[1].text, "");
	assert_true(isnan(copy.threshold) && copy.low < 0 && copy.high > 0);
	assert_int_equal(copy.incident, 7);
	assert_int_equal(copy.ended_ms, 4);
	assert_int_equal(copy.history, 5);
	labels_done(&a.labels);

	alert_done(&copy);
	alert_done(&copy);
	assert_null(copy.evidence);
}

static void test_incident_copy(void **state)
{
	struct incident i = {.id = 3, .state = INCIDENT_RESOLVED, .title = (char[]){"t"},
		.service = (char[]){""}, .runbook = NULL, .opened_ms = 5, .reopened = 2};
	_cleanup_(incident_done) struct incident copy = {0};

	assert_int_equal(incident_copy(&i, &copy), 0);
	assert_int_equal(copy.id, 3);
	assert_int_equal(copy.state, INCIDENT_RESOLVED);
	assert_ptr_not_equal(copy.title, i.title);
	assert_string_equal(copy.title, "t");
	assert_string_equal(copy.service, "");
	assert_null(copy.runbook);
	assert_null(copy.acknowledged_by);
	assert_int_equal(copy.reopened, 2);
}

/* An empty list is a list; leaks and double frees are the sanitizers' business. */
static void test_lists(void **state)
{
	struct fact *facts = calloc(2, sizeof(*facts));
	struct evidence *evidence = NULL;

	assert_non_null(facts);
	facts[0].role = strdup("process");
	facts[1].value = strdup("v");
	fact_list_free(facts, 2);
	alert_list_free(NULL, 0);
	incident_list_free(NULL, 0);
	timeline_list_free(NULL, 0);
	notification_list_free(NULL, 0);
	service_list_free(NULL, 0);
	process_list_free(NULL, 0);
	role_list_free(NULL, 0);
	assert_int_equal(evidence_list_copy(NULL, 0, &evidence), 0);
	assert_null(evidence);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_alert_copy_is_deep),
		cmocka_unit_test(test_incident_copy),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
