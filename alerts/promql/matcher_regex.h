/* SPDX-License-Identifier: Apache-2.0 */
/* The regular expressions of matchers.
 *
 * Layer: alerts. POSIX extended regular expressions (regex(7)), anchored at both ends, compiled by
 * libc. PromQL has RE2's syntax: what the two read alike is accepted, what they would read
 * differently (\d and its like, (?i), escapes inside brackets, back-references) is refused with the
 * reason. A dot matches newlines, as in Prometheus; a character beyond ASCII counts as its bytes.
 * Patterns are bounded, also in what their repetitions expand to inside libc; an endless repetition of
 * what may be empty, (a*)*, is refused, since libc needs exponential time for a few of them. */
#pragma once

#include <regex.h>

#define REGEX_PATTERN_MAX 512 /* bytes */

/* Compiles ^(PATTERN)$ into a new *RET. -EINVAL with the reason in *RET_WHY (free() it), -ENOMEM. */
int matcher_regex_new(const char *pattern, regex_t **ret, char **ret_why);
regex_t *matcher_regex_free(regex_t *regex);
