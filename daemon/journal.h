/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon says to its operators: one table of all kinds of messages (journal.def), each with the
 * MESSAGE_ID by which journalctl(1) finds it and its explanation.
 *
 * Layer: daemon. Whatever is graver than debug is said here. */
#pragma once

#include <stdint.h>

enum journal_entry {
#define ENTRY(identifier, ...) JOURNAL_##identifier,
#include "daemon/journal.def"
#undef ENTRY
	JOURNAL_ENTRIES,
};

/* Of what the message is: fields for the journal. NULL, "" and 0 are no field. */
struct journal_fields {
	int level;	    /* one of syslog(3)'s in the place of the table's, or 0 */
	const char *role;     /* ROLE */
	const char *service;  /* SERVICE */
	const char *severity; /* SEVERITY */
	const char *state;    /* STATE, of the incident */
	const char *rule;     /* RULE */
	const char *webhook;  /* WEBHOOK */
	int64_t incident;     /* INCIDENT */
	int error;	    /* ERRNO: a negative errno, whose text is put behind the message */
};
#define WITH(...) (&(const struct journal_fields){__VA_ARGS__})

/* FIELDS may be NULL. Returns the error of FIELDS. */
int journal_write(enum journal_entry entry, const struct journal_fields *fields, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The last resort: something of our own went wrong, as R (a negative errno) says; returns R. */
#define journal_failure(r, ...) journal_write(JOURNAL_FAILURE, WITH(.error = (r)), __VA_ARGS__)
