/* SPDX-License-Identifier: Apache-2.0 */
/* Thousands of broken configurations, made from valid ones: each loads, or every error names its file
 * and line in words that can be shown. `SEED=N` in the environment tries others. */
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
#include "daemon/config/check.h"
#include "daemon/config/text.h"
#include "tests/unit/random.h"

#define INPUTS	     3000
#define MUTATIONS    6	  /* of one input, at most */
#define MESSAGE_MAX  40000 /* bytes of an error: two long values at most */
#define FILE_NAME    "x.conf"

static const char *const fragments[] = {"[", "]", "=", "\n", "\\\n", "#", "\xff", "\xc2\x85", "{{", "}}",
	"=~", "\"", "(", "99999999999999999999", "-1", "credential:", "file:/", "unix:", "[alert ",
	"[service a]\n", "expr = ", "at", "%", "\r", " of ", "../", "0"};

/* Removes SIZE bytes at AT and puts TEXT there. */
static void splice(struct buf *b, size_t at, size_t size, const char *text, size_t text_size)
{
	struct buf made = BUF_INIT;

	buf_add(&made, b->data, at);
	buf_add(&made, text, text_size);
	buf_add(&made, b->data + at + size, b->size - at - size);
	assert_int_equal(buf_error(&made), 0);
	buf_done(b);
	*b = made;
}

static void mutate(struct buf *b, struct random *r)
{
	size_t at = random_below(r, b->size), left = b->size - at;
	size_t size = random_below(r, left < 40 ? left : 40);
	const char *fragment = fragments[random_below(r, ELEMENTS(fragments))];
	size_t from = random_below(r, b->size);
	char byte = (char) random_next(r);

	switch (random_below(r, 5)) {
	case 0:
		splice(b, at, size, "", 0);
		break;
	case 1:
		splice(b, at, left > 0 ? 1 : 0, &byte, 1);
		break;
	case 2:
		splice(b, at, 0, fragment, strlen(fragment));
		break;
	case 3: { /* a piece from elsewhere */
		size_t piece = random_below(r, b->size - from < 60 ? b->size - from : 60);
		_cleanup_free_ char *copy = strndup(b->data + from, piece);

		splice(b, at, 0, copy, strlen(copy));
		break;
	}
	default:
		splice(b, at, left, "", 0);
	}
}

struct seen {
	unsigned errors, clean;
	const char *complaint;
};

/* "x.conf:LINE: WORDS". */
static void check_report(void *userdata, int level, const char *text)
{
	struct seen *seen = userdata;
	const char *rest = text_after(text, FILE_NAME ":");
	size_t digits = rest ? strspn(rest, "0123456789") : 0;

	if (digits == 0 || rest[0] == '0' || strncmp(rest + digits, ": ", 2) != 0 ||
		!isgraph((unsigned char) rest[digits + 2]))
		seen->complaint = "no FILE:LINE: message";
	if (strlen(text) > MESSAGE_MAX || !text_is_utf8(text, strlen(text)))
		seen->complaint = "not fit to be shown";
	for (const char *c = text; *c; c++)
		if (iscntrl((unsigned char) *c) && *c != '\t')
			seen->complaint = "holds a control character";
	seen->errors++;
}

static void try_input(const struct buf *input, struct seen *seen)
{
	_cleanup_config_ struct config *c = config_new(FOR_ALL), *arrived = NULL;
	_cleanup_problems_ struct problems problems = {0};
	_cleanup_buf_ struct buf slice = BUF_INIT;
	unsigned before = seen->errors;

	config_take_text(c, &problems, &(struct place){.file = FILE_NAME, .number = 1},
		input->data ? input->data : "", input->size);
	config_check(c, &problems);
	assert_int_equal(problems.failure, 0);
	if (problems.errors == 0) {
		seen->clean++;
		assert_int_equal(config_slice(c, FOR_ENGINE, &slice), 0);
		assert_int_equal(config_unslice(slice.data, slice.size, &arrived), 0);
	}
	before += problems.errors > 0;
	problems_report(&problems, check_report, seen);
	assert_true(seen->errors >= before);
}

/* The example with every option in it. */
static void read_example(struct buf *b)
{
	const char *srcdir = getenv("srcdir");
	char path[256];

	snprintf(path, sizeof(path), "%s/packaging/modelwatch.conf", srcdir ? srcdir : ".");
	assert_int_equal(file_read(path, 1 << 20, b), 0);
	for (char *line = b->data; line; line = strchr(line + 1, '\n'))
		if (line[0] == '\n' && line[1] == '#' && line[2] != ' ' && line[2] != '\n')
			line[1] = ' ';
}

static void test_mutations(void **state)
{
	_cleanup_buf_ struct buf example = BUF_INIT;
	struct seen seen = {0};
	uint64_t seed = random_seed();

	read_example(&example);
	try_input(&example, &seen);
	assert_int_equal(seen.clean, 1);
	for (unsigned i = 0; i < INPUTS; i++) {
		struct random r = random_of(seed, i);
		_cleanup_buf_ struct buf input = BUF_INIT;

		buf_add(&input, example.data, example.size);
		for (size_t count = random_below(&r, MUTATIONS) + 1; count > 0; count--)
			mutate(&input, &r);
		try_input(&input, &seen);
		if (seen.complaint)
			fail_msg("SEED=%" PRIu64 ", input %u: %s", seed, i, seen.complaint);
	}
	printf("%u inputs from seed %" PRIu64 ": %u valid, %u reports\n", INPUTS, seed, seen.clean,
		seen.errors);
	/* Mutations that leave all or nothing valid would show nothing. */
	assert_in_range(seen.clean, 2, INPUTS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
