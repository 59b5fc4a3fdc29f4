/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/glob.h"

#include <string.h>

/* The closing bracket of the set that begins at OPEN, or NULL. A bracket that comes first is of the
 * set itself. */
static const char *set_end(const char *open)
{
	const char *at = open + 1;

	if (*at == '!' || *at == '^')
		at++;
	if (*at == ']')
		at++;
	return strchr(at, ']');
}

static bool set_holds(const char *open, const char *close, unsigned char byte)
{
	const char *at = open + 1;
	bool negative = *at == '!' || *at == '^', found = false;

	if (negative)
		at++;
	for (; at < close; at++) {
		unsigned char low = (unsigned char) *at, high = low;

		if (at[1] == '-' && at + 2 < close) {
			high = (unsigned char) at[2];
			at += 2;
		}
		found |= low <= byte && byte <= high;
	}
	return found != negative;
}

/* The rest of the pattern if its first element matches BYTE, else NULL. */
static const char *match_one(const char *pattern, unsigned char byte)
{
	const char *close = *pattern == '[' ? set_end(pattern) : NULL;

	if (close)
		return set_holds(pattern, close, byte) ? close + 1 : NULL;
	if (*pattern == '?')
		return pattern + 1;
	if (*pattern == '\\' && pattern[1])
		pattern++;
	return *pattern && (unsigned char) *pattern == byte ? pattern + 1 : NULL;
}

/* Only the last star is ever tried anew: what an earlier one could take, the last one can, too. */
bool glob_match(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL;

	while (*text) {
		const char *next;

		if (*pattern == '*') {
			star = ++pattern;
			retry = text;
			continue;
		}
		next = match_one(pattern, (unsigned char) *text);
		if (next) {
			pattern = next;
			text++;
		} else if (star) {
			pattern = star;
			text = ++retry;
		} else
			return false;
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}
