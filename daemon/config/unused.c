/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration asks for and this build does not do yet. */
#include <syslog.h>

#include "daemon/base/text.h"
#include "daemon/config/check.h"

static void report_section(const struct section *s, struct problems *p)
{
	enum option first = kind_first(s->kind);
	size_t count = kind_count(s->kind);

	if (section_rows[s->kind].stage == LATER) {
		problem_add(p, LOG_NOTICE, &s->place,
			"[%s %s] is accepted, but this version does not use it yet",
			section_rows[s->kind].name, s->name);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const struct option_row *row = &option_rows[first + i];
		const struct option_value *v = value_of(s, first + (enum option) i);

		if (row->stage == LATER && v->count > 0)
			problem_add(p, LOG_NOTICE, &v->places[0],
				"'%s' is accepted, but this version does not use it yet", row->key);
	}
}

/* The one option of which some words are in use and others are not. */
static void report_webhook_type(const struct section *s, struct problems *p)
{
	const char *type = section_string(s, OPTION_WEBHOOK_TYPE);

	if (!text_equal(type, "webhook"))
		problem_add(p, LOG_WARNING, &s->place,
			"[webhook %s] of type %s is accepted, but this version sends nothing to it "
			"yet",
			s->name, type);
}

/* A page that is to be guarded and cannot be is closed to all who come from elsewhere. */
static void report_open_page(const struct section *page, struct problems *p)
{
	if (option_rows[OPTION_PAGE_PASSWORD].stage == LATER &&
		section_has(page, OPTION_PAGE_PASSWORD))
		problem_add(p, LOG_WARNING, &page->place,
			"this version has no logins yet: with a password the page answers 403 to "
			"everybody but loopback and the unix socket");
}

void config_check_unused(const struct config *c, struct problems *p)
{
	for (enum section_kind kind = 0; kind < SECTION_KINDS; kind++)
		for (const struct section *s = c->first[kind]; s; s = s->next)
			report_section(s, p);
	for (const struct section *s = c->first[SECTION_WEBHOOK]; s; s = s->next)
		report_webhook_type(s, p);
	report_open_page(c->first[SECTION_PAGE], p);
}
