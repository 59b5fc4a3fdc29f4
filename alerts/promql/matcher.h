/* SPDX-License-Identifier: Apache-2.0 */
/* Making matchers from their parts; promql.h has what others call.
 *
 * Layer: alerts. */
#pragma once

#include "alerts/promql/promql.h"

/* A matcher of SIZE bytes of NAME. Copies. -EINVAL with the reason in *RET_WHY (free() it), -ENOMEM. */
int matcher_make(const char *name, size_t size, enum matcher_type type, const char *value,
	struct matcher *ret, char **ret_why);
