/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config/config.h"

#include <assert.h>
#include <string.h>

#include "daemon/base/num.h"
#include "daemon/base/text.h"
#include "daemon/config/model.h"

#define INTERVAL_MIN (10 * USEC_PER_MSEC) /* below it, sampling would be all that a host does */
#define INTERVAL_MAX USEC_PER_HOUR
#define PORT_MAX     65535

#define VALUE_OVERHEAD 32 /* bytes of a slice besides those of a value, about */

const struct option_row option_rows[OPTIONS] = {
#define OPTION(kind, identifier, key, type, flags, fallback, roles, stage, ...)                    \
	{SECTION_##kind, key, VALUE_##type, flags, fallback, roles, stage},
#include "daemon/config/options.def"
#undef OPTION
};

const struct section_row section_rows[SECTION_KINDS] = {
	[SECTION_DAEMON] = {"daemon", false, AVAILABLE},
	[SECTION_PAGE] = {"page", false, AVAILABLE},
	[SECTION_SERVICE] = {"service", true, AVAILABLE},
	[SECTION_WEIGHTS] = {"weights", true, LATER},
	[SECTION_WEBHOOK] = {"webhook", true, AVAILABLE},
	[SECTION_HEARTBEAT] = {"heartbeat", true, LATER},
	[SECTION_ALERT] = {"alert", true, AVAILABLE},
	[SECTION_RECORD] = {"record", true, LATER},
	[SECTION_MAINTENANCE] = {"maintenance", true, LATER},
};

enum option kind_first(enum section_kind kind)
{
	enum option option = 0;

	while (option_rows[option].kind != kind)
		option++;
	return option;
}

size_t kind_count(enum section_kind kind)
{
	size_t first = kind_first(kind), behind = first;

	while (behind < OPTIONS && option_rows[behind].kind == kind)
		behind++;
	return behind - first;
}

int kind_find(const char *name, enum section_kind *ret)
{
	for (enum section_kind kind = 0; kind < SECTION_KINDS; kind++)
		if (text_equal(section_rows[kind].name, name)) {
			*ret = kind;
			return 0;
		}
	return -ENOENT;
}

int option_find(enum section_kind kind, const char *key, enum option *ret)
{
	for (enum option option = 0; option < OPTIONS; option++)
		if (option_rows[option].kind == kind && text_equal(option_rows[option].key, key)) {
			*ret = option;
			return 0;
		}
	return -ENOENT;
}

const char *const *value_words(enum value_type type)
{
	static const char *const severity[] = {"info", "warning", "critical", NULL};
	static const char *const trust[] = {
		"signature", "checksums", "content-address", "approved", NULL};
	static const char *const webhook[] = {"webhook", "alertmanager-webhook", "slack",
		"pagerduty", "alertmanager", "teams", "discord", "opsgenie", "ntfy", "mattermost",
		"googlechat", "telegram", NULL};
	static const char *const log_format[] = {"combined", "common", "json", "uvicorn", "vllm",
		"llama.cpp", "ollama", "tgi", "triton", "envoy", "haproxy", "auto", NULL};
	static const char *const *const words[VALUE_TYPES] = {
		[VALUE_SEVERITY] = severity,
		[VALUE_TRUST] = trust,
		[VALUE_WEBHOOK_TYPE] = webhook,
		[VALUE_LOG_FORMAT] = log_format,
	};

	return words[type];
}

bool value_is_word(enum value_type type, const char *text)
{
	for (const char *const *word = value_words(type); word && *word; word++)
		if (text_equal(*word, text))
			return true;
	return false;
}

static int parse_between(int r, uint64_t value, uint64_t least, uint64_t most)
{
	if (r < 0)
		return r;
	return value >= least && value <= most ? 0 : -ERANGE;
}

static int parse_number(enum value_type type, const char *text, struct number *n)
{
	bool flag;
	int r;

	switch (type) {
	case VALUE_BOOL:
		r = num_parse_bool(text, &flag);
		n->integer = r == 0 && flag;
		return r;
	case VALUE_DURATION:
		return num_parse_duration(text, &n->integer);
	case VALUE_INTERVAL:
		r = num_parse_duration(text, &n->integer);
		return parse_between(r, n->integer, INTERVAL_MIN, INTERVAL_MAX);
	case VALUE_SIZE:
		return num_parse_size(text, &n->integer);
	case VALUE_COUNT:
		return num_parse_u64(text, &n->integer);
	case VALUE_PORT:
		r = num_parse_u64(text, &n->integer);
		return parse_between(r, n->integer, 1, PORT_MAX);
	case VALUE_PERCENTAGE:
		return num_parse_percentage(text, &n->ratio);
	case VALUE_SEVERITY:
	case VALUE_TRUST:
	case VALUE_WEBHOOK_TYPE:
		return value_is_word(type, text) ? 0 : -EINVAL;
	default:
		return 0;
	}
}

int config_parse(enum option option, const char *text, struct number *ret)
{
	const struct option_row *row = &option_rows[option];
	struct number n = {0};
	int r = parse_number(row->type, text, &n);

	if (r < 0)
		return r;
	if ((row->flags & IS_POSITIVE) && n.integer == 0 && n.ratio == 0)
		return -ERANGE;
	*ret = n;
	return 0;
}

/* What may be secret does not stay behind in freed memory. */
static void free_erased(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

/* What a text adds to the size of a slice, no less. */
static size_t text_cost(const char *text)
{
	return text ? strlen(text) + VALUE_OVERHEAD : 0;
}

static void value_clear(struct config *c, struct option_value *v)
{
	for (size_t i = 0; i < v->count; i++) {
		c->total -= text_cost(v->texts[i]) + text_cost(v->contents[i]);
		free_erased(v->texts[i]);
		free_erased(v->contents[i]);
	}
	v->count = 0;
}

static void value_done(struct config *c, struct option_value *v)
{
	value_clear(c, v);
	free(v->texts);
	free(v->contents);
	free(v->places);
}

static struct section *section_free(struct config *c, struct section *s)
{
	size_t count = kind_count(s->kind);

	for (size_t i = 0; i < count; i++)
		value_done(c, &s->values[i]);
	free(s->name);
	free(s);
	return NULL;
}

struct config *config_free(struct config *c)
{
	if (!c)
		return NULL;
	for (enum section_kind kind = 0; kind < SECTION_KINDS; kind++) {
		struct section *next;

		for (struct section *s = c->first[kind]; s; s = next) {
			next = s->next;
			section_free(c, s);
		}
	}
	for (size_t i = 0; i < c->file_count; i++)
		free(c->files[i]);
	free(c->files);
	free(c);
	return NULL;
}

struct config *config_new(unsigned roles)
{
	_cleanup_config_ struct config *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->roles = roles;
	for (enum section_kind kind = 0; kind < SECTION_KINDS; kind++) {
		struct section *s;

		if (!section_rows[kind].named &&
			config_add_section(c, kind, "", &(struct place){0}, &s) < 0)
			return NULL;
	}
	return TAKE_POINTER(c);
}

/* The defaults' numbers; an empty default is zero. */
static int set_fallback(struct option_value *v, enum option option)
{
	const char *fallback = option_rows[option].fallback;

	v->number = (struct number){0};
	return *fallback ? config_parse(option, fallback, &v->number) : 0;
}

int config_add_section(struct config *c, enum section_kind kind, const char *name,
	const struct place *place, struct section **ret)
{
	enum option first = kind_first(kind);
	size_t count = kind_count(kind);
	struct section *s;
	int r = 0;

	if (c->section_count >= CONFIG_SECTIONS_MAX)
		return -E2BIG;
	s = calloc(1, sizeof(*s) + count * sizeof(s->values[0]));
	if (!s)
		return -ENOMEM;
	s->kind = kind;
	s->roles = c->roles;
	s->place = *place;
	s->name = strdup(name);
	for (size_t i = 0; i < count && r == 0; i++)
		r = set_fallback(&s->values[i], first + (enum option)i);
	if (!s->name || r < 0) {
		section_free(c, s);
		return r < 0 ? r : -ENOMEM;
	}
	if (c->last[kind])
		c->last[kind]->next = s;
	else
		c->first[kind] = s;
	c->last[kind] = s;
	c->section_count++;
	*ret = s;
	return 0;
}

struct section *config_section(const struct config *c, enum section_kind kind, const char *name)
{
	for (struct section *s = c->first[kind]; s; s = s->next)
		if (text_equal(s->name, name))
			return s;
	return NULL;
}

const struct option_value *value_of(const struct section *s, enum option option)
{
	assert(option < OPTIONS && option_rows[option].kind == s->kind);
	return &s->values[option - kind_first(s->kind)];
}

struct option_value *section_value(struct section *s, enum option option)
{
	return (struct option_value *) (uintptr_t) value_of(s, option);
}

/* Room for one more element. */
static int value_grow(struct option_value *v)
{
	char **texts = reallocarray(v->texts, v->count + 1, sizeof(*texts)), **contents;
	struct place *places;

	if (!texts)
		return -ENOMEM;
	v->texts = texts;
	contents = reallocarray(v->contents, v->count + 1, sizeof(*contents));
	if (!contents)
		return -ENOMEM;
	v->contents = contents;
	places = reallocarray(v->places, v->count + 1, sizeof(*places));
	if (!places)
		return -ENOMEM;
	v->places = places;
	return 0;
}

int section_put(struct config *c, struct section *s, enum option option, const char *text,
	const struct number *number, const struct place *place)
{
	struct option_value *v = section_value(s, option);
	char *copy;

	if (c->total + text_cost(text) > CONFIG_TOTAL_MAX || v->count >= CONFIG_LIST_MAX)
		return -E2BIG;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	if (!(option_rows[option].flags & IS_LIST))
		value_clear(c, v);
	if (value_grow(v) < 0) {
		free(copy);
		return -ENOMEM;
	}
	v->texts[v->count] = copy;
	v->contents[v->count] = NULL;
	v->places[v->count] = *place;
	v->count++;
	v->number = *number;
	v->given = true;
	c->total += text_cost(text);
	return 0;
}

int value_set_content(struct config *c, struct option_value *v, size_t i, char *content)
{
	if (c->total + text_cost(content) > CONFIG_TOTAL_MAX) {
		free_erased(content);
		return -E2BIG;
	}
	c->total += text_cost(content);
	v->contents[i] = content;
	return 0;
}

void section_clear(struct config *c, struct section *s, enum option option)
{
	struct option_value *v = section_value(s, option);

	value_clear(c, v);
	/* An empty list was asked for; an empty scalar asks for the default, which cannot fail: it
	 * was read when the section was made. */
	v->given = option_rows[option].flags & IS_LIST;
	set_fallback(v, option);
}

const struct section *config_find(const struct config *c, enum section_kind kind, const char *name)
{
	return config_section(c, kind, name);
}

const struct section *config_next(
	const struct config *c, enum section_kind kind, const struct section *previous)
{
	return previous ? previous->next : c->first[kind];
}

const char *section_name(const struct section *s)
{
	return s->name;
}

/* Asking for an option of another kind or of another role's slice is a mistake of ours: the row in
 * options.def must name the role. */
static const struct option_value *read_value(const struct section *s, enum option option)
{
	assert(s->roles == FOR_ALL || (option_rows[option].roles & s->roles));
	return value_of(s, option);
}

bool section_has(const struct section *s, enum option option)
{
	return read_value(s, option)->given;
}

bool config_has(const struct config *c, enum option option)
{
	const struct section *s = NULL;

	if (option_rows[option].stage == LATER)
		return false;
	while ((s = config_next(c, option_rows[option].kind, s)))
		if (section_has(s, option))
			return true;
	return false;
}

const char *section_string(const struct section *s, enum option option)
{
	const struct option_value *v = read_value(s, option);

	if (v->given)
		return v->count > 0 ? v->texts[0] : "";
	return option_rows[option].fallback;
}

char *config_external_url(const struct config *c)
{
	const struct section *page = config_find(c, SECTION_PAGE, "");
	const char *url = section_string(page, OPTION_PAGE_EXTERNAL_URL);
	size_t size = strlen(url);

	while (size > 0 && url[size - 1] == '/')
		size--;
	return strndup(url, size);
}

bool section_bool(const struct section *s, enum option option)
{
	return read_value(s, option)->number.integer != 0;
}

uint64_t section_number(const struct section *s, enum option option)
{
	return read_value(s, option)->number.integer;
}

usec_t section_duration(const struct section *s, enum option option)
{
	return read_value(s, option)->number.integer;
}

const char *const *section_list(const struct section *s, enum option option, size_t *ret_count)
{
	const struct option_value *v = read_value(s, option);
	const char *const *fallback = &option_rows[option].fallback;

	if (v->given) {
		*ret_count = v->count;
		return (const char *const *)v->texts;
	}
	*ret_count = **fallback ? 1 : 0;
	return fallback;
}
