/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config/check.h"

#include <inttypes.h>
#include <string.h>
#include <syslog.h>

#include "daemon/base/text.h"
#include "daemon/config/form.h"
#include "daemon/config/rule.h"
#include "daemon/config/secret.h"
#include "daemon/config/value.h"

#define SERVICE_SERIES 24 /* of one service, at most */

/* True where a file gave it, or tried to: what was refused has its problem already. */
static bool is_there(const struct section *s, enum option option)
{
	const struct option_value *v = value_of(s, option);

	return v->count > 0 || v->refused;
}

/* Where the option was given last, or the section. */
static const struct place *place_of(const struct section *s, enum option option)
{
	const struct option_value *v = value_of(s, option);

	return v->count > 0 ? &v->places[v->count - 1] : &s->place;
}

/* Who wants to change a section of another file and misspells its name makes a new one. */
static void report_missing(const struct config *c, const struct section *s, enum option o,
	struct problems *p)
{
	const char *kind = section_rows[s->kind].name, *names[CONFIG_SECTIONS_MAX];
	char hint[PROBLEM_HINT_MAX];
	size_t count = 0;

	for (const struct section *other = c->first[s->kind]; other; other = other->next)
		if (is_there(other, o))
			names[count++] = other->name;
	problem_add(p, LOG_ERR, &s->place,
		"[%s %s] has no '%s', and there is no other [%s %s] that it changes%s", kind,
		s->name, option_rows[o].key, kind, s->name,
		problem_hint(s->name, names, count, hint));
}

static void check_required(const struct config *c, struct problems *p)
{
	for (enum option o = 0; o < OPTIONS; o++) {
		enum section_kind kind = option_rows[o].kind;

		if (!(option_rows[o].flags & IS_REQUIRED))
			continue;
		for (const struct section *s = c->first[kind]; s; s = s->next)
			if (!is_there(s, o))
				report_missing(c, s, o, p);
	}
}

static bool can_be_found(const struct section *s)
{
	for (enum option o = 0; o < OPTIONS; o++)
		if ((option_rows[o].flags & IS_WAY_TO_FIND) && is_there(s, o))
			return true;
	return false;
}

/* The path of a program begins with a slash, which a glob has to match. */
static void check_executables(const struct section *s, struct problems *p)
{
	const struct option_value *v = value_of(s, OPTION_SERVICE_EXECUTABLE);

	for (size_t i = 0; i < v->count; i++)
		if (!strchr("/*?[\\", v->texts[i][0]))
			problem_add(p, LOG_WARNING, &v->places[i],
				"'executable' is a glob on the absolute path of the program: '%s' "
				"matches nothing; try '*/%s'",
				v->texts[i], v->texts[i]);
}

static void check_services(const struct config *c, struct problems *p)
{
	for (const struct section *s = c->first[SECTION_SERVICE]; s; s = s->next) {
		check_executables(s, p);
		if (!can_be_found(s))
			problem_add(p, LOG_ERR, &s->place,
				"[service %s] says no way to find it: unit, cgroup, container, "
				"executable, command-line, listen-port, pid-file or user",
				s->name);
	}
}

/* What is over max-series is not kept, and nobody would know which services that leaves out. */
static void check_series(const struct config *c, struct problems *p)
{
	const struct section *daemon = c->first[SECTION_DAEMON], *services = c->first[SECTION_SERVICE];
	uint64_t limit = section_number(daemon, OPTION_DAEMON_MAX_SERIES), count = 0;

	for (const struct section *s = services; s; s = s->next)
		count++;
	if (count * SERVICE_SERIES > limit)
		problem_add(p, LOG_WARNING,
			is_there(daemon, OPTION_DAEMON_MAX_SERIES)
				? place_of(daemon, OPTION_DAEMON_MAX_SERIES)
				: &services->place,
			"%" PRIu64 " services have up to %d series each: with 'max-series' = %" PRIu64
			" some of them may not be seen",
			count, SERVICE_SERIES, limit);
}

static void check_weights_name(const struct config *c, const char *name, const struct place *place,
	struct problems *p)
{
	const char *names[CONFIG_SECTIONS_MAX];
	char hint[PROBLEM_HINT_MAX];
	size_t count = 0;

	for (const struct section *s = c->first[SECTION_WEIGHTS]; s; s = s->next)
		names[count++] = s->name;
	if (!config_find(c, SECTION_WEIGHTS, name))
		problem_add(p, LOG_ERR, place, "there is no [weights %s]%s", name,
			problem_hint(name, names, count, hint));
}

static void check_weights(const struct config *c, struct problems *p)
{
	for (const struct section *s = c->first[SECTION_SERVICE]; s; s = s->next) {
		const struct option_value *v = value_of(s, OPTION_SERVICE_WEIGHTS);

		for (size_t i = 0; i < v->count; i++)
			if (v->texts[i][0] != '/')
				check_weights_name(c, v->texts[i], &v->places[i], p);
	}
}

/* Whoever reaches the page may read it, unless it asks for a password. */
static void check_address(const struct section *page, const char *address, const struct place *place,
	struct problems *p)
{
	if (form_is_local(address))
		return;
	if (!is_there(page, OPTION_PAGE_PASSWORD))
		problem_add(p, LOG_ERR, place,
			"'%s' can be reached by others: that needs a 'password' file", address);
	else if (!is_there(page, OPTION_PAGE_TLS_CERTIFICATE))
		problem_add(p, LOG_WARNING, place,
			"'%s' can be reached by others: without 'tls-certificate' passwords "
			"travel in the clear",
			address);
}

static void check_listen(const struct config *c, struct problems *p)
{
	const struct section *page = c->first[SECTION_PAGE];
	const struct option_value *v = value_of(page, OPTION_PAGE_LISTEN);

	/* One is our own socket. */
	if (v->count > LISTENERS_MAX - 1)
		problem_add(p, LOG_ERR, place_of(page, OPTION_PAGE_LISTEN),
			"%zu listen addresses are more than %d", v->count, LISTENERS_MAX - 1);
	for (size_t i = 0; i < v->count; i++) {
		check_address(page, v->texts[i], &v->places[i], p);
		for (size_t j = 0; j < i; j++)
			if (text_equal(v->texts[i], v->texts[j]))
				problem_add(p, LOG_ERR, &v->places[i], "'%s' is given twice",
					v->texts[i]);
	}
}

static void check_external_url(const struct config *c, struct problems *p)
{
	const struct section *page = c->first[SECTION_PAGE];
	const char *url = section_string(page, OPTION_PAGE_EXTERNAL_URL);

	if (strpbrk(url, "?#@"))
		problem_add(p, LOG_ERR, place_of(page, OPTION_PAGE_EXTERNAL_URL),
			"'external-url' takes no user, no query and no fragment");
}

/* A certificate without its key, and a key without its certificate, are of no use. */
static void check_pairs(const struct config *c, struct problems *p)
{
	static const enum option pairs[][2] = {
		{OPTION_PAGE_TLS_CERTIFICATE, OPTION_PAGE_TLS_KEY},
		{OPTION_WEBHOOK_CLIENT_CERTIFICATE, OPTION_WEBHOOK_CLIENT_KEY},
	};

	for (size_t i = 0; i < 2 * ELEMENTS(pairs); i++) {
		enum option one = pairs[i / 2][i % 2], other = pairs[i / 2][1 - i % 2];

		for (const struct section *s = c->first[option_rows[one].kind]; s; s = s->next)
			if (is_there(s, one) && !is_there(s, other))
				problem_add(p, LOG_ERR, place_of(s, one),
					"'%s' is of no use without '%s'", option_rows[one].key,
					option_rows[other].key);
	}
}

static void check_webhooks(const struct config *c, struct problems *p)
{
	for (const struct section *s = c->first[SECTION_WEBHOOK]; s; s = s->next) {
		const struct option_value *urls = value_of(s, OPTION_WEBHOOK_URL);
		const char *type = section_string(s, OPTION_WEBHOOK_TYPE);

		if (urls->count > 1 && !text_equal(type, "alertmanager"))
			problem_add(p, LOG_ERR, &urls->places[1],
				"a second 'url' is for the type alertmanager alone; an empty "
				"'url =' forgets the first");
	}
}

static void check_records(const struct config *c, struct problems *p)
{
	for (const struct section *s = c->first[SECTION_RECORD]; s; s = s->next)
		if (!form_is_metric_name(s->name))
			problem_add(p, LOG_ERR, &s->place, "'%s' is not a metric name", s->name);
}

/* The line of the option that the reason begins with, or of the section. */
static const struct place *place_of_reason(const struct section *s, const char *why)
{
	enum option first = kind_first(s->kind);
	size_t behind = first + kind_count(s->kind);

	for (enum option o = first; o < behind; o++) {
		const char *rest = text_after(why, option_rows[o].key);

		if (rest && *rest == ':')
			return place_of(s, o);
	}
	return &s->place;
}

static void check_rule(const struct section *s, struct problems *p)
{
	_cleanup_free_ char *why = NULL;
	struct rule_source source;
	struct rule *rule;
	int r = config_rule(s, &source);

	if (r == 0)
		r = rule_new(&source, &rule, &why);
	if (r == 0)
		rule_free(rule);
	else if (r == -ENOMEM)
		p->failure = r;
	else
		problem_add(p, LOG_ERR, place_of_reason(s, why ? why : ""), "[alert %s] %s",
			s->name, why ? why : strerror(-r));
}

static bool is_refused(const struct section *s)
{
	size_t count = kind_count(s->kind);

	for (size_t i = 0; i < count; i++)
		if (s->values[i].refused)
			return true;
	return false;
}

/* Single values were checked where they stand; this is the compiler's own word on the whole. */
static void check_rules(const struct config *c, struct problems *p)
{
	for (const struct section *s = c->first[SECTION_ALERT]; s; s = s->next)
		if (value_of(s, OPTION_ALERT_EXPR)->count > 0 && !is_refused(s))
			check_rule(s, p);
}

void config_check(const struct config *c, struct problems *p)
{
	check_required(c, p);
	check_services(c, p);
	check_series(c, p);
	check_weights(c, p);
	check_listen(c, p);
	check_external_url(c, p);
	check_pairs(c, p);
	check_webhooks(c, p);
	check_records(c, p);
	check_rules(c, p);
	config_check_metrics(c, p);
}
