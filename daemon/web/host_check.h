/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a request was meant for this host: what stops a foreign page that points its own name at
 * our address (DNS rebinding).
 *
 * Layer: daemon/web. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct host_names {
	const char *host;         /* the host's name */
	const char *external_url; /* "" for none */
	const char *const *allowed;
	size_t allowed_count;
};

/* HEADER is the Host header, NULL where there was none; ADDRESS the numeric address at which the
 * connection arrived. The port is ignored. */
bool host_is_served(const char *header, const char *address, const struct host_names *names);
