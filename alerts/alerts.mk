# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libalerts.a
libalerts_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS)
libalerts_a_SOURCES = \
	alerts/alert_step.c alerts/alert_step.h \
	alerts/alerting.c alerts/alerting.h alerts/alerting_state.h \
	alerts/alerting_evaluate.c alerts/alerting_flapping.c alerts/alerting_group.c \
	alerts/alerting_incident.c alerts/alerting_notify.c \
	alerts/alerting_people.c alerts/alerting_restore.c alerts/alerting_text.c \
	alerts/incident_json.c alerts/incident_json.h \
	alerts/outbox.c alerts/outbox.h \
	alerts/promql/evaluate.c alerts/promql/promql.h \
	alerts/promql/lexer.c alerts/promql/lexer.h \
	alerts/promql/matcher.c alerts/promql/matcher.h \
	alerts/promql/matcher_regex.c alerts/promql/matcher_regex.h \
	alerts/promql/matching.c alerts/promql/matching.h \
	alerts/promql/number.c alerts/promql/number.h \
	alerts/promql/parser.c alerts/promql/parser.h \
	alerts/promql/quoted.c alerts/promql/selector.c \
	alerts/promql/tree.c alerts/promql/tree.h \
	alerts/receivers/webhook.c alerts/receivers/webhook.h \
	alerts/refuse.c alerts/refuse.h \
	alerts/rule.c alerts/rule.h \
	alerts/signature.c alerts/signature.h

ALERTS_LIBS = libalerts.a libschema.a libbase.a

if HAVE_CMOCKA
ALERTS_TESTS = tests/unit/test-promql tests/unit/test-promql-evaluate tests/unit/test-rule \
	tests/unit/test-outbox tests/unit/test-signature \
	tests/unit/test-alerting tests/unit/test-alerting-faults \
	tests/unit/test-alerting-memory tests/unit/test-flapping tests/unit/test-incident \
	tests/unit/test-payload
check_PROGRAMS += $(ALERTS_TESTS)
TESTS += $(ALERTS_TESTS)
tests_unit_test_promql_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_promql_LDADD = $(ALERTS_LIBS) $(CMOCKA_LIBS)
tests_unit_test_promql_evaluate_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_promql_evaluate_LDADD = $(ALERTS_LIBS) $(CMOCKA_LIBS)
tests_unit_test_rule_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_rule_LDADD = $(ALERTS_LIBS) $(CMOCKA_LIBS) $(JANSSON_LIBS)
ALERTING_WORLD = tests/unit/alerting_world.c tests/unit/alerting_world.h
tests_unit_test_alerting_SOURCES = tests/unit/test-alerting.c $(ALERTING_WORLD)
tests_unit_test_alerting_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_alerting_LDADD = $(ALERTS_LIBS) $(CMOCKA_LIBS) $(JANSSON_LIBS)
tests_unit_test_alerting_faults_SOURCES = tests/unit/test-alerting-faults.c $(ALERTING_WORLD)
tests_unit_test_alerting_faults_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_alerting_faults_LDADD = $(ALERTS_LIBS) $(CMOCKA_LIBS) $(JANSSON_LIBS)
tests_unit_test_alerting_memory_SOURCES = tests/unit/test-alerting-memory.c $(ALERTING_WORLD)
tests_unit_test_alerting_memory_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_alerting_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc \
	-Wl,--wrap=reallocarray,--wrap=strdup,--wrap=strndup
tests_unit_test_alerting_memory_LDADD = $(ALERTS_LIBS) $(CMOCKA_LIBS) $(JANSSON_LIBS)
tests_unit_test_flapping_SOURCES = tests/unit/test-flapping.c $(ALERTING_WORLD)
tests_unit_test_flapping_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_flapping_LDADD = $(ALERTS_LIBS) $(CMOCKA_LIBS) $(JANSSON_LIBS)
tests_unit_test_incident_SOURCES = tests/unit/test-incident.c $(ALERTING_WORLD)
tests_unit_test_incident_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_incident_LDADD = $(ALERTS_LIBS) $(CMOCKA_LIBS) $(JANSSON_LIBS)
tests_unit_test_payload_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_payload_LDADD = $(ALERTS_LIBS) $(CMOCKA_LIBS) $(JANSSON_LIBS)
tests_unit_test_outbox_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_outbox_LDADD = $(ALERTS_LIBS) $(CMOCKA_LIBS)
tests_unit_test_signature_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_signature_LDADD = $(ALERTS_LIBS) $(CMOCKA_LIBS) $(CRYPTO_LIBS)
endif

check_PROGRAMS += tests/fuzz/fuzz-promql tests/fuzz/fuzz-matcher
TESTS += tests/fuzz/fuzz-promql tests/fuzz/fuzz-matcher
tests_fuzz_fuzz_promql_SOURCES = tests/fuzz/fuzz-promql.c $(FUZZ_MAIN)
tests_fuzz_fuzz_promql_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_promql_LDADD = $(ALERTS_LIBS)
tests_fuzz_fuzz_matcher_SOURCES = tests/fuzz/fuzz-matcher.c $(FUZZ_MAIN)
tests_fuzz_fuzz_matcher_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_matcher_LDADD = $(ALERTS_LIBS)
EXTRA_DIST += tests/fuzz/corpus/promql tests/fuzz/corpus/matcher

# What each vendor rule means: written beside the rules, packaging/rules.d.
dist_man_MANS += packaging/man/modelwatch-rules.7
