/* SPDX-License-Identifier: Apache-2.0 */
/* The answer of the first page to "is anything wrong?".
 *
 * Layer: daemon/web. Pure. */
#pragma once

#include <jansson.h>

/* Adds to the status document "headline", "subline" and "headline_status" ("ok", "warning", "critical",
 * or "none" where there is nothing to watch), and puts services that are down or unknown first. 0 or
 * -ENOMEM. */
int headline_add(json_t *document);
