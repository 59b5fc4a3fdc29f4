/* SPDX-License-Identifier: Apache-2.0 */
/* The page's listening sockets, opened by the supervisor and passed to `web`.
 *
 * Layer: daemon. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "daemon/config/config.h"

struct listener {
	char *address; /* as configured, or unix:PATH */
	int fd;
};

struct listeners {
	struct listener items[LISTENERS_MAX];
	size_t count;
};

/* Opens what [page] listen names, and the unix socket RUNTIME_DIRECTORY/http.sock for GROUP
 * ((gid_t) -1 for none). What OLD (NULL for none) has open already is taken over as a copy; without
 * OLD, addresses in use are waited for, 2 s in all. On failure *RET_WHY names the address and the
 * port (free() it). */
int listeners_open(const struct config *c, const char *runtime_directory, gid_t group,
	const struct listeners *old, struct listeners *ret, char **ret_why);

/* Closes them and removes the unix sockets that KEPT (NULL for none) does not have, too. */
void listeners_close(struct listeners *l, const struct listeners *kept);
