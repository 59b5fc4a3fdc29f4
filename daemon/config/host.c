/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config/host.h"

#include <pwd.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "daemon/base/num.h"

/* What is asked of one value; the message, or NULL. */
typedef const char *(*fault_fn)(const char *text, bool check_only);

static const char *user_fault(const char *text, bool check_only)
{
	uint32_t number;

	if (getpwnam(text) || num_parse_u32(text, &number) == 0)
		return NULL;
	return "there is no such user on this host";
}

/* What is beneath a directory that is closed to us may be there: others have the rights to see it. */
static const char *file_fault(const char *text, bool check_only)
{
	if (text[0] != '/' || access(text, F_OK) == 0 || errno == EACCES)
		return NULL;
	return strerror(errno);
}

/* A file that the daemon reads with its own rights. */
static const char *own_file_fault(const char *text, bool check_only)
{
	if (access(text, R_OK) == 0 || (check_only && errno == EACCES))
		return NULL;
	return strerror(errno);
}

static const struct {
	enum option option;
	fault_fn fault;
} rows[] = {
	{OPTION_SERVICE_USER, user_fault},
	{OPTION_SERVICE_PID_FILE, file_fault},
	{OPTION_SERVICE_WEIGHTS, file_fault},
	{OPTION_SERVICE_ACCESS_LOG, file_fault},
	{OPTION_WEIGHTS_PATH, file_fault},
	{OPTION_WEIGHTS_PUBLIC_KEY, own_file_fault},
	{OPTION_WEBHOOK_CA, own_file_fault},
};

void config_check_host(const struct config *c, bool check_only, struct problems *p)
{
	for (size_t row = 0; row < ELEMENTS(rows); row++) {
		enum option option = rows[row].option;
		enum section_kind kind = option_rows[option].kind;

		for (const struct section *s = c->first[kind]; s; s = s->next) {
			const struct option_value *v = value_of(s, option);

			for (size_t i = 0; i < v->count; i++) {
				const char *fault = rows[row].fault(v->texts[i], check_only);

				if (fault)
					problem_add(p, LOG_WARNING, &v->places[i], "'%s': %s: %s",
						option_rows[option].key, v->texts[i], fault);
			}
		}
	}
}
