# SPDX-License-Identifier: Apache-2.0
# The role `web`: what decides (libweb.a), and the program that reads the database and serves.
WEB_FILES = \
	daemon/web/assets/favicon.svg \
	daemon/web/assets/live.js \
	daemon/web/assets/style.css \
	daemon/web/templates/about.mustache \
	daemon/web/templates/alert-card.mustache \
	daemon/web/templates/alerts.mustache \
	daemon/web/templates/error.mustache \
	daemon/web/templates/foot.mustache \
	daemon/web/templates/head.mustache \
	daemon/web/templates/home.mustache \
	daemon/web/templates/icon-critical.mustache \
	daemon/web/templates/icon-ok.mustache \
	daemon/web/templates/icon-unknown.mustache \
	daemon/web/templates/icon-warning.mustache \
	daemon/web/templates/incident-card.mustache \
	daemon/web/templates/incident.mustache \
	daemon/web/templates/incidents.mustache \
	daemon/web/templates/prose.mustache \
	daemon/web/templates/resolved.mustache \
	daemon/web/templates/service.mustache \
	daemon/web/templates/severity.mustache
EXTRA_DIST += $(WEB_FILES)

noinst_LIBRARIES += libweb.a
libweb_a_CPPFLAGS = $(AM_CPPFLAGS) -DMW_WEB_DIRECTORY='"$(abs_top_srcdir)/daemon/web"'
libweb_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
libweb_a_SOURCES = \
	daemon/resolution.c daemon/resolution.h \
	daemon/time_in_text.c daemon/time_in_text.h \
	daemon/web/command_body.c daemon/web/command_body.h \
	daemon/web/connections.c daemon/web/connections.h \
	daemon/web/content_negotiation.c daemon/web/content_negotiation.h \
	daemon/web/exposition.c daemon/web/exposition.h schema/metrics.def \
	daemon/web/facts_json.c daemon/web/facts_json.h \
	daemon/web/figures.c daemon/web/figures.h \
	daemon/web/files.c daemon/web/files.h daemon/web/files.def \
	daemon/web/head_check.c daemon/web/head_check.h \
	daemon/web/headline.c daemon/web/headline.h \
	daemon/web/health.c daemon/web/health.h \
	daemon/web/host_check.c daemon/web/host_check.h \
	daemon/web/json_list.c daemon/web/json_list.h \
	daemon/web/pages.c daemon/web/pages.h \
	daemon/web/presentation.c daemon/web/presentation.h \
	daemon/web/route.c daemon/web/route.h daemon/web/routes.def \
	daemon/web/rows_json.c daemon/web/rows_json.h \
	daemon/web/sparkline.c daemon/web/sparkline.h \
	daemon/web/url_segment.c daemon/web/url_segment.h

# The files are part of this object.
daemon/web/libweb_a-files.$(OBJEXT): $(WEB_FILES)

pkglibexec_PROGRAMS += modelwatch-web
modelwatch_web_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS) $(MICROHTTPD_CFLAGS) $(JANSSON_CFLAGS)
modelwatch_web_SOURCES = \
	daemon/web/answer.c daemon/web/answer.h \
	daemon/web/collector_reports.c daemon/web/collector_reports.h \
	daemon/web/commands.c daemon/web/commands.h \
	daemon/web/dispatch.c daemon/web/dispatch.h \
	daemon/web/document_alerts.c \
	daemon/web/document_builders.h \
	daemon/web/document_facts.c \
	daemon/web/document_health.c \
	daemon/web/document_incidents.c \
	daemon/web/document_service.c \
	daemon/web/document_status.c \
	daemon/web/documents.c daemon/web/documents.h \
	daemon/web/current_services.c daemon/web/current_services.h \
	daemon/web/freshness.c daemon/web/freshness.h \
	daemon/web/http_server.c daemon/web/http_server.h \
	daemon/web/service_charts.c daemon/web/service_charts.h \
	daemon/web/web.c daemon/web/web.h
modelwatch_web_LDADD = libweb.a librole.a libconfig.a libalerts.a libstore.a libschema.a libbase.a \
	$(SYSTEMD_LIBS) $(SECCOMP_LIBS) $(MICROHTTPD_LIBS) $(SQLITE_LIBS) $(JANSSON_LIBS) -lm

if HAVE_CMOCKA
WEB_TESTS = tests/unit/test-web-request tests/unit/test-web-metrics tests/unit/test-web-pages \
	tests/unit/test-web-presentation
check_PROGRAMS += $(WEB_TESTS)
TESTS += $(WEB_TESTS)
WEB_TEST_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
WEB_TEST_LIBS = libweb.a libalerts.a libschema.a libbase.a $(JANSSON_LIBS) $(SYSTEMD_LIBS) $(CMOCKA_LIBS) -lm
tests_unit_test_web_request_CFLAGS = $(WEB_TEST_CFLAGS)
tests_unit_test_web_request_LDADD = $(WEB_TEST_LIBS)
tests_unit_test_web_metrics_CFLAGS = $(WEB_TEST_CFLAGS)
tests_unit_test_web_metrics_LDADD = $(WEB_TEST_LIBS)
tests_unit_test_web_pages_CFLAGS = $(WEB_TEST_CFLAGS)
tests_unit_test_web_pages_LDADD = $(WEB_TEST_LIBS)
tests_unit_test_web_presentation_CFLAGS = $(WEB_TEST_CFLAGS)
tests_unit_test_web_presentation_LDADD = $(WEB_TEST_LIBS)

check_PROGRAMS += tests/unit/test-web
TESTS += tests/unit/test-web
tests_unit_test_web_SOURCES = \
	tests/unit/test-web.c tests/unit/web-fixture.c tests/unit/web-fixture.h $(ROLE_FIXTURE)
tests_unit_test_web_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS) $(SYSTEMD_CFLAGS)
tests_unit_test_web_LDADD = librole.a libconfig.a libalerts.a libstore.a libschema.a libbase.a \
	$(SYSTEMD_LIBS) $(SECCOMP_LIBS) $(SQLITE_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)
endif

check_PROGRAMS += tests/fuzz/fuzz-request
TESTS += tests/fuzz/fuzz-request
tests_fuzz_fuzz_request_SOURCES = tests/fuzz/fuzz-request.c $(FUZZ_MAIN)
tests_fuzz_fuzz_request_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_request_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_request_LDADD = libweb.a libbase.a $(JANSSON_LIBS) -lm
EXTRA_DIST += tests/fuzz/corpus/request
