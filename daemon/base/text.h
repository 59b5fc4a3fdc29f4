/* SPDX-License-Identifier: Apache-2.0 */
/* What libc lacks for text: UTF-8, nearest names, cleaning what strangers wrote.
 *
 * Layer: base. Nothing here allocates unless it says so. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

static inline bool text_equal(const char *a, const char *b)
{
	return __builtin_strcmp(a, b) == 0;
}

/* The part of TEXT behind PREFIX, or NULL where TEXT does not begin with it. */
const char *text_after(const char *text, const char *prefix);

bool text_ends_with(const char *text, const char *suffix);

/* Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF). */
bool text_is_utf8(const char *text, size_t size);

/* Copies SIZE foreign bytes as printable UTF-8: every control character and every byte that is
 * not part of valid UTF-8 becomes '?'. Returns a new string (free() it) or NULL without memory. */
char *text_printable(const char *bytes, size_t size);

/* Puts a copy of TEXT in the place of *FIELD, which is freed. 0, or -ENOMEM: then *FIELD stays. */
int text_replace(char **field, const char *text);

/* Cuts TEXT where a character ends, so that at most LIMIT bytes remain. */
void text_truncate(char *text, size_t limit);

/* The number of insertions, deletions, replacements and swaps of neighbours that turn A into B
 * (optimal string alignment distance). Names longer than 64 bytes count as far apart. */
size_t text_distance(const char *a, const char *b);

/* The candidate nearest to WORD, or NULL where none is near enough to be what was meant. */
const char *text_nearest(const char *word, const char *const candidates[], size_t count);
