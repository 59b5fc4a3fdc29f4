/* SPDX-License-Identifier: Apache-2.0 */
/* Mustache templates over JSON: the one template engine, for pages and for alert texts.
 *
 * Layer: base. Follows the public Mustache specification's core modules (comments, delimiters,
 * interpolation, inverted, partials, sections; mustache.github.io); lambdas and inheritance are not
 * supported. A section takes what is missing, null, false, "" and an empty list for false, but not
 * 0. The template is ours or an operator's, the data may be a stranger's: rendering is bounded in
 * depth, work and output. */
#pragma once

#include <jansson.h>

#include "daemon/base/buf.h"

struct mustache;

/* How {{name}} is escaped; {{{name}}} and {{&name}} never are. */
enum mustache_escape { MUSTACHE_PLAIN, MUSTACHE_HTML };

/* Finds a partial by its name: a parsed template, or NULL, which renders as nothing. */
typedef const struct mustache *(*mustache_partial_fn)(void *userdata, const char *name);

/* On -EBADMSG *RET_WHY says "line N: ..." (free() it; may be NULL). -ENOMEM. */
int mustache_parse(const char *text, struct mustache **ret, char **ret_why);
struct mustache *mustache_free(struct mustache *m);

/* Appends the rendered text, or nothing. PARTIAL may be NULL. -E2BIG where it nests or grows too
 * far, -ENOMEM. */
int mustache_render(const struct mustache *m, json_t *data, enum mustache_escape escape,
	mustache_partial_fn partial, void *userdata, struct buf *out);
