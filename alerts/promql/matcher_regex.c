/* SPDX-License-Identifier: Apache-2.0 */
#include "alerts/promql/matcher_regex.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/refuse.h"
#include "daemon/base/cleanup.h"

#define DEPTH_MAX  16	 /* groups in groups */
#define REPEAT_MAX 1000	 /* of a {count}, as RE2 */
#define WEIGHT_MAX 10000 /* characters after libc has written out the repetitions */

/* A group while it is read, or all of the pattern. */
struct group {
	size_t weight;	     /* what libc makes of it: a repetition copies what it repeats */
	bool empty;	     /* its present alternative matches the empty text so far */
	bool empty_before;   /* likewise before its last atom */
	bool any_empty;	     /* an alternative before did */
};

struct pattern {
	const char *pattern, *p;
	struct group groups[DEPTH_MAX + 1];
	size_t depth;
	struct group *group; /* the innermost that is open */
	size_t last;	     /* the weight of its last atom; 0 where there is none to repeat */
	bool last_empty;     /* that atom matches the empty text */
	char **ret_why;
};

static int complain(const struct pattern *s, const char *what)
{
	return refuse(s->ret_why, "regular expression: %s at byte %zu", what,
		(size_t) (s->p - s->pattern) + 1);
}

static bool is_alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static void add_atom(struct pattern *s, size_t weight, bool empty)
{
	s->last = weight;
	s->last_empty = empty;
	s->group->weight += weight;
	s->group->empty_before = s->group->empty;
	s->group->empty = s->group->empty && empty;
}

/* In POSIX a backslash in brackets stands for itself, in RE2 it escapes. */
static int read_bracket(struct pattern *s)
{
	const char *p = s->p + 1;
	bool first = true;

	p += *p == '^';
	for (; first || *p != ']'; first = false) {
		const char *end;

		if (!*p)
			return complain(s, "missing ]");
		if (*p == '\\' || (*p & 0x80))
			return complain(
				s, "an escape, or a character beyond ASCII, in brackets");
		if (*p == '[' && (p[1] == '.' || p[1] == '='))
			return complain(s, "a collating element");
		end = *p == '[' && p[1] == ':' ? strstr(p + 2, ":]") : NULL;
		p = end ? end + 2 : p + 1;
	}
	s->p = p + 1;
	add_atom(s, 1, false);
	return 0;
}

/* GNU's \w \b \< \` mean something else in RE2, or nothing; \1 is a back-reference. */
static int read_escape(struct pattern *s)
{
	char c = s->p[1];

	if (!c)
		return complain(s, "backslash at the end");
	if (is_alphanumeric(c) || (c & 0x80) || strchr("<>`'", c))
		return complain(s, "this escape is not supported: only marks can be escaped");
	s->p += 2;
	add_atom(s, 1, false);
	return 0;
}

static int open_group(struct pattern *s)
{
	if (s->p[1] == '?')
		return complain(s, "groups with (? are not supported");
	if (s->depth == DEPTH_MAX)
		return complain(s, "groups nested too deeply");
	s->group = &s->groups[++s->depth];
	*s->group = (struct group){.empty = true};
	s->last = 0;
	s->p++;
	return 0;
}

static int close_group(struct pattern *s)
{
	const struct group *closed = s->group;

	if (s->depth == 0)
		return complain(s, "unexpected )");
	s->group = &s->groups[--s->depth];
	s->p++;
	add_atom(s, closed->weight + 1, closed->empty || closed->any_empty);
	return 0;
}

static void next_alternative(struct pattern *s)
{
	s->group->any_empty = s->group->any_empty || s->group->empty;
	s->group->empty = true;
	s->last = 0;
}

/* Digits, at most a little more than REPEAT_MAX; false where there are none. */
static bool read_count(const char **p, size_t *ret)
{
	const char *start = *p;

	for (*ret = 0; **p >= '0' && **p <= '9'; ++*p)
		if (*ret <= REPEAT_MAX)
			*ret = 10 * *ret + (size_t) (**p - '0');
	return *p > start;
}

/* How often, and how often libc writes the atom out. */
struct repetition {
	size_t copies;
	bool endless; /* any number of times */
	bool optional;
};

/* {2} {2,} {2,5} */
static int read_counts(struct pattern *s, struct repetition *ret)
{
	const char *p = s->p + 1;
	size_t min, max;
	bool endless = false;

	if (!read_count(&p, &min))
		return complain(s, "a brace that begins no count must be escaped");
	max = min;
	if (*p == ',') {
		p++;
		endless = !read_count(&p, &max);
		max = endless ? min + 1 : max;
	}
	if (*p != '}' || max < min || max > REPEAT_MAX)
		return complain(s, "bad repeat count");
	s->p = p + 1;
	*ret = (struct repetition){max > 0 ? max : 1, endless, min == 0};
	return 0;
}

static int read_repetition(struct pattern *s)
{
	/* "+" is written out as once, and then any number of times. */
	struct repetition repetition = {*s->p == '+' ? 2 : 1, *s->p != '?', *s->p != '+'};
	int r;

	if (s->last == 0)
		return complain(s, "nothing to repeat");
	if (*s->p == '{') {
		r = read_counts(s, &repetition);
		if (r < 0)
			return r;
	} else {
		s->p++;
	}
	if (*s->p == '*' || *s->p == '+' || *s->p == '{')
		return complain(s, "repeated repetition");
	/* Libc takes time exponential in the number of those. */
	if (repetition.endless && s->last_empty)
		return complain(s, "endless repetition of what may be empty");
	/* Whether the shortest or the longest is found first does not matter to whether one is. */
	if (*s->p == '?')
		s->p++;
	s->group->weight += s->last * (repetition.copies - 1);
	if (repetition.optional)
		s->group->empty = s->group->empty_before;
	s->last = 0;
	return s->group->weight > WEIGHT_MAX ? complain(s, "repetitions too large") : 0;
}

static int read_one(struct pattern *s)
{
	switch (*s->p) {
	case '[':
		return read_bracket(s);
	case '\\':
		return read_escape(s);
	case '(':
		return open_group(s);
	case ')':
		return close_group(s);
	case '*':
	case '+':
	case '?':
	case '{':
		return read_repetition(s);
	case '|':
		next_alternative(s);
		s->p++;
		return 0;
	case '^':
	case '$':
		s->last = 0;
		s->p++;
		return 0;
	default:
		s->p++;
		add_atom(s, 1, false);
		return 0;
	}
}

/* Refuses what libc would read otherwise than RE2, and what would grow too large in it. */
static int check(const char *pattern, char **ret_why)
{
	struct pattern s = {.pattern = pattern, .p = pattern, .ret_why = ret_why};

	s.group = &s.groups[0];
	s.group->empty = true;

	if (strnlen(pattern, REGEX_PATTERN_MAX + 1) > REGEX_PATTERN_MAX)
		return refuse(ret_why, "regular expression: longer than %d bytes", REGEX_PATTERN_MAX);
	while (*s.p) {
		int r = read_one(&s);

		if (r < 0)
			return r;
	}
	return s.depth > 0 ? complain(&s, "missing )") : 0;
}

int matcher_regex_new(const char *pattern, regex_t **ret, char **ret_why)
{
	_cleanup_free_ char *anchored = NULL;
	_cleanup_free_ regex_t *regex = NULL;
	char message[128];
	int r = check(pattern, ret_why);

	if (r < 0)
		return r;
	regex = calloc(1, sizeof(*regex));
	if (!regex || asprintf(&anchored, "^(%s)$", pattern) < 0) {
		anchored = NULL;
		return -ENOMEM;
	}
	r = regcomp(regex, anchored, REG_EXTENDED | REG_NOSUB);
	if (r == REG_ESPACE)
		return -ENOMEM;
	if (r != 0) {
		regerror(r, regex, message, sizeof(message));
		return refuse(ret_why, "regular expression: %s", message);
	}
	*ret = TAKE_POINTER(regex);
	return 0;
}

regex_t *matcher_regex_free(regex_t *regex)
{
	if (regex)
		regfree(regex);
	free(regex);
	return NULL;
}
