/* SPDX-License-Identifier: Apache-2.0 */
/* What a process gives up: capabilities, files and network (Landlock), system calls (seccomp).
 *
 * Layer: daemon. A build with sanitizers (MW_RELAXED_SANDBOX) leaves Landlock and seccomp out: their
 * runtime reads /proc and maps memory as no role may. */
#pragma once

#include "daemon/roles.h"

/* Leaves at most KEEP (capability bits) in every set of this process and of what it executes; those of
 * KEEP that it has become ambient, so that an ordinary user's program keeps them over exec. Sets
 * no_new_privs. Safe between fork and exec. 0 or -errno. */
int sandbox_limit_capabilities(uint64_t keep);

/* Enters the role's sandbox for good. STATE_DIRECTORY is what REACH_STATE_* mean. What this kernel's
 * Landlock does not know is left out; without Landlock seccomp stays. 0 or -errno. */
int sandbox_enter(const struct role_row *row, const char *state_directory);
