/* SPDX-License-Identifier: Apache-2.0 */
#include "alerts/promql/matcher.h"

#include <errno.h>
#include <string.h>

#include "alerts/promql/matcher_regex.h"
#include "alerts/refuse.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

/* Longer operators first, since "=" begins "=~". */
static const struct {
	const char *text;
	enum matcher_type type;
} operators[] = {
	{"=~", MATCH_REGEX},
	{"!~", MATCH_NOT_REGEX},
	{"!=", MATCH_NOT_EQUAL},
	{"=", MATCH_EQUAL},
};

static const char blanks[] = " \t\r\n";

int matcher_make(const char *name, size_t size, enum matcher_type type, const char *value,
	struct matcher *ret, char **ret_why)
{
	_cleanup_(matcher_done) struct matcher m = {.type = type};
	regex_t *regex = NULL;
	int r = 0;

	m.name = strndup(name, size);
	m.value = strdup(value);
	if (!m.name || !m.value)
		return -ENOMEM;
	if (!series_label_is_valid(m.name))
		return refuse(ret_why, "\"%s\" is not a label name", m.name);
	if (strnlen(value, LABEL_VALUE_MAX + 1) > LABEL_VALUE_MAX ||
		!text_is_utf8(value, strlen(value)))
		return refuse(ret_why, "the value of \"%s\" is too long or not UTF-8", m.name);
	if (type == MATCH_REGEX || type == MATCH_NOT_REGEX)
		r = matcher_regex_new(value, &regex, ret_why);
	if (r < 0)
		return r;
	m.regex = regex;
	*ret = m;
	m = (struct matcher){0};
	return 0;
}

/* Takes the quotes and escapes off, in place. False where a quote stands where none may. */
static bool unquote(char *text)
{
	size_t size = strlen(text), out = 0;

	if (text[0] != '"')
		return !strchr(text, '"');
	if (size < 2 || text[size - 1] != '"')
		return false;
	text[size - 1] = '\0';
	for (size_t in = 1; text[in]; in++) {
		char c = text[in];

		if (c == '"')
			return false;
		if (c == '\\') {
			c = text[++in];
			if (!c || !strchr("\\\"n", c))
				return false;
			c = c == 'n' ? '\n' : c;
		}
		text[out++] = c;
	}
	text[out] = '\0';
	return true;
}

int matcher_parse(const char *text, struct matcher *ret, char **ret_why)
{
	_cleanup_free_ char *value = NULL;
	const char *name = text + strspn(text, blanks);
	size_t size = strcspn(name, " \t\r\n=!"), end;
	const char *p = name + size;

	p += strspn(p, blanks);
	for (size_t i = 0; i < ELEMENTS(operators); i++) {
		const char *behind = text_after(p, operators[i].text);

		if (!behind)
			continue;
		value = strdup(behind + strspn(behind, blanks));
		if (!value)
			return -ENOMEM;
		for (end = strlen(value); end > 0 && strchr(blanks, value[end - 1]);)
			value[--end] = '\0';
		if (!unquote(value))
			return refuse(ret_why, "misplaced quote or escape in \"%s\"", text);
		return matcher_make(name, size, operators[i].type, value, ret, ret_why);
	}
	return refuse(ret_why, "\"%s\" is not NAME=VALUE, NAME!=VALUE, NAME=~REGEX or NAME!~REGEX",
		text);
}

void matcher_done(struct matcher *m)
{
	free(m->name);
	free(m->value);
	matcher_regex_free(m->regex);
	*m = (struct matcher){0};
}

bool matcher_matches(const struct matcher *m, const struct labels *labels)
{
	const char *value = labels_get(labels, m->name);

	if (!value)
		value = "";
	switch (m->type) {
	case MATCH_EQUAL:
		return text_equal(value, m->value);
	case MATCH_NOT_EQUAL:
		return !text_equal(value, m->value);
	case MATCH_REGEX:
		return regexec(m->regex, value, 0, NULL, 0) == 0;
	case MATCH_NOT_REGEX:
		return regexec(m->regex, value, 0, NULL, 0) == REG_NOMATCH;
	}
	return false;
}
