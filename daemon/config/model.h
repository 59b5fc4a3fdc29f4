/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration is made of: for the files that load, check and slice it.
 *
 * Layer: daemon. Whoever only reads values needs config.h alone. Invariant: every value here was
 * accepted by config_parse(), so numbers are parsed and words are known. */
#pragma once

#include "daemon/base/cleanup.h"
#include "daemon/config/config.h"
#include "daemon/config/ini.h"

#define CONFIG_NAME_MAX     128 /* bytes of a section's name */
#define CONFIG_VALUE_MAX    INI_LINE_MAX /* bytes of one value in a file */
#define CONFIG_CONTENT_MAX  (256 * 1024) /* bytes of a secret, certificate or password file */
#define CONFIG_SECTIONS_MAX 2048 /* sections of all kinds together */
#define CONFIG_LIST_MAX     1024 /* values of one list */
#define CONFIG_TOTAL_MAX    (4 * 1024 * 1024) /* bytes of all values: a slice must fit a message */

/* What a value may be. config_parse() reads numbers and words, which every role needs to trust;
 * config/value.c checks the form of the others when a file is loaded. */
enum value_type {
	VALUE_TEXT,
	/* Numbers. */
	VALUE_BOOL,
	VALUE_DURATION,
	VALUE_INTERVAL, /* a duration between two samples */
	VALUE_SIZE,
	VALUE_COUNT,
	VALUE_PORT,
	VALUE_PERCENTAGE,
	/* One of some words. */
	VALUE_SEVERITY,
	VALUE_WEBHOOK_TYPE,
	VALUE_TRUST,
	/* Text of a form. */
	VALUE_LOG_FORMAT, /* a word or a pattern */
	VALUE_URL,
	VALUE_PATH,
	VALUE_PATH_GLOB,
	VALUE_GLOB,
	VALUE_LISTEN, /* 127.0.0.1:9178, [::1]:9178, unix:/path */
	VALUE_HOST, /* a host's name, or an address */
	VALUE_NETWORK, /* 10.0.0.0/8, ::1 */
	VALUE_UNIT, /* of systemd, with its suffix */
	VALUE_UNIT_GLOB, /* such units as have processes; without a suffix services */
	VALUE_CGROUP, /* a path beneath the root of the hierarchy */
	VALUE_USER, /* name or number */
	VALUE_WEIGHTS, /* a path, or the name of a [weights] section */
	VALUE_FIELD, /* duration=request_time */
	VALUE_COHORT, /* field:tenant */
	VALUE_OBJECTIVE, /* 2s at 95% */
	VALUE_AT_LEAST, /* 3 of 5 */
	VALUE_RATE, /* 60/min */
	VALUE_SCHEDULE, /* systemd.time(7) */
	VALUE_HEADER, /* Name: value */
	VALUE_LABEL, /* team=ml */
	VALUE_LABEL_NAME,
	VALUE_MATCHER,
	VALUE_EXPRESSION,
	VALUE_TEMPLATE,
	/* Contents of files and credentials. */
	VALUE_TOKEN, /* one line of any bytes but NUL */
	VALUE_CONTENT, /* any text */
	VALUE_PEM,
	VALUE_TYPES,
};

enum {
	IS_LIST = 1 << 0, /* may be given again */
	IS_SECRET = 1 << 1, /* credential:NAME or file:PATH, which is read */
	IS_LITERAL = 1 << 2, /* a secret that may also stand in the configuration itself */
	IS_PUBLIC_FILE = 1 << 3, /* a secret that may also be a path that anybody may read */
	IS_REQUIRED = 1 << 4, /* a section without it is an error */
	IS_POSITIVE = 1 << 5, /* zero is refused */
	IS_WAY_TO_FIND = 1 << 6, /* a service needs at least one of these */
};

enum option_stage { LATER, AVAILABLE };

#define FOR_ALL (FOR_SUPERVISOR | FOR_ENGINE | FOR_PROCESS | FOR_NOTIFY | FOR_WEB | FOR_UNITS)

struct option_row {
	enum section_kind kind;
	const char *key;
	enum value_type type;
	unsigned flags;
	const char *fallback; /* the default */
	unsigned roles;
	enum option_stage stage;
};
extern const struct option_row option_rows[OPTIONS];

struct section_row {
	const char *name;
	bool named; /* [kind NAME]; the others are there once, always */
	enum option_stage stage;
};
extern const struct section_row section_rows[SECTION_KINDS];

/* Where a value stands: "FILE:LINE". FILE belongs to the config; NULL in a slice. */
struct place {
	const char *file;
	unsigned number; /* of the file, in the order in which they are read */
	unsigned line;	 /* from 1; 0 for the file as a whole */
};

struct number {
	uint64_t integer; /* bools, microseconds, bytes, counts, ports */
	double ratio;
};

struct option_value {
	bool given;
	bool refused; /* what a file gave was reported as wrong: it is not missing */
	size_t count; /* one for a scalar that was given */
	char **texts; /* as the file has them */
	char **contents; /* of secrets: what the text names, once read; else NULL each */
	struct place *places;
	struct number number; /* the parsed scalar, or the default */
};

struct section {
	struct section *next; /* of the same kind */
	enum section_kind kind;
	unsigned roles; /* whose options may be asked for */
	char *name;
	struct place place; /* of its last header */
	struct option_value values[]; /* one for each option of the kind */
};

struct config {
	unsigned roles; /* FOR_ALL, or the role of a slice */
	size_t section_count;
	size_t total; /* bytes of all values */
	struct section *first[SECTION_KINDS], *last[SECTION_KINDS];
	char **files; /* that places name */
	size_t file_count;
};

DEFINE_CLEANUP(struct config *, config_free);
#define _cleanup_config_ _cleanup_(config_free_pointer)

/* A configuration without any file: [daemon] and [page], all defaults. NULL without memory. */
struct config *config_new(unsigned roles);

/* The first option of the kind, and how many it has. */
enum option kind_first(enum section_kind kind);
size_t kind_count(enum section_kind kind);
/* -ENOENT. */
int kind_find(const char *name, enum section_kind *ret);
int option_find(enum section_kind kind, const char *key, enum option *ret);

/* The words of a type, ended by NULL; NULL for a type without. */
const char *const *value_words(enum value_type type);
bool value_is_word(enum value_type type, const char *text);

/* Reads a number or looks a word up; any text will do for the other types. -EINVAL, -ERANGE. */
int config_parse(enum option option, const char *text, struct number *ret);

/* Appends a section. -ENOMEM, -E2BIG (too many). */
int config_add_section(struct config *c, enum section_kind kind, const char *name,
	const struct place *place, struct section **ret);
struct section *config_section(const struct config *c, enum section_kind kind, const char *name);

/* The place of an option of the section's kind. */
const struct option_value *value_of(const struct section *s, enum option option);
struct option_value *section_value(struct section *s, enum option option);
/* Puts the value of a scalar, or one more of a list; TEXT was accepted by config_parse() with
 * NUMBER. -ENOMEM, -E2BIG (list or configuration too large). */
int section_put(struct config *c, struct section *s, enum option option, const char *text,
	const struct number *number, const struct place *place);
/* What the secret text I of V names. Takes CONTENT, also on failure; -E2BIG. */
int value_set_content(struct config *c, struct option_value *v, size_t i, char *content);
/* A list becomes empty, a scalar its default. */
void section_clear(struct config *c, struct section *s, enum option option);
