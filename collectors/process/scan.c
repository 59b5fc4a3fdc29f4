/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the processes of services: by what they are, by pid files, by ports. */
#include <string.h>
#include <unistd.h>

#include "collectors/process/private.h"
#include "daemon/base/file.h"
#include "daemon/base/num.h"
#include "daemon/base/text.h"

#define PID_FILE_MAX	64 /* bytes */
#define PORT_ATTEMPTS	36000 /* looks for the port of a model server that is starting: hours */

struct process *scan_find(struct collector *c, pid_t pid)
{
	return map_get(c->processes, &pid, sizeof(pid));
}

void process_free(void *process)
{
	struct process *p = process;

	sd_event_source_disable_unref(p->death);
	sd_event_source_disable_unref(p->patience);
	close_fd(&p->pidfd);
	free(p->executable);
	free(p->command_line);
	free(p);
}

void scan_detach(struct process *p)
{
	map_remove(p->collector->processes, &p->pid, sizeof(p->pid));
}

/* A process is gone, or its number belongs to another one now. */
static void lose(struct process *p)
{
	struct service *s = p->service;

	if (p->main) {
		int status;
		bool told = collector_take_exit(p->collector, p->pid, &status);

		/* Its pidfd tells more, unless it could not be opened any more. */
		if (p->death || p->patience)
			return;
		service_exited(p, told ? &status : NULL, true);
		return;
	}
	if (s) {
		const struct process *parent = scan_find(p->collector, p->parent);

		s->members--;
		sample_bury(p, parent && parent->service == s);
	}
	scan_detach(p);
	process_free(p);
}

static bool has_way_beyond(const struct service_match *m)
{
	return m->port_count > 0 || m->pid_file_count > 0;
}

static bool matches(const struct service_match *m, pid_t pid, const struct identity *i)
{
	struct match_subject subject = {pid, i->user, i->executable, i->command_line,
		i->cgroups.data ? i->cgroups.data : "", i->cgroups.size};

	return match_process(m, &subject);
}

/* The configured service that the process matches by itself, or NULL. */
static struct service *find_service(struct collector *c, pid_t pid, const struct identity *i)
{
	for (size_t n = 0; n < c->options.service_count; n++) {
		const struct service_match *m = &c->options.services[n];

		if (!has_way_beyond(m) && matches(m, pid, i))
			return service_get(c, m->name);
	}
	return NULL;
}

/* What a member starts is a member. */
static struct service *find_parent_service(struct collector *c, const struct process *p)
{
	const struct process *parent = scan_find(c, p->parent);

	return parent ? parent->service : NULL;
}

static void classify(struct process *p)
{
	struct collector *c = p->collector;
	struct service *inherited = find_parent_service(c, p);
	struct identity i;
	struct service *s;

	if (p->service)
		return;
	if (proc_read_identity(c->root, p->pid, &i) < 0)
		return;
	s = find_service(c, p->pid, &i);
	p->matched = s != NULL;
	if (s || inherited)
		service_adopt(s ? s : inherited, p);
	else if (c->options.discovery) {
		struct process_text text = {
			i.executable, i.comm, i.arguments, i.argument_count};

		p->kind = discovery_match(&text);
		p->attempts = 0;
	}
	identity_done(&i);
}

/* A new row of the table, or NULL. */
static struct process *add_process(struct collector *c, pid_t pid, const struct proc_stat *stat)
{
	struct process *p;

	if (map_size(c->processes) >= PROCESSES_MAX)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p) {
		collector_fail(c, -ENOMEM);
		return NULL;
	}
	*p = (struct process){.collector = c,
		.pid = pid,
		.parent = stat->parent,
		.start = stat->start,
		.present = true,
		.pidfd = -1};
	if (map_put(c->processes, &pid, sizeof(pid), p, NULL) < 0) {
		process_free(p);
		collector_fail(c, -ENOMEM);
		return NULL;
	}
	return p;
}

void scan_resume(struct service *s, const struct proc_stat *stat)
{
	struct collector *c = s->collector;
	struct process *p;

	if (scan_find(c, stat->pid))
		return;
	p = add_process(c, stat->pid, stat);
	if (!p)
		return;
	p->matched = true;
	service_adopt(s, p);
}

void scan_examine(struct collector *c, pid_t pid)
{
	struct process *p = scan_find(c, pid);
	struct proc_stat stat;

	if (proc_read_stat(c->root, pid, &stat) < 0 || stat.state == 'Z' || stat.state == 'X')
		return;
	if (p && p->start != stat.start) {
		lose(p);
		p = scan_find(c, pid);
	}
	if (!p)
		p = add_process(c, pid, &stat);
	if (!p)
		return;
	p->parent = stat.parent;
	classify(p);
}

static void on_listed(void *userdata, pid_t pid)
{
	struct collector *c = userdata;
	struct process *p = scan_find(c, pid);

	if (p)
		p->present = true;
	else
		scan_examine(c, pid);
}

void scan_list(struct collector *c)
{
	struct process *p;
	size_t position = 0;
	int r;

	while ((p = map_next(c->processes, &position, NULL, NULL)))
		p->present = false;
	r = proc_each(c->root, on_listed, c);
	if (r < 0) {
		collector_fail(c, r);
		return;
	}
	c->listed = clock_monotonic();
	position = 0;
	while ((p = map_next(c->processes, &position, NULL, NULL))) {
		size_t before = map_size(c->processes);

		if (p->present)
			continue;
		lose(p);
		if (map_size(c->processes) < before)
			position--;
	}
}

static int read_pid_file(const char *path, pid_t *ret)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	uint32_t pid;
	int r = file_read(path, PID_FILE_MAX, &text);

	if (r < 0)
		return r;
	if (text.size > 0 && text.data[text.size - 1] == '\n')
		text.data[--text.size] = '\0';
	r = num_parse_u32(text.data ? text.data : "", &pid);
	if (r < 0 || pid == 0 || pid > INT32_MAX)
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

/* The process is of the service if its other keys hold, too. */
static bool adopt_if_matching(struct service *s, struct process *p)
{
	struct identity i;
	bool matching;

	if (p->service || proc_read_identity(p->collector->root, p->pid, &i) < 0)
		return false;
	matching = matches(s->match, p->pid, &i) &&
		   (s->match->port_count == 0 ||
			   listens(p->collector, p->pid, s->match->ports, s->match->port_count));
	identity_done(&i);
	if (!matching)
		return false;
	p->matched = true;
	service_adopt(s, p);
	return true;
}

static void search_pid_files(struct service *s)
{
	struct collector *c = s->collector;

	for (size_t i = 0; i < s->match->pid_file_count; i++) {
		struct process *p;
		pid_t pid;

		if (read_pid_file(s->match->pid_files[i], &pid) < 0)
			continue;
		scan_examine(c, pid);
		p = scan_find(c, pid);
		if (p)
			adopt_if_matching(s, p);
	}
}

/* The inode of a socket of our network namespace that listens to one of the ports, or 0. */
static uint64_t find_socket(struct collector *c, const struct service_match *m)
{
	uint64_t inode;

	for (size_t i = 0; i < m->port_count; i++)
		if (proc_find_listener(c->root, m->ports[i], &inode) == 0)
			return inode;
	return 0;
}

/* Ancestors come first: a server's workers share its socket, and it is their parent. */
static void search_port(struct service *s)
{
	struct collector *c = s->collector;
	uint64_t inode = find_socket(c, s->match);
	struct process *p;
	size_t position = 0;
	bool found = false;

	if (inode == 0 || inode == s->refused_inode)
		return;
	while ((p = map_next(c->processes, &position, NULL, NULL)))
		if (!p->service && proc_has_socket(c->root, p->pid, inode) &&
			adopt_if_matching(s, p))
			found = true;
	/* Without the right to look it would be in vain every time, and it is dear. */
	s->refused_inode = found ? 0 : inode;
}

static void name_server(struct process *p, uint16_t port)
{
	struct collector *c = p->collector;
	char name[64];
	struct service *s;

	snprintf(name, sizeof(name), "%s-%u", p->kind->name, port);
	s = service_get(c, name);
	if (s && (s->match || s->mains > 0))
		return;
	if (!s && service_new(c, name, NULL, p->kind, &s) < 0)
		return;
	s->kind = p->kind;
	p->matched = true;
	service_adopt(s, p);
}

/* A model server has its name when it listens; the socket may be a child's. */
static void search_server(struct process *p)
{
	struct collector *c = p->collector;
	uint16_t ports[MATCH_PORTS_MAX];
	struct process *child;
	size_t count = 0, position = 0;

	if (++p->attempts > PORT_ATTEMPTS) {
		p->kind = NULL;
		return;
	}
	/* Less often the longer it takes: loading weights takes minutes. */
	if (p->attempts > 60 && p->attempts % 10 != 0)
		return;
	proc_read_ports(c->root, p->pid, ports, MATCH_PORTS_MAX, &count);
	while (count == 0 && (child = map_next(c->processes, &position, NULL, NULL)))
		if (child->parent == p->pid && !child->service)
			proc_read_ports(c->root, child->pid, ports, MATCH_PORTS_MAX, &count);
	if (count == 0)
		return;
	/* The lowest is the one that was chosen: others are ephemeral. */
	for (size_t i = 1; i < count; i++)
		if (ports[i] < ports[0])
			ports[0] = ports[i];
	name_server(p, ports[0]);
}

void scan_search(struct collector *c)
{
	struct service *s;
	struct process *p;
	size_t position = 0;

	while ((s = map_next(c->services, &position, NULL, NULL))) {
		if (!s->match || s->mains > 0 || s->match->unsupported)
			continue;
		if (s->match->pid_file_count > 0)
			search_pid_files(s);
		else if (s->match->port_count > 0)
			search_port(s);
	}
	position = 0;
	while ((p = map_next(c->processes, &position, NULL, NULL)))
		if (p->kind && !p->service)
			search_server(p);
}
