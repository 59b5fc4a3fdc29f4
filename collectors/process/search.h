/* SPDX-License-Identifier: Apache-2.0 */
/* Services that are found by pid file or by port, and the ports of discovered servers: search.c gives turns
 * to search_ports.c and search_servers.c.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

/* Whether all keys of a service but unit, listen-port and pid-file tell about a process. */
enum match_answer search_judge(
	struct collector *c, const struct service_match *m, const struct identity *i);
/* A pid file may be anything that its service made of it, a pipe without a writer too: 0, -errno of opening
 * or reading it, or -EBADMSG where it is no regular file with a number in it. */
int search_read_pid_file(const char *path, pid_t *ret);
/* True where the service is found by a pid file or a port: the look at each process does not tell then. */
bool search_is_needed(const struct service_match *m);
/* By pid file or port, where it needs that, now. */
void search_service(struct service *s);
/* All services without a main process or with a pid file, which may name another one by now; and the ports
 * of discovered servers: what is short now, the rest in turns of the loop to come. */
void search_all(struct collector *c);
/* Whether all keys of a configured service which is found by pid file or port hold for a process with that
 * identity. */
bool search_finds(struct service *s, pid_t pid, const struct identity *i);
/* True where a pid file of the service names the process, or it has none. */
bool search_pid_file_names(const struct service_match *m, pid_t pid);
/* Whether all keys of a configured service but pid-file hold for the process; its port is looked for unless
 * LISTENING says that it has it. */
bool search_matches(struct service *s, struct process *p, bool listening);
/* The same where many are looked at in one go: the port is looked for in TABLES; NULL where it has it. */
bool search_matches_by(struct service *s, struct process *p, struct socket_tables *tables);
/* The process is of the service if its other keys hold, too; unless LISTENING says so, its port is looked
 * for. A configured service takes it from a discovered one, which is over then. */
bool search_take(struct service *s, struct process *p, bool listening);
/* True for a member of the service: one that is no main process may become one from now on, if its other keys
 * hold. LISTENING as above. */
bool search_confirm(struct service *s, struct process *p, bool listening);
/* True where the service is configured to be found by a port that a process listens to. */
bool search_by_port(const struct service *s);
/* True where the port is among those that the service is found by. */
bool search_wants_port(const struct service_match *m, uint16_t port);

#define FILES_AT_ONCE 512 /* open files that are looked at between two looks at the clock */

/* One turn of a search: what is left when it is over goes on in the next one. */
struct turn {
	struct collector *collector;
	struct socket_tables tables;
	usec_t until; /* monotonic */
};
bool search_turn_is_over(const struct turn *t);
/* Empty ones, which are read as they are asked for; the caller ends them by socket_tables_done(). Where
 * sockets are too many to look at all of them, those of configured ports still are. */
struct socket_tables search_tables(struct collector *c);

/* search_ports.c */
/* True where it is to go on soon. */
bool search_ports(struct turn *t);
/* For one service alone. */
void search_ports_of(struct turn *t, struct service *s);
/* True where a configured service is found by that port. */
bool search_is_wanted(struct collector *c, uint16_t port);
/* True where not every process was looked at yet: service_check_missing() is called after that. */
bool search_is_pending(struct collector *c);
/* True where a socket listens to a port of the service, and the last pass, which is over, saw nobody
 * who has it. */
bool search_has_unseen_socket(struct service *s);
/* Frees what search_ports() keeps from turn to turn in c->port_search; NULL is accepted and returned. */
struct port_search *port_search_free(struct port_search *s);

/* search_servers.c */
/* True where it is to go on soon. */
bool search_servers(struct turn *t);
