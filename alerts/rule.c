/* SPDX-License-Identifier: Apache-2.0 */
#include "alerts/rule.h"

#include <errno.h>
#include <string.h>

#include "alerts/refuse.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/num.h"
#include "daemon/base/text.h"

#define NAME_MAX_SIZE	  200	/* bytes of a rule's name */
#define TEMPLATE_MAX_SIZE 16384 /* bytes of a template */
#define OF_MAX		  64	/* evaluations that an alert's history holds */

DEFINE_CLEANUP(struct rule *, rule_free);

struct rule *rule_free(struct rule *r)
{
	if (!r)
		return NULL;
	free(r->name);
	promql_free(r->expr);
	promql_free(r->clear);
	labels_done(&r->labels);
	free(r->group_by);
	mustache_free(r->summary);
	mustache_free(r->description);
	mustache_free(r->runbook);
	free(r);
	return NULL;
}

int rule_parse_at_least(const char *text, unsigned *ret_at_least, unsigned *ret_of)
{
	const char *blank = strchr(text, ' ');
	const char *of = blank ? text_after(blank, " of ") : NULL;
	_cleanup_free_ char *first = NULL;
	uint32_t at_least, all;

	if (!of)
		return -EINVAL;
	first = strndup(text, (size_t) (blank - text));
	if (!first)
		return -ENOMEM;
	if (num_parse_u32(first, &at_least) < 0 || num_parse_u32(of, &all) < 0 || at_least == 0 ||
		at_least > all || all > OF_MAX)
		return -EINVAL;
	*ret_at_least = at_least;
	*ret_of = all;
	return 0;
}

/* Says in which option the reason WHY lies; takes WHY. */
static int blame(int r, const char *option, char *why, char **ret_why)
{
	if (r == -EINVAL || r == -EBADMSG)
		r = refuse(ret_why, "%s: %s", option, why ? why : "not valid");
	free(why);
	return r;
}

static int compile_expression(
	const char *option, const char *text, struct promql **ret, char **ret_why)
{
	char *why = NULL;
	int r = promql_parse(text, ret, &why);

	return blame(r, option, why, ret_why);
}

static int compile_template(
	const char *option, const char *text, struct mustache **ret, char **ret_why)
{
	char *why = NULL;
	int r;

	if (strnlen(text, TEMPLATE_MAX_SIZE + 1) > TEMPLATE_MAX_SIZE ||
		!text_is_utf8(text, strlen(text)))
		return refuse(ret_why, "%s: too long or not UTF-8", option);
	r = mustache_parse(text, ret, &why);
	return blame(r, option, why, ret_why);
}

static int add_label(struct rule *rule, const char *text, char **ret_why)
{
	const char *equals = strchr(text, '=');
	_cleanup_free_ char *name = NULL;
	int r;

	if (!equals)
		return refuse(ret_why, "label: \"%s\" is not NAME=VALUE", text);
	name = strndup(text, (size_t) (equals - text));
	if (!name)
		return -ENOMEM;
	r = labels_set(&rule->labels, name, equals + 1);
	if (r == -EINVAL || r == -E2BIG)
		return refuse(ret_why, "label: \"%s\" is not a valid label", text);
	return r;
}

static int copy_label_name(const char *option, const char *name, char **ret, char **ret_why)
{
	if (!series_label_is_valid(name))
		return refuse(ret_why, "%s: \"%s\" is not a label name", option, name);
	*ret = strdup(name);
	return *ret ? 0 : -ENOMEM;
}

static bool has_scheme(const char *text)
{
	return text_after(text, "https://") || text_after(text, "http://") ||
	       text_after(text, "man:");
}

bool rule_is_runbook(const char *text)
{
	return has_scheme(text) && !text[strcspn(text, " \t\n\v\f\r")];
}

/* What a tag brings is not known yet: before it there is the scheme, or nothing. */
static int check_runbook(const char *text, char **ret_why)
{
	bool is_link = strstr(text, "{{") ? has_scheme(text) : rule_is_runbook(text);

	if (!*text || is_link || text_after(text, "{{"))
		return 0;
	return refuse(ret_why, "runbook: expects a URL, http://... or https://..., or a manual page such "
			       "as man:modelwatch-rules(7)");
}

static int compile_texts(struct rule *rule, const struct rule_source *source, char **ret_why)
{
	int r = compile_template("summary", source->summary, &rule->summary, ret_why);

	if (r >= 0)
		r = compile_template(
			"description", source->description, &rule->description, ret_why);
	if (r >= 0)
		r = compile_template("runbook", source->runbook, &rule->runbook, ret_why);
	return r < 0 ? r : check_runbook(source->runbook, ret_why);
}

static int compile(struct rule *rule, const struct rule_source *source, char **ret_why)
{
	const char *group_by = *source->group_by ? source->group_by : "service";
	int r = 0;

	if (!*source->name || strlen(source->name) > NAME_MAX_SIZE ||
		!text_is_utf8(source->name, strlen(source->name)))
		return refuse(ret_why, "the name is empty, too long or not UTF-8");
	if (source->at_least == 0 || source->at_least > source->of || source->of > OF_MAX)
		return refuse(ret_why, "at-least: not K of N with 1 <= K <= N <= %d", OF_MAX);
	rule->name = strdup(source->name);
	if (!rule->name)
		return -ENOMEM;
	r = compile_expression("expr", source->expr, &rule->expr, ret_why);
	if (r >= 0 && *source->clear)
		r = compile_expression("clear", source->clear, &rule->clear, ret_why);
	for (size_t i = 0; r >= 0 && i < source->label_count; i++)
		r = add_label(rule, source->labels[i], ret_why);
	if (r >= 0)
		r = copy_label_name("group-by", group_by, &rule->group_by, ret_why);
	return r < 0 ? r : compile_texts(rule, source, ret_why);
}

int rule_new(const struct rule_source *source, struct rule **ret, char **ret_why)
{
	_cleanup_(rule_free_pointer) struct rule *rule = calloc(1, sizeof(*rule));
	int r;

	if (!rule)
		return -ENOMEM;
	rule->wait = source->wait;
	rule->keep_firing = source->keep_firing;
	rule->at_least = source->at_least;
	rule->of = source->of;
	rule->severity = source->severity;
	r = compile(rule, source, ret_why);
	if (r < 0)
		return r;
	*ret = TAKE_POINTER(rule);
	return 0;
}
