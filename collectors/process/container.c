/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/container.h"

#include <ctype.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

#define ID_GIVEN_MIN 12 /* digits, as the managers print them */

/* What stands round the id or name in a component of the path; the first that fits counts. */
static const struct {
	const char *before, *after;
	bool id;
} forms[] = {
	{"docker-", ".scope", true},
	{"libpod-payload-", "", true}, /* before the shorter one of Podman */
	{"libpod-", ".scope", true},
	{"libpod-", "", true},
	{"cri-containerd-", ".scope", true},
	{"crio-", ".scope", true},
	{"nerdctl-", ".scope", true},
	{"", "", true},
	{"machine-", ".scope", false},
	{"systemd-nspawn@", ".service", false},
	{"lxc.payload.", "", false},
};

static bool are_digits(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!isdigit((unsigned char) text[i]) && !(text[i] >= 'a' && text[i] <= 'f'))
			return false;
	return true;
}

static int digit(char c)
{
	return isdigit((unsigned char) c) ? c - '0' : c - 'a' + 10;
}

/* systemd writes in the names of units "\x2d" for what may not stand there. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++)
		if (strncmp(from, "\\x", 2) == 0 && strlen(from) >= 4 && are_digits(from + 2, 2)) {
			*to = (char) (digit(from[2]) * 16 + digit(from[3]));
			from += 4;
		} else
			*to = *from++;
	*to = '\0';
}

static bool keep(const char *text, size_t size, bool id, struct container *ret)
{
	if (size == 0 || size >= sizeof(ret->name) ||
		(id && (size != CONTAINER_ID || !are_digits(text, size))))
		return false;
	memcpy(ret->name, text, size);
	ret->name[size] = '\0';
	ret->has_id = id;
	if (!id)
		unescape(ret->name);
	return true;
}

static bool is_around(const char *before, const char *after, const char *text, size_t size)
{
	size_t head = strlen(before), tail = strlen(after);

	return size > head + tail && memcmp(text, before, head) == 0 &&
	       memcmp(text + size - tail, after, tail) == 0;
}

static bool read_component(const char *text, size_t size, struct container *ret)
{
	for (size_t i = 0; i < ELEMENTS(forms); i++) {
		size_t head = strlen(forms[i].before), tail = strlen(forms[i].after);

		if (is_around(forms[i].before, forms[i].after, text, size) &&
			keep(text + head, size - head - tail, forms[i].id, ret))
			return true;
	}
	return false;
}

/* Before its version 4 LXC made groups of containers beneath one of its own. */
static bool is_beneath_lxc(const char *path, size_t position)
{
	return position >= 5 && memcmp(path + position - 5, "/lxc/", 5) == 0;
}

bool container_of_group(const char *path, size_t size, struct container *ret)
{
	for (size_t at = 0; at < size;) {
		const char *begin = path + at, *end = memchr(begin, '/', size - at);
		size_t length = end ? (size_t) (end - begin) : size - at;

		ret->parent = path;
		ret->parent_size = at;
		if (read_component(begin, length, ret) ||
			(is_beneath_lxc(path, at) && keep(begin, length, false, ret)))
			return true;
		at += length + 1;
	}
	return false;
}

bool container_is_id(const char *given)
{
	size_t size = strlen(given);

	return size >= ID_GIVEN_MIN && size <= CONTAINER_ID && are_digits(given, size);
}

const char *container_monitored(const char *const *arguments, size_t count, const char *id)
{
	const char *name = NULL;
	bool watches = false;

	if (count == 0 ||
		!(text_equal(arguments[0], "conmon") || text_ends_with(arguments[0], "/conmon")))
		return NULL;
	for (size_t i = 1; i + 1 < count; i++) {
		if (text_equal(arguments[i], "-c") || text_equal(arguments[i], "--cid"))
			watches = text_equal(arguments[i + 1], id);
		else if (text_equal(arguments[i], "-n") || text_equal(arguments[i], "--name"))
			name = arguments[i + 1];
		else
			continue;
		i++;
	}
	return watches ? name : NULL;
}
