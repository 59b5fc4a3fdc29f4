/* SPDX-License-Identifier: Apache-2.0 */
/* The wire forms of evidence, samples and what is known; the stale marker. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/base/buf.h"
#include "schema/event.h"
#include "schema/known.h"
#include "schema/records.h"

static void test_stale(void **state)
{
	assert_true(isnan(sample_stale()));
	assert_true(sample_is_stale(sample_stale()));
	assert_false(sample_is_stale(NAN));
	assert_false(sample_is_stale(0));
}

static void test_evidence_round_trip(void **state)
{
	char texts[][32] = {"reason", "killed by SIGKILL", "command-line", ""};
	struct evidence given[] = {{texts[0], texts[1]}, {texts[2], texts[3]}};
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct evidence *list = NULL;
	size_t count = 0;

	evidence_write(given, ELEMENTS(given), &b);
	assert_int_equal(buf_error(&b), 0);
	assert_int_equal(evidence_read(b.data, b.size, &list, &count), 0);
	assert_int_equal(count, ELEMENTS(given));
	for (size_t i = 0; i < count; i++) {
		assert_string_equal(list[i].name, given[i].name);
		assert_string_equal(list[i].text, given[i].text);
	}
	evidence_list_free(list, count);
}

static void test_samples_round_trip(void **state)
{
	struct sample given[] = {{1, 0}, {UINT32_MAX, -1.5}, {7, sample_stale()}};
	_cleanup_buf_ struct buf b = BUF_INIT;
	_cleanup_free_ struct sample *list = NULL;
	size_t count = 0;

	samples_write(given, ELEMENTS(given), &b);
	assert_int_equal(samples_read(b.data, b.size, &list, &count), 0);
	assert_int_equal(count, ELEMENTS(given));
	assert_int_equal(list[1].series, UINT32_MAX);
	assert_true(list[1].value == -1.5);
	assert_true(sample_is_stale(list[2].value));
}

static void test_empty_lists(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct evidence *evidence = NULL;
	struct sample *samples = NULL;
	size_t count = 1;

	evidence_write(NULL, 0, &b);
	assert_int_equal(evidence_read(b.data, b.size, &evidence, &count), 0);
	assert_int_equal(count, 0);
	assert_null(evidence);
	count = 1;
	assert_int_equal(samples_read(b.data, b.size, &samples, &count), 0);
	assert_int_equal(count, 0);
	assert_null(samples);
}

static void known_example(struct known *ret)
{
	*ret = (struct known){
		.processes = calloc(1, sizeof(struct known_process)),
		.process_count = 1,
		.values = calloc(1, sizeof(struct known_value)),
		.value_count = 1,
	};
	assert_non_null(ret->processes);
	assert_non_null(ret->values);
	ret->processes[0] = (struct known_process){strdup("llama"), 4711, 123456789,
		strdup("7f0c1f34-5d2a-4c1e-9a53-0d1c1a6f2d11"), 0x7ffdc0de1230,
		strdup("llama-server --port 8080")};
	ret->values[0].series.metric = strdup("modelwatch_service_exits_total");
	ret->values[0].value = 3;
	assert_int_equal(labels_set(&ret->values[0].series.labels, "service", "llama"), 0);
	assert_int_equal(labels_set(&ret->values[0].series.labels, "reason", "oom"), 0);
}

static void test_known_round_trip(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	_cleanup_(known_done) struct known given = {0}, k = {0};

	known_example(&given);
	known_write(&given, &b);
	assert_int_equal(known_read(b.data, b.size, &k), 0);
	assert_int_equal(k.process_count, 1);
	assert_string_equal(k.processes[0].service, "llama");
	assert_int_equal(k.processes[0].pid, 4711);
	assert_int_equal(k.processes[0].start, 123456789);
	assert_string_equal(k.processes[0].boot, given.processes[0].boot);
	assert_true(k.processes[0].stack == 0x7ffdc0de1230);
	assert_string_equal(k.processes[0].command_line, "llama-server --port 8080");
	assert_int_equal(k.value_count, 1);
	assert_string_equal(k.values[0].series.metric, "modelwatch_service_exits_total");
	assert_string_equal(labels_get(&k.values[0].series.labels, "reason"), "oom");
	assert_true(k.values[0].value == 3);
}

/* No part of a message is one, nor a message with more behind it. */
static void test_known_refuses_parts(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	_cleanup_(known_done) struct known given = {0}, k = {0};

	known_example(&given);
	known_write(&given, &b);
	for (size_t size = 0; size < b.size; size++)
		assert_int_equal(known_read(b.data, size, &k), -EBADMSG);
	buf_add_char(&b, 0);
	assert_int_equal(known_read(b.data, b.size, &k), -EBADMSG);
}

static void test_refuses(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
	} cases[] = {
		{"", 0},
		{"\xff\xff\xff\xff", 4},			      /* absurd counts */
		{"\1\0\0\0", 4},				      /* nothing follows */
		{"\1\0\0\0\1\0\0\0n\5\0\0\0text", 17},		      /* a text cut short */
		{"\1\0\0\0\1\0\0\0\xff\1\0\0\0t", 14},		      /* not UTF-8 */
		{"\1\0\0\0\1\0\0\0\0\1\0\0\0t", 14},		      /* a NUL inside */
		{"\0\0\0\0\0", 5},				      /* more behind it */
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct evidence *evidence = NULL;
		struct sample *samples = NULL;
		struct known k = {0};
		size_t count = 0;

		assert_int_equal(evidence_read(cases[i].bytes, cases[i].size, &evidence, &count),
			-EBADMSG);
		assert_int_equal(samples_read(cases[i].bytes, cases[i].size, &samples, &count),
			-EBADMSG);
		assert_int_equal(known_read(cases[i].bytes, cases[i].size, &k), -EBADMSG);
	}
}

static void test_known_refuses_values(void **state)
{
	static const struct {
		const char *metric, *label, *value;
		uint64_t pid;
		int expected;
	} cases[] = {
		{"up", "service", "a", 1, 0},
		{"up", "service", "a", 0, -EBADMSG},
		{"up", "service", "a", 1ULL << 31, -EBADMSG},
		{"1up", "service", "a", 1, -EBADMSG},
		{"", "service", "a", 1, -EBADMSG},
		{"up", "1", "a", 1, -EBADMSG},
		{"up", "service", "", 1, -EBADMSG},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;
		_cleanup_(known_done) struct known k = {0};

		buf_put_u32(&b, 1);
		buf_put_string(&b, "llama");
		buf_put_u64(&b, cases[i].pid);
		buf_put_u64(&b, 9);
		buf_put_string(&b, "boot");
		buf_put_u64(&b, 0);
		buf_put_string(&b, "");
		buf_put_u32(&b, 1);
		buf_put_string(&b, cases[i].metric);
		buf_put_u32(&b, 1);
		buf_put_string(&b, cases[i].label);
		buf_put_string(&b, cases[i].value);
		buf_put_f64(&b, 1);
		assert_int_equal(known_read(b.data, b.size, &k), cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_evidence_round_trip),
		cmocka_unit_test(test_samples_round_trip),
		cmocka_unit_test(test_empty_lists),
		cmocka_unit_test(test_known_round_trip),
		cmocka_unit_test(test_known_refuses_parts),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_known_refuses_values),
	};

	return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
