/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's tables: real samples, hostile names, and everything cut short. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "collectors/process/procfs.h"
#include "daemon/base/cleanup.h"

/* What follows the command name of a process that runs, of a zombie that dumped core, of a thread of
 * the kernel; without the pid and the name. */
#define RUNNING                                                                                    \
	" R 32471 32471 13218 0 -1 4194304 100 0 7 3 11 22 33 44 20 0 5 0 729521 3133440 409 "     \
	"18446744073709551615 94187437576192 94187437596073 140722447950576 0 0 0 0 0 0 0 0 0 17 " \
	"0 0 0 0 0 0 94187437612080 94187437613696 94187699621888 140722447956605 "                \
	"140722447956625 140722447956625 140722447957995 0\n"
#define ZOMBIE                                                                                     \
	" Z 1 1 1 0 -1 4227084 0 0 0 0 0 0 0 0 20 0 1 0 99 0 0 18446744073709551615 0 0 0 0 0 0 0 " \
	"0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 139\n"
#define KERNEL                                                                                     \
	" I 2 0 0 0 -1 69238880 0 0 0 0 0 0 0 0 0 -20 1 0 12 0 0 18446744073709551615 0 0 0 0 0 0 " \
	"0 2147483647 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"

struct stat_case {
	const char *text;
	int result;
	pid_t pid;
};

static const struct stat_case stats[] = {
	{"7 (cat)" RUNNING, 0, 7},
	{"7 (a b)" RUNNING, 0, 7},
	{"7 ()" RUNNING, 0, 7},
	{"7 (a) R 1)" RUNNING, 0, 7},
	{"7 () Z 99 99)" RUNNING, 0, 7},
	{"7 (((()" RUNNING, 0, 7},
	{"7 (\n\t\xff)" RUNNING, 0, 7},
	{"4194304 (x)" RUNNING, 0, 4194304},
	{"", -EBADMSG, 0},
	{"7", -EBADMSG, 0},
	{"(cat)" RUNNING, -EBADMSG, 0},
	{"7 cat" RUNNING, -EBADMSG, 0},
	{"0 (cat)" RUNNING, -EBADMSG, 0},
	{"99999999999 (cat)" RUNNING, -EBADMSG, 0},
	{"99999999999999999999999 (cat)" RUNNING, -EBADMSG, 0},
	{"7 (cat)", -EBADMSG, 0},
	{"7 (cat) R", -EBADMSG, 0},
	{"7 (cat) R 1 2 3", -EBADMSG, 0},
	{"7 (cat)R" RUNNING, -EBADMSG, 0},
	{"7 (cat) R x" RUNNING, -EBADMSG, 0},
};

static void test_stat(void **state)
{
	for (size_t i = 0; i < ELEMENTS(stats); i++) {
		struct proc_stat s = {.pid = -1};

		if (proc_stat_parse(stats[i].text, strlen(stats[i].text), &s) != stats[i].result)
			fail_msg("%zu: %s", i, stats[i].text);
		if (stats[i].result < 0) {
			assert_int_equal(s.pid, -1);
			continue;
		}
		assert_int_equal(s.pid, stats[i].pid);
		assert_int_equal(s.parent, 32471);
		assert_int_equal(s.state, 'R');
		assert_int_equal(s.major_faults, 7);
		assert_int_equal(s.waited_major_faults, 3);
		assert_int_equal(s.user, 11);
		assert_int_equal(s.system, 22);
		assert_int_equal(s.waited_user, 33);
		assert_int_equal(s.waited_system, 44);
		assert_int_equal(s.threads, 5);
		assert_int_equal(s.start, 729521);
		assert_int_equal(s.resident, 409);
		assert_int_equal(s.stack, 140722447950576);
		assert_true(s.permitted);
		assert_false(s.kernel);
		assert_false(s.exiting);
		assert_false(proc_stat_is_dead(&s));
	}
}

static void parse(const char *text, struct proc_stat *ret)
{
	assert_int_equal(proc_stat_parse(text, strlen(text), ret), 0);
}

static void test_stat_of_others(void **state)
{
	static const int stops[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
	struct proc_stat s;

	parse("9 (served)" ZOMBIE, &s);
	assert_true(proc_stat_is_dead(&s));
	assert_false(s.permitted);
	assert_int_equal(s.stack, 0);
	assert_int_equal(s.exit_status, 139);
	parse("3 (kworker/0:0H (x))" KERNEL, &s);
	assert_true(s.kernel);
	assert_false(proc_stat_is_dead(&s));
	/* Its first thread has ended, another one goes on. */
	parse("9 (served) Z 1 1 1 0 -1 4227084 0 0 0 0 0 0 0 0 20 0 3 0 99 0 0 1 0 0 0 0 0 0 0 0 0 "
	      "0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0",
		&s);
	assert_false(proc_stat_is_dead(&s));
	assert_true(s.exiting);
	/* A signal that ended it ends all, unless it was seccomp's. */
	s.exit_status = 9;
	assert_true(proc_stat_is_dead(&s));
	s.exit_status = 31;
	assert_false(proc_stat_is_dead(&s));
	/* Nor does one that stops it. */
	for (size_t i = 0; i < ELEMENTS(stops); i++) {
		s.exit_status = stops[i];
		assert_false(proc_stat_is_dead(&s));
	}
	s.exit_status = 0;
	s.state = 'X';
	assert_true(proc_stat_is_dead(&s));
}

/* Where the bytes end, nothing is read: each is a copy of its own size. */
static void test_cut_short(void **state)
{
	static const char text[] = "7 (a b)" RUNNING;
	size_t whole = 0;

	for (size_t size = 0; size < sizeof(text); size++) {
		_cleanup_free_ char *bytes = malloc(size > 0 ? size : 1);
		struct proc_stat s;

		assert_non_null(bytes);
		memcpy(bytes, text, size);
		whole += proc_stat_parse(bytes, size, &s) == 0;
	}
	/* With the last field's only digit, and with the newline. */
	assert_int_equal(whole, 2);
}

struct number_case {
	const char *text;
	int result;
	uint64_t value;
};

typedef int (*number_parser)(const char *, size_t, uint64_t *);

static void check_numbers(number_parser parser, const struct number_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = 12345;
		int r = parser(cases[i].text, strlen(cases[i].text), &value);

		if (r != cases[i].result || value != (r == 0 ? cases[i].value : 12345))
			fail_msg("%s: %d, %lu", cases[i].text, r, (unsigned long) value);
	}
}

static void test_pss(void **state)
{
	static const struct number_case cases[] = {
		{"5562-7ffc ---p 00000000 00:00 0    [rollup]\nRss:   2112 kB\nPss:    541 kB\n"
		 "Pss_Dirty:  99 kB\n",
			0, 541 * 1024},
		{"Pss: 0 kB", 0, 0},
		{"Pss:", -EBADMSG, 0},
		{"Pss: kB", -EBADMSG, 0},
		{"XPss: 1 kB\n", -EBADMSG, 0},
		{"Pss: 18014398509481984 kB\n", -EBADMSG, 0},
		{"Pss: 99999999999999999999 kB\n", -EBADMSG, 0},
		{"", -EBADMSG, 0},
	};

	check_numbers(proc_pss_parse, cases, ELEMENTS(cases));
}

static void test_limits(void **state)
{
	static const struct number_case cases[] = {
		{"Limit                     Soft Limit           Hard Limit           Units\n"
		 "Max processes             10                   20                   processes\n"
		 "Max open files            1024                 524288               files\n",
			0, 1024},
		{"Max open files            unlimited            unlimited            files", 0,
			UINT64_MAX},
		{"Max open files            unlimit", -EBADMSG, 0},
		{"Max open files", -EBADMSG, 0},
		{"Max open file", -EBADMSG, 0},
		{"", -EBADMSG, 0},
	};

	check_numbers(proc_limits_parse, cases, ELEMENTS(cases));
}

static void test_oom_kills(void **state)
{
	static const struct number_case cases[] = {
		{"low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n", 0, 2},
		{"nr_free_pages 1\noom_kill 7\n", 0, 7},
		{"oom_kill 7", 0, 7},
		{"oom_group_kill 1\n", -EBADMSG, 0},
		{"oom_kill \n", -EBADMSG, 0},
		{"", -EBADMSG, 0},
	};

	check_numbers(proc_oom_kills_parse, cases, ELEMENTS(cases));
}

static void test_capabilities(void **state)
{
	static const struct number_case cases[] = {
		{"Name:\tx\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000080004\nCapBnd:\t0\n", 0,
			0x80004},
		{"CapEff:\tffffffffffffffff", 0, UINT64_MAX},
		{"CapEff:\tg", -EBADMSG, 0},
		{"CapEff:\t10000000000000000", -EBADMSG, 0},
		{"CapEff:", -EBADMSG, 0},
	};

	check_numbers(proc_capabilities_parse, cases, ELEMENTS(cases));
}

static void test_ignored_signals(void **state)
{
	static const struct number_case cases[] = {
		{"SigBlk:\t0000000000000001\nSigIgn:\t0000000000010000\nSigCgt:\t0\n", 0, 0x10000},
		{"SigIgn:\tx", -EBADMSG, 0},
		{"SigCgt:\t0000000000010000\n", -EBADMSG, 0},
	};

	check_numbers(proc_ignored_signals_parse, cases, ELEMENTS(cases));
}

static void test_namespace_pid(void **state)
{
	static const struct number_case cases[] = {
		{"Pid:\t7\nNSpid:\t70\t1\nNSpgid:\t2\t3\n", 0, 1},
		{"NSpid:\t70", 0, 70},
		{"NSpid:\t70\t9\t2\n", 0, 2},
		{"NSpid:\t70\tx\n", -EBADMSG, 0},
		{"NSpid:\n", -EBADMSG, 0},
		{"Pid:\t70\n", -EBADMSG, 0},
	};

	check_numbers(proc_namespace_pid_parse, cases, ELEMENTS(cases));
}

static void test_io(void **state)
{
	static const char text[] = "rchar: 2012\nwchar: 0\nsyscr: 7\nsyscw: 0\nread_bytes: 8192\n"
				   "write_bytes: 4096\ncancelled_write_bytes: 1\n";
	uint64_t in = 1, out = 2;

	assert_int_equal(proc_io_parse(text, strlen("rchar: 2012\nwchar: 0\n"), &in, &out), -EBADMSG);
	assert_true(in == 1 && out == 2);
	assert_int_equal(proc_io_parse(text, strlen(text), &in, &out), 0);
	assert_true(in == 8192 && out == 4096);
}

static void test_status(void **state)
{
	static const char text[] = "Name:\tUid:\t7\nUmask:\t0022\nUid:\t1000\t1001\t1002\t1003\n"
				   "VmSwap:\t     512 kB\nThreads:\t1\n";
	static const char without[] = "Uid:\t0\t5\t0\t0\n";
	static const char bad[] = "Uid:\t0\t5\t0\t0\nVmSwap:\tx\n";
	static const char large[] = "Uid:\t0\t4294967296\t0\t0\n";
	uid_t user = 7;
	uint64_t swap = 9;

	assert_int_equal(proc_status_parse(text, strlen(text), &user, &swap), 0);
	assert_true(user == 1001 && swap == 512 * 1024);
	assert_int_equal(proc_status_parse(without, strlen(without), &user, &swap), 0);
	assert_true(user == 5 && swap == 0);
	assert_int_equal(proc_status_parse(bad, strlen(bad), &user, &swap), -EBADMSG);
	assert_int_equal(proc_status_parse(large, strlen(large), &user, &swap), -EBADMSG);
	assert_int_equal(proc_status_parse("Name:\tx\n", 8, &user, &swap), -EBADMSG);
	assert_true(user == 5 && swap == 0);
}

struct cgroup_case {
	const char *text;
	const char *path; /* the first one; NULL for none */
	enum cgroup_hierarchy hierarchy; /* its */
	size_t count;
};

static void test_cgroup(void **state)
{
	static const struct cgroup_case cases[] = {
		{"0::/system.slice/vllm.service\n", "/system.slice/vllm.service", CGROUP_UNIFIED,
			1},
		{"0::/", "/", CGROUP_UNIFIED, 1},
		{"4:memory:/a:b\n1:name=systemd:/x\n0::/y\n", "/a:b", CGROUP_MEMORY, 3},
		{"0::/a (deleted)\n", "/a (deleted)", CGROUP_UNIFIED, 1},
		{"00::/a\n", "/a", CGROUP_OTHER, 1},
		{"12:cpu,memory:/a\n", "/a", CGROUP_MEMORY, 1},
		{"12:memory,cpu:/a\n", "/a", CGROUP_MEMORY, 1},
		{"12:memor,memory2,name=memory:/a\n", "/a", CGROUP_OTHER, 1},
		{"3:,:/a\n", "/a", CGROUP_OTHER, 1},
		{"0:\n:\n\n0::\n0::relative\nrubbish\n0::/last", "/last", CGROUP_UNIFIED,
			1},
		{"", NULL, CGROUP_OTHER, 0},
		{":::/\n", NULL, CGROUP_OTHER, 0},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		size_t position = 0, count = 0;
		struct cgroup_path found;

		while (proc_cgroup_next(
			cases[i].text, strlen(cases[i].text), &position, &found))
			if (count++ == 0) {
				assert_int_equal(found.size, strlen(cases[i].path));
				assert_memory_equal(found.path, cases[i].path, found.size);
				assert_int_equal(found.hierarchy, cases[i].hierarchy);
			}
		assert_int_equal(count, cases[i].count);
	}
}

struct listener_case {
	const char *line;
	int result;
	uint16_t port;
	uint64_t inode;
};

#define REST " 00000000:00000000 00:00000000 00000000  1000        0 "

static const struct listener_case listeners[] = {
	{"   0: 0100007F:1F40 00000000:0000 0A" REST "4711 1 0000000000000000 100 0 0 10 0", 1, 8000,
		4711},
	{"12345: 00000000:0050 00000000:0000 0A" REST "1", 1, 80, 1},
	{"   1: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A" REST
	 "99 1",
		1, 22, 99},
	{"   0: 0100007F:1F40 0100007F:9C40 01" REST "4711 1", 0, 0, 0},
	{"   0: 0100007F:1F40 00000000:0000 0A" REST "0 1", -EBADMSG, 0, 0},
	{"   0: 0100007F:1F40 00000000:0000 0A", -EBADMSG, 0, 0},
	{"   0: 0100007F:1F400 00000000:0000 0A" REST "4711", -EBADMSG, 0, 0},
	{"   0: 0100007:1F40 00000000:0000 0A" REST "4711", -EBADMSG, 0, 0},
	{"   0: 0100007G:1F40 00000000:0000 0A" REST "4711", -EBADMSG, 0, 0},
	{"   0: 0100007F 00000000:0000 0A" REST "4711", -EBADMSG, 0, 0},
	{"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
	 "timeout inode",
		-EBADMSG, 0, 0},
	{"", -EBADMSG, 0, 0},
	{":::::::::::", -EBADMSG, 0, 0},
};

static void test_listener(void **state)
{
	for (size_t i = 0; i < ELEMENTS(listeners); i++) {
		const struct listener_case *c = &listeners[i];
		struct tcp_listener l = {.inode = 5};

		if (proc_listener_parse(c->line, strlen(c->line), &l) != c->result)
			fail_msg("%s", c->line);
		if (c->result != 1) {
			assert_int_equal(l.inode, 5);
			continue;
		}
		assert_int_equal(l.port, c->port);
		assert_int_equal(l.inode, c->inode);
	}
}

static void test_socket(void **state)
{
	static const struct {
		const char *link;
		uint64_t inode;
	} cases[] = {{"socket:[123]", 123}, {"socket:[18446744073709551615]", UINT64_MAX},
		{"socket:[18446744073709551616]", 0}, {"socket:[123", 0}, {"socket:[]", 0},
		{"socket:[-1]", 0}, {"socket:[", 0}, {"pipe:[123]", 0}, {"/dev/null", 0}, {"", 0}};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		assert_int_equal(
			proc_socket_parse(cases[i].link, strlen(cases[i].link)), cases[i].inode);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_stat_of_others),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_pss),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_oom_kills),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_ignored_signals),
		cmocka_unit_test(test_namespace_pid),
		cmocka_unit_test(test_io),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_listener),
		cmocka_unit_test(test_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
