/* SPDX-License-Identifier: Apache-2.0 */
/* Rows to JSON, JSON to pages: shapes, what is decided on the way, and that nothing foreign becomes
 * markup. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/base/buf.h"
#include "daemon/web/facts_json.h"
#include "daemon/web/files.h"
#include "daemon/web/headline.h"
#include "daemon/web/health.h"
#include "daemon/web/pages.h"
#include "daemon/web/rows_json.h"

#define NOW_MS 1769853792000 /* 2026-01-31T10:03:12Z */

/* Literals as the rows want them; nothing writes to them. */
#define TEXT(literal) ((char[]){literal})

static void assert_json(json_t *json, const char *expected)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);

	assert_string_equal(text, expected);
	free(text);
	json_decref(json);
}

static void test_rows(void **state)
{
	struct process_record processes[] = {{.service = TEXT("a"), .pid = 7},
		{.service = TEXT("b"), .pid = 8}, {.service = TEXT("a"), .pid = 9}};
	struct service_record s = {.name = TEXT("a"),
		.state = SERVICE_DOWN,
		.since_ms = NOW_MS,
		.restarts = 2,
		.reason = TEXT("exited"),
		.url = TEXT("")};
	struct role_record r = {
		.name = TEXT("engine"), .pid = 5, .state = TEXT("running"), .restarts = 1};

	assert_json(service_json(&s, SERVICE_ASKED_TO_STOP, processes, 3, ""),
		"{\"name\":\"a\",\"state\":\"down\",\"discovered\":false,\"processes\":[7,9],"
		"\"since\":\"2026-01-31T10:03:12.000Z\",\"restarts\":2,\"reason\":\"exited\","
		"\"absence\":\"asked for\",\"url\":null}");
	s = (struct service_record){.name = TEXT("ü/."),
		.state = SERVICE_UP,
		.discovered = true,
		.reason = TEXT(""),
		.url = TEXT("")};
	assert_json(service_json(&s, "", NULL, 0, "https://h/mw"),
		"{\"name\":\"ü/.\",\"state\":\"up\",\"discovered\":true,\"processes\":[],"
		"\"since\":null,\"restarts\":0,\"reason\":null,"
		"\"absence\":null,\"url\":\"https://h/mw/services/%C3%BC%2F%2E\"}");
	assert_json(role_json(&r, true),
		"{\"name\":\"engine\",\"pid\":5,\"state\":\"running\",\"restarts\":1}");
	assert_json(role_json(&r, false),
		"{\"name\":\"engine\",\"pid\":5,\"state\":\"stopped\",\"restarts\":1}");
}

/* Nobody looks any more: what a service was is not what it is. */
static void test_service_mark_unknown(void **state)
{
	static const struct {
		enum service_state state;
		const char *reason;
		int64_t last_ms;
		const char *expected;
	} cases[] = {
		{SERVICE_UP, "", NOW_MS, "up when modelwatch last looked"},
		{SERVICE_DOWN, "exited", NOW_MS, "down when modelwatch last looked: exited"},
		{SERVICE_UP, "", 0, "up when modelwatch last looked; its collector has not reported yet"},
		{SERVICE_UNKNOWN, "ended", NOW_MS, "ended"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct service_record s = {.state = cases[i].state,
			.since_ms = 1,
			.reason = strdup(cases[i].reason)};

		assert_int_equal(service_mark_unknown(&s, cases[i].last_ms), 0);
		assert_int_equal(s.state, SERVICE_UNKNOWN);
		assert_string_equal(s.reason, cases[i].expected);
		assert_int_equal(
			s.since_ms, cases[i].state == SERVICE_UNKNOWN ? 1 : cases[i].last_ms);
		free(s.reason);
	}
}

static void test_rollup(void **state)
{
	struct role_record running = {.name = TEXT("web"), .state = TEXT("running")};
	struct role_record hung = {.name = TEXT("web"), .state = TEXT("hung")};
	struct role_record starting = {.name = TEXT("web"), .state = TEXT("starting")};
	struct role_record engine = {.name = TEXT("engine"), .state = TEXT("running")};
	struct incident info = {.severity = SEVERITY_INFO};
	struct incident warning = {.severity = SEVERITY_WARNING};
	struct incident critical = {.severity = SEVERITY_CRITICAL};
	struct incident over = {.severity = SEVERITY_CRITICAL, .state = INCIDENT_RESOLVED};
	struct service_record up = {.name = TEXT("a"), .state = SERVICE_UP};
	struct service_record down = {.name = TEXT("a"), .state = SERVICE_DOWN};
	struct service_record unknown = {.name = TEXT("a"), .state = SERVICE_UNKNOWN};
	const struct {
		const struct service_record *service;
		const struct incident *incident;
		const struct role_record *role;
		bool engine, limited;
		const char *expected;
	} cases[] = {
		{&up, NULL, &running, true, false, "ok"},
		{&up, &info, &running, true, false, "ok"},
		{&up, &over, &running, true, false, "ok"},
		{&up, &warning, &running, true, false, "warning"},
		{&up, &critical, &running, true, false, "critical"},
		{&up, &critical, &hung, true, false, "critical"},
		{&up, NULL, &hung, true, false, "warning"},
		{&up, NULL, &starting, true, false, "ok"},
		{&up, NULL, &engine, true, false, "ok"},
		{&up, NULL, &engine, false, false, "warning"},
		{&up, &over, &engine, false, false, "warning"},
		/* Nothing is wrong that is known, but nothing newer is known either. */
		{&up, NULL, &running, true, true, "warning"},
		{&up, &critical, &running, true, true, "critical"},
		/* It is down, whatever was said about its incident. */
		{&down, NULL, &running, true, false, "critical"},
		{&down, &over, &running, true, true, "critical"},
		{&down, &warning, &running, true, false, "critical"},
		{&unknown, NULL, &running, true, false, "ok"},
		{&unknown, NULL, &running, true, true, "warning"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		assert_string_equal(status_rollup(&(struct overview){
					    .services = cases[i].service,
					    .service_count = 1,
					    .incidents = cases[i].incident,
					    .incident_count = cases[i].incident != NULL,
					    .roles = cases[i].role,
					    .role_count = 1,
					    .engine = cases[i].engine,
					    .limited = cases[i].limited,
				    }),
			cases[i].expected);
}

/* A service that is down, and what the collector says of its absence. */
static void test_rollup_of_absence(void **state)
{
	struct service_record down = {.name = TEXT("a"), .state = SERVICE_DOWN};
	struct incident warning = {.severity = SEVERITY_WARNING};
	struct incident critical = {.severity = SEVERITY_CRITICAL};
	struct fact facts[] = {
		{.subject = TEXT("b"), .key = TEXT("absence"), .value = TEXT("not expected")},
		{.subject = TEXT("a"), .key = TEXT("absence")},
		{.subject = TEXT("a"), .key = TEXT("unit-state"), .value = TEXT("not expected")},
	};
	const struct {
		const char *absence;
		const struct incident *incident;
		const char *expected;
	} cases[] = {
		{"", NULL, "critical"},
		{"asked for", NULL, "warning"},
		{"asked for", &critical, "critical"},
		{"not expected", NULL, "ok"},
		{"not expected", &warning, "warning"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		facts[1].value = (char *) (uintptr_t) cases[i].absence;
		assert_string_equal(status_rollup(&(struct overview){
					    .services = &down,
					    .service_count = 1,
					    .incidents = cases[i].incident,
					    .incident_count = cases[i].incident != NULL,
					    .facts = facts,
					    .fact_count = ELEMENTS(facts),
				    }),
			cases[i].expected);
	}
}

static void test_health(void **state)
{
	struct role_record roles[] = {{.name = TEXT("engine"), .state = TEXT("running")},
		{.name = TEXT("process"), .state = TEXT("running")}};
	struct collector_report collectors[] = {{"process", NOW_MS - 1000}};
	struct health h = {.roles = roles,
		.role_count = 2,
		.collectors = collectors,
		.collector_count = 1,
		.engine = true,
		.interval_ms = 1000,
		.now_ms = NOW_MS};
	json_t *json = health_json(&h);

	assert_true(health_is_ok(json));
	assert_json(json, "{\"status\":\"ok\",\"reasons\":[]}");
	roles[1].state = TEXT("hung");
	assert_json(
		health_json(&h), "{\"status\":\"failing\",\"reasons\":[\"role process is hung\"]}");
	roles[1].state = TEXT("running");
	collectors[0].last_ms = NOW_MS - 6000;
	assert_json(health_json(&h),
		"{\"status\":\"failing\",\"reasons\":[\"collector process last "
		"reported 6.0s ago\"]}");
	h.interval_ms = 60000; /* then that is in time */
	json = health_json(&h);
	assert_true(health_is_ok(json));
	json_decref(json);
	h.systemd = "systemd cannot be asked.";
	assert_json(health_json(&h), "{\"status\":\"failing\",\"reasons\":[\"systemd cannot be asked.\"]}");
	h.systemd = NULL;
	collectors[0].last_ms = 0;
	h.engine = false;
	h.role_count = 0;
	assert_json(health_json(&h),
		"{\"status\":\"failing\",\"reasons\":[\"the engine is not connected\","
		"\"no role has reported yet\",\"collector process has not reported yet\"]}");
}

#define VARIABLE_FACT(topic_, subject_, key_, value_)                                              \
	{                                                                                          \
		.role = TEXT("process"), .topic = TEXT(topic_), .subject = TEXT(subject_),         \
		.key = TEXT(key_), .value = (value_)                                               \
	}
#define FACT(topic, subject, key, value) VARIABLE_FACT(topic, subject, key, TEXT(value))

static void test_facts(void **state)
{
	const struct fact facts[] = {
		FACT("doctor", "ptrace", "remedy", "give it"),
		FACT("doctor", "ptrace", "state", "limited"),
		FACT("doctor", "z", "state", "ok"),
		FACT("doctor", "ptrace", "text", "cannot"),
		FACT("service", "mine", "kind", "vllm"),
		FACT("service", "vllm-7000", "discovered", "yes"), /* it is down */
		FACT("service", "vllm-7000", "url", "http://127.0.0.1:7000/"),
		FACT("service", "vllm-8000", "discovered", "yes"),
		FACT("service", "vllm-8000", "executable", "/opt/[a]/py*"),
		FACT("service", "vllm-8000", "health", "http://x/\nunit = evil"),
		FACT("service", "vllm-8000", "kind", "vllm"),
		FACT("service", "vllm-8000", "listen-port", "8000"),
	};

	assert_json(doctor_json(facts, ELEMENTS(facts)),
		"{\"checks\":[{\"subject\":\"ptrace\",\"remedy\":\"give it\",\"state\":\"limited\","
		"\"text\":\"cannot\"},{\"subject\":\"z\",\"state\":\"ok\",\"text\":\"\","
		"\"remedy\":\"\"}]}");
	/* What is foreign cannot become a line of the configuration, nor a glob. */
	assert_json(discover_json(facts, ELEMENTS(facts)),
		"{\"services\":[{\"name\":\"vllm-8000\",\"executable\":\"/opt/[a]/py*\","
		"\"health\":\"http://x/\\nunit = evil\",\"kind\":\"vllm\",\"listen_port\":8000,"
		"\"metrics\":null,\"weights\":null,\"config\":\"[service vllm-8000]\\n"
		"executable = /opt/\\\\[a\\\\]/py\\\\*\\nlisten-port = 8000\\n\"}]}");
	assert_json(doctor_json(NULL, 0), "{\"checks\":[]}");
	assert_json(discover_json(NULL, 0), "{\"services\":[]}");
}

/* Only what lasts is told of, and only while it lasts. */
static void test_systemd(void **state)
{
	struct {
		char state[8], since[32];
		int64_t after_ms;
		const char *json;
	} cases[] = {
		{"missing", "2026-01-31T10:00:00.000Z", 5000, "null"},
		{"missing", "2026-01-31T10:00:00.000Z", 5001, "\"Because. Mend it.\""},
		{"failing", "2026-01-31T10:00:00.000Z", 86400000, "\"Because. Mend it.\""},
		{"missing", "2026-01-31T10:00:00.000Z", -1, "null"},
		/* The clock was set back. */
		{"missing", "2026-01-31T10:00:00.000Z", -5001, "\"Because. Mend it.\""},
		{"ok", "2026-01-31T10:00:00.000Z", 5001, "null"},
		{"missing", "yesterday", 5001, "null"},
	};
	usec_t since;

	assert_int_equal(clock_parse("2026-01-31T10:00:00.000Z", &since), 0);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		const struct fact facts[] = {
			FACT("doctor", "systemd", "remedy", "Mend it."),
			VARIABLE_FACT("doctor", "systemd", "since", cases[i].since),
			VARIABLE_FACT("doctor", "systemd", "state", cases[i].state),
			FACT("doctor", "systemd", "text", "Because."),
		};

		assert_json(systemd_json(facts, ELEMENTS(facts), usec_to_ms(since) + cases[i].after_ms),
			cases[i].json);
		assert_json(systemd_json(facts, 1, usec_to_ms(since) + cases[i].after_ms), "null");
	}
	assert_json(systemd_json(NULL, 0, 0), "null");
}

static const struct {
	const char *document, *headline, *subline, *status;
} headlines[] = {
	{"{\"status\":\"ok\",\"services\":[],\"incidents\":[]}",
		"No model servers found yet", "modelwatch keeps looking", "none"},
	{"{\"status\":\"ok\",\"services\":[{\"state\":\"up\"}],\"incidents\":[]}",
		"All is well", "1 service up", "ok"},
	{"{\"status\":\"ok\",\"services\":[{\"state\":\"up\"},{\"state\":\"unknown\"}],"
	 "\"incidents\":[]}",
		"All is well", "1 of 2 services up, no open incident", "ok"},
	{"{\"status\":\"warning\",\"services\":[],\"incidents\":[],\"roles\":[{\"name\":"
	 "\"notify\",\"state\":\"hung\"},{\"name\":\"web\",\"state\":\"running\"}]}",
		"modelwatch itself needs a look", "role notify is hung", "warning"},
	{"{\"status\":\"warning\",\"services\":[{\"state\":\"up\"}],\"incidents\":[],"
	 "\"webhooks\":[{\"name\":\"oncall\"}]}",
		"modelwatch itself needs a look", "webhook oncall takes nothing", "warning"},
	{"{\"status\":\"warning\",\"services\":[{\"state\":\"unknown\"}],\"incidents\":[],"
	 "\"roles\":[{\"name\":\"process\",\"state\":\"hung\"}]}",
		"modelwatch itself needs a look",
		"role process is hung, 1 service in unknown state", "warning"},
	{"{\"status\":\"warning\",\"services\":[{\"state\":\"unknown\"},{\"state\":\"unknown\"}],"
	 "\"incidents\":[],\"webhooks\":[{\"name\":\"oncall\"}],\"configuration\":\"Refused\"}",
		"modelwatch itself needs a look",
		"webhook oncall takes nothing, the configuration on disk is refused,"
		" 2 services in unknown state",
		"warning"},
	{"{\"status\":\"warning\",\"services\":[{\"state\":\"unknown\"}],\"incidents\":[],"
	 "\"trouble\":\"the disk is full\"}",
		"modelwatch itself needs a look",
		"the database is in trouble, 1 service in unknown state", "warning"},
	{"{\"status\":\"warning\",\"services\":[{\"state\":\"unknown\"}],\"incidents\":[{"
	 "\"severity\":\"warning\"}],\"configuration\":\"Refused\"}",
		"1 open incident",
		"1 warning, 1 not acknowledged, the configuration on disk is refused,"
		" 1 service in unknown state",
		"warning"},
	{"{\"status\":\"warning\",\"services\":[{\"state\":\"unknown\"},{\"state\":"
	 "\"unknown\"}],\"incidents\":[{\"severity\":\"warning\"}]}",
		"1 open incident",
		"1 warning, 1 not acknowledged, 2 services in unknown state", "warning"},
	{"{\"status\":\"warning\",\"services\":[{\"state\":\"up\"}],\"incidents\":[],"
	 "\"systemd\":\"It cannot be asked.\"}",
		"modelwatch itself needs a look", "systemd cannot be asked", "warning"},
	/* Somebody resolved the incident of what is down still. */
	{"{\"status\":\"critical\",\"services\":[{\"name\":\"llama\",\"state\":\"down\"}],"
	 "\"incidents\":[]}",
		"llama is down", "no open incident", "critical"},
	{"{\"status\":\"critical\",\"services\":[{\"name\":\"a\",\"state\":\"down\"},"
	 "{\"name\":\"b\",\"state\":\"down\"},{\"name\":\"c\",\"state\":\"unknown\"}],"
	 "\"incidents\":[],\"webhooks\":[{\"name\":\"oncall\"}]}",
		"2 services down",
		"no open incident, webhook oncall takes nothing, 1 service in unknown state",
		"critical"},
	{"{\"status\":\"critical\",\"services\":[{\"name\":\"a\",\"state\":\"down\"},"
	 "{\"name\":\"b\",\"state\":\"down\"}],\"incidents\":[{\"severity\":\"critical\","
	 "\"acknowledged_at\":\"x\"}]}",
		"1 open incident", "1 critical, acknowledged, 2 services down", "critical"},
	{"{\"status\":\"warning\",\"services\":[{\"name\":\"new\",\"state\":\"unknown\"}],"
	 "\"incidents\":[]}",
		"1 service in unknown state", "modelwatch itself needs a look", "warning"},
	/* What is not there, and need not be, is none of those that somebody has to look for. */
	{"{\"status\":\"warning\",\"services\":[{\"state\":\"unknown\",\"absence\":\"not expected\"},"
	 "{\"name\":\"b\",\"state\":\"down\",\"absence\":\"not expected\"},{\"state\":\"unknown\","
	 "\"absence\":null}],\"incidents\":[]}",
		"1 service in unknown state", "modelwatch itself needs a look", "warning"},
	{"{\"status\":\"warning\",\"services\":[{\"state\":\"unknown\",\"absence\":\"not expected\"}],"
	 "\"incidents\":[],\"systemd\":\"It cannot be asked.\"}",
		"modelwatch itself needs a look", "systemd cannot be asked", "warning"},
	{"{\"status\":\"warning\",\"services\":[{\"name\":\"a\",\"state\":\"down\",\"absence\":"
	 "\"not expected\"},{\"name\":\"b\",\"state\":\"down\",\"absence\":\"asked for\"}],"
	 "\"incidents\":[]}",
		"b is down", "no open incident", "warning"},
	{"{\"status\":\"critical\",\"incidents\":[{\"severity\":\"critical\"},"
	 "{\"severity\":\"warning\",\"acknowledged_at\":\"x\"}]}",
		"2 open incidents", "1 critical, 1 warning, 1 not acknowledged",
		"critical"},
	{"{\"status\":\"warning\",\"incidents\":[{\"severity\":\"warning\","
	 "\"acknowledged_at\":\"x\"}]}",
		"1 open incident", "1 warning, acknowledged", "warning"},
};

static void test_headlines(void **state)
{
	for (size_t i = 0; i < ELEMENTS(headlines); i++) {
		json_t *document = json_loads(headlines[i].document, 0, NULL);

		assert_int_equal(headline_add(document), 0);
		assert_string_equal(json_string_value(json_object_get(document, "headline")),
			headlines[i].headline);
		assert_string_equal(
			json_string_value(json_object_get(document, "subline")), headlines[i].subline);
		assert_string_equal(json_string_value(json_object_get(document, "headline_status")),
			headlines[i].status);
		json_decref(document);
	}
}

static void test_order(void **state)
{
	json_t *document = json_loads("{\"status\":\"ok\",\"incidents\":[],\"services\":["
				      "{\"name\":\"a\",\"state\":\"up\"},"
				      "{\"name\":\"b\",\"state\":\"down\"},"
				      "{\"name\":\"c\",\"state\":\"unknown\"},"
				      "{\"name\":\"d\",\"state\":\"down\"}]}",
		0, NULL);
	static const char expected[] = "bdca";
	json_t *service;
	size_t i;

	assert_int_equal(headline_add(document), 0);
	assert_int_equal(json_array_size(json_object_get(document, "services")), 4);
	json_array_foreach (json_object_get(document, "services"), i, service)
		assert_int_equal(
			*json_string_value(json_object_get(service, "name")), expected[i]);
	json_decref(document);
}

/* Foreign text in every place where a page shows text. */
#define EVIL      "\"<script>alert('1')</script>&"
#define EVIL_JSON "\\\"<script>alert('1')</script>&"
#define INCIDENT                                                                                   \
	"{\"id\":17,\"state\":\"open\",\"severity\":\"critical\",\"title\":\"" EVIL_JSON           \
	"\",\"service\":\"" EVIL_JSON "\",\"opened_at\":\"2026-01-31T10:01:00.123Z\","             \
	"\"acknowledged_at\":\"2026-01-31T10:02:00.123Z\",\"acknowledged_by\":\"" EVIL_JSON        \
	"\",\"resolved_at\":null"
#define ALERT                                                                                      \
	"{\"rule\":\"" EVIL_JSON "\",\"state\":\"firing\",\"severity\":\"critical\",\"labels\":{"  \
	"\"service\":\"" EVIL_JSON "\"},\"summary\":\"" EVIL_JSON                                  \
	"\",\"description\":\"" EVIL_JSON                                                          \
	"\",\"value\":0,\"threshold\":1.5,\"evidence\":[{\"name\":\"" EVIL_JSON                    \
	"\",\"text\":\"" EVIL_JSON "\"}]}"
#define SERVICE                                                                                    \
	"{\"name\":\"" EVIL_JSON "\",\"state\":\"down\",\"processes\":[1],\"since\":null,"         \
	"\"restarts\":1,\"reason\":\"" EVIL_JSON "\"}"

static const struct {
	const char *template, *document, *shows;
} page_cases[] = {
	{"home",
		"{\"status\":\"critical\",\"services\":[" SERVICE "],\"incidents\":[" INCIDENT
		"}],\"roles\":[{\"name\":\"web\",\"pid\":4,\"state\":\"running\",\"restarts\":0}]}",
		"1 open incident"},
	{"home", "{\"status\":\"ok\",\"services\":[],\"incidents\":[],\"roles\":[]}",
		"No model servers found yet"},
	{"incidents", "{\"incidents\":[" INCIDENT "}]}", "incidents/17"},
	{"incidents", "{\"incidents\":[]}", "No open incident"},
	{"incident",
		INCIDENT ",\"alerts\":[" ALERT "],\"timeline\":[{\"time\":"
			 "\"2026-01-31T10:01:00.123Z\",\"type\":\"note\",\"actor\":\"" EVIL_JSON
			 "\",\"text\":\"" EVIL_JSON
			 "\"}],\"notifications\":[{\"webhook\":\"" EVIL_JSON
			 "\",\"type\":\"incident.opened\",\"state\":\"failed\","
			 "\"attempts\":1,\"last_error\":\"" EVIL_JSON "\"}]}",
		"modelwatch resolve 17"},
	{"service",
		"{\"service\":" SERVICE ",\"facts\":[{\"key\":\"" EVIL_JSON
		"\",\"value\":\"" EVIL_JSON
		"\"}],\"values\":[{\"metric\":\"m\",\"labels\":\"" EVIL_JSON
		"\",\"value\":1,\"text\":\"1\"}],\"charts\":[{\"name\":\"up\",\"title\":\"Up\","
		"\"now\":\"up\",\"range\":\"r\",\"line\":\"M0 0\",\"area\":\"M0 0\"}],"
		"\"incidents\":[]}",
		"<path class=\"line\" d=\"M0 0\"/>"},
	{"alerts",
		"{\"rules\":[{\"name\":\"" EVIL_JSON "\",\"expr\":\"" EVIL_JSON
		"\",\"severity\":\"critical\",\"state\":\"firing\"}],\"alerts\":[" ALERT "]}",
		"<dt>Value</dt><dd>0</dd>"},
	{"alerts", "{\"rules\":[],\"alerts\":[]}", "Nothing fires"},
	{"about",
		"{\"version\":\"1\",\"database\":\"" EVIL_JSON
		"\",\"checks\":[{\"subject\":\"" EVIL_JSON
		"\",\"state\":\"limited\",\"text\":\"" EVIL_JSON "\",\"remedy\":\"" EVIL_JSON
		"\"}]}",
		"limited"},
};

static void assert_sound_page(const char *html)
{
	assert_int_equal(strncmp(html, "<!doctype html>\n<html lang=\"en\">", 31), 0);
	assert_non_null(strstr(html, "name=\"viewport\""));
	assert_non_null(strstr(html, "<main id=\"main\""));
	assert_non_null(strstr(html, "<h1>"));
	assert_non_null(strstr(html, "</html>\n"));
	assert_null(strstr(html, "<script>"));
	assert_null(strstr(html, " style="));
	assert_null(strstr(html, "{{"));
	assert_null(strstr(html, "alert('1')"));
}

static void test_pages(void **state)
{
	struct pages *pages = NULL;
	char *why = NULL;

	assert_int_equal(pages_new(&pages, &why), 0);
	for (size_t i = 0; i < ELEMENTS(page_cases); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;
		struct page page = {.template = page_cases[i].template,
			.host = EVIL,
			.query = "",
			.depth = 1,
			.now_ms = NOW_MS};
		json_t *document = json_loads(page_cases[i].document, 0, NULL);

		print_message("%s: %s\n", page.template, page_cases[i].shows);
		assert_non_null(document);
		assert_int_equal(pages_render(pages, &page, document, &out), 0);
		assert_sound_page(out.data);
		assert_non_null(strstr(out.data, page_cases[i].shows));
		assert_non_null(strstr(out.data, "href=\"../assets/style.css\""));
		json_decref(document);
	}
	pages_free(pages);
}

/* Whatever `doctor` says of something, the page says, too. */
static void test_states_of_checks(void **state)
{
	struct page page = {.template = "about", .host = "h", .query = "", .now_ms = NOW_MS};
	struct pages *pages = NULL;
	char *why = NULL;

	assert_int_equal(pages_new(&pages, &why), 0);
	for (unsigned i = 0; i < CHECK_STATES; i++) {
		const char *name = check_state_name(i);
		_cleanup_buf_ struct buf out = BUF_INIT, tag = BUF_INIT;
		json_t *document = json_pack("{s:s, s:s, s:[{s:s, s:s, s:s, s:s}]}", "version", "1",
			"database", "d", "checks", "subject", "s", "state", name, "text", "",
			"remedy", "");

		buf_printf(&tag, "%s</span> <strong>s</strong>", name);
		assert_int_equal(pages_render(pages, &page, document, &out), 0);
		if (!strstr(out.data, tag.data))
			fail_msg("the page does not show the state %s", name);
		json_decref(document);
	}
	pages_free(pages);
}

static void test_error_page(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct page page = {.template = "x", .host = "h", .query = "", .depth = 100};
	struct pages *pages = NULL;
	char *why = NULL;

	assert_int_equal(pages_new(&pages, &why), 0);
	assert_int_equal(pages_render_error(pages, &page, 404, EVIL, &out), 0);
	assert_sound_page(out.data);
	assert_non_null(strstr(out.data, "There is nothing here"));
	assert_non_null(strstr(out.data, "href=\"/assets/style.css\""));
	pages_free(pages);
}

static void test_files(void **state)
{
	for (size_t i = 0; i < FILES; i++) {
		struct file f = file_get((enum file_id) i);

		assert_true(f.size > 20);
		assert_int_equal(f.data[f.size], '\0');
		assert_int_equal(strlen(f.data), f.size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_service_mark_unknown),
		cmocka_unit_test(test_rollup),
		cmocka_unit_test(test_rollup_of_absence),
		cmocka_unit_test(test_health),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_systemd),
		cmocka_unit_test(test_headlines),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_states_of_checks),
		cmocka_unit_test(test_error_page),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
