/* SPDX-License-Identifier: Apache-2.0 */
/* Globs over foreign bytes in bounded time.
 *
 * Layer: daemon/base. Pure. fnmatch(3) of glibc takes exponential time on texts that strangers choose,
 * and knows characters; this knows bytes and takes at most the product of both lengths. */
#pragma once

#include <stdbool.h>

/* True where the whole TEXT is of the form: * any bytes (also /), ? one byte, [a-z] one of them, [!a-z]
 * or [^a-z] none of them, \ takes away the meaning of the next. A [ that is never closed is itself. */
bool glob_match(const char *pattern, const char *text);
