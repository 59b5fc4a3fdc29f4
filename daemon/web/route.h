/* SPDX-License-Identifier: Apache-2.0 */
/* From a request line to a row of routes.def.
 *
 * Layer: daemon/web. Pure; its input is untrusted. A path is split at its slashes first and
 * each segment decoded then, so that an argument may contain any character but NUL and other
 * controls. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define ROUTE_TARGET_MAX   2048 /* bytes of a request target */
#define ROUTE_ARGUMENT_MAX 255  /* bytes of a segment, decoded, and of a query's value */

enum route_method { METHOD_GET, METHOD_POST };

enum route_renders { RENDERS_PAGE, RENDERS_JSON, RENDERS_COMMAND, RENDERS_METRICS, RENDERS_ASSET };

enum document {
	DOCUMENT_NONE,
	DOCUMENT_STATUS,
	DOCUMENT_SERVICE,
	DOCUMENT_INCIDENTS,
	DOCUMENT_INCIDENT,
	DOCUMENT_ALERTS,
	DOCUMENT_ABOUT,
	DOCUMENT_HEALTH,
	DOCUMENT_DISCOVER,
	DOCUMENT_DOCTOR,
};

enum route_id {
#define ROUTE(identifier, ...) ROUTE_##identifier,
#include "daemon/web/routes.def"
#undef ROUTE
	ROUTES,
};

struct http_route {
	enum route_id id;
	enum route_method method;
	const char *pattern;
	enum route_renders renders;
	enum document document;
	const char *name;
	const char *query;
};

struct route_match {
	const struct http_route *route;
	char argument[ROUTE_ARGUMENT_MAX + 1]; /* "" where the pattern has none */
	char query[ROUTE_ARGUMENT_MAX + 1];    /* the value of the route's query key; "" for none */
	const char *allow;                     /* with 405: the methods that the path has */
	const char *why;                       /* with 400: what is wrong */
	size_t depth;                          /* slashes of the path behind the first */
};

/* METHOD and TARGET as they came. Returns the HTTP status: 200, or 400, 404, 405, 414. Keys of a query
 * that are not known are refused where a program may have meant the one that is; pages, probes and
 * scrapes are decorated by others, and ignore them. The one that is known may be there once. HEAD is as
 * GET. */
unsigned route_resolve(const char *method, const char *target, struct route_match *ret);

/* True where errors at this target are for people and not for programs. */
bool route_is_page(const char *target);
