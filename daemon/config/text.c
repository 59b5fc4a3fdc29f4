/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config/text.h"

#include <string.h>
#include <syslog.h>

#include "daemon/base/text.h"
#include "daemon/config/form.h"
#include "daemon/config/secret.h"
#include "daemon/config/value.h"
#include "daemon/config/ini.h"

#define SHOWN_MAX 80 /* bytes of a wrong name that are repeated */

struct loader {
	struct config *config;
	struct problems *problems;
	struct place place;	 /* of the item at hand */
	struct section *section; /* that keys belong to; NULL behind a bad header */
	bool has_header;	 /* false: keys belong to nothing at all */
};

static int is_out_of_memory(struct loader *l, int r)
{
	if (r == -ENOMEM)
		l->problems->failure = r;
	return r == -ENOMEM;
}

static void report_unknown_kind(struct loader *l, const char *kind)
{
	const char *names[SECTION_KINDS];
	char hint[PROBLEM_HINT_MAX];

	for (size_t i = 0; i < SECTION_KINDS; i++)
		names[i] = section_rows[i].name;
	problem_add(l->problems, LOG_ERR, &l->place, "unknown section [%.*s]%s", SHOWN_MAX, kind,
		problem_hint(kind, names, SECTION_KINDS, hint));
}

static void report_unknown_key(struct loader *l, enum section_kind kind, const char *key)
{
	enum option first = kind_first(kind);
	size_t count = kind_count(kind);
	const char *names[OPTIONS];
	char hint[PROBLEM_HINT_MAX];

	for (size_t i = 0; i < count; i++)
		names[i] = option_rows[first + i].key;
	problem_add(l->problems, LOG_ERR, &l->place, "unknown key '%.*s' in [%s]%s", SHOWN_MAX, key,
		section_rows[kind].name, problem_hint(key, names, count, hint));
}

/* False, and a problem, where the kind does not go with such a name. */
static bool check_name(struct loader *l, enum section_kind kind, const char *name)
{
	const char *what = section_rows[kind].name;

	if (!section_rows[kind].named && *name)
		problem_add(l->problems, LOG_ERR, &l->place, "[%s] takes no name", what);
	else if (section_rows[kind].named && !*name)
		problem_add(l->problems, LOG_ERR, &l->place, "[%s] needs a name: [%s NAME]", what,
			what);
	else if (*name && !form_is_section_name(name))
		problem_add(l->problems, LOG_ERR, &l->place,
			"'%.*s' is not a valid name: at most %d letters, digits and . _ : @ + ~ -, the first "
			"neither . nor -",
			SHOWN_MAX, name, CONFIG_NAME_MAX);
	else
		return true;
	return false;
}

/* A section that this or an earlier file has already. */
static void open_again(struct loader *l, struct section *s)
{
	if (s->place.number == l->place.number && section_rows[s->kind].named)
		problem_add(l->problems, LOG_ERR, &l->place,
			"[%s %s] is in this file already, on line %u", section_rows[s->kind].name,
			s->name, s->place.line);
	s->place = l->place;
}

static void take_section(struct loader *l, const struct ini_item *item)
{
	enum section_kind kind;
	int r;

	l->section = NULL;
	l->has_header = true;
	if (kind_find(item->kind, &kind) < 0) {
		report_unknown_kind(l, item->kind);
		return;
	}
	if (!check_name(l, kind, item->name))
		return;
	l->section = config_section(l->config, kind, item->name);
	if (l->section) {
		open_again(l, l->section);
		return;
	}
	r = config_add_section(l->config, kind, item->name, &l->place, &l->section);
	if (r < 0 && !is_out_of_memory(l, r))
		problem_add(l->problems, LOG_ERR, &l->place, "there are more than %d sections",
			CONFIG_SECTIONS_MAX);
}

/* What a secret names is read later, when no other file can replace it any more. */
static int check_secret(struct loader *l, enum option option, const char *text, struct number *ret)
{
	enum secret_form form = SECRET_LITERAL;
	_cleanup_free_ char *reason = NULL;
	const char *why;
	int r = secret_form(option, text, &form, &why);

	*ret = (struct number){0};
	if (r < 0)
		problem_add(l->problems, LOG_ERR, &l->place, "'%s': %s", option_rows[option].key,
			why);
	if (r < 0 || form != SECRET_LITERAL)
		return r;
	r = value_check(option, text, ret, &reason);
	if (r < 0 && !is_out_of_memory(l, r))
		problem_add(l->problems, LOG_ERR, &l->place, "%s", reason);
	return r;
}

static int check_value(struct loader *l, enum option option, const char *text, struct number *ret)
{
	_cleanup_free_ char *reason = NULL;
	int r;

	if (option_rows[option].flags & IS_SECRET)
		return check_secret(l, option, text, ret);
	r = value_check(option, text, ret, &reason);
	if (r < 0 && !is_out_of_memory(l, r))
		problem_add(l->problems, LOG_ERR, &l->place, "%s", reason);
	return r;
}

/* The last value counts; one that another line of the same section hides is probably a mistake. */
static void warn_of_hidden(struct loader *l, const struct option_value *v, enum option option)
{
	if (v->count > 0 && v->places[0].number == l->place.number &&
		!(option_rows[option].flags & IS_LIST))
		problem_add(l->problems, LOG_WARNING, &l->place,
			"'%s' is given again: line %u does not count", option_rows[option].key,
			v->places[0].line);
}

static void report_excess(struct loader *l, const struct option_value *v, const char *key)
{
	if (v->count >= CONFIG_LIST_MAX)
		problem_add(l->problems, LOG_ERR, &l->place, "'%s' has more than %d values", key,
			CONFIG_LIST_MAX);
	else
		problem_add(l->problems, LOG_ERR, &l->place,
			"the values of all files hold more than %d bytes", CONFIG_TOTAL_MAX);
}

static void take_key(struct loader *l, const struct ini_item *item)
{
	struct section *s = l->section;
	struct number number;
	enum option option;
	int r;

	if (!l->has_header)
		problem_add(l->problems, LOG_ERR, &l->place,
			"'%.*s' stands before the first [section]", SHOWN_MAX, item->key);
	if (!s)
		return;
	if (option_find(s->kind, item->key, &option) < 0) {
		report_unknown_key(l, s->kind, item->key);
		return;
	}
	warn_of_hidden(l, section_value(s, option), option);
	if (!*item->value) {
		section_clear(l->config, s, option);
		return;
	}
	if (check_value(l, option, item->value, &number) < 0) {
		section_value(s, option)->refused = true;
		return;
	}
	r = section_put(l->config, s, option, item->value, &number, &l->place);
	if (r < 0 && !is_out_of_memory(l, r))
		report_excess(l, section_value(s, option), item->key);
}

void config_take_text(struct config *c, struct problems *p, const struct place *file,
	const void *data, size_t size)
{
	struct loader l = {.config = c, .problems = p, .place = *file};
	_cleanup_ini_ struct ini ini;
	struct ini_item item;
	int r;

	ini_init(&ini, data, size);
	while ((r = ini_next(&ini, &item)) > 0) {
		l.place.line = item.line;
		if (item.type == INI_SECTION)
			take_section(&l, &item);
		else if (item.type == INI_KEY)
			take_key(&l, &item);
		else
			problem_add(p, LOG_ERR, &l.place, "%s", item.error);
	}
	is_out_of_memory(&l, r);
}
