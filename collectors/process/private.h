/* SPDX-License-Identifier: Apache-2.0 */
/* What the collector's parts share.
 *
 * Layer: collectors; included by the files of this folder alone:
 *   collector.c  the loop: ticks, start                    scan.c     which processes there are, and whose
 *   search.c     by pid file; turns of what is dear        watch.c    the end of a main process
 *   search_ports.c    by listening port                    search_servers.c  discovered servers' ports
 *   service.c    a service's life: started, exited, ended  tell.c     its events, facts and series
 *   sample.c     what its processes use                    events.c   what the kernel tells by itself
 *   memory.c     who was killed for lack of memory    unseen.c   what we lack the rights to see
 *   taken.c      processes that two services match
 *   wanted.c     the sockets of services' ports
 *   stuck.c      processes that keep us waiting
 *
 * A process row is freed by scan_lose() and service_exited() alone, and a service by service_end().
 * Whoever calls something that may reach these looks up again what it goes on with. */
#pragma once

#include "collectors/process/collector.h"
#include "collectors/process/connector.h"
#include "collectors/process/discovery.h"
#include "collectors/process/exits.h"
#include "collectors/process/proc_reader.h"
#include "collectors/process/proc_sockets.h"
#include "daemon/base/map.h"

#define TABLE_PROCESSES_MAX 65536 /* processes of the host that are kept in mind */
#define MAINS_MAX	    1024  /* main processes of a service; others are members alone */
#define DISCOVERED_MAX	    256	  /* names that are ever given to discovered services */
#define KEPT_MAX	    512	  /* descriptors that are kept open for members */
#define ANCESTORS_MAX	    64	  /* generations that are followed */

enum series_number {
#define SERIES(identifier, ...) SERIES_##identifier,
#include "collectors/process/series.def"
#undef SERIES
	SERIES_COUNT,
};

/* What a process used since it began, children that it waited for included. */
struct usage {
	double user, system; /* seconds */
	uint64_t major_faults, bytes_read, bytes_written;
};

/* By what is known again which processes a crash left: those that were there and its main's. */
struct crash {
	pid_t pid, parent, group, session;
	uint64_t lived; /* clock ticks since boot */
};

enum network {
	NETWORK_UNKNOWN, /* it was discovered before we were started */
	NETWORK_HOST,	 /* our own network namespace */
	NETWORK_OTHER,	 /* a container's */
};

struct service {
	struct collector *collector;
	char *name;
	const struct service_match *match; /* NULL: discovered */
	const struct server_kind *kind;	   /* of a discovered one */
	enum network network;		   /* of a discovered one: where it listened */
	unsigned mains, members;	   /* living processes */
	unsigned survivors; /* at the start: known mains that live and are not found yet */
	unsigned owed;	    /* mains that ended without a successor yet: the next one is a restart */
	unsigned ending;    /* ends of its mains that are being told: it is not freed meanwhile */
	bool was_up;	    /* a main process was seen, now or before */
	bool ended;	    /* told to be over; up has no value */
	bool missing;	    /* told to be missing; nobody was seen since */
	bool taken;	    /* ...and that a process matches it, but is another service's */
	bool unseen;	    /* told to be perhaps there, where we lack the rights to see */
	bool fresh;	    /* a main process began since the last tick: every gauge is told anew */
	usec_t down_since;  /* monotonic */
	usec_t orphans_due; /* monotonic: what an end left is taken on; 0 for nothing */
	usec_t successors_due; /* monotonic: they are looked for again when one ends in order */
	struct crash crash; /* while that is not 0; all 0 after an end in order */
	uint64_t restarts, oom_kills;
	uint64_t exits[EXIT_REASONS];
	struct usage gone; /* of processes that ended and that no living one counts */
	struct usage told; /* counters never fall */
	bool io_known;	   /* what it read and wrote is known, or was */
	bool calibrated;   /* `gone` makes up for what predecessors of this collector counted */
	double start_time; /* as told: Unix time */
	usec_t proportional_due; /* monotonic: a process that joins is not asked before */
	bool proportional_read;
	uint32_t ids[SERIES_COUNT];
	bool declared[SERIES_COUNT];
	bool live[SERIES_COUNT]; /* a gauge that has a value */
	size_t number;		 /* among all, while they are sampled */
};

/* What cannot be read for lack of rights. */
enum denied {
	DENIED_IO = 1 << 0,
	DENIED_FDS = 1 << 1,
	DENIED_MEMORY = 1 << 2,
};

/* Kills for lack of memory in a cgroup, at the last two looks. */
struct oom_watch {
	uint64_t before, last;
};

/* The look at the ports that a process listens to, perhaps in several turns. */
struct port_look {
	uint64_t digest; /* of the listening sockets of its network namespace */
	long position;	 /* in its open files */
	uint16_t lowest; /* port; 0 for none until now */
	bool done;
};

struct process {
	struct collector *collector;
	pid_t pid, parent, group, session;
	uint64_t start;
	uint64_t stack; /* as in struct proc_stat, of the program that was looked at last */
	struct service *service; /* whose member it is */
	bool matched;		 /* it matches by itself, not by its parent */
	bool main;
	bool unannounced; /* a main process that a new engine is still to be told of */
	bool dead;    /* a member that nobody waited for yet */
	bool kernel;  /* a thread of the kernel */
	bool hidden;  /* we lack the right to see whose it is, where more than its command line counts */
	bool present; /* seen by the listing under way */
	bool permitted;	   /* its exit status will be shown to us when it is a zombie */
	uint64_t lived;	   /* clock ticks since boot: when it lived for sure */
	uint64_t executed; /* the last exec that the connector told of: nanoseconds since boot */
	bool status_known; /* the connector told how it ends */
	int status;
	const struct server_kind *kind; /* a model server whose port is not known yet */
	usec_t port_due, found;		/* monotonic: its ports are looked at again; first seen */
	struct port_look ports;
	/* Of search_ports.c, by the number of its pass: all open files were looked at, this goes on at
	 * search_position, the owner was read. */
	uint64_t searched, searching, owner_read;
	long search_position;
	uid_t owner;
	int pidfd;
	int memory_fd;	      /* of a main process: what its cgroup says of kills, or negative */
	uint64_t memory_file; /* its number: one for each cgroup */
	enum cgroup_hierarchy memory_hierarchy;
	struct oom_watch oom; /* there */
	sd_event_source *death;
	sd_event_source *patience; /* it died; its status may still come */
	char *executable, *command_line; /* of a main process, for people */
	int stat_fd, io_fd; /* kept open for a member */
	struct usage used;
	bool active; /* it did something that was not looked at yet */
	uint64_t threads, resident, open_fds, max_fds, swap, proportional; /* resident in bytes */
	uint64_t measured; /* clock ticks since boot: when it was resident */
	usec_t proportional_due; /* monotonic */
	unsigned denied;	 /* of enum denied */
};

struct collector {
	sd_event *event;
	const struct sink *sink;
	struct collector_options options;
	int root;	       /* /proc */
	int cgroups;	       /* the tree of cgroups, or negative */
	struct bounded_reader *reader;
	struct map *processes; /* pid -> struct process */
	struct map *services;  /* name -> struct service */
	struct map *names;     /* that discovered services ever had, to themselves */
	unsigned identity;     /* enum identity_part: what services and discovery look at */
	pid_t *executed;       /* told by the connector, not looked at yet */
	size_t executed_count;
	sd_event_source *tick;
	sd_event_source *events, *glance, *exits, *mains_changed; /* of events.c */
	usec_t next_tick;     /* monotonic */
	usec_t listed;	      /* monotonic: when /proc was listed last; 0 to list at the next tick */
	bool listing;
	bool glancing; /* the connector is left alone until the glance */
	size_t recheck_next;  /* row of the table */
	double recheck_owed;  /* rows that should have been looked at again */
	usec_t rechecked;     /* monotonic */
	usec_t search_due;    /* monotonic: ports are dear to look for; 0 before the first time */
	sd_event_source *search_timer;
	struct port_search *port_search;
	usec_t taken_due;     /* monotonic: taken_check_missing() looks again */
	usec_t unseen_due;    /* monotonic: unseen_check_missing() looks again */
	usec_t slow_due;      /* monotonic: what is dear to read is read again */
	unsigned kept;	      /* descriptors kept open */
	int keep_below;	      /* a descriptor of this number or a higher one is not kept */
	uint64_t oom_kills;   /* on the whole host, at the last look */
	usec_t oom_looked;    /* monotonic; 0 for never */
	char boot[64];
	double ticks;	      /* clock ticks a second */
	uint64_t page;	      /* bytes */
	bool sees_all; /* our rights suffice for the processes of all users */
	bool told_denied, told_crowded, told_mains, told_sockets;
	char *told_stuck; /* NULL for nothing */
	bool unseen;	 /* for want of room some processes were not looked at */
	bool announcing; /* some are unannounced */
	bool failed;
};

/* Ends the loop: what the engine must know could not be told. */
void collector_fail(struct collector *c, int r);
/* False while too many events wait for the sink's acknowledgement: new processes are then left to the
 * next listing. */
bool collector_has_room(struct collector *c);
/* False where so few descriptors are left that they are needed for what is opened for a moment. */
bool collector_may_keep(const struct collector *c, int fd);
/* Of a time of CLOCK_MONOTONIC, the clock ticks since boot: what the starts of processes are in. */
uint64_t collector_boot_ticks(const struct collector *c, usec_t monotonic);

/* events.c */
int events_begin(struct collector *c);
void events_end(struct collector *c);
/* Reads what the connector has told until now; main processes that wait for it may be told of. */
void events_read(struct collector *c);
/* The main processes whose exits are to wake us, those of configured services first. Their number. */
size_t events_choose_mains(struct collector *c, pid_t pids[static CONNECTOR_PIDS_MAX]);
/* A main process began or ended: soon the exits of those that are there now wake us. */
void events_watch_mains(struct collector *c);

/* scan.c */
void scan_list(struct collector *c);
/* Looks at some again: they may have become another program unseen. */
void scan_recheck(struct collector *c);
/* The living process, known from now on and classified; or NULL. */
struct process *scan_examine(struct collector *c, pid_t pid);
/* A main process of a discovered service that was known before we were started. False where it is a
 * configured one's now. */
bool scan_resume(struct service *s, const struct proc_stat *stat);
/* A main process that was known before we were started, whatever it shows now. */
void scan_keep(struct service *s, const struct proc_stat *stat);
struct process *scan_find(struct collector *c, pid_t pid);
/* True where a member matches its service by itself now: it may be another program by now. */
bool scan_matches(struct process *p);
/* Lets a main process go that has become a program which its service does not name. What it writes over its
 * arguments makes it no other program. TOLD: the kernel told of an exec, which counts where we may not see
 * ourselves whether there was one. */
void scan_release_changed(struct process *p, bool told);
/* What descends from members is a member. */
void scan_adopt_descendants(struct service *s);
/* A process is gone, or its number belongs to another one now. A main process that is watched stays
 * until its pidfd tells. */
void scan_lose(struct process *p);
void process_free(void *process);
/* The descriptors that are kept for a member. */
void process_close_kept(struct process *p);

/* search.c */
/* Whether all keys of a service but listen-port and pid-file tell about a process. */
enum match_answer search_judge(const struct service_match *m, const struct identity *i);
/* A pid file may be anything that its service made of it, a pipe without a writer too. */
int search_read_pid_file(const char *path, pid_t *ret);
bool search_is_needed(const struct service_match *m);
/* By pid file or port, where it needs that, now. */
void search_service(struct service *s);
/* All services without a main process or with a pid file, which may name another one by now; and the ports
 * of discovered servers: what is short now, the rest in turns of the loop to come. */
void search_all(struct collector *c);
/* Whether all keys of a configured service but pid-file hold for the process; its port is looked for unless
 * LISTENING says that it has it. */
bool search_matches(struct service *s, struct process *p, bool listening);
/* The process is of the service if its other keys hold, too; unless LISTENING says so, its port is looked
 * for. A configured service takes it from a discovered one, which is over then. */
bool search_take(struct service *s, struct process *p, bool listening);
/* True where the service is configured to be found by a port that a process listens to. */
bool search_by_port(const struct service *s);
bool search_wants_port(const struct service_match *m, uint16_t port);

#define FILES_AT_ONCE 512 /* open files that are looked at between two looks at the clock */

/* One turn of a search: what is left when it is over goes on in the next one. */
struct turn {
	struct collector *collector;
	struct socket_tables tables;
	usec_t until; /* monotonic */
};
bool search_turn_is_over(const struct turn *t);
/* Where sockets are too many to look at all of them, those of configured ports still are. */
struct socket_tables search_tables(struct collector *c);

/* search_ports.c: true where it is to go on soon. */
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
struct port_search *port_search_free(struct port_search *s);

/* search_servers.c: true where it is to go on soon. */
bool search_servers(struct turn *t);

/* unseen.c */
/* True where a process may well be the configured service's, but we lack the rights to see that. */
bool unseen_may_run(struct service *s);
/* Now and then, whether that is so by now of services that were told to be missing: then they are not. */
void unseen_check_missing(struct collector *c);

/* stuck.c */
/* Looks again at processes that kept us waiting, and tells of those that do so for long. */
void stuck_look_again(struct collector *c);

/* taken.c */
/* A main process of another configured service that matches this one, too; NULL for none. */
const struct process *taken_find(struct service *s);
/* Now and then, whether there is one by now of services that were told to be missing. */
void taken_check_missing(struct collector *c);

/* watch.c */
void watch_begin(struct process *p);
void watch_end(struct process *p);
/* How a dead process ended, as far as that can be known now. */
bool watch_status(struct process *p, int *ret);
/* False where the first thread may have ended so alone, by itself or by seccomp, and another one decided
 * how the process ended. */
bool watch_status_is_of_all(int status);

/* memory.c */
void memory_begin(struct process *p);
void memory_end(struct process *p);
/* Looks at the kernel's kills for lack of memory, now and then. */
void memory_watch(struct collector *c);
/* Whether one of them explains the SIGKILL of this main process just seen. */
enum out_of_memory memory_claim_kill(struct process *p);
/* Bytes that the cgroup (of version 2) of a main process, perhaps a zombie, ever held; 0 where unknown. */
uint64_t memory_cgroup_peak(struct process *p);

/* service.c */
struct service *service_get(struct collector *c, const char *name);
/* -E2BIG where it is a discovered one and there were too many of other names: series are never
 * forgotten, and whoever opens ports would use them up. */
int service_new(struct collector *c, const char *name, const struct service_match *match,
	const struct server_kind *kind, struct service **ret);
void service_free(void *service);
/* The process becomes a member; a main one if its parent is no member. */
void service_adopt(struct service *s, struct process *p);
/* A member that is no main process is gone: what it used counts on unless its parent, which waited
 * for it, counts it. */
void service_leave(struct process *p, bool counted_by_parent);
/* A main process is gone; its row is freed, and perhaps its service. STATUS may be NULL. */
void service_exited(struct process *p, const int *status);
/* Takes on what crashes left and what still lives and matches now. */
void service_take_orphans(struct collector *c);
/* A main process that the engine knew is not there any more. */
void service_missed(struct service *s, const struct known_process *known);
/* A main process that the engine knew lives on, but is not the service's any more. */
void service_released(struct service *s, const struct known_process *known);
/* A main process of a configured service lives on, but does not match any more: it is nobody's. */
void service_release(struct process *p);
/* After the first look: what should be there and is not. */
void service_check_missing(struct service *s);
/* A discovered service is over: its processes are nobody's, and it is freed. */
void service_end(struct service *s);

/* tell.c */
int tell_series(struct service *s, enum series_number number, uint32_t *ret_id);
void tell_fact(struct service *s, const char *key, const char *value);
/* Keeps what is shown to people of a main process, and tells of a discovered server. */
void tell_identity(struct process *p);
/* A discovered service has no process any more, perhaps for a while. */
void tell_server_gone(struct service *s);
void tell_started(struct service *s, const struct process *p);
/* P or KNOWN: who it was. */
void tell_exited(struct service *s, const struct process *p, const struct known_process *known,
	const struct exit_facts *f);
void tell_released(struct service *s, const struct known_process *known);
/* TAKEN: a process that matches it, but is another service's; NULL for none. */
void tell_missing(struct service *s, const struct process *taken);
/* Whether it is there cannot be seen, or (UNSEEN false) it is seen now. */
void tell_unseen(struct service *s, bool unseen);
void tell_ended(struct service *s);
/* Finds out what the daemon's rights suffice for: facts for `modelwatch doctor`. */
void tell_rights(struct collector *c);
/* Says once that rights do not suffice for everything. */
void tell_denied(struct collector *c);
/* Says once that a service has more main processes than are told of. */
void tell_many_mains(struct service *s);
/* Which processes keep us waiting; NULL: none any more. */
void tell_stuck(struct collector *c, const char *text);
/* Says once that no more services are discovered. */
void tell_crowded(struct collector *c);
/* Says once that more sockets listen than are looked at. */
void tell_many_sockets(struct collector *c);

/* sample.c */
void sample_all(struct collector *c);
/* 0; -ESRCH where it is gone or dead. */
int sample_process(struct process *p);
