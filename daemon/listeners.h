/* SPDX-License-Identifier: Apache-2.0 */
/* The page's listening sockets, opened by the supervisor and passed to `web`.
 *
 * Layer: daemon. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "daemon/config.h"

#define LISTENERS_MAX 16

struct listener {
	char *address; /* as configured, or unix:PATH */
	int fd;
};

struct listeners {
	struct listener items[LISTENERS_MAX];
	size_t count;
};

/* Opens what [page] listen names, and the unix socket RUNTIME_DIRECTORY/http.sock for GROUP
 * ((gid_t) -1 for none). What OLD (NULL for none) has open already is taken over as a copy. On failure
 * *RET_WHY names the address and the port (free() it). */
int listeners_open(const struct config *c, const char *runtime_directory, gid_t group,
	const struct listeners *old, struct listeners *ret, char **ret_why);
void listeners_close(struct listeners *l);
