/* SPDX-License-Identifier: Apache-2.0 */
/* The tokenizer of INI text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/config/ini.h"

/* All items of a text, one a line: "LINE [KIND|NAME]", "LINE KEY|VALUE" or "LINE !ERROR". */
static char *items(const char *text, size_t size)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_ini_ struct ini ini;
	struct ini_item item;

	ini_init(&ini, text, size);
	while (ini_next(&ini, &item) > 0)
		if (item.type == INI_SECTION)
			buf_printf(&out, "%u [%s|%s]\n", item.line, item.kind, item.name);
		else if (item.type == INI_KEY)
			buf_printf(&out, "%u %s|%s\n", item.line, item.key, item.value);
		else
			buf_printf(&out, "%u !%s\n", item.line, item.error);
	return buf_take(&out);
}

#define CASE(text, expected) {text, sizeof(text) - 1, expected}

static const struct {
	const char *text;
	size_t size;
	const char *expected;
} cases[] = {
	CASE("", ""),
	CASE("\n\n \t\n", ""),
	CASE("[daemon]\ninterval = 1s\n", "1 [daemon|]\n2 interval|1s\n"),
	CASE("[service a b]", "1 [service|a b]\n"),
	CASE("  [ service   llama ]  ", "1 [service|llama]\n"),
	CASE("key=value", "1 key|value\n"),
	CASE("  key\t=\t value with  blanks \t", "1 key|value with  blanks\n"),
	CASE("key =", "1 key|\n"),
	CASE("a = b = c", "1 a|b = c\n"),
	CASE("# comment\n; comment\n  # comment\nchannel = #oncall",
		"4 channel|#oncall\n"),
	CASE("a = b # c", "1 a|b # c\n"),
	CASE("a = 1\r\n[b]\r\n", "1 a|1\n2 [b|]\n"),
	CASE("\xef\xbb\xbf[a]", "1 [a|]\n"),
	CASE("a = gr\xc3\xbc\xc3\x9f" "e", "1 a|gr\xc3\xbc\xc3\x9f" "e\n"),
	/* Values on several lines. */
	CASE("a = one \\\n   two\\\nthree\nb = 1", "1 a|one two three\n4 b|1\n"),
	CASE("a = one \\\n# comment\n; another\n two", "1 a|one two\n"),
	CASE("a = \\\n one", "1 a|one\n"),
	CASE("a = one \\", "1 a|one\n"),
	CASE("a = one \\\n\nb = 2", "1 a|one\n3 b|2\n"),
	CASE("a = one\\\\\nb = 2", "1 a|one\\\\\n2 b|2\n"),
	/* What is wrong, and that the next line is read. */
	CASE("[a\nb = 1", "1 !the section's ']' is missing\n2 b|1\n"),
	CASE("[a] # x", "1 !nothing may follow the section's ']'; a comment has a line of its "
			"own\n"),
	CASE("[]\n[ ]", "1 !the section has no kind\n2 !the section has no kind\n"),
	CASE("word", "1 !expected [SECTION], KEY = VALUE or a # comment\n"),
	CASE("word \\\nmore\na = 1",
		"1 !expected [SECTION], KEY = VALUE or a # comment\n3 a|1\n"),
	CASE("= value", "1 !there is no key before '='\n"),
	CASE("a = \x07", "1 !control character 0x07 in the line\n"),
	CASE("a = \xc2\x85", "1 !control character 0xc2 in the line\n"),
	CASE("a = b\rc", "1 !control character 0x0d in the line\n"),
	CASE("a = b\0c\nd = 1", "1 !control character 0x00 in the line\n2 d|1\n"),
	CASE("a = \xff", "1 !the line is not valid UTF-8\n"),
	CASE("# any byte \xff\x01 in a comment", ""),
	CASE("a = one\\\n\xff\\\nb = 2\nc = 3", "2 !the line is not valid UTF-8\n4 c|3\n"),
};

static void test_items(void **state)
{
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_free_ char *got = items(cases[i].text, cases[i].size);

		assert_string_equal(got, cases[i].expected);
	}
}

/* COUNT lines of SIZE bytes, the first "a = xxx", the following "xxx", joined by backslashes. */
static char *long_value(size_t count, size_t size)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	for (size_t i = 0; i < count; i++) {
		buf_add_string(&b, i > 0 ? "\\\n" : "a = ");
		for (size_t j = i > 0 ? 0 : 4; j < size; j++)
			buf_add_char(&b, 'x');
	}
	return buf_take(&b);
}

static void test_limits(void **state)
{
	static const struct {
		size_t count, size;
		const char *expected; /* the beginning */
	} limits[] = {
		{1, INI_LINE_MAX, "1 a|xxx"},
		{1, INI_LINE_MAX + 1, "1 !the line is longer than 16384 bytes\n"},
		{2, INI_LINE_MAX / 2, "1 a|xxx"},
		{3, INI_LINE_MAX / 2, "3 !the value is longer than 16384 bytes\n"},
	};

	for (size_t i = 0; i < ELEMENTS(limits); i++) {
		_cleanup_free_ char *text = long_value(limits[i].count, limits[i].size);
		_cleanup_free_ char *got = items(text, strlen(text));

		assert_memory_equal(got, limits[i].expected, strlen(limits[i].expected));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_items),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
