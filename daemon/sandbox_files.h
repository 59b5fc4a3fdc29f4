/* SPDX-License-Identifier: Apache-2.0 */
/* The files and ports that a role reaches, by Landlock.
 *
 * Layer: daemon. Reference: docs.kernel.org/userspace-api/landlock.html. */
#pragma once

#include "daemon/roles.h"

/* Restricts this process to what ROW->reach names, as far as the kernel's Landlock goes. 0 or -errno;
 * a kernel without Landlock is no error. */
int sandbox_files(const struct role_row *row, const char *state_directory);
