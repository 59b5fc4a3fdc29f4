/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls that a role may make, by seccomp.
 *
 * Layer: daemon. A call outside its groups fails with EPERM; none kills. */
#pragma once

#include "daemon/roles.h"

/* Installs the filter of ROW->calls for all threads, for good. 0 or -errno. */
int sandbox_calls(const struct role_row *row);
