/* SPDX-License-Identifier: Apache-2.0 */
/* modelwatch discover, doctor: what is on this host, and what of it the daemon can see. */
#include <stdlib.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/cli/client.h"
#include "daemon/cli/show.h"

/* All that is no section is a comment, so that the whole can be pasted. */
void show_discover(const json_t *body, const struct style *style, struct buf *b)
{
	const json_t *services = json_object_get(body, "services");
	size_t count = json_array_size(services);

	if (count == 0)
		buf_add_string(b,
			"# No model server was found on this host. A [service NAME] section\n"
			"# of modelwatch.conf(5) names one that is not recognised.\n");
	else
		buf_printf(b,
			"# %zu model server%s found on this host. Paste what you want to keep\n"
			"# into the configuration of the daemon: " MW_SYSCONFDIR "/modelwatch.conf,\n"
			"# unless it was started with another one (--config).\n",
			count, count == 1 ? " was" : "s were");
	for (size_t i = 0; i < count; i++) {
		buf_add_char(b, '\n');
		show_lines(b, "", show_string(json_array_get(services, i), "config"));
	}
}

int verb_discover(const struct invocation *i)
{
	return client_show(i, "/v1/discover", NULL, show_discover, NULL) < 0 ? i->verb->failure
								       : EXIT_SUCCESS;
}

static bool is_fine(const json_t *check)
{
	return text_equal(show_string(check, "state"), "ok");
}

static void show_check(const json_t *check, const struct style *style, struct buf *b)
{
	const char *remedy = show_string(check, "remedy");

	buf_add_string(b, "  ");
	show_paint(b, style, is_fine(check) ? GREEN : YELLOW, show_string(check, "state"));
	buf_add_string(b, "  ");
	show_paint(b, style, BOLD, show_string(check, "subject"));
	if (*show_string(check, "text")) {
		buf_add_string(b, ": ");
		show_sentence(b, style, PLAIN, show_string(check, "text"));
	}
	buf_add_char(b, '\n');
	if (*remedy && !is_fine(check))
		show_lines(b, "      ", remedy);
}

static size_t show_checks(const json_t *checks, bool fine, const char *heading,
	const struct style *style, struct buf *b)
{
	size_t shown = 0;

	for (size_t i = 0; i < json_array_size(checks); i++) {
		const json_t *check = json_array_get(checks, i);

		if (is_fine(check) != fine)
			continue;
		if (shown++ == 0)
			show_heading(b, style, heading);
		show_check(check, style, b);
	}
	return shown;
}

void show_doctor(const json_t *body, const struct style *style, struct buf *b)
{
	const json_t *checks = json_object_get(body, "checks");

	if (show_checks(checks, false, "Limited, and how to change it", style, b) == 0)
		buf_add_string(b, "Nothing is limited.\n");
	show_checks(checks, true, "Fine", style, b);
}

int verb_doctor(const struct invocation *i)
{
	return client_show(i, "/v1/doctor", NULL, show_doctor, NULL) < 0 ? i->verb->failure
								   : EXIT_SUCCESS;
}
