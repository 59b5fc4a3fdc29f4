/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd says of a unit: its wire form, and names of units. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "schema/unit.h"

#define TEXT(s) ((char *) (uintptr_t) (s))

static struct unit_state running(void)
{
	return (struct unit_state){
		.name = TEXT("vllm@0.service"),
		.load = TEXT("loaded"),
		.active = TEXT("active"),
		.sub = TEXT("running"),
		.file = TEXT("enabled"),
		.result = TEXT("success"),
		.job = TEXT("restart"),
		.cgroup = TEXT("/system.slice/system-vllm.slice/vllm@0.service"),
		.cause = TEXT("gpu.service failed"),
		.main_pid = 4711,
		.exit_code = 1,
		.exit_status = 203,
		.restarts = 7,
	};
}

static void test_arrives(void **state)
{
	const struct unit_state u = running();
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct unit_state read;

	unit_state_write(&u, &b);
	assert_int_equal(buf_error(&b), 0);
	assert_int_equal(unit_state_read(b.data, b.size, &read), 0);
	assert_string_equal(read.name, u.name);
	assert_string_equal(read.load, u.load);
	assert_string_equal(read.active, u.active);
	assert_string_equal(read.sub, u.sub);
	assert_string_equal(read.file, u.file);
	assert_string_equal(read.result, u.result);
	assert_string_equal(read.job, u.job);
	assert_string_equal(read.cgroup, u.cgroup);
	assert_string_equal(read.cause, u.cause);
	assert_int_equal(read.main_pid, u.main_pid);
	assert_int_equal(read.exit_code, u.exit_code);
	assert_int_equal(read.exit_status, u.exit_status);
	assert_int_equal(read.restarts, u.restarts);
	unit_state_done(&read);
	/* Every cut, and one byte more. */
	for (size_t size = 0; size < b.size; size++)
		assert_int_equal(unit_state_read(b.data, size, &read), -EBADMSG);
	buf_put_u8(&b, 0);
	assert_int_equal(unit_state_read(b.data, b.size, &read), -EBADMSG);
}

static void test_refuses(void **state)
{
	char name[UNIT_NAME_MAX + 2] = "", word[UNIT_WORD_MAX + 2] = "";
	struct unit_state cases[] = {running(), running(), running(), running(), running()};

	memset(name, 'a', sizeof(name) - 1);
	memset(word, 'a', sizeof(word) - 1);
	cases[0].name = name;
	cases[1].name = TEXT("");
	cases[2].job = word;
	cases[3].main_pid = -1;
	cases[4].sub = TEXT("\xff");
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;
		struct unit_state read;

		unit_state_write(&cases[i], &b);
		assert_int_equal(unit_state_read(b.data, b.size, &read), -EBADMSG);
	}
}

static void test_names(void **state)
{
	static const struct {
		const char *given, *name;
		bool glob;
	} cases[] = {
		{"vllm", "vllm.service", false},
		{"vllm.service", "vllm.service", false},
		{"session-1.scope", "session-1.scope", false},
		{"vllm@*", "vllm@*.service", true},
		{"vllm@[0-7].service", "vllm@[0-7].service", true},
		{"run-?.scope", "run-?.scope", true},
		/* The suffix is one only where systemd has units of such a type. */
		{"vllm@llama-3.1-8b", "vllm@llama-3.1-8b.service", false},
		{"vllm@llama-3.1-*", "vllm@llama-3.1-*.service", true},
		{"org.example.vllm", "org.example.vllm.service", false},
		{"docker.socket", "docker.socket", false},
		{"vllm.*", "vllm.*", true},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_free_ char *name = unit_name_complete(cases[i].given);

		assert_string_equal(name, cases[i].name);
		assert_int_equal(unit_name_is_glob(name), cases[i].glob);
	}
}

static void test_templates(void **state)
{
	static const struct {
		const char *name;
		bool template;
	} cases[] = {
		{"vllm@.service", true},
		{"vllm*@.service", true},
		{"vllm@1.service", false},
		{"vllm@*.service", false},
		{"vllm@a@.service", false},
		{"vllm.service", false},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		assert_int_equal(unit_name_is_template(cases[i].name), cases[i].template);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arrives),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_templates),
	};

	return cmocka_run_group_tests_name("unit", tests, NULL, NULL);
}
