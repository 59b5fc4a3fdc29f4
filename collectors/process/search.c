/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of services that a look at each process does not tell: by pid file, which is cheap and done
 * at every tick, and what is dear, in short turns with rests between them: by listening port
 * (search_ports.c), and the ports of discovered servers (search_servers.c). */
#include "collectors/process/search.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/process/container_names.h"
#include "collectors/process/doctor.h"
#include "collectors/process/pace.h"
#include "collectors/process/proc_sockets.h"
#include "collectors/process/scan.h"
#include "collectors/process/service.h"
#include "collectors/process/unit_search.h"
#include "daemon/base/file.h"
#include "daemon/base/num.h"
#include "daemon/base/text.h"

#define PID_FILE_MAX 64 /* bytes */
#define TURN_MAX     (10 * USEC_PER_MSEC) /* then others have theirs */
#define TURN_FIRST   (300 * USEC_PER_MSEC) /* at the start nobody waits, but a heartbeat */
#define TURN_AT_ONCE (50 * USEC_PER_MSEC) /* where the answer is needed now */
#define REST_TIMES   9 /* a turn rests for so many times as long as it took */
#define REST_MAX     USEC_PER_SEC
#define FILES_MAX     65536 /* open files that are looked at where there is no turn to wait for */

bool search_is_needed(const struct service_match *m)
{
	return m->port_count > 0 || m->pid_file_count > 0 || m->unit_count > 0;
}

static bool is_in(void *userdata, const struct service_match *m, const char *container,
	const struct match_subject *p)
{
	return container_names_match(userdata, m, container, p->cgroups, p->cgroups_size);
}

enum match_answer search_judge(
	struct collector *c, const struct service_match *m, const struct identity *i)
{
	struct match_subject subject = {.user = i->user,
		.executable = i->executable,
		.executable_denied = i->executable_denied,
		.files_denied = i->files_denied,
		.command_line = i->command_line,
		.cgroups = i->cgroups.data ? i->cgroups.data : "",
		.cgroups_size = i->cgroups.size,
		.is_in = is_in,
		.userdata = c};

	return match_process(m, &subject);
}

/* A device does something when it is opened: what the path leads to is looked at first, and that very file is
 * opened then. */
static int open_regular(const char *path)
{
	_cleanup_close_ int found = open(path, O_PATH | O_CLOEXEC);
	char name[32];
	struct stat st;
	int fd;

	if (found < 0 || fstat(found, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", found);
	fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int search_read_pid_file(const char *path, pid_t *ret)
{
	_cleanup_close_ int fd = open_regular(path);
	_cleanup_buf_ struct buf text = BUF_INIT;
	uint32_t pid;
	int r;

	if (fd < 0)
		return fd;
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

static bool keeps(void *userdata, uint16_t port)
{
	return search_is_wanted(userdata, port);
}

struct socket_tables search_tables(struct collector *c)
{
	return (struct socket_tables){.root = c->root, .keeps = keeps, .userdata = c};
}

bool search_turn_is_over(const struct turn *t)
{
	return clock_monotonic() >= t->until;
}

/* Whether it listens to one of the ports. */
struct listening {
	const struct socket_table *table;
	const struct service_match *match;
	bool found;
};

bool search_wants_port(const struct service_match *m, uint16_t port)
{
	for (size_t i = 0; i < m->port_count; i++)
		if (m->ports[i] == port)
			return true;
	return false;
}

static void on_socket(void *userdata, uint64_t inode)
{
	struct listening *l = userdata;
	const struct tcp_listener *socket = socket_table_find(l->table, inode);

	l->found |= socket && search_wants_port(l->match, socket->port);
}

static bool listens(
	struct collector *c, pid_t pid, const struct service_match *m, struct socket_tables *tables)
{
	struct listening l = {socket_tables_get(tables, pid), m, false};
	long position = 0;

	for (size_t i = 0; l.table && l.table->count > 0 && !l.found && i < FILES_MAX / FILES_AT_ONCE;
		i++)
		if (proc_walk_sockets(c->root, pid, &position, FILES_AT_ONCE, on_socket, &l) != 1)
			break;
	return l.found;
}

bool search_matches_by(struct service *s, struct process *p, struct socket_tables *tables)
{
	struct identity i;
	bool matching;

	if (proc_read_identity(p->collector->reader, p->pid, p->collector->identity, &i) < 0)
		return false;
	matching = search_judge(s->collector, s->match, &i) == MATCH_YES &&
		   (!tables || s->match->port_count == 0 ||
			   listens(p->collector, p->pid, s->match, tables));
	identity_done(&i);
	return matching;
}

bool search_matches(struct service *s, struct process *p, bool listening)
{
	struct socket_tables tables = search_tables(s->collector);
	bool matching = search_matches_by(s, p, listening ? NULL : &tables);

	socket_tables_done(&tables);
	return matching;
}

bool search_pid_file_names(const struct service_match *m, pid_t pid)
{
	pid_t named;

	for (size_t i = 0; i < m->pid_file_count; i++)
		if (search_read_pid_file(m->pid_files[i], &named) == 0 && named == pid)
			return true;
	return m->pid_file_count == 0;
}

bool search_finds(struct service *s, pid_t pid, const struct identity *i)
{
	struct socket_tables tables = search_tables(s->collector);
	const struct service_match *m = s->match;
	bool found = search_is_needed(m) && search_judge(s->collector, m, i) == MATCH_YES &&
		     (!units_has(s) || unit_search_names(s, pid)) && search_pid_file_names(m, pid) &&
		     (m->port_count == 0 || listens(s->collector, pid, m, &tables));

	socket_tables_done(&tables);
	return found;
}

bool search_take(struct service *s, struct process *p, bool listening)
{
	if ((p->service && p->service->match) || p->kernel || !search_matches(s, p, listening))
		return false;
	if (p->service)
		service_end(p->service);
	p->matched = true;
	service_adopt(s, p);
	return true;
}

bool search_confirm(struct service *s, struct process *p, bool listening)
{
	if (p->service != s)
		return false;
	if (!p->main && !p->matched && search_matches(s, p, listening))
		service_confirm(p);
	return true;
}

static void search_pid_files(struct service *s)
{
	for (size_t i = 0; i < s->match->pid_file_count; i++) {
		struct process *p;
		pid_t pid;

		if (search_read_pid_file(s->match->pid_files[i], &pid) < 0)
			continue;
		p = scan_find(s->collector, pid);
		if (p && search_confirm(s, p, false))
			continue;
		p = scan_examine(s->collector, pid);
		if (p)
			search_take(s, p, false);
	}
}

bool search_by_port(const struct service *s)
{
	return s->match && !s->match->impossible && s->match->pid_file_count == 0 && !units_has(s) &&
	       s->match->port_count > 0;
}

static struct turn turn_begin(struct collector *c, usec_t length)
{
	return (struct turn){.collector = c,
		.tables = search_tables(c),
		.until = clock_monotonic() + length};
}

void search_service(struct service *s)
{
	if (units_has(s) && !s->match->impossible)
		unit_search(s);
	else if (s->match->pid_file_count > 0 && !s->match->impossible)
		search_pid_files(s);
	else if (search_by_port(s)) {
		struct turn t = turn_begin(s->collector, TURN_AT_ONCE);

		search_ports_of(&t, s);
		socket_tables_done(&t.tables);
	}
}

static int on_rested(sd_event_source *source, uint64_t now, void *userdata);

/* What is left goes on after the rest, not at the next tick only. */
static void go_on_after(struct collector *c, usec_t rest)
{
	int r = c->search_timer ? sd_event_source_set_time_relative(c->search_timer, rest)
				: sd_event_add_time_relative(c->event, &c->search_timer,
					  CLOCK_MONOTONIC, rest, USEC_PER_MSEC, on_rested, c);

	if (r >= 0)
		r = sd_event_source_set_enabled(c->search_timer, SD_EVENT_ONESHOT);
	if (r < 0)
		collector_fail(c, r);
}

static void search_turn(struct collector *c, usec_t length)
{
	usec_t begin = clock_monotonic(), rest;
	struct turn t = turn_begin(c, length);
	bool more = search_ports(&t);

	t.until = clock_monotonic() + length;
	more |= search_servers(&t);
	for (size_t i = 0; i < t.tables.count; i++)
		if (t.tables.items[i].cut)
			doctor_many_sockets(c);
	socket_tables_done(&t.tables);
	rest = pace_rest(usec_since(clock_monotonic(), begin), REST_TIMES, REST_MAX);
	c->search_due = clock_monotonic() + rest;
	if (more)
		go_on_after(c, rest);
}

static int on_rested(sd_event_source *source, uint64_t now, void *userdata)
{
	search_turn(userdata, TURN_MAX);
	return 0;
}

void search_all(struct collector *c)
{
	struct service *s;
	size_t position = 0;

	while ((s = map_next(c->services, &position, NULL, NULL))) {
		if (s->match && (s->match->pid_file_count > 0 || units_has(s)))
			search_service(s);
		/* One that loads may do so for too long. */
		if (units_has(s) && !c->resumption)
			service_check_missing(s);
	}
	if (c->search_due == 0)
		search_turn(c, TURN_FIRST);
	else if (clock_monotonic() >= c->search_due)
		search_turn(c, TURN_MAX);
}
