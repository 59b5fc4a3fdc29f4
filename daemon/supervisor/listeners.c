/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/supervisor/listeners.h"

#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/clock.h"
#include "daemon/base/text.h"

#define BACKLOG	    64
#define BUSY_TIMEOUT (2 * USEC_PER_SEC) /* for all: the `web` of a killed supervisor is to end */
#define BUSY_RETRY   (20 * USEC_PER_MSEC)
#define SOCKET_MODE 0660

static const struct listener *find(const struct listeners *l, const char *address)
{
	for (size_t i = 0; l && i < l->count; i++)
		if (text_equal(l->items[i].address, address))
			return &l->items[i];
	return NULL;
}

void listeners_close(struct listeners *l, const struct listeners *kept)
{
	for (size_t i = 0; i < l->count; i++) {
		const char *path = text_after(l->items[i].address, "unix:");

		/* Before it is closed: from then on another may have one of that name. */
		if (path && !find(kept, l->items[i].address))
			unlink(path);
		free(l->items[i].address);
		close_fd(&l->items[i].fd);
	}
	l->count = 0;
}

/* Splits "127.0.0.1:9178" or "[::1]:9178"; the text is ours to change. -EINVAL. */
static int split_address(char *text, char **ret_host, char **ret_port)
{
	char *colon = strrchr(text, ':');
	size_t size;

	if (!colon)
		return -EINVAL;
	*colon = '\0';
	size = strlen(text);
	if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
		text[size - 1] = '\0';
		text++;
	}
	*ret_host = text;
	*ret_port = colon + 1;
	return 0;
}

static int open_tcp(const char *address)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM};
	_cleanup_free_ char *text = strdup(address);
	_cleanup_close_ int fd = -1;
	struct addrinfo *info = NULL;
	char *host, *port;
	const int on = 1;
	int r;

	if (!text)
		return -ENOMEM;
	r = split_address(text, &host, &port);
	if (r < 0 || getaddrinfo(*host ? host : NULL, port, &hints, &info) != 0)
		return -EINVAL;
	fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	r = fd < 0 ? -errno : 0;
	if (r == 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		r = -errno;
	if (r == 0 && info->ai_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		r = -errno;
	if (r == 0 && (bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0))
		r = -errno;
	freeaddrinfo(info);
	return r < 0 ? r : TAKE_FD(fd);
}

/* True where somebody answers at PATH, be it too slowly (EAGAIN: its queue is full); a socket that
 * nobody listens to is left from a crash. */
static bool is_answered(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd >= 0 && (connect(fd, (const struct sockaddr *) address, sizeof(*address)) == 0 ||
				  errno == EAGAIN);
}

static int open_unix(const char *path, gid_t group)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	mode_t mask;
	int r;

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	if (is_answered(&address))
		return -EADDRINUSE;
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(path);
	/* The mode must hold from the first moment: chmod() behind bind() would be too late. */
	mask = umask(0777 & ~SOCKET_MODE);
	r = bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ? -errno : 0;
	umask(mask);
	if (r < 0)
		return r;
	if (group != (gid_t) -1 && chown(path, (uid_t) -1, group) < 0 && errno != EPERM)
		return -errno;
	if (listen(fd, BACKLOG) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* What all addresses of one call are opened with. */
struct opening {
	gid_t group;
	const struct listeners *old;
	usec_t until; /* a busy address is tried again until then */
};

static int open_address(const char *address, const struct opening *o)
{
	const char *path = text_after(address, "unix:");
	const struct listener *old = find(o->old, address);

	if (old) {
		int fd = fcntl(old->fd, F_DUPFD_CLOEXEC, 3);

		return fd < 0 ? -errno : fd;
	}
	return path ? open_unix(path, o->group) : open_tcp(address);
}

static int open_patiently(const char *address, const struct opening *o)
{
	int fd;

	while ((fd = open_address(address, o)) == -EADDRINUSE && clock_monotonic() < o->until)
		usleep(BUSY_RETRY);
	return fd;
}

static int add(struct listeners *l, const char *address, const struct opening *o, char **ret_why)
{
	struct listener *item = &l->items[l->count];
	char *copy;
	int fd;

	if (l->count == LISTENERS_MAX) {
		if (asprintf(ret_why, "more than %d listen addresses", LISTENERS_MAX) < 0)
			*ret_why = NULL;
		return -E2BIG;
	}
	copy = strdup(address);
	if (!copy)
		return -ENOMEM;
	fd = open_patiently(address, o);
	if (fd < 0) {
		if (asprintf(ret_why, "cannot listen on %s: %s", address, strerror(-fd)) < 0)
			*ret_why = NULL;
		free(copy);
		return fd;
	}
	*item = (struct listener){.address = copy, .fd = fd};
	l->count++;
	return 0;
}

int listeners_open(const struct config *c, const char *runtime_directory, gid_t group,
	const struct listeners *old, struct listeners *ret, char **ret_why)
{
	const struct section *page = config_find(c, SECTION_PAGE, "");
	_cleanup_free_ char *own = NULL;
	struct listeners l = {.count = 0};
	struct opening o = {.group = group, .old = old};
	const char *const *addresses;
	size_t count;
	int r;

	*ret_why = NULL;
	if (asprintf(&own, "unix:%s/http.sock", runtime_directory) < 0) {
		own = NULL;
		return -ENOMEM;
	}
	/* Nobody waits for a reload: nobody is about to end then. */
	if (!old)
		o.until = usec_add(clock_monotonic(), BUSY_TIMEOUT);
	r = add(&l, own, &o, ret_why);
	addresses = section_list(page, OPTION_PAGE_LISTEN, &count);
	for (size_t i = 0; i < count && r == 0; i++)
		r = add(&l, addresses[i], &o, ret_why);
	if (r < 0) {
		listeners_close(&l, old);
		return r;
	}
	*ret = l;
	return 0;
}
