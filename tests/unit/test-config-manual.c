/* SPDX-License-Identifier: Apache-2.0 */
/* modelwatch.conf(5) and options.def say the same: every section is in the manual, and whether it is in
 * use; every option is, under its section, with its help as the first words, its default, whether it is
 * a list, and whether it is in use; and nothing else is. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/base/file.h"
#include "daemon/base/text.h"
#include "daemon/config/model.h"

static const char *const helps[OPTIONS] = {
#define OPTION(kind, identifier, key, type, flags, fallback, roles, stage, help) help,
#include "daemon/config/options.def"
#undef OPTION
};

/* From BEGIN up to the first of the marks behind it, newlines as blanks. */
static char *part(const char *begin, const char *mark, const char *other)
{
	const char *end = strstr(begin + 1, mark), *before = strstr(begin + 1, other);
	char *copy;

	if (!end || (before && before < end))
		end = before;
	assert_non_null(end);
	copy = strndup(begin, (size_t) (end - begin));
	assert_non_null(copy);
	for (char *c = copy; *c; c++)
		if (*c == '\n')
			*c = ' ';
	return copy;
}

static const char *find_section(const char *manual, enum section_kind kind)
{
	char heading[64];
	const char *found;

	snprintf(heading, sizeof(heading), "\n.Ss [%s%s]\\&\n", section_rows[kind].name,
		section_rows[kind].named ? " NAME" : "");
	found = strstr(manual, heading);
	if (!found)
		fail_msg("the manual lacks [%s]", section_rows[kind].name);
	return found;
}

static void check_entry(const char *manual, enum option o)
{
	const struct option_row *row = &option_rows[o];
	const char *section = find_section(manual, row->kind), *found;
	_cleanup_free_ char *whole = part(section, "\n.Ss ", "\n.Sh ");
	_cleanup_free_ char *entry = NULL;
	char text[256];
	bool is_list = row->flags & IS_LIST;

	snprintf(text, sizeof(text), ".It Ic %s Ns = Ns Ar ", row->key);
	found = strstr(section, text);
	if (!found || found > section + strlen(whole))
		fail_msg("the manual lacks %s of [%s]", row->key, section_rows[row->kind].name);
	entry = part(found, "\n.It ", "\n.El\n");
	snprintf(text, sizeof(text), " %c%s.", toupper((unsigned char) helps[o][0]), helps[o] + 1);
	if (!strstr(entry, text))
		fail_msg("the entry of %s does not say:%s", row->key, text);
	snprintf(text, sizeof(text), " The default is .Cm %s .", row->fallback);
	if (!strstr(entry, text) != !*row->fallback)
		fail_msg("the entry of %s and its default '%s'", row->key, row->fallback);
	if (!strstr(entry, " ... ") == is_list)
		fail_msg("the entry of %s and whether it is a list", row->key);
	if (section_rows[row->kind].stage == AVAILABLE &&
		!strstr(entry, "Not used by this version yet.") == (row->stage == LATER))
		fail_msg("the entry of %s and whether it is in use", row->key);
}

static void read_manual(struct buf *b)
{
	const char *srcdir = getenv("srcdir");
	char path[256];

	snprintf(path, sizeof(path), "%s/packaging/man/modelwatch.conf.5", srcdir ? srcdir : ".");
	assert_int_equal(file_read(path, 1 << 20, b), 0);
}

static void test_every_section(void **state)
{
	_cleanup_buf_ struct buf manual = BUF_INIT;

	read_manual(&manual);
	for (enum section_kind kind = 0; kind < SECTION_KINDS; kind++) {
		const char *section = find_section(manual.data, kind);
		_cleanup_free_ char *begin = part(section, "\n.Bl ", "\n.Sh ");

		if (!strstr(begin, " This version accepts the section and does not use it yet.") ==
			(section_rows[kind].stage == LATER))
			fail_msg("the text of [%s] and whether it is in use", section_rows[kind].name);
	}
}

static void test_every_option(void **state)
{
	_cleanup_buf_ struct buf manual = BUF_INIT;

	read_manual(&manual);
	for (enum option o = 0; o < OPTIONS; o++)
		check_entry(manual.data, o);
}

static void test_nothing_else(void **state)
{
	_cleanup_buf_ struct buf manual = BUF_INIT;
	size_t entries = 0;

	read_manual(&manual);
	for (const char *at = manual.data; (at = strstr(at, "\n.It Ic ")); at++)
		entries++;
	assert_int_equal(entries, OPTIONS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_section),
		cmocka_unit_test(test_every_option),
		cmocka_unit_test(test_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
