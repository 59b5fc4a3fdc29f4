/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line can do: one row for each verb, one file for each group of them.
 *
 * Layer: daemon. The rows are in the order in which --help shows them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Options that a verb may take, as bits; --json and --socket every one takes. */
enum {
	TAKES_ALL = 1 << 0,
	TAKES_MESSAGE = 1 << 1,
	NEEDS_MESSAGE = 1 << 2, /* with TAKES_MESSAGE */
};

/* Whether a verb has an argument. */
enum verb_argument { ARGUMENT_NONE, ARGUMENT_OPTIONAL, ARGUMENT_REQUIRED };

struct verb;

/* What was asked. */
struct invocation {
	const struct verb *verb; /* NULL with help or version alone */
	const char *argument;	 /* NULL for none */
	const char *message;	 /* NULL for none */
	const char *socket;	 /* NULL for the usual places */
	bool all, json, help, version;
};

struct verb {
	const char *name;
	const char *synopsis; /* its arguments and options, for --help */
	enum verb_argument argument;
	unsigned options;
	/* Does it and returns the exit status. */
	int (*run)(const struct invocation *i);
	int failure; /* the exit status where it could not be done */
	const char *help;
};

extern const struct verb verbs[];
extern const size_t verb_count;

/* NULL where there is none of that name. */
const struct verb *verb_find(const char *name);

int verb_status(const struct invocation *i);
int verb_incidents(const struct invocation *i);
int verb_incident(const struct invocation *i);
int verb_acknowledge(const struct invocation *i);
int verb_resolve(const struct invocation *i);
int verb_note(const struct invocation *i);
int verb_discover(const struct invocation *i);
int verb_doctor(const struct invocation *i);
int verb_check_config(const struct invocation *i);
int verb_test_webhook(const struct invocation *i);
