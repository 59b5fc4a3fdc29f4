/* SPDX-License-Identifier: Apache-2.0 */
/* The template engine against the public specification's cases, our own, and broken templates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/base/buf.h"
#include "daemon/base/mustache.h"
#include "tests/unit/random.h"

#define MUTATIONS 1000

/* The partials of a case: parsed when they are asked for, freed with the case. */
struct partials {
	json_t *texts;
	struct mustache *parsed[16];
	const char *names[16];
	size_t count;
};

static const struct mustache *find_partial(void *userdata, const char *name)
{
	struct partials *p = userdata;
	const char *text = json_string_value(json_object_get(p->texts, name));

	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->names[i], name) == 0)
			return p->parsed[i];
	if (!text || p->count == ELEMENTS(p->parsed) ||
		mustache_parse(text, &p->parsed[p->count], NULL) < 0)
		return NULL;
	p->names[p->count] = name;
	return p->parsed[p->count++];
}

static int render(const char *template, json_t *data, json_t *partials, enum mustache_escape escape,
	struct buf *out)
{
	struct partials p = {.texts = partials};
	struct mustache *m = NULL;
	int r = mustache_parse(template, &m, NULL);

	if (r == 0)
		r = mustache_render(m, data, escape, find_partial, &p, out);
	while (p.count > 0)
		mustache_free(p.parsed[--p.count]);
	mustache_free(m);
	return r;
}

static json_t *load_module(const char *name)
{
	const char *srcdir = getenv("srcdir");
	char path[4096];
	json_t *module;

	snprintf(path, sizeof(path), "%s/tests/unit/mustache-spec/%s.json", srcdir ? srcdir : ".",
		name);
	module = json_load_file(path, 0, NULL);
	assert_non_null(module);
	return module;
}

static void test_specification(void **state)
{
	static const struct {
		const char *name;
		size_t cases;
	} modules[] = {{"comments", 11}, {"delimiters", 14}, {"interpolation", 30},
		{"inverted", 21}, {"partials", 11}, {"sections", 25}};

	for (size_t i = 0; i < ELEMENTS(modules); i++) {
		json_t *module = load_module(modules[i].name), *test;
		size_t j;

		assert_int_equal(
			json_array_size(json_object_get(module, "tests")), modules[i].cases);
		json_array_foreach (json_object_get(module, "tests"), j, test) {
			_cleanup_buf_ struct buf out = BUF_INIT;

			print_message("%s: %s\n", modules[i].name,
				json_string_value(json_object_get(test, "name")));
			assert_int_equal(
				render(json_string_value(json_object_get(test, "template")),
					json_object_get(test, "data"),
					json_object_get(test, "partials"), MUSTACHE_HTML, &out),
				0);
			assert_string_equal(out.data ? out.data : "",
				json_string_value(json_object_get(test, "expected")));
		}
		json_decref(module);
	}
}

/* What the specification leaves open, or newer editions of it settled. */
static void test_ours(void **state)
{
	static const struct {
		const char *template, *data, *expected;
		enum mustache_escape escape;
	} cases[] = {
		{"{{x}}", "{\"x\":\"<a href='\\\"'>&\"}", "&lt;a href=&#39;&quot;&#39;&gt;&amp;",
			MUSTACHE_HTML},
		{"{{x}}", "{\"x\":\"<&>'\\\"\"}", "<&>'\"", MUSTACHE_PLAIN},
		{"[{{x}}{{y}}]", "{\"x\":null,\"y\":{\"a\":1}}", "[]", MUSTACHE_PLAIN},
		{"{{a}} {{b}} {{c}}", "{\"a\":0.1,\"b\":1e300,\"c\":12345678901234}",
			"0.1 1e+300 12345678901234", MUSTACHE_PLAIN},
		{"{{x}} {{y}}", "{\"x\":true,\"y\":false}", "true false", MUSTACHE_PLAIN},
		{"{{#n}}zero{{/n}}{{#e}}empty{{/e}}", "{\"n\":0,\"e\":\"\"}", "zero",
			MUSTACHE_PLAIN},
		{"{{^n}}no{{/n}}{{^e}}empty{{/e}}", "{\"n\":0,\"e\":\"\"}", "empty",
			MUSTACHE_PLAIN},
		/* The first part of a dotted name decides. */
		{"{{#a}}{{b.c}}{{/a}}", "{\"a\":{\"b\":{}},\"b\":{\"c\":\"outer\"}}", "",
			MUSTACHE_PLAIN},
		{"{{#list}}{{#.}}{{.}}{{/.}};{{/list}}", "{\"list\":[[1,2],[3]]}", "12;3;",
			MUSTACHE_PLAIN},
		{"{{#s}}{{.}}{{/s}}", "{\"s\":\"text\"}", "text", MUSTACHE_PLAIN},
		/* null found within hides what is outside. */
		{"{{#a}}[{{b}}]{{/a}}", "{\"a\":{\"b\":null},\"b\":1}", "[]", MUSTACHE_PLAIN},
		{"{{#a.b}}{{x}}{{/a.b}}", "{\"a\":{\"b\":[{\"x\":1},{\"x\":2}]}}", "12",
			MUSTACHE_PLAIN},
		{"{{=<% %>=}}<%&x%>{{x}}", "{\"x\":\"<\"}", "<{{x}}", MUSTACHE_HTML},
		{"", "{}", "", MUSTACHE_PLAIN},
		{"\xc3\xbc{{x}}\n", "{\"x\":\"\xe2\x82\xac\"}", "\xc3\xbc\xe2\x82\xac\n",
			MUSTACHE_HTML},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;
		json_t *data = json_loads(cases[i].data, 0, NULL);

		assert_non_null(data);
		assert_int_equal(render(cases[i].template, data, NULL, cases[i].escape, &out), 0);
		assert_string_equal(out.data ? out.data : "", cases[i].expected);
		json_decref(data);
	}
}

static void test_indented_partials(void **state)
{
	static const struct {
		const char *template, *partial, *expected;
	} cases[] = {
		{"  {{>p}}\n", "{{x}}\n\n{{#x}}y{{/x}}\n", "  1\n\n  y\n"},
		{"  {{>p}}\n", "{{#x}}\n{{x}}\n{{/x}}\nz", "  1\n  z"},
		{" {{>p}}\n.\n", "a\n", " a\n.\n"},
		{"\t{{>p}}", "a\nb", "\ta\n\tb"},
		{"a {{>p}}\n", "b\nc", "a b\nc\n"},
	};
	json_t *data = json_loads("{\"x\":1}", 0, NULL);

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;
		json_t *partials = json_object();

		json_object_set_new(partials, "p", json_string(cases[i].partial));
		assert_int_equal(
			render(cases[i].template, data, partials, MUSTACHE_PLAIN, &out), 0);
		assert_string_equal(out.data, cases[i].expected);
		json_decref(partials);
	}
	json_decref(data);
}

static void test_malformed(void **state)
{
	static const struct {
		const char *template, *why;
	} cases[] = {
		{"a\nb {{x", "line 2: a tag that does not end: {{x"},
		{"{{{x}}", "line 1: a tag that does not end: {{{x}}"},
		{"{{#a}}\n{{#b.c}}\n", "line 2: the end is missing of the section: b.c"},
		{"\n\n{{/a}}", "line 3: the end of a section that is not open: a"},
		{"{{#a}}{{/b}}", "line 1: the end of another section than the one that is open: b"},
		{"{{#a\n}}\n{{/b}}",
			"line 3: the end of another section than the one that is open: b"},
		{"{{}}", "line 1: a tag without a name"},
		{"{{# }}", "line 1: a tag without a name"},
		{"{{a b}}", "line 1: a name with a blank: a b"},
		{"{{a..b}}", "line 1: a name with an empty part: a..b"},
		{"{{.a}}", "line 1: a name with an empty part: .a"},
		{"{{=<%=}}", "line 1: two delimiters are wanted: <%"},
		{"{{=a b c=}}", "line 1: two delimiters are wanted: a b c"},
		{"{{<parent}}", "line 1: inheritance is not supported"},
		{"{{\x01", "line 1: a tag that does not end: {{?"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_free_ char *why = NULL;
		struct mustache *m = NULL;

		assert_int_equal(mustache_parse(cases[i].template, &m, &why), -EBADMSG);
		assert_null(m);
		assert_string_equal(why, cases[i].why);
		assert_int_equal(mustache_parse(cases[i].template, &m, NULL), -EBADMSG);
	}
}

static json_t *list_of(size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_object());
	return list;
}

/* Neither recursion nor loops within loops nor long output exhaust us, and what could not be
 * rendered leaves nothing behind. */
static void test_bounds(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT, deep = BUF_INIT;
	json_t *data = json_pack("{s:o,s:i}", "l", list_of(1000), "t", 1);
	json_t *partials = json_pack("{s:s,s:s}", "p", "x{{>p}}", "q", "x\n   {{>q}}\n");
	_cleanup_free_ char *long_text = malloc(20000);
	struct mustache *m = NULL;

	buf_add_string(&out, "before");
	assert_int_equal(render("{{>p}}", data, partials, MUSTACHE_HTML, &out), -E2BIG);
	assert_int_equal(render("{{>q}}", data, partials, MUSTACHE_HTML, &out), -E2BIG);
	assert_int_equal(
		render("{{#l}}{{#l}}{{#l}}{{/l}}{{/l}}{{/l}}", data, NULL, MUSTACHE_HTML, &out),
		-E2BIG);
	memset(long_text, '<', 19999);
	long_text[19999] = '\0';
	json_object_set_new(data, "long", json_string(long_text));
	assert_int_equal(render("{{#l}}{{long}}{{/l}}", data, NULL, MUSTACHE_HTML, &out), -E2BIG);
	assert_string_equal(out.data, "before");

	for (size_t i = 0; i < 100; i++)
		buf_add_string(&deep, "{{#t}}");
	assert_int_equal(mustache_parse(deep.data, &m, NULL), -EBADMSG);
	json_decref(partials);
	json_decref(data);
}

/* Changes, removes or doubles a few bytes; templates live on these characters. */
static void mutate(char *text, size_t size, struct random *r)
{
	static const char bytes[] = "{}#^/>!=&. \n\tab|<$\x01\xff";

	for (size_t changes = 1 + random_below(r, 4); changes > 0 && size > 0; changes--) {
		size_t at = random_below(r, size);

		if (random_below(r, 3) == 0)
			memmove(text + at, text + at + 1, size-- - at);
		else
			text[at] = bytes[random_below(r, sizeof(bytes) - 1)];
	}
}

static void test_mutations(void **state)
{
	json_t *module = load_module("sections"), *tests = json_object_get(module, "tests");
	json_t *partials = json_pack("{s:s}", "p", "{{a}}{{>p}}");
	unsigned refused = 0, rendered = 0;
	struct random random = random_of(random_seed(), 0);

	while (refused < MUTATIONS) {
		json_t *test = json_array_get(tests, random_below(&random, json_array_size(tests)));
		_cleanup_free_ char *text =
			strdup(json_string_value(json_object_get(test, "template")));
		_cleanup_free_ char *why = NULL;
		_cleanup_buf_ struct buf out = BUF_INIT;
		struct mustache *m = NULL;
		int r;

		mutate(text, strlen(text), &random);
		r = mustache_parse(text, &m, &why);
		if (r < 0) {
			assert_int_equal(r, -EBADMSG);
			assert_int_equal(strncmp(why, "line ", 5), 0);
			assert_true(strlen(why) > 10);
			refused++;
		} else {
			r = render(
				text, json_object_get(test, "data"), partials, MUSTACHE_HTML, &out);
			assert_true(r == 0 || r == -E2BIG);
			rendered++;
		}
		mustache_free(m);
	}
	assert_true(rendered > 0);
	json_decref(partials);
	json_decref(module);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_specification),
		cmocka_unit_test(test_ours),
		cmocka_unit_test(test_indented_partials),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
