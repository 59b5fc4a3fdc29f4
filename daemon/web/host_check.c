/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/host_check.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "daemon/base/text.h"
#include "daemon/config/form.h"


/* Copies the host of HOST[:PORT] or [ADDRESS][:PORT], without the brackets. False where it is not
 * of that form. */
static bool take_host(const char *text, size_t size, char ret[static HOST_MAX + 1])
{
	const char *end = text + size, *port;

	if (size > 0 && *text == '[') {
		port = memchr(text, ']', size);
		if (!port)
			return false;
		text++;
		size = (size_t) (port++ - text);
	} else {
		port = memchr(text, ':', size);
		port = port ? port : end;
		size = (size_t) (port - text);
	}
	if (port < end && *port++ != ':')
		return false;
	for (; port < end; port++)
		if (!isdigit((unsigned char) *port))
			return false;
	if (size == 0 || size > HOST_MAX || memchr(text, '\0', size))
		return false;
	memcpy(ret, text, size);
	ret[size] = '\0';
	return true;
}

/* The same address, whichever way it is written. */
static bool same_address(const char *a, const char *b)
{
	struct in6_addr left, right;

	if (inet_pton(AF_INET, a, &left) == 1 && inet_pton(AF_INET, b, &right) == 1)
		return memcmp(&left, &right, sizeof(struct in_addr)) == 0;
	if (inet_pton(AF_INET6, a, &left) == 1 && inet_pton(AF_INET6, b, &right) == 1)
		return memcmp(&left, &right, sizeof(left)) == 0;
	return false;
}

/* What stands behind "//", up to a slash: host and port. */
static size_t find_authority(const char *url, const char **ret)
{
	const char *slashes = strstr(url, "//");

	*ret = slashes ? slashes + 2 : "";
	return strcspn(*ret, "/?#");
}

/* Compares with the host of an URL. */
static bool is_host_of_url(const char *host, const char *url)
{
	char theirs[HOST_MAX + 1];
	const char *authority;
	size_t size = find_authority(url, &authority);

	return take_host(authority, size, theirs) && strcasecmp(host, theirs) == 0;
}

bool host_is_served(const char *header, const char *address, const struct host_names *names)
{
	char host[HOST_MAX + 1], theirs[HOST_MAX + 1];

	if (!header || !take_host(header, strlen(header), host))
		return false;
	if (strcasecmp(host, "localhost") == 0 || strcasecmp(host, names->host) == 0)
		return true;
	if (same_address(host, address) || is_host_of_url(host, names->external_url))
		return true;
	for (size_t i = 0; i < names->allowed_count; i++)
		if (take_host(names->allowed[i], strlen(names->allowed[i]), theirs) &&
			strcasecmp(host, theirs) == 0)
			return true;
	return false;
}

static bool same_authority(const char *a, size_t a_size, const char *b, size_t b_size)
{
	return a_size > 0 && a_size == b_size && strncasecmp(a, b, a_size) == 0;
}

bool origin_is_own(const char *origin, const char *fetch_site, const char *host,
	const struct host_names *names)
{
	const char *theirs, *ours;
	size_t theirs_size, ours_size;

	if (fetch_site)
		return text_equal(fetch_site, "same-origin") || text_equal(fetch_site, "none");
	if (!origin)
		return true;
	theirs_size = find_authority(origin, &theirs);
	ours_size = find_authority(names->external_url, &ours);
	return same_authority(theirs, theirs_size, ours, ours_size) ||
	       (host && same_authority(theirs, theirs_size, host, strlen(host)));
}
