/* SPDX-License-Identifier: Apache-2.0 */
/* What the values of a configuration name on this host: users and files.
 *
 * Layer: daemon. Looks at the host; opens nothing. */
#pragma once

#include "daemon/config_problem.h"

/* Adds a warning for every user and file that is not there: it may come later, and what does not
 * need it works until then. Secrets are config_read_secrets()'s. CHECK_ONLY: whoever asks is not the
 * daemon, and what it may read is not known. */
void config_check_host(const struct config *c, bool check_only, struct problems *p);
