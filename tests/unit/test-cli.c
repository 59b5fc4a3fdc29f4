/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: what its arguments mean, and what it prints of the API's answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/cli/client.h"
#include "daemon/cli/invocation.h"
#include "daemon/cli/show.h"
#include "daemon/cli/table.h"

#define ARGUMENTS_MAX 16
#define NOW	      UINT64_C(1769853900000000) /* 2026-01-31T10:05:00Z */

/* Splits LINE at blanks, parses it and gives the complaint ("" for none). */
static char *parse(const char *line, struct invocation *i, char storage[static 256])
{
	_cleanup_buf_ struct buf complaint = BUF_INIT;
	char *argv[ARGUMENTS_MAX] = {NULL}, *position = NULL;
	int argc = 0, r;

	snprintf(storage, 256, "modelwatch %s", line);
	for (char *word = strtok_r(storage, " ", &position); word && argc < ARGUMENTS_MAX - 1;
		word = strtok_r(NULL, " ", &position))
		argv[argc++] = word;
	r = invocation_parse(argc, argv, i, &complaint);
	assert_int_equal(r, complaint.size > 0 ? -EINVAL : 0);
	return buf_take(&complaint);
}

static void test_arguments(void **state)
{
	static const struct {
		const char *line, *complaint;
	} cases[] = {
		{"status", ""},
		{"status --json", ""},
		{"--json status", ""},
		{"incident 17", ""},
		{"--socket /run/x incident 17", ""},
		{"ack 17 -m mine", ""},
		{"ack -m mine 17", ""},
		{"note 17 --message=mine", ""},
		{"incidents --all", ""},
		{"check-config", ""},
		{"check-config FILE", ""},
		{"--help", ""},
		{"--version and anything else", ""},
		{"", "a verb is missing"},
		{"--json", "a verb is missing"},
		{"statsu", "there is no verb statsu (did you mean status?)"},
		{"acknowledge 1", "there is no verb acknowledge"},
		{"zebra", "there is no verb zebra"},
		{"status --jsno", "there is no option --jsno (did you mean --json?)"},
		{"status --sokcet=x", "there is no option --sokcet (did you mean --socket?)"},
		{"status -x", "there is no option -x"},
		{"incident -1", "there is no option -1"},
		{"status 1", "status takes no argument: modelwatch status "},
		{"incident", "incident needs an argument: modelwatch incident ID"},
		{"incident 1 2", "incident takes one argument: modelwatch incident ID"},
		{"note 17", "note needs -m TEXT"},
		{"note 17 --message=", "note needs -m TEXT"},
		{"note 17 --message=\t\n", "note needs -m TEXT"},
		{"ack 17 --message=", ""},
		{"note 17 -m", "-m needs a value"},
		{"incident 17 -m x", "incident does not take -m"},
		{"status --all", "status does not take --all"},
		{"st\033[2Jatus", "there is no verb st?[2Jatus (did you mean status?)"},
	};

	for (size_t n = 0; n < ELEMENTS(cases); n++) {
		struct invocation i;
		char storage[256];
		_cleanup_free_ char *complaint = parse(cases[n].line, &i, storage);

		assert_string_equal(complaint, cases[n].complaint);
	}
}

static void test_arguments_taken(void **state)
{
	struct invocation i;
	char storage[256];
	_cleanup_free_ char *complaint =
		parse("--socket S note 17 --json -m mine", &i, storage);

	assert_string_equal(complaint, "");
	assert_string_equal(i.verb->name, "note");
	assert_string_equal(i.argument, "17");
	assert_string_equal(i.message, "mine");
	assert_string_equal(i.socket, "S");
	assert_true(i.json && !i.all && !i.help && !i.version);
}

static void test_help(void **state)
{
	_cleanup_buf_ struct buf all = BUF_INIT, one = BUF_INIT;

	invocation_help(NULL, &all);
	for (size_t i = 0; i < verb_count; i++) {
		_cleanup_free_ char *line = NULL;

		assert_true(asprintf(&line, "\n  %s ", verbs[i].name) > 0);
		assert_non_null(strstr(all.data, line));
	}
	assert_non_null(strstr(all.data, "--socket"));
	invocation_help(verb_find("ack"), &one);
	assert_non_null(text_after(one.data, "Usage: modelwatch ack ID [-m TEXT] [--json]"));
}

static void test_socket(void **state)
{
	static const struct {
		const char *given, *socket, *directory, *expected;
	} cases[] = {
		{"/a", "/b", "/c", "/a"},
		{NULL, "/b", "/c", "/b"},
		{NULL, "", "/c", "/c/http.sock"},
		{NULL, NULL, "/c:/d", "/c/http.sock"},
		{NULL, NULL, NULL, MW_RUNDIR "/http.sock"},
		{NULL, NULL, "", MW_RUNDIR "/http.sock"},
	};

	for (size_t n = 0; n < ELEMENTS(cases); n++) {
		struct invocation i = {.socket = cases[n].given};
		_cleanup_free_ char *path = NULL;

		unsetenv("MODELWATCH_SOCKET");
		unsetenv("RUNTIME_DIRECTORY");
		if (cases[n].socket)
			setenv("MODELWATCH_SOCKET", cases[n].socket, 1);
		if (cases[n].directory)
			setenv("RUNTIME_DIRECTORY", cases[n].directory, 1);
		path = client_socket(&i);
		assert_string_equal(path, cases[n].expected);
	}
}

static void test_table(void **state)
{
	_cleanup_(table_done) struct table t = {.columns = 4};
	static const char *const cells[] = {
		"a", "", "long one", "end", "größer", "", "x", "", "\n", "", "b\nc", "d\ne",
		"f\x1b\n", "", "", "\t1\n\n2\n"};
	const struct style plain = {0}, coloured = {.colour = true};
	_cleanup_buf_ struct buf b = BUF_INIT, c = BUF_INIT;

	for (size_t i = 0; i < ELEMENTS(cells); i++)
		table_add(&t, i == 0 ? RED : PLAIN, cells[i]);
	table_show(&t, &plain, &b);
	assert_string_equal(b.data, "  a       long one  end\n"
				    "  größer  x\n"
				    "          b c       d\n"
				    "                    e\n"
				    "  f?                 1\n"
				    "\n"
				    "                    2\n");
	table_show(&t, &coloured, &c);
	assert_non_null(text_after(c.data, "  \033[1;31ma\033[0m       long one  end\n"));
}

static void test_time(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{"2026-01-31T10:00:00.123Z", "2026-01-31 11:00:00 (4min 59s ago)"},
		{"2026-01-31T10:04:59Z", "2026-01-31 11:04:59 (1s ago)"},
		{"2026-01-31T10:05:00.000Z", "2026-01-31 11:05:00 (just now)"},
		{"2027-01-31T10:05:00.000Z", "2027-01-31 11:05:00 (just now)"},
		{"2026-01-31T10:04:59", ""},
		{"yesterday", ""},
		{"", ""},
		{"1960-01-31T10:04:59Z", ""},
	};
	const struct style style = {.now = NOW};

	for (size_t n = 0; n < ELEMENTS(cases); n++) {
		_cleanup_buf_ struct buf b = BUF_INIT;

		show_time(&b, &style, cases[n].text);
		assert_string_equal(b.data ? b.data : "", cases[n].shown);
	}
}

static const char status_json[] =
	"{'status':'critical','services':["
	"{'name':'whisper','state':'up','discovered':false,'processes':[11],"
	"'since':'2026-01-31T09:05:00Z','restarts':0,'reason':'','url':''},"
	"{'name':'vllm-8000','state':'up','discovered':true,'processes':[1,2,3,4,5],"
	"'since':'2026-01-28T10:05:00Z','restarts':1,'reason':'','url':''},"
	"{'name':'new','state':'unknown','discovered':false,'processes':[],"
	"'since':null,'restarts':0,'reason':'','url':''},"
	"{'name':'llama','state':'down','discovered':false,'processes':[],"
	"'since':'2026-01-31T10:00:00Z','restarts':3,'reason':'killed by \\u001b[31m SIGKILL','url':''}],"
	"'weights':[],'incidents':[{'id':17,'state':'open','severity':'critical',"
	"'title':'llama is down','service':'llama','opened_at':'2026-01-31T10:00:00.100Z',"
	"'acknowledged_at':null,'acknowledged_by':null,'resolved_at':null}],"
	"'roles':[{'name':'engine','pid':5,'state':'running','restarts':0},"
	"{'name':'web','pid':6,'state':'hung','restarts':2}]}";

static const char status_text[] =
	"CRITICAL, 1 service down (llama), role web hung, 1 service unknown (new), 1 open incident\n"
	"\n"
	"Services\n"
	"  llama      down     5min ago                          3 restarts  killed by ?[31m SIGKILL\n"
	"  new        unknown\n"
	"  vllm-8000  up       3d ago    pid 1, 2, 3 and 2 more  1 restart   discovered\n"
	"  whisper    up       1h ago    pid 11\n"
	"\n"
	"Incidents\n"
	"  17  critical  open  opened 4min 59s ago  llama is down\n"
	"\n"
	"Roles of modelwatchd\n"
	"  web  hung  2 restarts\n";

static const char incidents_json[] =
	"{'incidents':["
	"{'id':1,'state':'resolved','severity':'critical','title':'old','opened_at':'2026-01-31T10:04:00Z',"
	"'resolved_at':'2026-01-31T10:04:30Z'},"
	"{'id':5,'state':'resolved','severity':'critical','title':'by hand',"
	"'opened_at':'2026-01-31T10:03:00Z','resolved_at':'2026-01-31T10:04:00Z',"
	"'alerts':[{'rule':'ServiceDown','state':'firing'}]},"
	"{'id':2,'state':'open','severity':'warning','title':'slow','opened_at':'2026-01-31T10:03:00Z'},"
	"{'id':3,'state':'open','severity':'critical','title':'first','opened_at':'2026-01-31T10:01:00Z'},"
	"{'id':4,'state':'open','severity':'critical','title':'second','opened_at':'2026-01-31T10:02:00Z',"
	"'acknowledged_by':'ada'}]}";

static const char incidents_text[] =
	"  4  critical  acknowledged by ada                         opened 3min ago  second\n"
	"  3  critical  open                                        opened 4min ago  first\n"
	"  2  warning   open                                        opened 2min ago  slow\n"
	"  1  critical  resolved 30s ago                            opened 1min ago  old\n"
	"  5  critical  resolved 1min ago, ServiceDown still fires  opened 2min ago  by hand\n";

static const char incident_json[] =
	"{'id':17,'state':'open','severity':'critical','title':'llama is down: killed by SIGKILL',"
	"'service':'llama','opened_at':'2026-01-31T10:00:00Z','acknowledged_at':null,"
	"'acknowledged_by':null,'resolved_at':null,'url':'https://gpu7/incidents/17',"
	"'runbook_url':'https://runbooks/down',"
	"'alerts':[{'rule':'ServiceDown','fingerprint':'0011','state':'firing','severity':'critical',"
	"'labels':{'service':'llama'},'summary':'llama is down','description':'No process.\\nNone.',"
	"'value':0,'threshold':0,'expected':{'low':null,'high':2.5},"
	"'started_at':'2026-01-31T10:00:00Z','ended_at':null,"
	"'evidence':[{'name':'unit','text':'vllm@1.service'},{'name':'exit','text':'SIGKILL'},"
	"{'name':'log','text':'one\\ntwo\\u0007'}]}],"
	"'timeline':[{'time':'2026-01-31T10:00:00Z','type':'opened','actor':'modelwatch',"
	"'text':'ServiceDown'},"
	"{'time':'2026-01-31T10:01:00Z','type':'note','actor':'ada','text':'looking'}],"
	"'notifications':[{'webhook':'oncall','type':'incident.opened','state':'delivered','attempts':1,"
	"'last_error':''},{'webhook':'chat','type':'incident.opened','state':'pending','attempts':3,"
	"'last_error':'answered 500'}]}";

static const char incident_text[] =
	"Incident 17: llama is down: killed by SIGKILL\n"
	"  State         open, critical\n"
	"  Service       llama\n"
	"  Opened        2026-01-31 11:00:00 (5min ago)\n"
	"  Acknowledged  by nobody yet\n"
	"  Runbook       https://runbooks/down\n"
	"  Page          https://gpu7/incidents/17\n"
	"\n"
	"Alerts\n"
	"  ServiceDown  firing, critical, since 2026-01-31 11:00:00 (5min ago)\n"
	"    llama is down\n"
	"    No process.\n"
	"    None.\n"
	"    unit: vllm@1.service\n"
	"    exit: SIGKILL\n"
	"    log:\n"
	"        one\n"
	"        two?\n"
	"    value 0, threshold 0, expected up to 2.5\n"
	"    service=llama\n"
	"\n"
	"Timeline\n"
	"  2026-01-31 11:00:00  opened  modelwatch  ServiceDown\n"
	"  2026-01-31 11:01:00  note    ada         looking\n"
	"\n"
	"Notifications\n"
	"  oncall  incident.opened  delivered  1 try\n"
	"  chat    incident.opened  pending    3 tries  answered 500\n"
	"\n"
	"What next\n"
	"  modelwatch ack 17 -m TEXT           say that you are on it\n"
	"  modelwatch note 17 -m TEXT          write down what you found\n"
	"  modelwatch resolve 17 -m TEXT       say that it is over\n"
	"  systemctl status vllm@1.service     see what systemd says of it\n"
	"  journalctl -u vllm@1.service -n 50  read what it said last\n"
	"  modelwatch status                   see whether it is up again\n";

static const char resolved_json[] =
	"{'id':18,'state':'resolved','severity':'warning','title':'t','service':'',"
	"'opened_at':'2026-01-31T10:00:00Z','acknowledged_at':'2026-01-31T10:01:00Z',"
	"'acknowledged_by':'ada','resolved_at':'2026-01-31T10:02:00Z','alerts':[],'timeline':[],"
	"'notifications':[]}";

static const char by_hand_json[] =
	"{'id':7,'state':'resolved','severity':'critical','title':'t','service':'s',"
	"'opened_at':'2026-01-31T10:00:00Z','resolved_at':'2026-01-31T10:02:00Z',"
	"'alerts':[{'rule':'ServiceDown','state':'firing','severity':'critical'}],"
	"'timeline':[{'time':'2026-01-31T10:01:00Z','type':'resolved','actor':'modelwatch','text':''},"
	"{'time':'2026-01-31T10:02:00Z','type':'resolved','actor':'ada','text':''}],"
	"'notifications':[]}";

static const char by_hand_text[] =
	"Incident 7: t\n"
	"  State     resolved, critical\n"
	"  Service   s\n"
	"  Opened    2026-01-31 11:00:00 (5min ago)\n"
	"  Resolved  2026-01-31 11:02:00 (3min ago) by ada while ServiceDown still fires\n"
	"\n"
	"Alerts\n"
	"  ServiceDown  firing, critical\n"
	"\n"
	"Timeline\n"
	"  2026-01-31 11:01:00  resolved  modelwatch\n"
	"  2026-01-31 11:02:00  resolved  ada\n"
	"\n"
	"Notifications\n"
	"  none: no webhook was to be told of it\n";

/* The columns of what to type next are those of any number. */
static const char one_digit_json[] =
	"{'id':7,'state':'open','severity':'critical','title':'t','service':'s',"
	"'acknowledged_by':'ada','acknowledged_at':'2026-01-31T10:01:00Z'}";

static const char one_digit_text[] =
	"Incident 7: t\n"
	"  State         open, critical\n"
	"  Service       s\n"
	"  Acknowledged  2026-01-31 11:01:00 (4min ago) by ada\n"
	"\n"
	"Notifications\n"
	"  none: no webhook was to be told of it\n"
	"\n"
	"What next\n"
	"  modelwatch note 7 -m TEXT     write down what you found\n"
	"  modelwatch resolve 7 -m TEXT  say that it is over\n"
	"  modelwatch status             see whether it is up again\n";

static const char resolved_text[] =
	"Incident 18: t\n"
	"  State         resolved, warning\n"
	"  Opened        2026-01-31 11:00:00 (5min ago)\n"
	"  Acknowledged  2026-01-31 11:01:00 (4min ago) by ada\n"
	"  Resolved      2026-01-31 11:02:00 (3min ago)\n"
	"\n"
	"Notifications\n"
	"  none: no webhook was to be told of it\n";

static const char doctor_json[] =
	"{'checks':[{'subject':'store','state':'ok','text':'writable','remedy':''},"
	"{'subject':'ptrace','state':'limited','text':'exit reasons are unknown',"
	"'remedy':'run as root\\nor install the unit'}]}";

static const char doctor_text[] =
	"Limited, and how to change it\n"
	"  limited  ptrace: exit reasons are unknown\n"
	"      run as root\n"
	"      or install the unit\n"
	"\n"
	"Fine\n"
	"  ok  store: writable\n";

static const struct {
	show_fn show;
	const char *json; /* with ' for " */
	const char *text;
} shown_pages[] = {
	{show_status, status_json, status_text},
	{show_status, "{'status':'ok','services':[],'incidents':[],'roles':[]}",
		"ok, no open incident\n\nServices\n"
		"  none: no model server was found here. A [service NAME] section\n"
		"  of modelwatch.conf names one.\n"},
	{show_status,
		"{'status':'critical','services':[{'name':'a\\u001b','state':'down'},"
		"{'name':'b','state':'down'},{'name':'c','state':'down'},"
		"{'name':'d','state':'down'},{'name':'e','state':'down'}],"
		"'incidents':[],'roles':[]}",
		"CRITICAL, 5 services down (a?, b, c and 2 more), no open incident\n"
		"\nServices\n  a?  down\n  b   down\n  c   down\n  d   down\n  e   down\n"},
	/* It is not expected to be there. */
	{show_status,
		"{'status':'ok','services':[{'name':'spare','state':'unknown'}],"
		"'incidents':[],'roles':[]}",
		"ok, no open incident\n\nServices\n  spare  unknown\n"},
	{show_status,
		"{'status':'warning','services':[],'incidents':[],'roles':[],"
		"'trouble':'the database cannot be written: \\u001b[31m',"
		"'configuration':'Refused since 2026-01-31T10:00:00.000Z: x.conf:2: no.',"
		"'systemd':'It cannot be asked since 2026-01-31T10:00:00.000Z.',"
		"'webhooks':[{'name':'oncall',"
		"'text':'It takes nothing since 2026-01-31T10:00:00.000Z: ZZ.'}]}",
		"WARNING, 1 webhook takes nothing (oncall), the database is in trouble,"
		" the configuration on disk is refused, systemd cannot be asked, no open incident\n"
		"the database cannot be written: ?[31m\n"
		"Configuration on disk: Refused since 2026-01-31 11:00:00 (5min ago): x.conf:2: no.\n"
		"It cannot be asked since 2026-01-31 11:00:00 (5min ago).\n"
		"Webhook oncall: It takes nothing since 2026-01-31 11:00:00 (5min ago): ZZ.\n"
		"\nServices\n"
		"  none: no model server was found here. A [service NAME] section\n"
		"  of modelwatch.conf names one.\n"},
	{show_incidents, incidents_json, incidents_text},
	{show_incidents, "{'incidents':[]}", "No incident.\n"},
	{show_incident, incident_json, incident_text},
	{show_incident, resolved_json, resolved_text},
	{show_incident, by_hand_json, by_hand_text},
	{show_incident, one_digit_json, one_digit_text},
	{show_discover,
		"{'services':[{'name':'vllm-8000',"
		"'config':'[service vllm-8000]\\nlisten-port = 8000\\n'}]}",
		"# 1 model server was found on this host. Paste what you want to keep\n"
		"# into the configuration of the daemon: " MW_SYSCONFDIR "/modelwatch.conf,\n"
		"# unless it was started with another one (--config).\n"
		"\n[service vllm-8000]\nlisten-port = 8000\n"},
	{show_discover, "{'services':[]}",
		"# No model server was found on this host. A [service NAME] section\n"
		"# of modelwatch.conf(5) names one that is not recognised.\n"},
	{show_doctor, doctor_json, doctor_text},
	{show_doctor, "{'checks':[]}", "Nothing is limited.\n"},
};

static void test_pages(void **state)
{
	const struct style style = {.now = NOW};

	for (size_t n = 0; n < ELEMENTS(shown_pages); n++) {
		_cleanup_free_ char *json = strdup(shown_pages[n].json);
		_cleanup_buf_ struct buf b = BUF_INIT;
		json_t *body;

		for (char *c = json; *c; c++)
			*c = *c == '\'' ? '"' : *c;
		body = json_loads(json, 0, NULL);
		assert_non_null(body);
		shown_pages[n].show(body, &style, &b);
		assert_string_equal(b.data, shown_pages[n].text);
		json_decref(body);
	}
}

/* Whatever the answer is, a page of it is text: no control characters, no crash. */
static void test_pages_of_anything(void **state)
{
	static const char *const bodies[] = {
		"{}",
		"{\"services\":{},\"incidents\":5,\"roles\":null,\"checks\":\"x\",\"alerts\":[1,[],null]}",
		"{\"services\":[null,[],{\"name\":5,\"processes\":{},\"since\":[]}],\"status\":\"\\u001b\"}",
		"{\"incidents\":[{},{\"id\":\"x\",\"title\":\"\\u001b[2J\\u009b\",\"state\":\"open\"}]}",
		"{\"alerts\":[{\"labels\":{\"a\\u0007\":\"b\\u0007\"},\"evidence\":[{}],\"value\":1e300}]}",
		"{\"timeline\":[{\"text\":\"\\r\\n\\t\"}],\"notifications\":[{\"last_error\":\"\\u001b\"}]}",
		"{\"services\":[{\"config\":\"a\\u001b\\nb\"}],\"checks\":[{\"subject\":\"\\u0000\"}]}",
	};
	static const show_fn pages[] = {
		show_status, show_incidents, show_incident, show_discover, show_doctor};
	const struct style style = {.now = NOW};

	for (size_t n = 0; n < ELEMENTS(bodies); n++)
		for (size_t p = 0; p < ELEMENTS(pages); p++) {
			_cleanup_buf_ struct buf b = BUF_INIT;
			json_t *body = json_loads(bodies[n], JSON_ALLOW_NUL, NULL);

			assert_non_null(body);
			pages[p](body, &style, &b);
			assert_int_equal(buf_error(&b), 0);
			for (size_t i = 0; i < b.size; i++)
				assert_true(b.data[i] == '\n' || (unsigned char) b.data[i] >= ' ');
			json_decref(body);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_arguments_taken),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_pages_of_anything),
	};

	/* A zone without rules: an hour east, the whole year. */
	setenv("TZ", "TST-1", 1);
	tzset();
	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
