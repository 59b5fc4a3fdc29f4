/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a value is one that its option takes, and what it should have been.
 *
 * Layer: daemon. Pure. What may hold a secret is never repeated in the reason. */
#pragma once

#include "daemon/config/model.h"

/* Checks the text of an option that is no secret, or what a secret's text named. 0 and the number, if
 * it is one; -EINVAL with the reason, "'KEY' expects ..." (free() it); -ENOMEM. */
int value_check(enum option option, const char *text, struct number *ret, char **ret_why);
