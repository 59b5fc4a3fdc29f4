/* SPDX-License-Identifier: Apache-2.0 */
/* A tokenizer of INI text: sections, keys, values, and what is wrong with which line.
 *
 * Layer: daemon. Pure: bytes in, items out; it knows no section and no key. A line is a section
 * `[KIND]` or `[KIND NAME]`, or `KEY = VALUE`, or a comment (its first character is # or ;), or blank.
 * Blanks around all of these are left out. A value whose line ends with one backslash goes on in
 * the next line; a space stands between the parts, and comments between them are left out. Nothing is
 * ever cut: what is too long, not UTF-8 or a control character is an error of its line, and the
 * next item is the next line's. */
#pragma once

#include <stddef.h>

#include "daemon/base/buf.h"
#include "daemon/base/cleanup.h"

#define INI_LINE_MAX (16 * 1024) /* bytes of a line, or of a value on several lines */

enum ini_type {
	INI_SECTION, /* kind, name */
	INI_KEY,     /* key, value */
	INI_ERROR,   /* error */
};

struct ini {
	const char *data;
	size_t size, position;
	unsigned line;	 /* of the line taken last */
	struct buf text; /* that the last item points into */
};

/* Strings hold until the next call. */
struct ini_item {
	enum ini_type type;
	unsigned line; /* from 1 */
	const char *kind, *name; /* NAME is "" where there is none */
	const char *key, *value;
	const char *error;
};

/* The bytes stay the caller's and must outlive the tokenizer. */
void ini_init(struct ini *i, const void *data, size_t size);
void ini_done(struct ini *i);

#define _cleanup_ini_ _cleanup_(ini_done)

/* 1 and the next item, 0 at the end, -ENOMEM. */
int ini_next(struct ini *i, struct ini_item *ret);
