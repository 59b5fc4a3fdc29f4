/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/route.h"

#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

#define ARGUMENT "{}"

static const struct http_route routes[] = {
#define ROUTE(identifier, method, pattern, renders, document, name, query)                         \
	{ROUTE_##identifier, METHOD_##method, pattern, RENDERS_##renders, DOCUMENT_##document,     \
		name, query},
#include "daemon/web/routes.def"
#undef ROUTE
};

static int hexadecimal(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* RFC 3986, section 2.1. False where the text is too long, badly encoded, not UTF-8, or has control
 * characters. A plus is a blank in a query alone. */
static bool decode(
	const char *text, size_t size, bool plus, char ret[static ROUTE_ARGUMENT_MAX + 1])
{
	size_t length = 0;

	for (size_t i = 0; i < size; i++) {
		int c = (unsigned char) text[i];

		if (c == '%') {
			int high = size - i > 2 ? hexadecimal(text[i + 1]) : -1;
			int low = size - i > 2 ? hexadecimal(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = high * 16 + low;
			i += 2;
		} else if (c == '+' && plus)
			c = ' ';
		if (c < 0x20 || c == 0x7f || length == ROUTE_ARGUMENT_MAX)
			return false;
		ret[length++] = (char) c;
	}
	ret[length] = '\0';
	return text_is_utf8(ret, length);
}

/* True where the path's segments are the pattern's. *RET_ARGUMENT is the raw segment that the "{}"
 * stands for. */
static bool matches(const char *pattern, const char *path, size_t size, const char **ret_argument,
	size_t *ret_size)
{
	const char *end = path + size;

	while (*pattern) {
		if (text_after(pattern, ARGUMENT)) {
			const char *slash = memchr(path, '/', (size_t) (end - path));

			*ret_argument = path;
			*ret_size = (size_t) ((slash ? slash : end) - path);
			if (*ret_size == 0)
				return false;
			path += *ret_size;
			pattern += strlen(ARGUMENT);
		} else if (path < end && *path == *pattern) {
			path++;
			pattern++;
		} else
			return false;
	}
	return path == end;
}

/* Finds KEY in the query; any other key is wrong where STRICT. Returns what is wrong, or NULL. */
static const char *find_query(
	const char *query, const char *key, bool strict, char ret[static ROUTE_ARGUMENT_MAX + 1])
{
	static const char unknown[] = "the query is not one that this path knows";
	char name[ROUTE_ARGUMENT_MAX + 1];
	bool found = false;

	while (*query) {
		size_t size = strcspn(query, "&"), name_size;
		const char *equals = memchr(query, '=', size);

		name_size = equals ? (size_t) (equals - query) : size;
		if (!decode(query, name_size, true, name))
			name[0] = '\0';
		if (size > 0 && *key && text_equal(name, key)) {
			if (found)
				return "the query has a key twice";
			if (!equals || !decode(equals + 1, size - name_size - 1, true, ret))
				return unknown;
			found = true;
		} else if (size > 0 && strict)
			return unknown;
		query += size;
		if (*query == '&')
			query++;
	}
	return NULL;
}

static unsigned bad(struct route_match *ret, const char *why)
{
	ret->why = why;
	return 400;
}

static unsigned take_route(const struct http_route *route, const char *argument, size_t argument_size,
	const char *query, struct route_match *ret)
{
	bool strict = *route->query && route->renders != RENDERS_PAGE;
	const char *why;

	if (!decode(argument, argument_size, false, ret->argument))
		return bad(ret, "the path is not well-formed");
	why = find_query(query, route->query, strict, ret->query);
	if (why)
		return bad(ret, why);
	ret->route = route;
	return 200;
}

unsigned route_resolve(const char *method, const char *target, struct route_match *ret)
{
	static const char *const allow[] = {
		[1 << METHOD_GET] = "GET, HEAD",
		[1 << METHOD_POST] = "POST",
		[1 << METHOD_GET | 1 << METHOD_POST] = "GET, HEAD, POST",
	};
	size_t size = strcspn(target, "?");
	const char *query = target[size] ? target + size + 1 : "";
	bool get = text_equal(method, "GET") || text_equal(method, "HEAD");
	bool post = text_equal(method, "POST");
	unsigned methods = 0;

	*ret = (struct route_match){.allow = "", .why = ""};
	if (strlen(target) > ROUTE_TARGET_MAX)
		return 414;
	if (target[0] != '/')
		return bad(ret, "the path does not begin with a slash");
	for (size_t i = 1; i < size; i++)
		ret->depth += target[i] == '/';
	for (size_t i = 0; i < ELEMENTS(routes); i++) {
		const char *argument = "";
		size_t argument_size = 0;

		if (!matches(routes[i].pattern, target, size, &argument, &argument_size))
			continue;
		if (routes[i].method == METHOD_GET ? get : post)
			return take_route(&routes[i], argument, argument_size, query, ret);
		methods |= 1U << routes[i].method;
	}
	if (methods == 0)
		return 404;
	ret->allow = allow[methods];
	return 405;
}

bool route_is_page(const char *target)
{
	static const char *const programs[] = {"/v1/", "/api/", "/healthz", "/metrics", "/assets/"};

	for (size_t i = 0; i < ELEMENTS(programs); i++)
		if (text_after(target, programs[i]))
			return false;
	return true;
}
