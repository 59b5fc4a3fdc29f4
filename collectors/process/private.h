/* SPDX-License-Identifier: Apache-2.0 */
/* What the collector's parts share.
 *
 * Layer: collectors; included by the files of this folder alone:
 *   collector.c  the loop: descriptors, timers, start     scan.c     finding processes of services
 *   service.c    a service's life: started, exited, ended  sample.c   what its processes use */
#pragma once

#include "collectors/process/collector.h"
#include "collectors/process/discovery.h"
#include "collectors/process/exits.h"
#include "collectors/process/proc_reader.h"
#include "daemon/base/map.h"

#define PROCESSES_MAX 65536 /* processes of the host that are kept in mind */
#define SERVICES_MAX  1024  /* configured and discovered */
#define EXITS_MAX     1024  /* ends that the connector told of and nobody has asked for yet */

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

struct service {
	struct collector *collector;
	char *name;
	const struct service_match *match; /* NULL: discovered */
	const struct server_kind *kind;	   /* of a discovered one */
	unsigned mains, members;	   /* living processes */
	unsigned owed;	   /* mains that ended without a successor yet: the next one is a restart */
	bool was_up;	   /* a main process was seen, now or before */
	bool ended;	   /* told to be over; up has no value */
	usec_t down_since; /* monotonic */
	uint64_t restarts, oom_kills;
	uint64_t exits[EXIT_REASONS];
	struct usage gone; /* of processes that ended and that no living one counts */
	struct usage told; /* counters never fall */
	bool calibrated;   /* `gone` makes up for what predecessors of this collector counted */
	uint64_t proportional;
	usec_t proportional_due; /* monotonic */
	uint64_t refused_inode;	 /* a listening socket whose owner could not be found */
	uint32_t ids[SERIES_COUNT];
	bool declared[SERIES_COUNT];
	bool live[SERIES_COUNT]; /* a gauge that has a value */
	size_t number;		 /* among all, while they are sampled */
};

struct process {
	struct collector *collector;
	pid_t pid, parent;
	uint64_t start;
	struct service *service; /* whose member it is, for the rest of its life */
	bool matched;		 /* it matches by itself, not by its parent */
	bool main;
	bool present; /* seen by the listing under way */
	const struct server_kind *kind; /* a model server whose port is not known yet */
	unsigned attempts;		/* at finding the port */
	int pidfd;
	sd_event_source *death;
	sd_event_source *patience; /* it died; its status may still come */
	char *executable, *command_line; /* of a main process, for people */
	struct usage used;
	uint64_t resident;
};

struct exit_status {
	pid_t pid;
	int status;
};

struct collector {
	sd_event *event;
	const struct sink *sink;
	struct collector_options options;
	int root; /* /proc */
	struct map *processes; /* pid -> struct process */
	struct map *services;  /* name -> struct service */
	struct exit_status exits[EXITS_MAX];
	size_t next_exit;
	pid_t *executed; /* told by the connector, not looked at yet */
	size_t executed_count;
	sd_event_source *events, *tick, *glance;
	usec_t listed;	      /* monotonic: when /proc was listed last */
	usec_t slow_due;      /* monotonic: what is dear to read is read again */
	uint64_t oom_kills;   /* of the host, at the last look */
	char boot[64];
	double ticks;	      /* clock ticks a second */
	bool told_io;	      /* that some counters may not be read */
};

/* Ends the loop: what the engine must know could not be told. */
void collector_fail(struct collector *c, int r);
/* The status of an ended process, if the connector told. */
bool collector_take_exit(struct collector *c, pid_t pid, int *ret);
/* Takes in what the connector has told; what was executed is looked at by the next glance. */
void collector_read_events(struct collector *c);
void collector_glance_soon(struct collector *c);

/* scan.c */
void scan_list(struct collector *c);
void scan_examine(struct collector *c, pid_t pid);
/* A main process of a service that was known before we were started. */
void scan_resume(struct service *s, const struct proc_stat *stat);
/* What a listing does not find: by pid file, by port; ports of discovered servers. */
void scan_search(struct collector *c);
struct process *scan_find(struct collector *c, pid_t pid);
/* Takes it out of the table; it lives until process_free(). */
void scan_detach(struct process *p);
void process_free(void *process);

/* service.c */
struct service *service_get(struct collector *c, const char *name);
int service_new(struct collector *c, const char *name, const struct service_match *match,
	const struct server_kind *kind, struct service **ret);
void service_free(void *service);
/* The process becomes a member; a main one if its parent is no member. */
void service_adopt(struct service *s, struct process *p);
/* A main process is gone. STATUS may be NULL. */
void service_exited(struct process *p, const int *status, bool observed);
/* A main process that the engine knew is not there any more. */
void service_missed(struct service *s, const struct known_process *known);
/* After the first look: what should be there and is not. */
void service_check_missing(struct service *s);
void service_end(struct service *s);
int service_series(struct service *s, enum series_number number, uint32_t *ret_id);
void service_fact(struct service *s, const char *key, const char *value);

/* sample.c */
void sample_all(struct collector *c);
int sample_process(struct process *p);
/* A member is gone: what it used counts on unless its parent, which waited for it, counts it. */
void sample_bury(struct process *p, bool counted_by_parent);
