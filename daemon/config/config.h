/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: sections of options, each option one row of options.def.
 *
 * Layer: daemon. The supervisor alone loads files; every other role gets its slice (the sections
 * and options whose row names that role, secrets already read) as a sealed memory file and reads it
 * with the same calls. Values are validated before a config exists, so the getters cannot fail. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"

/* Roles, as bits of an option's row and of config_slice(). */
enum {
	FOR_SUPERVISOR = 1 << 0,
	FOR_ENGINE = 1 << 1,
	FOR_PROCESS = 1 << 2,
	FOR_NOTIFY = 1 << 3,
	FOR_WEB = 1 << 4,
	FOR_UNITS = 1 << 5,
};

enum section_kind {
	SECTION_DAEMON,
	SECTION_PAGE,
	SECTION_SERVICE,
	SECTION_WEIGHTS,
	SECTION_WEBHOOK,
	SECTION_HEARTBEAT,
	SECTION_ALERT,
	SECTION_RECORD,
	SECTION_MAINTENANCE,
	SECTION_KINDS,
};

/* OPTION_DAEMON_INTERVAL, OPTION_SERVICE_LISTEN_PORT ...: one for each row. */
enum option {
#define OPTION(kind, identifier, ...) OPTION_##kind##_##identifier,
#include "daemon/config/options.def"
#undef OPTION
	OPTIONS,
};

struct config;
struct section;

#define CONFIG_DEFAULT_FILE MW_SYSCONFDIR "/modelwatch.conf"
#define LISTENERS_MAX	    16 /* sockets of the page: what [page] listen names, and one of its own */

/* Where the files are. Any may be NULL for its default. */
struct config_paths {
	const char *file;	  /* --config FILE, or NULL: CONFIG_DEFAULT_FILE */
	const char *vendor_rules; /* the directory of the vendor's rules.d */
	bool check_only; /* not for the daemon itself: what only it can read is a notice, no error */
};

/* One error, warning or notice: "FILE:LINE: message" (or "message" where it belongs to no line). */
typedef void (*config_report_fn)(void *userdata, int level, const char *text);

/* Reads every file and validates everything, reporting at once, in the order of the lines, every error,
 * every warning and what this build does not use yet. 0, -EINVAL (reported), -ENOMEM. A missing default
 * file is no error; a missing FILE is. */
int config_load(const struct config_paths *paths, config_report_fn report, void *userdata,
	struct config **ret);
struct config *config_free(struct config *c);

/* The section of that kind and name, or NULL. NAME is "" for [daemon] and [page], which are always
 * there. */
const struct section *config_find(const struct config *c, enum section_kind kind, const char *name);
/* The section of that kind after PREVIOUS (NULL: the first), in the order of the files, or NULL. */
const struct section *config_next(
	const struct config *c, enum section_kind kind, const struct section *previous);

const char *section_name(const struct section *s);
/* True where a file gave the option; the getters give the default where none did. */
bool section_has(const struct section *s, enum option option);
/* True where a file gave it in any section of its kind, and this version uses it. */
bool config_has(const struct config *c, enum option option);
/* The text; of a list its first value. "" where there is none. */
const char *section_string(const struct section *s, enum option option);
bool section_bool(const struct section *s, enum option option);
uint64_t section_number(const struct section *s, enum option option); /* integers and sizes */
usec_t section_duration(const struct section *s, enum option option);
/* The values of a list, *RET_COUNT of them. */
const char *const *section_list(const struct section *s, enum option option, size_t *ret_count);

/* `external-url` without a final slash, so that a path can follow; "" for none. free() it; NULL without
 * memory. */
char *config_external_url(const struct config *c);

/* True where ROLE (a FOR_ bit) gets the same of both, contents of files included. Two sections of one kind.
 * False also without memory. */
bool section_equal(const struct section *a, const struct section *b, unsigned role);

/* Writes the slice of one role (a FOR_ bit). Secrets and credentials of its options are replaced by
 * what they name: config_load() has read them. */
int config_slice(const struct config *c, unsigned role, struct buf *b);
/* Reads a slice. -EBADMSG, -ENOMEM. */
int config_unslice(const void *data, size_t size, struct config **ret);
