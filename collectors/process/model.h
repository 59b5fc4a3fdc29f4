/* SPDX-License-Identifier: Apache-2.0 */
/* What the collector's parts share: the host's services and processes, as far as they are known.
 *
 * Layer: collectors; of this folder alone.
 *
 * While the collector lives a process row is freed by scan_lose() and service_exited() alone, and a service
 * by service_end(); collector_free() frees what is left. Whoever calls something that may reach the former
 * looks up again what it goes on with. */
#pragma once

#include "collectors/process/collector.h"
#include "collectors/process/connector.h"
#include "collectors/process/discovery.h"
#include "collectors/process/exits.h"
#include "collectors/process/proc_reader.h"
#include "collectors/process/proc_sockets.h"
#include "collectors/process/units.h"
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

/* Whether it was expected when that was judged last, perhaps by a predecessor. */
enum expectation {
	EXPECTATION_UNKNOWN,
	EXPECTED,
	NOT_EXPECTED,
};

/* Of missing.c: why a service has no process. */
struct absence {
	bool asked;		    /* the round under way looks for a reason */
	pid_t judged;		    /* it matches, but for its port, which is looked at just now */
	size_t unread;		    /* named by its units, and could not be looked at */
	pid_t found;		    /* in this round: it matches, but is another service's; 0 for none */
	unsigned tellings;	    /* since it is missing */
	const struct service *taken; /* as told: a process of that one matches. Configured: it stays */
	bool overlooked;	    /* as told: there are processes that could not be looked at */
	usec_t due;		    /* monotonic: another reason is told from then on */
};

/* Of grace.c: the service is down while systemd is at work on it. Times are of clock_boot(). */
struct grace {
	bool held;	  /* it is, or was for too long */
	usec_t since;	  /* what that counts from, */
	double told;	  /* as told: Unix time, */
	usec_t first;	  /* and the first of such times since it was up */
	bool loaded;	  /* a process of it was seen since then that did not listen yet */
	bool rebooted;	  /* its processes are gone with an earlier boot, and its units were not judged */
	usec_t begins_at; /* it never was up, and its units begin since then; 0 where they do not */
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
	bool missing;	    /* it should be there; nobody was seen since that was found out */
	struct absence absence;
	enum expectation expectation;
	struct grace grace;
	struct unit_telling units; /* what was told of its units */
	const char *told_absence; /* static; NULL for nothing */
	bool doubted;	    /* `doctor` says why it may be there, and not be found */
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
	uint64_t port_pass; /* of search_ports.c: the last pass that looks for who has its port */
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

/* Of watch.c: the end of a main process. */
struct process_watch {
	int pidfd;
	sd_event_source *death;
	sd_event_source *patience; /* it died; its status may still come */
	bool status_known;	   /* the connector told how it ends */
	int status;
	bool permitted; /* its exit status will be shown to us when it is a zombie */
	uint64_t lived; /* clock ticks since boot: when it lived for sure */
	sd_event_source *word; /* it ended: systemd may say more of that, */
	bool end_known;	       /* and so it ended, */
	int end_status;	       /* as far as that is known */
};

/* Of memory.c: what its cgroup says of kills for lack of memory. */
struct process_memory {
	int fd;	       /* of a main process, or negative */
	uint64_t file; /* its number: one for each cgroup */
	enum cgroup_hierarchy hierarchy;
	struct {
		uint64_t before, last;
	} kills; /* there, at the last two looks */
	enum out_of_memory claim; /* whether its end was for that, */
	uint64_t peak;		  /* and what its cgroup ever held; 0 where unknown */
};

/* Of search_servers.c: the look at the ports that a process listens to, perhaps in several turns. */
struct port_look {
	uint64_t digest; /* of the listening sockets of its network namespace */
	long position;	 /* in its open files */
	uint16_t lowest; /* port; 0 for none until now */
	bool done;
};
struct process_server {
	const struct server_kind *kind; /* a model server whose port is not known yet */
	usec_t due, found;		/* monotonic: its ports are looked at again; first seen */
	struct port_look ports;
};

/* Of search_ports.c, by the number of its pass: all open files were looked at, this goes on at the
 * position, the owner was read. */
struct process_pass {
	uint64_t done, begun, owner_read;
	long position;
	uid_t owner;
};

/* Of sample.c. */
struct process_use {
	int stat_fd, io_fd; /* kept open for a member */
	struct usage total;
	bool active; /* it did something that was not looked at yet */
	uint64_t threads, resident, open_fds, max_fds, swap, proportional; /* resident in bytes */
	uint64_t measured; /* clock ticks since boot: when it was resident */
	usec_t proportional_due; /* monotonic */
	bool proportional_awaited; /* it was asked for and did not answer in time */
	unsigned denied;	 /* of enum denied */
};

struct process {
	struct collector *collector;
	pid_t pid, parent, group, session;
	uint64_t start;
	uint64_t stack; /* as in struct proc_stat, of the program that was looked at last */
	uint64_t executed; /* the last exec that the connector told of: nanoseconds since boot */
	struct service *service; /* whose member it is */
	bool matched;		 /* it matches by itself, not by its parent */
	bool main;
	bool unjudged;	  /* a main process from before, which kept us waiting: whether it still is one */
	bool unannounced; /* a main process that a new engine is still to be told of */
	bool dead;	  /* a member that nobody waited for yet */
	bool kernel;	  /* a thread of the kernel */
	bool unread;		 /* it kept us waiting: nobody knows whose it is */
	bool hidden;  /* we lack the right to see whose it is, where more than its command line counts */
	bool present; /* seen by the listing under way */
	char *executable, *command_line; /* of a main process, for people */
	char *unit;			 /* that named it as a main process; NULL for none */
	char *found_by; /* the command line that the program had which was looked at last, without secrets */
	struct process_watch watch;
	struct process_memory memory;
	struct process_server server;
	struct process_pass pass;
	struct process_use use;
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
	struct map *units;     /* name -> struct known_unit */
	bool units_known;      /* all were told as they are */
	usec_t units_unknown;  /* of clock_boot(): since then they were not */
	bool units_pending;    /* one named a process that did not execute its program yet: */
	sd_event_source *units_again; /* it is looked at again */
	usec_t units_again_after;     /* 0 before the first time */
	unsigned ends_waiting; /* ends of main processes that wait for systemd's word */
	bool started;	       /* collector_start() was called */
	struct map *container_names; /* id -> name, of those that were asked for */
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
	usec_t missing_due;   /* monotonic: missing_check() looks again */
	bool missing_going;   /* not every process was looked at yet */
	size_t missing_next;  /* row of the table: the look goes on there */
	usec_t unseen_due;    /* monotonic: unseen_check_missing() looks again */
	usec_t slow_due;      /* monotonic: what is dear to read is read again */
	unsigned kept;	      /* descriptors kept open */
	int keep_below;	      /* a descriptor of this number or a higher one is not kept */
	uint64_t oom_kills;   /* on the whole host, at the last look */
	usec_t oom_looked;    /* monotonic; 0 for never */
	struct resumption *resumption; /* until the first look is over */
	char boot[64];
	double ticks;	      /* clock ticks a second */
	uint64_t page;	      /* bytes */
	bool sees_all; /* our rights suffice for the processes of all users */
	bool told_denied, told_crowded, told_mains, told_sockets;
	char *told_stuck; /* NULL for nothing */
	bool incomplete; /* for want of room some processes were not looked at */
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
