/* SPDX-License-Identifier: Apache-2.0 */
/* Ends for lack of memory: whom the kernel killed, and whom somebody else did. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "collectors/process/model.h"
#include "daemon/base/cleanup.h"
#include "tests/unit/collector-fixture.h"

/* Of this run alone. */
static void oom_cgroup(char name[static 64])
{
	snprintf(name, 64, "/sys/fs/cgroup/memory/modelwatch-test-oom-%d", getpid());
}

/* One without limits, of version 2. */
static void plain_cgroup(char name[static 64])
{
	static const char hybrid[] = "/sys/fs/cgroup/unified";

	snprintf(name, 64, "%s/modelwatch-test-moved-%d",
		access(hybrid, F_OK) == 0 ? hybrid : "/sys/fs/cgroup", getpid());
}

static int close_oom(void **state)
{
	char name[64];
	int r = collector_fixture_close(state);

	oom_cgroup(name);
	rmdir(name);
	plain_cgroup(name);
	rmdir(name);
	return r;
}

/* Gives it a cgroup of its own with little memory; where we may. */
static bool limit_memory(struct server *s)
{
	char name[64], command[256];

	oom_cgroup(name);
	snprintf(command, sizeof(command),
		"(mkdir -p %s && cd %s && echo 16M >memory.limit_in_bytes && "
		"echo %d >cgroup.procs) 2>/dev/null",
		name, name, s->pid);
	return access("/sys/fs/cgroup/memory/memory.limit_in_bytes", F_OK) == 0 &&
	       system(command) == 0;
}

/* Has the kernel kill it for lack of memory; where we may. */
static bool kill_by_memory(struct server *s)
{
	bool limited = limit_memory(s);

	if (limited)
		server_say(s, "grow 64\n");
	return limited;
}

struct oom_case {
	enum cgroup_hierarchy hierarchy;
	unsigned before, after; /* kills in its cgroup */
	bool other;		/* it is another process that the kernel kills; ours by hand, then */
	const char *reason, *phrase;
};

/* False where that is not possible here. */
static bool kill_one(struct collector_fixture *f, const struct oom_case *o, struct server *s)
{
	struct server *victim = o->other ? fixture_server(f, NULL) : s;

	if (o->hierarchy != CGROUP_OTHER)
		fixture_oom_kills(f, o->hierarchy, o->after);
	if (!kill_by_memory(victim))
		return false;
	if (o->other) {
		server_end(victim, 0);
		kill(s->pid, SIGKILL);
	}
	return true;
}

/* Its own cgroup knows best; without a word of it the host's count has to do. */
static void test_out_of_memory(void **state)
{
	static const struct oom_case cases[] = {
		{CGROUP_OTHER, 0, 0, false, "oom", "most likely out of memory"},
		{CGROUP_MEMORY, 3, 3, true, "signalled", "killed by SIGKILL\n"},
		{CGROUP_MEMORY, 3, 4, false, "oom", "(out of memory)"},
		{CGROUP_UNIFIED, 3, 3, true, "signalled", "killed by SIGKILL\n"},
		{CGROUP_UNIFIED, 3, 4, false, "oom", "(out of memory)"},
	};
	struct collector_fixture *f = *state;
	bool possible = true;
	size_t started = 0, ended = 0;

	fixture_command_line(f, fixture_service(f, "llama"), "--ours");
	for (unsigned i = 0; i < ELEMENTS(cases) && possible; i++) {
		const struct oom_case *o = &cases[i];
		const struct told_event *e;
		struct server *s;

		if (!fixture_oom_kills(f, o->hierarchy, o->before))
			continue;
		s = fixture_server(f, (const char *const[]){"--ours", NULL});
		if (!f->collector)
			fixture_begin(f, NULL);
		fixture_await(f, STARTED, "llama", ++started);
		possible = kill_one(f, o, s);
		if (!possible)
			break;
		e = fixture_await(f, EXITED, "llama", ++ended);
		assert_string_equal(e->reason, o->reason);
		assert_non_null(strstr(e->evidence, o->phrase));
		server_end(s, 0);
	}
	if (!possible)
		skip();
}

/* One kill explains one end. */
static void test_two_ends_and_one_kill(void **state)
{
	struct collector_fixture *f = *state;
	struct server *s;
	const struct told_event *e;
	static const char *const reasons[] = {"oom", "signalled"};

	if (!fixture_oom_kills(f, CGROUP_MEMORY, 3) && !fixture_oom_kills(f, CGROUP_UNIFIED, 3))
		skip();
	s = fixture_server(f, NULL);
	fixture_server(f, NULL);
	fixture_service(f, "llama");
	fixture_begin(f, NULL);
	fixture_await(f, STARTED, "llama", 2);
	if (!fixture_oom_kills(f, CGROUP_MEMORY, 4))
		fixture_oom_kills(f, CGROUP_UNIFIED, 4);
	for (unsigned i = 0; i < ELEMENTS(reasons); i++) {
		kill(s[i].pid, SIGKILL);
		e = fixture_await(f, EXITED, "llama", i + 1);
		assert_string_equal(e->reason, reasons[i]);
	}
}

/* One that was moved to another cgroup since it is watched: at the next look that one's kills count. */
static void test_moved_and_killed(void **state)
{
	struct collector_fixture *f = *state;
	const struct told_event *e;
	struct server *s;

	snprintf(f->cgroups, sizeof(f->cgroups), "/sys/fs/cgroup");
	s = fixture_running(f);
	if (!limit_memory(s))
		skip();
	f->collector->oom_looked = 1;
	fixture_ticks(f, 2);
	server_say(s, "grow 64\n");
	e = fixture_await(f, EXITED, "llama", 1);
	assert_string_equal(e->reason, "oom");
	assert_non_null(strstr(e->evidence, "(out of memory)"));
}

/* Before that look it is unknown what the new one's count was: the host's has to do. */
static void test_just_moved_and_killed(void **state)
{
	struct collector_fixture *f = *state;
	const struct told_event *e;
	struct server *s;
	char name[64], command[512];

	if (!fixture_oom_kills(f, CGROUP_UNIFIED, 3))
		skip();
	s = fixture_running(f);
	plain_cgroup(name);
	snprintf(command, sizeof(command),
		"(mkdir -p %s && echo %d >%s/cgroup.procs && mkdir %s/%s && cd %s/%s && "
		"echo oom_kill 8 >memory.events && echo 52428800 >memory.peak) 2>/dev/null",
		name, s->pid, name, f->cgroups, strrchr(name, '/'), f->cgroups,
		strrchr(name, '/'));
	if (system(command) != 0)
		skip();
	f->collector->oom_kills--;
	kill(s->pid, SIGKILL);
	e = fixture_await(f, EXITED, "llama", 1);
	assert_string_equal(e->reason, "oom");
	assert_non_null(strstr(e->evidence, "(most likely out of memory)"));
	assert_null(strstr(e->evidence, "its cgroup"));
	server_end(s, 0);
}

/* What the cgroup held when the kernel ran out of memory for it is told. */
static void test_peak(void **state)
{
	struct collector_fixture *f = *state;
	const struct told_event *e;
	char command[256];
	struct server *s;

	if (!fixture_oom_kills(f, CGROUP_UNIFIED, 3))
		skip();
	snprintf(command, sizeof(command),
		"cd '%s' && cd \"$(dirname \"$(find . -name memory.events)\")\" && "
		"echo 52428800 >memory.peak",
		f->cgroups);
	assert_int_equal(system(command), 0);
	s = fixture_running(f);
	fixture_oom_kills(f, CGROUP_UNIFIED, 4);
	kill(s->pid, SIGKILL);
	e = fixture_await(f, EXITED, "llama", 1);
	assert_non_null(strstr(e->evidence, "(out of memory)"));
	assert_non_null(strstr(e->evidence, "before, it held"));
	assert_non_null(strstr(e->evidence, "; its cgroup held 50.0 MiB at most."));
}

/* Of tests that make a cgroup. */
#define LIMITED(test)                                                                              \
	cmocka_unit_test_setup_teardown(test, collector_fixture_open, close_oom),                  \
	{                                                                                          \
		#test "_connected", test, collector_fixture_open_connected, close_oom, NULL        \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIMITED(test_out_of_memory),
		LIMITED(test_moved_and_killed),
		LIMITED(test_just_moved_and_killed),
		BOTH(test_peak),
		BOTH(test_two_ends_and_one_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
