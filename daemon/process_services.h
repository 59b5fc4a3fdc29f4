/* SPDX-License-Identifier: Apache-2.0 */
/* The services of the configuration as the process collector takes them.
 *
 * Layer: daemon; the process role. */
#pragma once

#include "collectors/process/match.h"
#include "daemon/config/config.h"

struct watched_services {
	struct service_match *items; /* point into the configuration */
	char **no_users; /* of each: who its users are, where none of them exists; else NULL */
	size_t count;
};

/* Asks the host for its users: before the sandbox. 0 or -ENOMEM; what is there is the caller's in any
 * case. */
int watched_services_read(const struct config *c, struct watched_services *ret);
void watched_services_done(struct watched_services *w);
