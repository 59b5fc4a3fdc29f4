/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of many units at once: in part where it is too much, "a.service, b.service and 61 more".
 *
 * Layer: collectors; of this folder alone. Pure. */
#pragma once

#include <stddef.h>

#include "daemon/base/buf.h"

/* Begin with SEPARATOR and LIMIT, the bytes that TEXT may have, and all else zero; buf_done() the text. */
struct unit_list {
	const char *separator;
	size_t limit;
	struct buf text;
	size_t left_out;
};

/* Nothing is added for "". Once one was left out all that follow are. */
void unit_list_add(struct unit_list *l, const char *item);
/* Says how many were left out; buf_error() of the text tells of all that was added, too. */
void unit_list_end(struct unit_list *l);
