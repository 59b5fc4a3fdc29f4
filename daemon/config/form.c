/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config/form.h"

#include <arpa/inet.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "daemon/base/num.h"
#include "daemon/base/text.h"
#include "daemon/config/model.h"
#include "schema/unit.h"

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define ALNUM  LOWER UPPER DIGITS

#define USER_MAX     256 /* bytes of a user's name (LOGIN_NAME_MAX) */

/* True where TEXT has characters of SET alone, and at least one. */
static bool only(const char *text, const char *set)
{
	return *text && strspn(text, set) == strlen(text);
}

/* The part of TEXT before END, copied if it fits; false where it does not. */
static bool copy_before(const char *text, const char *end, char *ret, size_t size)
{
	size_t length = (size_t) (end - text);

	if (length >= size)
		return false;
	memcpy(ret, text, length);
	ret[length] = '\0';
	return true;
}

static bool is_port(const char *text)
{
	uint64_t port;

	return num_parse_u64(text, &port) == 0 && port >= 1 && port <= UINT16_MAX;
}

static bool is_ipv4(const char *text)
{
	struct in_addr address;

	return inet_pton(AF_INET, text, &address) == 1;
}

/* An IPv6 address in brackets. */
static bool is_bracketed(const char *text)
{
	char inside[INET6_ADDRSTRLEN];
	struct in6_addr address;
	size_t size = strlen(text);

	return size > 2 && text[0] == '[' && text[size - 1] == ']' &&
	       copy_before(text + 1, text + size - 1, inside, sizeof(inside)) &&
	       inet_pton(AF_INET6, inside, &address) == 1;
}

/* The colon that divides a host from its port, or NULL. */
static const char *port_colon(const char *authority)
{
	const char *colon = strrchr(authority, ':'), *bracket = strrchr(authority, ']');

	return colon && colon > bracket ? colon : NULL;
}

bool form_is_host(const char *text)
{
	if (text[0] == '[')
		return is_bracketed(text);
	return only(text, ALNUM ".-_") && strlen(text) <= HOST_MAX && text[0] != '-' &&
	       text[0] != '.';
}

static bool is_authority(const char *text)
{
	const char *host = strrchr(text, '@'), *colon;
	char name[HOST_MAX + 1];

	host = host ? host + 1 : text;
	colon = port_colon(host);
	if (colon && !is_port(colon + 1))
		return false;
	return copy_before(host, colon ? colon : host + strlen(host), name, sizeof(name)) &&
	       form_is_host(name);
}

bool form_is_url(const char *text)
{
	char authority[PATH_MAX];
	const char *rest = NULL;

	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c > '~' || strchr("\"<>\\^`{|}", *c))
			return false;
	if (strncasecmp(text, "http://", 7) == 0)
		rest = text + 7;
	else if (strncasecmp(text, "https://", 8) == 0)
		rest = text + 8;
	return rest &&
	       copy_before(rest, rest + strcspn(rest, "/?#"), authority, sizeof(authority)) &&
	       is_authority(authority);
}

bool form_is_path(const char *text)
{
	return text[0] == '/' && strlen(text) < PATH_MAX;
}

bool form_is_path_glob(const char *text)
{
	return (text[0] == '/' || text[0] == '*') && strlen(text) < PATH_MAX;
}

bool form_is_listen(const char *text)
{
	const char *path = text_after(text, "unix:"), *colon = port_colon(text);
	char host[INET6_ADDRSTRLEN + 2];

	if (path)
		return path[0] == '/' && path[1] &&
		       strlen(path) < sizeof(((struct sockaddr_un *) NULL)->sun_path);
	return colon && is_port(colon + 1) && copy_before(text, colon, host, sizeof(host)) &&
	       (is_ipv4(host) || is_bracketed(host));
}

bool form_is_local(const char *listen)
{
	char inside[INET6_ADDRSTRLEN];
	const char *end = strrchr(listen, ']');
	struct in6_addr address;

	if (text_after(listen, "unix:") || text_after(listen, "127."))
		return true;
	/* Loopback has many ways to be written. */
	return listen[0] == '[' && end && copy_before(listen + 1, end, inside, sizeof(inside)) &&
	       inet_pton(AF_INET6, inside, &address) == 1 && IN6_IS_ADDR_LOOPBACK(&address);
}

bool form_is_network(const char *text)
{
	const char *slash = strchr(text, '/');
	char address[INET6_ADDRSTRLEN];
	struct in6_addr ipv6;
	uint64_t bits = 0;
	bool is_ipv6;

	if (!copy_before(text, slash ? slash : text + strlen(text), address, sizeof(address)))
		return false;
	is_ipv6 = inet_pton(AF_INET6, address, &ipv6) == 1;
	if (slash && (num_parse_u64(slash + 1, &bits) < 0 || bits > (is_ipv6 ? 128 : 32)))
		return false;
	return is_ipv6 || is_ipv4(address);
}

bool form_is_unit(const char *text)
{
	const char *suffix = strrchr(text, '.');

	return only(text, ALNUM ":-_.\\@") && suffix && suffix != text &&
	       strlen(text) <= UNIT_NAME_MAX &&
	       (text_equal(suffix, ".service") || text_equal(suffix, ".scope") ||
		       text_equal(suffix, ".slice"));
}

bool form_is_unit_glob(const char *text)
{
	const char *added = unit_name_has_type(text) ? "" : ".service";

	return only(text, ALNUM ":-_.\\@*?[]!^") && text[0] != '.' &&
	       strlen(text) + strlen(added) <= UNIT_NAME_MAX &&
	       (*added || text_ends_with(text, ".service") || text_ends_with(text, ".scope"));
}

bool form_is_cgroup(const char *text)
{
	if (!form_is_path(text) || text_after(text, "/sys/fs/cgroup"))
		return false;
	return !strstr(text, "//") && !strstr(text, "/../") && !strstr(text, "/./") &&
	       !text_ends_with(text, "/..") && !text_ends_with(text, "/.");
}

bool form_is_user(const char *text)
{
	return *text && *text != '-' && strlen(text) <= USER_MAX && !strpbrk(text, " \t:/");
}

bool form_is_section_name(const char *text)
{
	size_t size = strlen(text);

	if (size == 0 || size > CONFIG_NAME_MAX || text[0] == '-' || text[0] == '.')
		return false;
	for (size_t i = 0; i < size; i++)
		if (!strchr(ALNUM "._:@+~-", text[i]) && !(text[i] & 0x80))
			return false;
	return true;
}

bool form_is_weights(const char *text)
{
	return form_is_path(text) || form_is_section_name(text);
}

bool form_is_field(const char *text)
{
	const char *equals = strchr(text, '=');

	return equals && equals != text && equals[1] &&
	       strspn(text, ALNUM "_-") == (size_t) (equals - text);
}

bool form_is_cohort(const char *text)
{
	const char *colon = strchr(text, ':');

	return colon && colon != text && colon[1] &&
	       strspn(text, LOWER "-") == (size_t) (colon - text);
}

bool form_is_objective(const char *text)
{
	const char *at = strstr(text, " at ");
	char duration[64];
	double ratio;
	usec_t limit;

	return at && copy_before(text, at, duration, sizeof(duration)) &&
	       num_parse_duration(duration, &limit) == 0 && limit > 0 &&
	       num_parse_percentage(at + 4, &ratio) == 0 && ratio > 0 && ratio < 1;
}

bool form_is_rate(const char *text)
{
	static const char *const units[] = {"s", "min", "h", "d"};
	const char *slash = strchr(text, '/');
	char count[32];
	uint64_t value;

	if (!slash)
		return text_equal(text, "0");
	if (!copy_before(text, slash, count, sizeof(count)) || num_parse_u64(count, &value) < 0)
		return false;
	for (size_t i = 0; i < ELEMENTS(units); i++)
		if (text_equal(slash + 1, units[i]))
			return value > 0;
	return false;
}

bool form_is_header(const char *text)
{
	static const char *const ours[] = {"connection", "content-length", "content-type", "expect",
		"host", "te", "transfer-encoding", "upgrade", "webhook-id", "webhook-signature",
		"webhook-timestamp"};
	const char *colon = strchr(text, ':');
	size_t size = colon ? (size_t) (colon - text) : 0;

	if (size == 0 || strspn(text, ALNUM "!#$%&'*+-.^_`|~") != size)
		return false;
	for (size_t i = 0; i < ELEMENTS(ours); i++)
		if (strlen(ours[i]) == size && strncasecmp(ours[i], text, size) == 0)
			return false;
	return true;
}

bool form_is_label_name(const char *text)
{
	return only(text, ALNUM "_") && !strchr(DIGITS, text[0]) && !text_after(text, "__");
}

bool form_is_label(const char *text)
{
	const char *equals = strchr(text, '=');
	char name[CONFIG_NAME_MAX + 1];

	return equals && copy_before(text, equals, name, sizeof(name)) && form_is_label_name(name);
}

bool form_is_metric_name(const char *text)
{
	return only(text, ALNUM "_:") && !strchr(DIGITS, text[0]);
}

bool form_is_log_pattern(const char *text)
{
	return strpbrk(text, "$%{<(") != NULL;
}

bool form_is_token(const char *text)
{
	const char *base64 = text_after(text, "whsec_");
	size_t size, letters;

	if (!base64)
		return true;
	size = strlen(base64);
	letters = strspn(base64, ALNUM "+/");
	return size > 0 && size % 4 == 0 && size - letters <= 2 &&
	       strspn(base64 + letters, "=") == size - letters;
}

bool form_is_pem(const char *text)
{
	return strstr(text, "-----BEGIN ") != NULL;
}
