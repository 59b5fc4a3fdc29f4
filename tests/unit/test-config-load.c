/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a configuration: what is accepted, what is refused and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "daemon/base/file.h"
#include "daemon/base/text.h"
#include "daemon/config/problem.h"
#include "tests/unit/config-files.h"

/* Texts of modelwatch.conf and a part of what is reported; NULL: loads without a word but of what this
 * version does not use yet. */
static const struct {
	const char *text;
	const char *report;
} cases[] = {
	{"", NULL},
	{"[daemon]\ninterval = 250ms\n[page]\nlisten = [::1]:9178\nlisten = unix:/run/x", NULL},
	{"[service a]\nlisten-port = 8000\n[service b]\nuser = root\nuser = 4000000000", NULL},
	/* Unknown names, with the nearest. */
	{"[servise a]", "conf:1: unknown section [servise], did you mean 'service'?"},
	{"[xyzzy]\nkey = 1", "conf:1: unknown section [xyzzy]\n"},
	{"[daemon]\nintervall = 1s", "conf:2: unknown key 'intervall' in [daemon], did you mean "
				     "'interval'?"},
	{"[daemon]\nqqq = 1s", "conf:2: unknown key 'qqq' in [daemon]\n"},
	{"[webhook a]\nurl = http://a\nseverity = crit",
		"conf:3: unknown 'crit' in 'severity' (info warning critical)"},
	{"[webhook a]\nurl = http://a\nseverity = critcal", "did you mean 'critical'?"},
	{"[webhook a]\nurl = http://a\ntype = slak", "did you mean 'slack'?"},
	/* Sections and their names. */
	{"interval = 1s", "conf:1: 'interval' stands before the first [section]"},
	{"[daemon x]", "conf:1: [daemon] takes no name"},
	{"[service]", "conf:1: [service] needs a name: [service NAME]"},
	{"[service a/b]\nuser = x", "conf:1: 'a/b' is not a valid name"},
	{"[service -a]", "conf:1: '-a' is not a valid name"},
	{"[service a]\nuser = x\n[service a]\nuser = y",
		"conf:3: [service a] is in this file already, on line 1"},
	{"[daemon]\ninterval = 1s\n[daemon]\nevaluate = 2s", NULL},
	{"[daemon]\ninterval = 1s\ninterval = 2s",
		"conf:3: 'interval' is given again: line 2 does not count"},
	/* What is missing. */
	{"[service a]\nexpected = yes", "conf:1: [service a] says no way to find it"},
	{"[webhook a]",
		"conf:1: [webhook a] has no 'url', and there is no other [webhook a] that it changes\n"},
	{"[alert ServiceDown]\nexpr = up == 0\n[alert ServiceDwn]\nfor = 5s",
		"conf:3: [alert ServiceDwn] has no 'expr', and there is no other [alert ServiceDwn] that "
		"it changes, did you mean 'ServiceDown'?\n"},
	{"[alert A]\nfor = 1s\n[alert B]\nfor = 1s", "[alert A] that it changes\n"},
	{"[webhook a]\nurl = http://a\nurl =", "conf:1: [webhook a] has no 'url'"},
	{"[alert A]\nfor = 1s", "conf:1: [alert A] has no 'expr'"},
	{"[weights a]", "conf:1: [weights a] has no 'path'"},
	{"[heartbeat a]", "conf:1: [heartbeat a] has no 'url'"},
	{"[record a]", "conf:1: [record a] has no 'expr'"},
	{"[maintenance a]", "conf:1: [maintenance a] has no 'schedule'"},
	/* Values. */
	{"[daemon]\ninterval = 5", "conf:2: 'interval' expects a duration between 10ms and 1h, not '5'"},
	{"[daemon]\ninterval = 1us", "'1us' is out of range"},
	{"[daemon]\nretention = 0s", "expects a duration such as 250ms, 5s, 2min, 12h or 30d above "
				     "zero; '0s' is out of range"},
	{"[daemon]\nmax-size = 2GB", "'max-size' expects a size such as 64K, 10M or 4G, not '2GB'"},
	{"[daemon]\nmax-series = many", "'max-series' expects a number, not 'many'"},
	{"[daemon]\ndiscovery = maybe", "'discovery' expects yes or no, not 'maybe'"},
	{"[service a]\nlisten-port = 0", "'listen-port' expects a port from 1 to 65535; '0' is out"},
	{"[service a]\npid-file = vllm.pid", "'pid-file' expects an absolute path, not 'vllm.pid'"},
	{"[service a]\ncgroup = /a/../b", "'cgroup' expects a path as /proc/PID/cgroup has it"},
	{"[service a]\ncgroup = /sys/fs/cgroup/a", "'cgroup' expects a path as /proc/PID/cgroup"},
	{"[service a]\nunit = a.slice", "'unit' expects a service or scope of systemd"},
	{"[service a]\nunit = .service", "'unit' expects a service or scope of systemd"},
	{"[service a]\nunit = a b", "'unit' expects a service or scope of systemd"},
	{"[service a]\nunit = a.*", "'unit' expects a service or scope of systemd"},
	{"[service a]\nunit = vllm@llama-3.1-8b\nunit = vllm@llama-3.1-*", NULL},
	{"[service a]\nunit = vllm@.service",
		"vllm@.service is a template: name an instance, or vllm@*.service"},
	{"[service a]\nunit = vllm@", "vllm@.service is a template: name an instance, or vllm@*.service"},
	{"[service a]\njournal = vllm\nuser = a", "'journal' expects the name of a unit with its suffix"},
	{"[service a]\nuser = a b", "'user' expects the name or the number of a user, not 'a b'"},
	{"[service a]\nuser = a\nslo-availability = 101%", "'101%' is out of range"},
	{"[service a]\nuser = a\nslo-latency = 2s", "'slo-latency' expects DURATION at PERCENTAGE"},
	{"[service a]\nuser = a\nallowed-peer = 10.0.0.0/33", "'allowed-peer' expects an address"},
	{"[service a]\nuser = a\nlog-format = combinde", "did you mean 'combined'?"},
	{"[service a]\nlisten-port = 1\nlog-format = $remote_addr $status", NULL},
	{"[service a]\nuser = a\nlog-field = duration", "'log-field' expects OUR-FIELD=THEIRS"},
	{"[service a]\nuser = a\ncohort = tenant", "'cohort' expects KIND:NAME"},
	{"[service a]\nuser = a\nweights = lama\n[weights llama]\npath = /x",
		"conf:3: there is no [weights lama], did you mean 'llama'?"},
	{"[service a]\nlisten-port = 1\nweights = llama\n[weights llama]\npath = /", NULL},
	{"[service a]\nlisten-port = 1\nweights = /", NULL},
	{"[record 5xx]\nexpr = 1", "conf:1: '5xx' is not a metric name"},
	{"[maintenance a]\nschedule = Sun 02:00..04:00\nschedule = Mon..Fri 22:30 UTC", NULL},
	{"[maintenance a]\nschedule = $(reboot)", "conf:2: 'schedule' is not a calendar event such as "
						 "Sun 02:00..04:00: a time is HOUR:MINUTE"},
	{"[maintenance a]\nschedule = Sun 25:00", "conf:2: 'schedule' is not a calendar event such as Sun "
						 "02:00..04:00: an hour is 0 to 23, such as 02:00"},
	{"[maintenance a]\nschedule = Sun 02:00 Mars/Base", "this host knows no time zone 'Mars/Base'"},
	{"[maintenance a]\nschedule = Sun 02:00 leapseconds", "this host knows no time zone 'leapseconds'"},
	{"[maintenance a]\nschedule = Sun 02:00 Europe", "this host knows no time zone 'Europe'"},
	/* The page. */
	{"[page]\nlisten = localhost:9178", "'listen' expects 127.0.0.1:PORT, [::1]:PORT or unix:/PATH"},
	{"[page]\nlisten = 127.0.0.1", "'listen' expects 127.0.0.1:PORT"},
	{"[page]\nlisten = 127.0.0.1:99999", "'listen' expects 127.0.0.1:PORT"},
	{"[page]\nlisten = 0.0.0.0:9178", "conf:2: '0.0.0.0:9178' can be reached by others: that "
					  "needs a 'password' file"},
	{"[page]\nlisten = [::]:9178", "conf:2: '[::]:9178' can be reached by others"},
	{"[page]\nlisten = 127.8.0.1:1\nlisten = [0:0:0::1]:1", NULL},
	{"[page]\nlisten = 127.0.0.1:1\nlisten = 127.0.0.1:1", "conf:3: '127.0.0.1:1' is given twice"},
	{"[page]\nlisten =\n", NULL},
	{"[page]\nexternal-url = gpu7.example.net", "'external-url' expects a URL"},
	{"[page]\nexternal-url = https://a/?x=1", "'external-url' takes no user, no query"},
	{"[page]\nallowed-host = a:80", "'allowed-host' expects a host's name without a port"},
	{"[page]\ntls-key = /etc/key.pem", "conf:2: 'tls-key': a secret does not stand in the "
					   "configuration"},
	/* Webhooks. */
	{"[webhook a]\nurl = ftp://a", "conf:2: 'url' expects a URL, http://... or https://...\n"},
	{"[webhook a]\nurl = http://a\nurl = http://b", "conf:3: a second 'url' is for the type"},
	{"[webhook a]\ntype = alertmanager\nurl = http://a\nurl = http://b", NULL},
	{"[webhook a]\nurl = http://a:b@c:80/d?e=f#g", NULL},
	{"[webhook a]\nurl = http://[::1]:80/", NULL},
	{"[webhook a]\nurl = http://a:0/", "'url' expects a URL"},
	{"[webhook a]\nurl = http:///x", "'url' expects a URL"},
	{"[webhook a]\nurl = http://a\nsecret = hunter2", "conf:3: 'secret': a secret does not stand"},
	{"[webhook a]\nurl = http://a\nsecret = credential:../a", "'secret': credential: expects the "
								  "name of a credential"},
	{"[webhook a]\nurl = http://a\nsecret = file:a", "'secret': file: expects an absolute path"},
	{"[webhook a]\nurl = http://a\nheader = X-Team ml", "'header' expects NAME: VALUE"},
	{"[webhook a]\nurl = http://a\nheader = Content-Length: 1", "'header' expects NAME: VALUE"},
	{"[webhook a]\nurl = http://a\nheader = X-Team: ml", NULL},
	{"[webhook a]\nurl = http://a\nmatch = service", "conf:3: 'match' is not a matcher such as"},
	{"[webhook a]\nurl = http://a\nmatch = service=~(", "conf:3: 'match' is not a matcher such"},
	{"[webhook a]\nurl = http://a\nmax-rate = 60", "'max-rate' expects COUNT/UNIT"},
	/* Alerts. */
	{"[alert A]\nexpr = up == 0\nsummary = {{ service }} is down", NULL},
	{"[alert A]\nexpr = up ==", "conf:2: 'expr' is not an expression: position "},
	{"[alert A]\nexpr = up == 0\nclear = (", "conf:3: 'clear' is not an expression: position "},
	{"[alert A]\nexpr = up == 0\nsummary = {{ service", "conf:3: 'summary' is not a template"},
	{"[alert A]\nexpr = up == 0\nat-least = 5 of 3", "conf:3: 'at-least' expects K of N"},
	{"[alert A]\nexpr = up == 0\nlabel = 5=3", "conf:3: 'label' expects NAME=VALUE"},
	{"[alert A]\nexpr = up == 0\ngroup-by = a-b", "conf:3: 'group-by' expects the name of a label"},
	{"[alert A]\nexpr = up == 0\nseverity = page", "conf:3: unknown 'page' in 'severity'"},
	{"[alert A]\nexpr = up == 0\nrunbook = wiki/down", "conf:3: [alert A] runbook: expects a URL, "
							  "http://... or https://..., or a manual page"},
	/* A metric of ours that there is not; what is scraped may have any other name. */
	{"[alert A]\nfor = 5s\nexpr = modelwatch_service_upp == 0",
		"conf:3: 'expr': this version has no metric 'modelwatch_service_upp', did you mean "
		"'modelwatch_service_up'?\n"},
	{"[alert A]\nexpr = up == 0\nclear = modelwatch_samples_totl{a=\"b\"} > 1",
		"conf:3: 'clear': this version has no metric 'modelwatch_samples_totl', did you mean "
		"'modelwatch_samples_total'?\n"},
	{"[alert A]\nexpr = modelwatch_gpu_power_watts > 300",
		"conf:2: 'expr': this version has no metric 'modelwatch_gpu_power_watts'\n"},
	{"[alert A]\nexpr = modelwatch_service_upp == 0\nseverity = page",
		"conf:2: 'expr': this version has no metric 'modelwatch_service_upp', did you"},
	{"[alert A]\nexpr = modelwatch_ == 0", "this version has no metric 'modelwatch_'\n"},
	{"[alert A]\nexpr = modelwatch_service_up == 0\nclear = modelwatch_service_up == 1", NULL},
	{"[alert A]\nexpr = modelwatchservice_upp == 0", NULL},
	{"[alert A]\nexpr = vllm:modelwatch_service_upp == 0", NULL},
	/* What matches nothing. */
	{"[service a]\nexecutable = /bin/a\nexecutable = python3",
		"conf:3: 'executable' is a glob on the absolute path of the program: 'python3' "
		"matches nothing; try '*/python3'\n"},
	{"[service a]\nexecutable = /bin/a\nexecutable = */a\nexecutable = ?bin?a\n"
	 "executable = [/]a\nexecutable = \\/a", NULL},
	/* What this host does not have may come. */
	{"[service a]\nuser = nosuch", "conf:2: 'user': nosuch: there is no such user on this host\n"},
	{"[service a]\npid-file = /dev/null\npid-file = /nope/a.pid",
		"conf:3: 'pid-file': /nope/a.pid: No such file or directory\n"},
	{"[service a]\nlisten-port = 1\nweights = /nope/x", "conf:3: 'weights': /nope/x: No such file"},
	{"[service a]\nlisten-port = 1\naccess-log = /nope", "conf:3: 'access-log': /nope: No such file"},
	{"[weights a]\npath = /nope", "conf:2: 'path': /nope: No such file or directory\n"},
	{"[weights a]\npath = /\npublic-key = /nope", "conf:3: 'public-key': /nope: No such file"},
	{"[webhook a]\nurl = https://a\nca = /nope.pem", "conf:3: 'ca': /nope.pem: No such file or"},
	{"[webhook a]\nurl = https://a\nca = /dev/null/a", "conf:3: 'ca': /dev/null/a: Not a directory\n"},
	/* Lines. */
	{"[daemon\ninterval = 1s", "conf:1: the section's ']' is missing"},
	{"[daemon]\ninterval", "conf:2: expected [SECTION], KEY = VALUE or a # comment"},
	{"[daemon]\ninterval = \x01", "conf:2: control character 0x01 in the line"},
	{"[daemon]\ninterval = \xff", "conf:2: the line is not valid UTF-8"},
};

static bool is_unused_alone(const char *reports)
{
	for (const char *line = reports; *line; line = strchr(line, '\n') + 1) {
		const char *found = strstr(line, " is accepted, but this version ");

		if (!found || found > strchr(line, '\n'))
			return false;
	}
	return true;
}

static void test_texts(void **state)
{
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_config_ struct config *c = NULL;
		struct files f;

		files_make(&f);
		files_write_text(&f, "modelwatch.conf", cases[i].text);
		files_load(&f, true, &c);
		if (!!c != (f.errors == 0))
			fail_msg("%s\nreports %u errors", cases[i].text, f.errors);
		if (!cases[i].report && (!c || !is_unused_alone(f.reports.data ? f.reports.data : "")))
			fail_msg("%s\nreports: %s", cases[i].text, f.reports.data);
		if (cases[i].report &&
			!(f.reports.data && strstr(f.reports.data, cases[i].report)))
			fail_msg("%s\nreports: %s\nand not: %s", cases[i].text,
				f.reports.data ? f.reports.data : "", cases[i].report);
		files_remove(&f);
	}
}

/* Every error at once, in the order of the lines, although they are found in another. */
static void test_all_errors(void **state)
{
	struct config *c = NULL;
	struct files f;

	files_make(&f);
	files_write_text(&f, "modelwatch.conf",
		"[webhook a]\n[daemon]\ninterval = x\n[service b]\n[page]\nlisten = 1.2.3.4:5\nx = y");
	assert_int_equal(files_load(&f, false, &c), -EINVAL);
	assert_string_equal(f.reports.data,
		"modelwatch.conf:1: [webhook a] has no 'url', and there is no other [webhook a] that it "
		"changes\n"
		"modelwatch.conf:3: 'interval' expects a duration between 10ms and 1h, not 'x'\n"
		"modelwatch.conf:4: [service b] says no way to find it: unit, cgroup, container, "
		"executable, command-line, listen-port, pid-file or user\n"
		"modelwatch.conf:6: '1.2.3.4:5' can be reached by others: that needs a 'password' "
		"file\n"
		"modelwatch.conf:7: unknown key 'x' in [page]\n");
	files_remove(&f);
}

/* Errors, warnings and what is not used yet are one list, whichever of them there are. */
static void test_all_together(void **state)
{
	_cleanup_config_ struct config *c = NULL;
	struct files f;
	const char *rest =
		"modelwatch.conf:3: 'rollup-retention' is accepted, but this version does not use it yet\n"
		"modelwatch.conf:5: 'user': nosuch: there is no such user on this host\n"
		"modelwatch.conf:6: 'health' is accepted, but this version does not use it yet\n"
		"modelwatch.conf:7: 'executable' is a glob on the absolute path of the program: 'a' "
		"matches nothing; try '*/a'\n"
		"conf.d/a.conf:1: [weights w] is accepted, but this version does not use it yet\n"
		"conf.d/a.conf:2: 'path': /nope: No such file or directory\n";
	char text[] = "[daemon]\nintervall = 2s\nrollup-retention = 1y\n[service a]\nuser = nosuch\n"
		      "health = http://a\nexecutable = a\n";

	files_make(&f);
	files_write_text(&f, "conf.d/a.conf", "[weights w]\npath = /nope\n");
	files_write_text(&f, "modelwatch.conf", text);
	assert_int_equal(files_load(&f, false, &c), -EINVAL);
	assert_string_equal(text_after(f.reports.data,
		"modelwatch.conf:2: unknown key 'intervall' in [daemon], did you mean 'interval'?\n"),
		rest);
	memcpy(strstr(text, "intervall"), "evaluate ", 9);
	files_write_text(&f, "modelwatch.conf", text);
	assert_int_equal(files_load(&f, false, &c), 0);
	assert_string_equal(f.reports.data, rest);
	files_remove(&f);
}

static void test_problems_left_out(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct config *c = NULL;
	struct files f;
	const char *last;

	buf_add_string(&text, "[daemon]\n");
	for (unsigned i = 0; i < PROBLEMS_MAX + 5; i++)
		buf_add_string(&text, "x = y\n");
	files_make(&f);
	files_write_text(&f, "modelwatch.conf", text.data);
	assert_int_equal(files_load(&f, false, &c), -EINVAL);
	assert_int_equal(f.errors, PROBLEMS_MAX + 1);
	last = strstr(f.reports.data, "5 more problems are not shown here\n");
	assert_non_null(last);
	assert_string_equal(last, "5 more problems are not shown here\n");
	files_remove(&f);
}

/* "FILE CONTENT" pairs are merged in the order of the manual. */
static void test_merging(void **state)
{
	_cleanup_config_ struct config *c = NULL;
	const char *const *list;
	const struct section *s;
	struct files f;
	size_t count;

	files_make(&f);
	files_write_text(&f, "vendor/a.conf",
		"[alert Vendor]\nexpr = up == 0\nfor = 1s\nlabel = one=1\nseverity = critical");
	files_write_text(&f, "vendor/b.conf", "[alert Replaced]\nexpr = up == 0");
	files_write_text(&f, "vendor/c.conf", "[alert Masked]\nexpr = up == 0");
	files_write_text(&f, "vendor/README", "no configuration");
	files_write_text(&f, "rules.d/b.conf", "[alert Own]\nexpr = up == 1");
	files_write_text(&f, "rules.d/c.conf", "");
	files_write_text(&f, "modelwatch.conf",
		"[alert Vendor]\nfor = 2s\nlabel = two=2\n[page]\nlisten = 127.0.0.1:1\n"
		"[service a]\nlisten-port = 1\nexpected = no");
	files_write_text(&f, "conf.d/2.conf", "[service a]\nlisten-port =\nlisten-port = 2");
	files_write_text(&f, "conf.d/10.conf", "[page]\nlisten = unix:/x\n[daemon]\ninterval = 3s");
	files_write_text(&f, "conf.d/20.conf", "[service a]\nexpected =\n[daemon]\ninterval = 4s");
	assert_int_equal(files_load(&f, false, &c), 0);
	assert_int_equal(f.reports.size, 0);

	s = config_find(c, SECTION_ALERT, "Vendor");
	assert_true(section_duration(s, OPTION_ALERT_FOR) == 2 * USEC_PER_SEC);
	assert_string_equal(section_string(s, OPTION_ALERT_SEVERITY), "critical");
	list = section_list(s, OPTION_ALERT_LABEL, &count);
	assert_int_equal(count, 2);
	assert_string_equal(list[1], "two=2");
	assert_null(config_find(c, SECTION_ALERT, "Replaced"));
	assert_null(config_find(c, SECTION_ALERT, "Masked"));
	assert_non_null(config_find(c, SECTION_ALERT, "Own"));
	/* The first explicit value replaces the default, later ones add to it. */
	list = section_list(config_find(c, SECTION_PAGE, ""), OPTION_PAGE_LISTEN, &count);
	assert_int_equal(count, 2);
	assert_string_equal(list[0], "127.0.0.1:1");
	assert_string_equal(list[1], "unix:/x");
	/* Names are compared byte by byte: 10 and 20 come before 2. */
	s = config_find(c, SECTION_SERVICE, "a");
	list = section_list(s, OPTION_SERVICE_LISTEN_PORT, &count);
	assert_int_equal(count, 1);
	assert_string_equal(list[0], "2");
	assert_true(section_bool(s, OPTION_SERVICE_EXPECTED));
	s = config_find(c, SECTION_DAEMON, "");
	assert_true(section_duration(s, OPTION_DAEMON_INTERVAL) == 4 * USEC_PER_SEC);
	files_remove(&f);
}

static void test_files(void **state)
{
	struct config *c = NULL;
	char path[128];
	struct files f;
	_cleanup_free_ char *large = calloc(1, 2 * 1024 * 1024);

	files_make(&f);
	assert_int_equal(files_load(&f, false, &c), -EINVAL);
	assert_string_equal(f.reports.data, "modelwatch.conf: No such file or directory\n");

	snprintf(path, sizeof(path), "%s/modelwatch.conf", f.directory);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(files_load(&f, false, &c), -EINVAL);
	assert_string_equal(f.reports.data, "modelwatch.conf: Is a directory\n");
	assert_int_equal(rmdir(path), 0);

	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(files_load(&f, false, &c), -EINVAL);
	assert_string_equal(f.reports.data, "modelwatch.conf: not a regular file\n");
	assert_int_equal(unlink(path), 0);

	files_write(&f, "modelwatch.conf", large, 2 * 1024 * 1024);
	assert_int_equal(files_load(&f, false, &c), -EINVAL);
	assert_string_equal(f.reports.data, "modelwatch.conf: larger than 1048576 bytes\n");
	assert_int_equal(unlink(path), 0);

	/* A link to /dev/null masks a vendor's file, and is an empty file elsewhere. */
	assert_int_equal(symlink("/dev/null", path), 0);
	files_write_text(&f, "vendor/a.conf", "[alert A]");
	files_write_text(&f, "rules.d/b.conf", "");
	snprintf(path, sizeof(path), "%s/rules.d/a.conf", f.directory);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(files_load(&f, false, &c), 0);
	config_free(c);
	files_remove(&f);
}

static void test_missing_default_file(void **state)
{
	struct config_paths paths = {.vendor_rules = "/nonexistent"};
	_cleanup_config_ struct config *c = NULL;
	struct files f = {.directory = "/tmp"};

	/* Where this host has a configuration of its own, that is loaded; it need not be valid. */
	if (access(MW_SYSCONFDIR, F_OK) == 0)
		skip();
	assert_int_equal(config_load(&paths, files_report, &f, &c), 0);
	assert_int_equal(f.errors, 0);
}

static void test_limits(void **state)
{
	static const struct {
		bool sections;
		unsigned count;
		const char *report;
	} limits[] = {
		{false, CONFIG_LIST_MAX, NULL},
		{false, CONFIG_LIST_MAX + 1,
			"conf:1026: 'user' has more than 1024 values\n"},
		{true, CONFIG_SECTIONS_MAX - 2, NULL}, /* besides [daemon] and [page] */
		{true, CONFIG_SECTIONS_MAX - 1,
			"there are more than 2048 sections\n"},
	};

	for (size_t i = 0; i < ELEMENTS(limits); i++) {
		_cleanup_config_ struct config *c = NULL;
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct files f;

		buf_add_string(&text, "[service s]\n");
		for (unsigned n = 0; n < limits[i].count; n++) {
			if (limits[i].sections && n > 0)
				buf_printf(&text, "[service s%u]\n", n);
			buf_add_string(&text, "user = a\n");
		}
		files_make(&f);
		files_write(&f, "modelwatch.conf", text.data, text.size);
		files_load(&f, false, &c);
		assert_true(!c == !!limits[i].report);
		if (limits[i].report)
			assert_non_null(strstr(f.reports.data, limits[i].report));
		files_remove(&f);
	}
}

/* Bytes in all: files that each are small enough. */
static void test_total(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct config *c = NULL;
	char name[32];
	struct files f;

	files_make(&f);
	files_write_text(&f, "modelwatch.conf", "");
	for (unsigned n = 0; n < 5; n++) {
		buf_reset(&text);
		for (unsigned s = 0; s < 66; s++)
			buf_printf(&text, "[alert A%u-%u]\nexpr = up == 0\nsummary = %015000d\n", n, s, 0);
		snprintf(name, sizeof(name), "conf.d/%u.conf", n);
		files_write(&f, name, text.data, text.size);
	}
	assert_int_equal(files_load(&f, false, &c), -EINVAL);
	assert_non_null(strstr(f.reports.data, "the values of all files hold more than 4194304"));
	files_remove(&f);
}

static void test_unused(void **state)
{
	_cleanup_config_ struct config *c = NULL;
	struct files f;

	files_make(&f);
	files_write_text(&f, "modelwatch.conf",
		"[service a]\nlisten-port = 1\nhealth = http://a\n[weights w]\npath = /\n"
		"trust = approved\n[webhook s]\ntype = slack\nurl = http://a\nmax-rate = 1/s\n"
		"[alert A]\nexpr = up == 0\n");
	assert_int_equal(files_load(&f, false, &c), 0);
	assert_string_equal(f.reports.data,
		"modelwatch.conf:3: 'health' is accepted, but this version does not use it yet\n"
		"modelwatch.conf:4: [weights w] is accepted, but this version does not use it yet\n"
		"modelwatch.conf:7: [webhook s] of type slack is accepted, but this version sends "
		"nothing to it yet\n"
		"modelwatch.conf:10: 'max-rate' is accepted, but this version does not use it yet\n");
	files_remove(&f);
}

static void source_file(const char *name, struct buf *b)
{
	const char *srcdir = getenv("srcdir");
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", srcdir ? srcdir : ".", name);
	assert_int_equal(file_read(path, 1 << 20, b), 0);
}

/* The example as it is shipped, and with everything in it that is commented out. */
static void test_example(void **state)
{
	_cleanup_config_ struct config *c = NULL, *whole = NULL;
	_cleanup_buf_ struct buf example = BUF_INIT;
	struct files f;

	source_file("packaging/modelwatch.conf", &example);
	files_make(&f);
	files_write(&f, "modelwatch.conf", example.data, example.size);
	assert_int_equal(files_load(&f, false, &c), 0);
	assert_int_equal(f.reports.size, 0);
	assert_null(config_next(c, SECTION_SERVICE, NULL));

	/* Of a comment the first character is followed by a blank; of an option it is not. */
	for (char *line = example.data; line; line = strchr(line + 1, '\n')) {
		char *mark = *line == '\n' ? line + 1 : line;

		if (mark[0] == '#' && mark[1] != ' ' && mark[1] != '\n')
			*mark = ' ';
	}
	files_write(&f, "modelwatch.conf", example.data, example.size);
	if (files_load(&f, true, &whole) < 0)
		fail_msg("%s", f.reports.data);
	for (enum option o = 0; o < OPTIONS; o++)
		if (!section_has(config_next(whole, option_rows[o].kind, NULL), o))
			fail_msg("the example lacks %s", option_rows[o].key);
	files_remove(&f);
}

/* The rules that are shipped are valid. */
static void test_vendor_rules(void **state)
{
	struct config_paths paths = {.file = "/dev/null", .check_only = true};
	_cleanup_config_ struct config *c = NULL;
	struct files f = {.directory = "/tmp"};
	const char *srcdir = getenv("srcdir");
	char rules[256];

	snprintf(rules, sizeof(rules), "%s/packaging/rules.d", srcdir ? srcdir : ".");
	paths.vendor_rules = rules;
	if (config_load(&paths, files_report, &f, &c) < 0)
		fail_msg("%s", f.reports.data);
	assert_non_null(config_find(c, SECTION_ALERT, "ServiceDown"));
	buf_done(&f.reports);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_all_errors),
		cmocka_unit_test(test_all_together),
		cmocka_unit_test(test_problems_left_out),
		cmocka_unit_test(test_merging),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_missing_default_file),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_total),
		cmocka_unit_test(test_unused),
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_vendor_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
