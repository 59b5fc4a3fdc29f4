/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config/value.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alerts/promql/promql.h"
#include "alerts/refuse.h"
#include "alerts/rule.h"
#include "daemon/base/calendar.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/mustache.h"
#include "daemon/base/text.h"
#include "daemon/config/form.h"
#include "schema/unit.h"

#define ZONES	  "/usr/share/zoneinfo" /* tzfile(5) */
#define ZONE_MAGIC "TZif"	/* what such a file begins with, RFC 9636 */
#define SHOWN_MAX 80 /* bytes of a wrong value that are repeated */

static bool is_at_least(const char *text)
{
	unsigned at_least, of;

	return rule_parse_at_least(text, &at_least, &of) == 0;
}

static int check_matcher(const char *text, char **ret_why)
{
	struct matcher m = {0};
	int r = matcher_parse(text, &m, ret_why);

	if (r == 0)
		matcher_done(&m);
	return r;
}

static int check_expression(const char *text, char **ret_why)
{
	struct promql *p;
	int r = promql_parse(text, &p, ret_why);

	if (r == 0)
		promql_free(p);
	return r;
}

static int check_template(const char *text, char **ret_why)
{
	struct mustache *m;
	int r = mustache_parse(text, &m, ret_why);

	if (r == 0)
		mustache_free(m);
	return r;
}

static int check_unit(const char *text, char **ret_why)
{
	_cleanup_free_ char *name = unit_name_complete(text);
	int r = 0;

	if (!name)
		return -ENOMEM;
	if (unit_name_is_template(name))
		r = refuse(ret_why, "%s is a template: name an instance, or %.*s*%s", name,
			(int) (strrchr(name, '.') - name), name, strrchr(name, '.'));
	return r;
}

static bool is_zone(const char *name)
{
	char path[sizeof(ZONES) + 1 + CALENDAR_ZONE_MAX], magic[sizeof(ZONE_MAGIC) - 1];
	_cleanup_close_ int fd = -1;

	if (!*name || text_equal(name, "UTC"))
		return true;
	snprintf(path, sizeof(path), ZONES "/%s", name);
	/* Other files lie there, too: lists of zones, of leap seconds. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd >= 0 && read(fd, magic, sizeof(magic)) == sizeof(magic) &&
	       memcmp(magic, ZONE_MAGIC, sizeof(magic)) == 0;
}

static int check_schedule(const char *text, char **ret_why)
{
	struct calendar c;
	const char *why;

	if (calendar_parse(text, &c, &why) < 0)
		return refuse(ret_why, "%s", why);
	if (!is_zone(c.zone))
		return refuse(ret_why, "this host knows no time zone '%s', such as Europe/Berlin or UTC",
			c.zone);
	return 0;
}

/* One row for each type: what to say that it expects; the form; a check with a reason of its own;
 * whether a wrong value is kept out of the message. Numbers and words are config_parse()'s. */
static const struct {
	const char *expects;
	bool (*is)(const char *text);
	int (*check)(const char *text, char **ret_why);
	bool hidden;
} forms[VALUE_TYPES] = {
	[VALUE_TEXT] = {"a text"},
	[VALUE_BOOL] = {"yes or no"},
	[VALUE_DURATION] = {"a duration such as 250ms, 5s, 2min, 12h or 30d"},
	[VALUE_INTERVAL] = {"a duration between 10ms and 1h"},
	[VALUE_SIZE] = {"a size such as 64K, 10M or 4G"},
	[VALUE_COUNT] = {"a number"},
	[VALUE_PORT] = {"a port from 1 to 65535"},
	[VALUE_PERCENTAGE] = {"a percentage such as 99.9%"},
	[VALUE_SEVERITY] = {"a severity"},
	[VALUE_WEBHOOK_TYPE] = {"a type of webhook"},
	[VALUE_TRUST] = {"a kind of trust"},
	[VALUE_LOG_FORMAT] = {"a log format or a pattern", form_is_log_pattern},
	[VALUE_URL] = {"a URL, http://... or https://...", form_is_url, .hidden = true},
	[VALUE_PATH] = {"an absolute path", form_is_path},
	[VALUE_PATH_GLOB] = {"an absolute path or a glob", form_is_path_glob},
	[VALUE_GLOB] = {"a glob"},
	[VALUE_LISTEN] = {"127.0.0.1:PORT, [::1]:PORT or unix:/PATH", form_is_listen},
	[VALUE_HOST] = {"a host's name without a port", form_is_host},
	[VALUE_NETWORK] = {"an address or a network such as 10.0.0.0/8", form_is_network},
	[VALUE_UNIT_GLOB] = {"a service or scope of systemd, such as vllm.service, vllm@*.service or vllm",
		form_is_unit_glob, check_unit},
	[VALUE_UNIT] = {"the name of a unit with its suffix, such as vllm.service", form_is_unit},
	[VALUE_CGROUP] = {"a path as /proc/PID/cgroup has it, such as /system.slice/vllm.service",
		form_is_cgroup},
	[VALUE_USER] = {"the name or the number of a user", form_is_user},
	[VALUE_WEIGHTS] = {"a path or the name of a [weights] section", form_is_weights},
	[VALUE_FIELD] = {"OUR-FIELD=THEIRS", form_is_field},
	[VALUE_COHORT] = {"KIND:NAME, such as field:tenant", form_is_cohort},
	[VALUE_OBJECTIVE] = {"DURATION at PERCENTAGE, such as 2s at 95%", form_is_objective},
	[VALUE_AT_LEAST] = {"K of N with N at most 64, such as 3 of 5", is_at_least},
	[VALUE_RATE] = {"COUNT/UNIT with s, min, h or d, such as 60/min, or 0", form_is_rate},
	[VALUE_SCHEDULE] = {"a calendar event such as Sun 02:00..04:00", .check = check_schedule},
	[VALUE_HEADER] = {"NAME: VALUE with a name that is not set by modelwatch itself",
		form_is_header, .hidden = true},
	[VALUE_LABEL] = {"NAME=VALUE with the name of a label", form_is_label},
	[VALUE_LABEL_NAME] = {"the name of a label", form_is_label_name},
	[VALUE_MATCHER] = {"a matcher such as service=llama", .check = check_matcher},
	[VALUE_EXPRESSION] = {"an expression", .check = check_expression},
	[VALUE_TEMPLATE] = {"a template", .check = check_template},
	[VALUE_TOKEN] = {"base64 behind whsec_", form_is_token, .hidden = true},
	[VALUE_CONTENT] = {"a text", .hidden = true},
	[VALUE_PEM] = {"PEM", form_is_pem, .hidden = true},
};

/* The words, and the one that was probably meant. */
static int why_no_word(const struct option_row *row, const char *shown, char **ret_why)
{
	const char *const *words = value_words(row->type);
	_cleanup_buf_ struct buf all = BUF_INIT;
	const char *nearest;
	size_t count = 0;

	for (; words[count]; count++)
		buf_printf(&all, "%s%s", count > 0 ? " " : "", words[count]);
	if (buf_error(&all) < 0)
		return -ENOMEM;
	nearest = text_nearest(shown, words, count);
	if (nearest)
		return refuse(ret_why, "unknown '%s' in '%s', did you mean '%s'? (%s)", shown,
			row->key, nearest, all.data);
	return refuse(ret_why, "unknown '%s' in '%s' (%s)", shown, row->key, all.data);
}

static int why_no_number(const struct option_row *row, int r, const char *shown, char **ret_why)
{
	if (value_words(row->type))
		return why_no_word(row, shown, ret_why);
	if (r == -ERANGE)
		return refuse(ret_why, "'%s' expects %s%s; '%s' is out of range", row->key,
			forms[row->type].expects, row->flags & IS_POSITIVE ? " above zero" : "",
			shown);
	return refuse(ret_why, "'%s' expects %s, not '%s'", row->key, forms[row->type].expects, shown);
}

static int check_form(const struct option_row *row, const char *text, const char *shown,
	char **ret_why)
{
	_cleanup_free_ char *why = NULL;
	int r;

	if (forms[row->type].is && !forms[row->type].is(text)) {
		if (forms[row->type].hidden)
			return refuse(ret_why, "'%s' expects %s", row->key, forms[row->type].expects);
		if (row->type == VALUE_LOG_FORMAT)
			return why_no_word(row, shown, ret_why);
		return refuse(ret_why, "'%s' expects %s, not '%s'", row->key, forms[row->type].expects,
			shown);
	}
	if (!forms[row->type].check)
		return 0;
	r = forms[row->type].check(text, &why);
	if (r == 0 || r == -ENOMEM)
		return r;
	return refuse(ret_why, "'%s' is not %s: %s", row->key, forms[row->type].expects,
		why ? why : strerror(-r));
}

int value_check(enum option option, const char *text, struct number *ret, char **ret_why)
{
	const struct option_row *row = &option_rows[option];
	_cleanup_free_ char *shown = strdup(text);
	int r;

	*ret_why = NULL;
	if (!shown)
		return -ENOMEM;
	text_truncate(shown, SHOWN_MAX);
	r = config_parse(option, text, ret);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return why_no_number(row, r, shown, ret_why);
	/* Expressions that are recorded may be any of PromQL, which is not read yet. */
	if (value_is_word(row->type, text) || option == OPTION_RECORD_EXPR)
		return 0;
	return check_form(row, text, shown, ret_why);
}
