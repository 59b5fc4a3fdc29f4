/* SPDX-License-Identifier: Apache-2.0 */
/* What a role of ours uses: memory and processor time, for its own metrics.
 *
 * Layer: daemon. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct role_usage {
	uint64_t resident; /* bytes */
	double cpu;	   /* seconds, user and system */
};

/* -errno where the process is gone. */
int usage_read(pid_t pid, struct role_usage *ret);
