/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of services that a look at each process does not tell: by pid file, by listening port; and
 * the ports of discovered servers, which are part of their names. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/process/private.h"
#include "collectors/process/proc_sockets.h"
#include "daemon/base/file.h"
#include "daemon/base/num.h"
#include "daemon/base/text.h"

#define PID_FILE_MAX  64 /* bytes */
#define SEARCH_SHARE  20 /* a search rests for so many times as long as it took */
#define REFUSED_FOR   (5 * USEC_PER_SEC) /* sockets whose owner was not found are not searched for */
#define PORT_SHARE    10 /* a server that has started for so long is asked a tenth of it later */
#define PORT_EVERY    (10 * USEC_PER_SEC) /* but not more seldom */

bool search_is_needed(const struct service_match *m)
{
	return m->port_count > 0 || m->pid_file_count > 0;
}

bool search_matches(const struct service_match *m, const struct identity *i)
{
	struct match_subject subject = {.user = i->user,
		.executable = i->executable,
		.command_line = i->command_line,
		.cgroups = i->cgroups.data ? i->cgroups.data : "",
		.cgroups_size = i->cgroups.size};

	return match_process(m, &subject);
}

/* A pid file may be anything that its service made of it, a pipe without a writer too. */
static int read_pid_file(const char *path, pid_t *ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct stat st;
	uint32_t pid;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	r = file_read_fd(fd, PID_FILE_MAX, &text);
	if (r < 0)
		return r;
	if (text.size > 0 && text.data[text.size - 1] == '\n')
		text.data[--text.size] = '\0';
	r = num_parse_u32(text.data ? text.data : "", &pid);
	if (r < 0 || pid == 0 || pid > INT32_MAX || strlen(text.data) != text.size)
		return -EBADMSG;
	*ret = (pid_t) pid;
	return 0;
}

/* True where the process listens to one of the ports. */
static bool listens(struct collector *c, pid_t pid, const uint16_t *wanted, size_t count)
{
	uint16_t ports[MATCH_PORTS_MAX];
	size_t found;

	if (proc_read_ports(c->root, pid, ports, MATCH_PORTS_MAX, &found) < 0)
		return false;
	for (size_t i = 0; i < found; i++)
		for (size_t w = 0; w < count; w++)
			if (ports[i] == wanted[w])
				return true;
	return false;
}

/* The process is of the service if its other keys hold, too. A configured service takes it from a
 * discovered one, which is over then. */
static bool adopt_if_matching(struct service *s, struct process *p)
{
	struct identity i;
	bool matching;

	if ((p->service && p->service->match) || p->kernel ||
		proc_read_identity(p->collector->root, p->pid, p->collector->identity, &i) < 0)
		return false;
	matching = search_matches(s->match, &i) &&
		   (s->match->port_count == 0 ||
			   listens(p->collector, p->pid, s->match->ports, s->match->port_count));
	identity_done(&i);
	if (!matching)
		return false;
	if (p->service)
		service_end(p->service);
	p->matched = true;
	service_adopt(s, p);
	return true;
}

static void search_pid_files(struct service *s)
{
	for (size_t i = 0; i < s->match->pid_file_count; i++) {
		struct process *p;
		pid_t pid;

		if (read_pid_file(s->match->pid_files[i], &pid) < 0)
			continue;
		p = scan_find(s->collector, pid);
		if (p && p->service == s)
			continue;
		p = scan_examine(s->collector, pid);
		if (p)
			adopt_if_matching(s, p);
	}
}

/* What opens sockets for others and keeps them, as systemd does, is not the server. */
static bool is_manager(struct collector *c, const struct process *p)
{
	struct identity i;
	bool manager;

	if (p->pid == 1 || p->kernel)
		return true;
	if (proc_read_identity(c->root, p->pid, IDENTITY_COMM, &i) < 0)
		return true;
	manager = text_equal(i.comm, "systemd");
	identity_done(&i);
	return manager;
}

/* A server's workers share its socket: it is the ancestor of them that has it, too. */
static struct process *find_listener(struct process *p, const uint64_t *sockets, size_t count)
{
	struct collector *c = p->collector;

	for (size_t i = 0; i < ANCESTORS_MAX; i++) {
		struct process *parent = scan_find(c, p->parent);

		if (!parent || is_manager(c, parent) ||
			!proc_has_socket(c->root, parent->pid, sockets, count))
			break;
		p = parent;
	}
	return p;
}

static bool adopt_listeners(struct service *s, const uint64_t *sockets, size_t count)
{
	struct collector *c = s->collector;
	struct process *p;
	size_t position = 0;
	bool found = false;

	while ((p = map_next(c->processes, &position, NULL, NULL)))
		if (!(p->service && p->service->match) && !p->kernel &&
			proc_has_socket(c->root, p->pid, sockets, count) && !is_manager(c, p))
			found |= adopt_if_matching(s, find_listener(p, sockets, count));
	return found;
}

static void search_port(struct service *s)
{
	struct collector *c = s->collector;
	uint64_t sockets[SOCKETS_MAX], sum = 0;
	size_t count = proc_find_sockets(c->root, s->match->ports, s->match->port_count, sockets);
	usec_t now = clock_monotonic();
	bool again;

	for (size_t i = 0; i < count; i++)
		sum += sockets[i];
	again = sum == s->refused_sockets;
	if (count == 0 || (again && now < s->refused_until) || adopt_listeners(s, sockets, count))
		return;
	/* Its owner may be younger than the last listing. Else we lack the right to look, or another
	 * key does not hold. */
	if (!again)
		c->listed = 0;
	s->refused_sockets = sum;
	s->refused_until = again ? now + REFUSED_FOR : 0;
}

void search_service(struct service *s)
{
	if (s->match->unsupported)
		return;
	if (s->match->pid_file_count > 0)
		search_pid_files(s);
	else if (s->match->port_count > 0)
		search_port(s);
}

static void name_server(struct process *p, uint16_t port)
{
	struct collector *c = p->collector;
	char name[64];
	struct service *s;

	snprintf(name, sizeof(name), "%s-%u", p->kind->name, port);
	s = service_get(c, name);
	if (s && s->match)
		p->kind = NULL; /* somebody gave that name to another process */
	if (s && (s->match || s->mains > 0))
		return;
	if (!s && service_new(c, name, NULL, p->kind, &s) < 0)
		return;
	s->kind = p->kind;
	p->matched = true;
	service_adopt(s, p);
}

/* The lowest port is the one that was chosen: others are ephemeral. 0 where it listens to none. */
static uint16_t lowest_port(struct collector *c, pid_t pid)
{
	uint16_t ports[MATCH_PORTS_MAX], lowest = 0;
	size_t count;

	if (proc_read_ports(c->root, pid, ports, MATCH_PORTS_MAX, &count) < 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		if (lowest == 0 || ports[i] < lowest)
			lowest = ports[i];
	return lowest;
}

/* A model server has its name when it listens; the socket may be a child's. Loading weights takes
 * minutes: it is asked less often the longer that takes. */
static void search_server(struct process *p, usec_t now)
{
	struct collector *c = p->collector;
	usec_t wait = usec_since(now, p->found) / PORT_SHARE;
	size_t position = 0;
	struct process *child;
	uint16_t port;

	if (now < p->port_due)
		return;
	p->port_due = now + (wait < PORT_EVERY ? wait : PORT_EVERY);
	port = lowest_port(c, p->pid);
	while (port == 0 && (child = map_next(c->processes, &position, NULL, NULL)))
		if (child->parent == p->pid && !child->service)
			port = lowest_port(c, child->pid);
	if (port > 0)
		name_server(p, port);
}

void search_all(struct collector *c)
{
	usec_t begin = clock_monotonic();
	struct service *s;
	struct process *p;
	size_t position = 0;

	if (begin < c->search_due)
		return;
	while ((s = map_next(c->services, &position, NULL, NULL)))
		if (s->match && (s->mains == 0 || s->match->pid_file_count > 0))
			search_service(s);
	position = 0;
	while ((p = map_next(c->processes, &position, NULL, NULL)))
		if (p->kind && !p->service)
			search_server(p, begin);
	c->search_due = begin + SEARCH_SHARE * usec_since(clock_monotonic(), begin);
}
