/* SPDX-License-Identifier: Apache-2.0 */
/* Who is in a control group.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define CGROUP_PROCESSES_MAX 16384 /* of one group that are looked at */

/* The processes of the group of that path, and of all beneath it, under the directory where hierarchies are
 * mounted: of version 2 alone, beside others ("unified"), or systemd's own of version 1. *RET is freed by the
 * caller. 0, -ENOENT, -ENOMEM, or -errno. */
int cgroup_processes(int root, const char *path, pid_t **ret, size_t *ret_count);
