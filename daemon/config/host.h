/* SPDX-License-Identifier: Apache-2.0 */
/* What the values of a configuration name on this host: users and files.
 *
 * Layer: daemon. Looks at the host; opens nothing. */
#pragma once

#include "daemon/config/problem.h"

/* Warns of every user and file that does not exist: it may come later. Secrets are checked by
 * config_read_secrets(). CHECK_ONLY: whoever asks is not the daemon, and what it may read is not
 * known. */
void config_check_host(const struct config *c, bool check_only, struct problems *p);
