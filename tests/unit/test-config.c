/* SPDX-License-Identifier: Apache-2.0 */
/* The model of the configuration: rows, getters, slices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/base/text.h"
#include "daemon/config/model.h"

static void put(struct config *c, struct section *s, enum option option, const char *text)
{
	struct number number;

	assert_int_equal(config_parse(option, text, &number), 0);
	assert_int_equal(section_put(c, s, option, text, &number, &(struct place){0}), 0);
}

static struct section *add(struct config *c, enum section_kind kind, const char *name)
{
	struct section *s;

	assert_int_equal(config_add_section(c, kind, name, &(struct place){0}, &s), 0);
	return s;
}

/* Every kind has its rows in one place, no key twice, and every default is a valid value. */
static void test_rows(void **state)
{
	struct number number;

	for (enum option o = 0; o < OPTIONS; o++) {
		const struct option_row *row = &option_rows[o];
		size_t at = o - kind_first(row->kind);
		enum option found;

		assert_true(at < kind_count(row->kind));
		assert_int_equal(option_find(row->kind, row->key, &found), 0);
		assert_int_equal(found, o);
		if (*row->fallback && config_parse(o, row->fallback, &number) < 0)
			fail_msg("the default of %s is not valid", row->key);
	}
}

static void test_defaults(void **state)
{
	_cleanup_config_ struct config *c = config_new(FOR_ALL);
	const struct section *daemon = config_find(c, SECTION_DAEMON, "");
	const struct section *page = config_find(c, SECTION_PAGE, "");
	const char *const *list;
	size_t count;

	assert_non_null(daemon);
	assert_true(section_duration(daemon, OPTION_DAEMON_INTERVAL) == USEC_PER_SEC);
	assert_true(section_duration(daemon, OPTION_DAEMON_ROLLUP_RETENTION) == 730 * USEC_PER_DAY);
	assert_true(section_number(daemon, OPTION_DAEMON_MAX_SIZE) == UINT64_C(2) << 30);
	assert_true(section_bool(daemon, OPTION_DAEMON_DISCOVERY));
	assert_false(section_has(daemon, OPTION_DAEMON_DISCOVERY));
	list = section_list(page, OPTION_PAGE_LISTEN, &count);
	assert_int_equal(count, 1);
	assert_string_equal(list[0], "127.0.0.1:9178");
	section_list(page, OPTION_PAGE_ALLOWED_HOST, &count);
	assert_int_equal(count, 0);
	assert_string_equal(section_string(page, OPTION_PAGE_EXTERNAL_URL), "");
	assert_null(config_next(c, SECTION_SERVICE, NULL));
}

static void test_lists_and_scalars(void **state)
{
	_cleanup_config_ struct config *c = config_new(FOR_ALL);
	struct section *s = add(c, SECTION_SERVICE, "llama");
	const char *const *list;
	size_t count;

	put(c, s, OPTION_SERVICE_LISTEN_PORT, "8000");
	put(c, s, OPTION_SERVICE_LISTEN_PORT, "8001");
	list = section_list(s, OPTION_SERVICE_LISTEN_PORT, &count);
	assert_int_equal(count, 2);
	assert_string_equal(list[1], "8001");
	section_clear(c, s, OPTION_SERVICE_LISTEN_PORT);
	section_list(s, OPTION_SERVICE_LISTEN_PORT, &count);
	assert_int_equal(count, 0);
	assert_true(section_has(s, OPTION_SERVICE_LISTEN_PORT));
	put(c, s, OPTION_SERVICE_EXPECTED, "no");
	assert_false(section_bool(s, OPTION_SERVICE_EXPECTED));
	section_clear(c, s, OPTION_SERVICE_EXPECTED);
	assert_true(section_bool(s, OPTION_SERVICE_EXPECTED));
	assert_false(section_has(s, OPTION_SERVICE_EXPECTED));
}

static struct config *example(void)
{
	struct config *c = config_new(FOR_ALL);
	struct section *s;

	assert_non_null(c);
	put(c, config_section(c, SECTION_DAEMON, ""), OPTION_DAEMON_INTERVAL, "250ms");
	s = add(c, SECTION_SERVICE, "llama");
	put(c, s, OPTION_SERVICE_CGROUP, "/llama.slice");
	put(c, s, OPTION_SERVICE_EXPECTED, "no");
	s = add(c, SECTION_WEBHOOK, "oncall");
	put(c, s, OPTION_WEBHOOK_URL, "https://example.net/");
	put(c, s, OPTION_WEBHOOK_SECRET, "credential:oncall");
	assert_int_equal(value_set_content(c, section_value(s, OPTION_WEBHOOK_SECRET), 0,
				 strdup("\xff\x80raw")),
		0);
	put(c, s, OPTION_WEBHOOK_SEVERITY, "critical");
	put(c, config_section(c, SECTION_PAGE, ""), OPTION_PAGE_LISTEN, "unix:/a");
	section_clear(c, config_section(c, SECTION_PAGE, ""), OPTION_PAGE_LISTEN);
	return c;
}

static struct config *slice(const struct config *c, unsigned role)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct config *sliced;

	assert_int_equal(config_slice(c, role, &b), 0);
	assert_int_equal(config_unslice(b.data, b.size, &sliced), 0);
	return sliced;
}

static void test_slices(void **state)
{
	_cleanup_config_ struct config *c = example(), *notify = slice(c, FOR_NOTIFY),
				       *engine = slice(c, FOR_ENGINE), *web = slice(c, FOR_WEB);
	const struct section *s = config_find(notify, SECTION_WEBHOOK, "oncall");
	size_t count;

	/* What it names, not the reference. */
	assert_string_equal(section_string(s, OPTION_WEBHOOK_SECRET), "\xff\x80raw");
	assert_string_equal(section_string(s, OPTION_WEBHOOK_URL), "https://example.net/");
	assert_true(section_duration(s, OPTION_WEBHOOK_TIMEOUT) == 10 * USEC_PER_SEC);
	assert_null(config_next(notify, SECTION_SERVICE, NULL));

	s = config_find(engine, SECTION_WEBHOOK, "oncall");
	assert_string_equal(section_string(s, OPTION_WEBHOOK_SEVERITY), "critical");
	s = config_next(engine, SECTION_SERVICE, NULL);
	assert_string_equal(section_name(s), "llama");
	assert_false(section_bool(s, OPTION_SERVICE_EXPECTED));
	assert_null(config_next(engine, SECTION_SERVICE, s));
	s = config_find(engine, SECTION_DAEMON, "");
	assert_true(section_duration(s, OPTION_DAEMON_INTERVAL) == 250 * USEC_PER_MSEC);

	/* A list that was emptied stays empty. */
	s = config_find(web, SECTION_PAGE, "");
	section_list(s, OPTION_PAGE_LISTEN, &count);
	assert_int_equal(count, 0);
}

static void test_equal_sections(void **state)
{
	static const struct {
		enum option option;
		const char *text, *content;
		unsigned changed; /* for these roles */
	} cases[] = {
		{OPTION_WEBHOOK_URL, "https://example.net/", NULL, 0},
		{OPTION_WEBHOOK_URL, "https://example.org/", NULL, FOR_NOTIFY},
		{OPTION_WEBHOOK_SECRET, "credential:oncall", "other", FOR_NOTIFY},
		{OPTION_WEBHOOK_SECRET, "file:/other", "\xff\x80raw", 0},
		{OPTION_WEBHOOK_HEADER, "X-Team: ml", NULL, FOR_NOTIFY},
		{OPTION_WEBHOOK_SEVERITY, "warning", NULL, FOR_ENGINE},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_config_ struct config *a = example(), *b = example();
		const struct section *before = config_find(a, SECTION_WEBHOOK, "oncall");
		struct section *s = config_section(b, SECTION_WEBHOOK, "oncall");

		section_clear(b, s, cases[i].option);
		put(b, s, cases[i].option, cases[i].text);
		if (cases[i].content)
			assert_int_equal(value_set_content(b, section_value(s, cases[i].option), 0,
						 strdup(cases[i].content)),
				0);
		assert_int_equal(section_equal(before, s, FOR_NOTIFY),
			!(cases[i].changed & FOR_NOTIFY));
		assert_int_equal(section_equal(before, s, FOR_ENGINE),
			!(cases[i].changed & FOR_ENGINE));
	}
}

/* A secret goes to no role but the one whose row names it. */
static void test_slices_hold_no_foreign_secret(void **state)
{
	_cleanup_config_ struct config *c = example();

	for (unsigned role = FOR_ENGINE; role & FOR_ALL; role <<= 1) {
		_cleanup_buf_ struct buf b = BUF_INIT;

		assert_int_equal(config_slice(c, role, &b), 0);
		if (role != FOR_NOTIFY)
			assert_null(memmem(b.data, b.size, "\xff\x80raw", 5));
		assert_null(memmem(b.data, b.size, "credential:", 11));
	}
}

/* Every cut and every changed byte is refused or gives a whole configuration. */
static void test_unslice_foreign_bytes(void **state)
{
	_cleanup_config_ struct config *c = example();
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct config *read;

	assert_int_equal(config_slice(c, FOR_NOTIFY, &b), 0);
	for (size_t size = 0; size < b.size; size++)
		assert_int_equal(config_unslice(b.data, size, &read), -EBADMSG);
	for (size_t i = 0; i < b.size; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			b.data[i] = (char)(b.data[i] ^ 1 << bit);
			if (config_unslice(b.data, b.size, &read) == 0)
				config_free(read);
			b.data[i] = (char)(b.data[i] ^ 1 << bit);
		}
}

static void test_unslice_refuses(void **state)
{
	static const struct {
		enum option option;
		const char *text;
	} cases[] = {
		{OPTION_DAEMON_INTERVAL, "soon"},
		{OPTION_DAEMON_INTERVAL, "1us"},
		{OPTION_DAEMON_RETENTION, "0s"},
		{OPTION_DAEMON_DISCOVERY, "perhaps"},
		{OPTION_DAEMON_MAX_SIZE, "99999999999999999999"},
		{OPTION_WEBHOOK_SEVERITY, "bad"},
		{OPTION_SERVICE_LISTEN_PORT, "65536"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_config_ struct config *c = config_new(FOR_ALL), *read = NULL;
		enum section_kind kind = option_rows[cases[i].option].kind;
		struct section *s = config_section(c, kind, "");
		_cleanup_buf_ struct buf b = BUF_INIT;

		if (!s)
			s = add(c, kind, "x");
		assert_int_equal(section_put(c, s, cases[i].option, cases[i].text,
					 &(struct number){0}, &(struct place){0}),
			0);
		assert_int_equal(config_slice(c, FOR_ENGINE, &b), 0);
		assert_int_equal(config_unslice(b.data, b.size, &read), -EBADMSG);
	}
}

/* A path follows it, whether or not somebody wrote the slash between them. */
static void test_external_url(void **state)
{
	static const struct {
		const char *given, *expected;
	} cases[] = {
		{"https://gpu7.example.net", "https://gpu7.example.net"},
		{"https://gpu7.example.net/", "https://gpu7.example.net"},
		{"https://gpu7.example.net/mw", "https://gpu7.example.net/mw"},
		{"https://gpu7.example.net/mw/", "https://gpu7.example.net/mw"},
		{"https://gpu7.example.net/mw//", "https://gpu7.example.net/mw"},
	};
	_cleanup_config_ struct config *c = config_new(FOR_ALL);
	struct section *page = config_section(c, SECTION_PAGE, "");
	char *url = config_external_url(c);

	assert_string_equal(url, "");
	free(url);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		put(c, page, OPTION_PAGE_EXTERNAL_URL, cases[i].given);
		url = config_external_url(c);
		assert_string_equal(url, cases[i].expected);
		free(url);
	}
}

static void test_limits(void **state)
{
	_cleanup_config_ struct config *c = config_new(FOR_ALL);
	struct section *s = add(c, SECTION_SERVICE, "x");
	struct number number = {0};
	char name[32];
	int r = 0;

	for (unsigned i = 0; i < CONFIG_LIST_MAX; i++)
		put(c, s, OPTION_SERVICE_USER, "a");
	assert_int_equal(
		section_put(c, s, OPTION_SERVICE_USER, "a", &number, &(struct place){0}), -E2BIG);
	for (unsigned i = 0; i <= CONFIG_SECTIONS_MAX && r == 0; i++) {
		snprintf(name, sizeof(name), "x%u", i);
		r = config_add_section(c, SECTION_SERVICE, name, &(struct place){0}, &s);
	}
	assert_int_equal(r, -E2BIG);
	assert_int_equal(c->section_count, CONFIG_SECTIONS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_lists_and_scalars),
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_equal_sections),
		cmocka_unit_test(test_slices_hold_no_foreign_secret),
		cmocka_unit_test(test_unslice_foreign_bytes),
		cmocka_unit_test(test_unslice_refuses),
		cmocka_unit_test(test_external_url),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
