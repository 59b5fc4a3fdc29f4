/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collectors/process/match.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/glob.h"

struct glob_case {
	bool matches;
	const char *pattern, *text;
};

static const struct glob_case globs[] = {
	{true, "", ""},
	{false, "", "a"},
	{false, "a", ""},
	{true, "*", ""},
	{true, "*", "/any/thing at all"},
	{true, "/usr/bin/python3*", "/usr/bin/python3.11"},
	{false, "/usr/bin/python3*", "/opt/usr/bin/python3"},
	{true, "*/llama", "/a/b/llama"},
	{false, "*/llama", "/a/b/llama "},
	{true, "*serve*--model*/llama", "vllm serve x --model /srv/models/llama"},
	{true, "**a**", "xxaxx"},
	{true, "a*b*c", "aXbXbXc"},
	{false, "a*b*c", "aXbXbX"},
	{true, "*ab", "aaab"},
	{true, "lla?a", "llama"},
	{false, "lla?a", "llaa"},
	{true, "?", "\xff"},
	{true, "*\xff*", "a\xff\xfe"},
	{true, "[abc]", "b"},
	{false, "[abc]", "d"},
	{true, "[a-c]x", "bx"},
	{false, "[a-c]x", "dx"},
	{true, "[!a-c]", "d"},
	{true, "[^a-c]", "d"},
	{false, "[!a-c]", "b"},
	{true, "[]]", "]"},
	{true, "[!]]", "a"},
	{false, "[!]]", "]"},
	{true, "[a-]", "-"},
	{true, "[-a]", "-"},
	{true, "[\x80-\xff]", "\xc3"},
	{false, "[z-a]", "m"},
	{true, "[", "["},
	{true, "[a", "[a"},
	{true, "a[b*", "a[bc"},
	{true, "\\*", "*"},
	{false, "\\*", "a"},
	{true, "\\[a]", "[a]"},
	{true, "\\\\", "\\"},
	{true, "a\\", "a\\"},
	{true, "(a+)+$ \n", "(a+)+$ \n"},
};

static void test_glob(void **state)
{
	for (size_t i = 0; i < ELEMENTS(globs); i++)
		if (glob_match(globs[i].pattern, globs[i].text) != globs[i].matches)
			fail_msg("%s against %s", globs[i].pattern, globs[i].text);
}

/* Exponential time would never come back from this. */
static void test_glob_is_bounded(void **state)
{
	_cleanup_free_ char *text = malloc(32768);

	assert_non_null(text);
	memset(text, 'a', 32767);
	text[32767] = '\0';
	assert_false(glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
	assert_true(glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*", text));
}

struct cgroup_case {
	bool matches;
	const char *prefix, *path;
};

static void test_cgroup(void **state)
{
	static const struct cgroup_case cases[] = {
		{true, "/system.slice/vllm.service", "/system.slice/vllm.service"},
		{true, "/system.slice/vllm.service/", "/system.slice/vllm.service"},
		{true, "/system.slice", "/system.slice/vllm.service"},
		{true, "/system.slice//", "/system.slice/vllm.service"},
		{true, "system.slice", "/system.slice/vllm.service"},
		{true, "/", "/system.slice/vllm.service"},
		{true, "/", "/"},
		{false, "/system.slice/vllm.serv", "/system.slice/vllm.service"},
		{false, "/system.slice/vllm.service/x", "/system.slice/vllm.service"},
		{false, "/vllm.service", "/system.slice/vllm.service"},
		{false, "/system.slice", "/"},
		{false, "", "/system.slice"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		if (match_cgroup(cases[i].prefix, cases[i].path, strlen(cases[i].path)) !=
			cases[i].matches)
			fail_msg("%s in %s", cases[i].path, cases[i].prefix);
}

/* The keys of a section, each a list that ends with NULL (users: with 0). */
struct match_case {
	bool matches;
	const char *executables[3], *command_lines[3], *cgroups[3], *containers[3];
	uid_t users[3];
	bool port, pid_file, impossible;
};

static bool is_in(void *userdata, const struct service_match *m, const char *container,
	const struct match_subject *p)
{
	return strcmp(container, "llama") == 0;
}

static const struct match_subject subject = {
	.user = 1000,
	.executable = "/usr/bin/python3.11",
	.command_line = "python3 -m vllm --port 8000",
	.cgroups = "4:memory:/old\n0::/system.slice/vllm.service\n",
	.cgroups_size = sizeof("4:memory:/old\n0::/system.slice/vllm.service\n") - 1,
	.is_in = is_in,
};

static const struct match_case matches[] = {
	{.matches = false},
	{.matches = true, .executables = {"/usr/bin/python3*"}},
	{.matches = true, .executables = {"/bin/sh", "/usr/bin/python3*"}},
	{.matches = false, .executables = {"/bin/sh", "/bin/bash"}},
	{.matches = true, .command_lines = {"*vllm*"}},
	{.matches = true, .command_lines = {"*sglang*", "*vllm*"}},
	{.matches = false, .command_lines = {"*sglang*"}},
	{.matches = true, .cgroups = {"/system.slice"}},
	{.matches = true, .cgroups = {"/other", "/old"}},
	{.matches = false, .cgroups = {"/system"}},
	{.matches = true, .users = {1000}},
	{.matches = true, .users = {5, 1000}},
	{.matches = false, .users = {5, 6}},
	{.matches = true,
		.executables = {"*python*"},
		.command_lines = {"*vllm*"},
		.cgroups = {"/old"},
		.users = {1000}},
	{.matches = false, .executables = {"*python*"}, .command_lines = {"*sglang*"}},
	{.matches = false, .executables = {"*sh"}, .command_lines = {"*vllm*"}},
	{.matches = false, .command_lines = {"*vllm*"}, .cgroups = {"/other"}},
	{.matches = false, .command_lines = {"*vllm*"}, .users = {5}},
	{.matches = true, .containers = {"llama"}},
	{.matches = true, .containers = {"other", "llama"}},
	{.matches = false, .containers = {"other"}},
	{.matches = false, .containers = {"llama"}, .users = {5}},
	{.matches = true, .port = true},
	{.matches = true, .pid_file = true, .users = {1000}},
	{.matches = false, .pid_file = true, .users = {5}},
	{.matches = false, .executables = {"*python*"}, .impossible = true},
};

static size_t count_of(const char *const *list)
{
	size_t count = 0;

	while (list[count])
		count++;
	return count;
}

static void test_keys(void **state)
{
	static const char *const file[] = {"/run/x.pid"};
	static const uint16_t port[] = {8000};

	for (size_t i = 0; i < ELEMENTS(matches); i++) {
		const struct match_case *c = &matches[i];
		struct service_match m = {.name = "x",
			.executables = c->executables,
			.executable_count = count_of(c->executables),
			.command_lines = c->command_lines,
			.command_line_count = count_of(c->command_lines),
			.cgroups = c->cgroups,
			.cgroup_count = count_of(c->cgroups),
			.containers = c->containers,
			.container_count = count_of(c->containers),
			.users = c->users,
			.ports = port,
			.port_count = c->port,
			.pid_files = file,
			.pid_file_count = c->pid_file,
			.impossible = c->impossible};

		while (m.user_count < 3 && c->users[m.user_count])
			m.user_count++;
		if (match_process(&m, &subject) != (c->matches ? MATCH_YES : MATCH_NO))
			fail_msg("case %zu", i);
	}
}

/* A program that was replaced on disk is the same one until it is started anew. */
static void test_deleted(void **state)
{
	static const char *const exact[] = {"/opt/llama"}, *const marked[] = {"/opt/llama (deleted)"};
	struct service_match m = {.name = "x", .executables = exact, .executable_count = 1};
	struct match_subject p = {.executable = "/opt/llama (deleted)"};

	assert_int_equal(match_process(&m, &p), MATCH_YES);
	m.executables = marked;
	assert_int_equal(match_process(&m, &p), MATCH_YES);
	p.executable = "/opt/llama";
	assert_int_equal(match_process(&m, &p), MATCH_NO);
	p.executable = "(deleted)";
	assert_int_equal(match_process(&m, &p), MATCH_NO);
}

/* Of a process whose executable, or open files, we have no right to see. */
struct denied_case {
	enum match_answer answer;
	bool files; /* only these */
	const char *executables[2], *command_lines[2], *cgroups[2];
	uid_t user;
	bool port, impossible;
};

static void test_denied(void **state)
{
	static const struct denied_case cases[] = {
		{MATCH_UNSEEN, .executables = {"/opt/llama"}},
		{MATCH_YES, .executables = {"*"}},
		{MATCH_YES, .command_lines = {"*vllm*"}},
		{MATCH_NO, .command_lines = {"*sglang*"}},
		{MATCH_UNSEEN, .executables = {"/opt/llama"}, .command_lines = {"*vllm*"}},
		{MATCH_NO, .executables = {"/opt/llama"}, .command_lines = {"*sglang*"}},
		{MATCH_UNSEEN, .executables = {"/opt/llama"}, .user = 1000},
		{MATCH_NO, .executables = {"/opt/llama"}, .user = 5},
		{MATCH_NO, .executables = {"/opt/llama"}, .cgroups = {"/other"}},
		{MATCH_NO, .executables = {"/opt/llama"}, .impossible = true},
		{MATCH_UNSEEN, .port = true},
		{MATCH_UNSEEN, .executables = {"/opt/llama"}, .port = true},
		{MATCH_UNSEEN, .files = true, .port = true},
		{MATCH_UNSEEN, .files = true, .executables = {"*python*"}, .port = true},
		{MATCH_NO, .files = true, .executables = {"/opt/llama"}, .port = true},
		{MATCH_YES, .files = true, .executables = {"*python*"}},
		{MATCH_NO, .command_lines = {"*sglang*"}, .port = true},
		{MATCH_NO},
	};
	static const uint16_t port[] = {8000};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		const struct denied_case *c = &cases[i];
		struct match_subject p = subject;
		struct service_match m = {.name = "x",
			.executables = c->executables,
			.executable_count = count_of(c->executables),
			.command_lines = c->command_lines,
			.command_line_count = count_of(c->command_lines),
			.cgroups = c->cgroups,
			.cgroup_count = count_of(c->cgroups),
			.users = &c->user,
			.user_count = c->user > 0,
			.ports = port,
			.port_count = c->port,
			.impossible = c->impossible};

		p.files_denied = true;
		p.executable_denied = !c->files;
		if (p.executable_denied)
			p.executable = "";
		if (match_process(&m, &p) != c->answer)
			fail_msg("case %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_glob),
		cmocka_unit_test(test_glob_is_bounded),
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_deleted),
		cmocka_unit_test(test_denied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
