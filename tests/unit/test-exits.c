/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "collectors/process/exits.h"

#define EXITED(code) ((code) << 8)
#define CORE	     0x80

struct exit_case {
	struct exit_facts facts;
	enum exit_reason reason;
	const char *phrase;
};

#define SEEN(s)	 .observed = true, .has_status = true, .status = (s)

static const struct exit_case cases[] = {
	{{SEEN(EXITED(0))}, EXIT_EXITED, "exited with status 0"},
	{{SEEN(EXITED(1))}, EXIT_EXITED, "exited with status 1"},
	{{SEEN(EXITED(137))}, EXIT_EXITED, "exited with status 137"},
	{{SEEN(EXITED(255))}, EXIT_EXITED, "exited with status 255"},
	{{SEEN(EXITED(9)), .out_of_memory = MEMORY_OUT}, EXIT_EXITED, "exited with status 9"},
	{{SEEN(EXITED(203))}, EXIT_EXITED, "exited with status 203"},
	{{SEEN(EXITED(203)), .of_unit = true}, EXIT_EXITED, "exited with status 203/EXEC"},
	{{SEEN(EXITED(3)), .of_unit = true}, EXIT_EXITED, "exited with status 3"},
	{{SEEN(EXITED(0)), .of_unit = true, .stopped = true}, EXIT_STOPPED,
		"stopped by systemd (status 0)"},
	{{SEEN(15), .of_unit = true, .stopped = true}, EXIT_STOPPED, "stopped by systemd (SIGTERM)"},
	{{SEEN(15)}, EXIT_SIGNALLED, "killed by SIGTERM"},
	{{SEEN(9)}, EXIT_SIGNALLED, "killed by SIGKILL"},
	{{SEEN(15), .of_unit = true, .cause = "gpu.service failed"}, EXIT_SIGNALLED,
		"killed by SIGTERM (by systemd: gpu.service failed)"},
	{{SEEN(9), .of_unit = true, .result = "timeout", .cause = "gpu.service failed"}, EXIT_SIGNALLED,
		"killed by SIGKILL (by systemd: gpu.service failed)"},
	{{SEEN(EXITED(0)), .of_unit = true, .cause = "dev-x.device is gone"}, EXIT_EXITED,
		"exited with status 0 (by systemd: dev-x.device is gone)"},
	{{SEEN(11)}, EXIT_SIGNALLED, "killed by SIGSEGV"},
	{{SEEN(64)}, EXIT_SIGNALLED, "killed by signal 64"},
	{{SEEN(11 | CORE)}, EXIT_CORE_DUMPED, "dumped core on SIGSEGV"},
	{{SEEN(6 | CORE)}, EXIT_CORE_DUMPED, "dumped core on SIGABRT"},
	{{SEEN(9), .out_of_memory = MEMORY_OUT}, EXIT_OOM, "killed by SIGKILL (out of memory)"},
	{{SEEN(9), .out_of_memory = MEMORY_LIKELY}, EXIT_OOM,
		"killed by SIGKILL (most likely out of memory)"},
	{{SEEN(15), .out_of_memory = MEMORY_OUT}, EXIT_SIGNALLED, "killed by SIGTERM"},
	{{SEEN(15), .of_unit = true, .out_of_memory = MEMORY_OF_UNIT}, EXIT_OOM,
		"killed by SIGTERM (out of memory)"},
	{{SEEN(EXITED(0)), .of_unit = true, .out_of_memory = MEMORY_OF_UNIT}, EXIT_OOM,
		"exited with status 0 (out of memory)"},
	{{SEEN(6 | CORE), .of_unit = true, .out_of_memory = MEMORY_OF_UNIT}, EXIT_OOM,
		"dumped core on SIGABRT (out of memory)"},
	{{SEEN(15), .of_unit = true, .stopped = true, .out_of_memory = MEMORY_OF_UNIT}, EXIT_STOPPED,
		"stopped by systemd (SIGTERM)"},
	{{.observed = true}, EXIT_UNKNOWN, "ended for an unknown reason"},
	{{.observed = true, .status = 9}, EXIT_UNKNOWN, "ended for an unknown reason"},
	{{.observed = false}, EXIT_UNOBSERVED, "gone while nobody was looking"},
	{{.has_status = true, .status = 9}, EXIT_UNOBSERVED, "gone while nobody was looking"},
};

static void test_reasons(void **state)
{
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;

		if (exit_classify(&cases[i].facts) != cases[i].reason)
			fail_msg("case %zu is %s", i,
				exit_reason_name(exit_classify(&cases[i].facts)));
		exit_phrase(&cases[i].facts, &b);
		assert_string_equal(b.data, cases[i].phrase);
	}
}

static void test_names(void **state)
{
	static const char *const names[EXIT_REASONS] = {"exited", "signalled", "core-dumped", "oom",
		"stopped", "unobserved", "unknown"};
	enum exit_reason reason = EXIT_OOM;

	for (unsigned i = 0; i < EXIT_REASONS; i++) {
		assert_string_equal(exit_reason_name((enum exit_reason) i), names[i]);
		assert_int_equal(exit_reason_parse(names[i], &reason), 0);
		assert_int_equal(reason, i);
	}
	assert_int_equal(exit_reason_parse("", &reason), -EINVAL);
	assert_int_equal(exit_reason_parse("Oom", &reason), -EINVAL);
}

static void check_sentence(const struct exit_facts *f, const char *expected)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	exit_sentence(f, &b);
	assert_string_equal(b.data, expected);
}

static void test_sentence(void **state)
{
	struct exit_facts f = {SEEN(9), .out_of_memory = MEMORY_OUT, .pid = 4711};

	check_sentence(&f, "Process 4711 killed by SIGKILL (out of memory) (oom).");
	f.lasted = 3 * USEC_PER_HOUR + 2 * USEC_PER_MIN;
	check_sentence(&f, "Process 4711 killed by SIGKILL (out of memory) (oom) after 3h 2min.");
	f.resident = 3 * 1024 * 1024 / 2;
	f.measured = 1300 * USEC_PER_MSEC;
	check_sentence(&f, "Process 4711 killed by SIGKILL (out of memory) (oom) after 3h 2min; "
			   "1.3s before, it held 1.5 MiB of memory.");
	f.cgroup_peak = 50 * 1024 * 1024;
	check_sentence(&f, "Process 4711 killed by SIGKILL (out of memory) (oom) after 3h 2min; "
			   "1.3s before, it held 1.5 MiB of memory; its cgroup held 50.0 MiB at most.");
	f.resident = 0;
	check_sentence(&f, "Process 4711 killed by SIGKILL (out of memory) (oom) after 3h 2min; "
			   "its cgroup held 50.0 MiB at most.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
