/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a configuration: gathered while it is read and checked, then reported at once, in
 * the order of the files and their lines.
 *
 * Layer: daemon. */
#pragma once

#include "daemon/config/model.h"

#define PROBLEMS_MAX 1000 /* problems that are reported; then it says how many more there are */
#define PROBLEM_HINT_MAX 128 /* bytes of a hint, its NUL included */

struct problem {
	struct place place;
	unsigned sequence; /* problems of one line keep their order */
	int level;
	char *text;
};

struct problems {
	struct problem *items;
	size_t count;
	unsigned errors; /* of level LOG_ERR, those left out included */
	unsigned left_out;
	int failure; /* sticky: -ENOMEM */
};

#define _cleanup_problems_ _cleanup_(problems_done)

/* PLACE may be NULL for what belongs to no file. */
void problem_add(struct problems *p, int level, const struct place *place, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The candidate that was probably meant, as ", did you mean '...'?", or "". */
const char *problem_hint(
	const char *word, const char *const candidates[], size_t count, char hint[static PROBLEM_HINT_MAX]);

/* Brings them into their order and reports them. */
void problems_report(struct problems *p, config_report_fn report, void *userdata);
void problems_done(struct problems *p);
