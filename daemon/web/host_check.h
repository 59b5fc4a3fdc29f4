/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a request was meant for this host: what stops a foreign page that points its own name at
 * our address (DNS rebinding), and one that sends a change to our name (request forgery).
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

/* True where no browser asks on behalf of a foreign page. ORIGIN and FETCH_SITE are the headers Origin
 * and Sec-Fetch-Site, HOST the Host header; NULL where there was none. Programs send neither of the
 * first two, browsers with a change at least one. The page's own origin is HOST's or external_url's:
 * a proxy may hide its name from us. */
bool origin_is_own(const char *origin, const char *fetch_site, const char *host,
	const struct host_names *names);
