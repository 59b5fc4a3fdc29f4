/* SPDX-License-Identifier: Apache-2.0 */
/* The engine: the only writer. It remembers what collectors send, judges by the rules, and tells what
 * the outbox holds.
 *
 * Layer: daemon; included by the files of this folder alone, each of which has one part:
 *   program.c      start, stop, the loop's timers
 *   peers.c        links to the other roles
 *   ingest.c       what collectors say
 *   handover.c     what a new collector goes on from
 *   values.c       every series' current value
 *   moments.c      samples that wait for a commit
 *   events.c       events that wait for one
 *   services.c     services and their state
 *   restarts.c     how often they restarted lately
 *   processes.c    their main processes
 *   facts.c        what roles say that is true
 *   units.c        what systemd knows, from `units` to `process`
 *   role_states.c  what the supervisor says of roles
 *   rules.c        configuration to rules and routes
 *   incidents.c    alerting's rows
 *   turns.c        the turns of incidents in the log
 *   deliveries.c   the outbox and `notify`
 *   undeliverable.c  notifications that are given up
 *   webhooks.c     how each webhook is
 *   commands.c     what people ask for
 *   commit.c       all of it to the database, in one transaction
 *   full_disk.c    the reserve, and room
 *   trouble.c      why nothing can be written
 *
 * Everything changes in memory first and is marked by who has it: X_changed() says so, X_write() writes it
 * within engine_commit()'s one transaction, X_committed() is told that it is durable. Nothing is sent,
 * acknowledged or answered before its commit succeeded; what could not be committed stays marked for the
 * next one. */
#pragma once

#include <stdio.h>
#include <sys/stat.h>

#include "alerts/alerting.h"
#include "alerts/outbox.h"
#include "daemon/base/map.h"
#include "daemon/engine/store_clock.h"
#include "daemon/engine/values.h"
#include "daemon/role.h"
#include "daemon/roles.h"
#include "schema/store.h"
#include "schema/unit.h"

#define PEERS_MAX	16	/* links to other roles at one time */
#define ROLE_PIDS_MAX	1024	/* of roles, also of those that are gone; those that run are told of anew */
#define PENDING_MAX	200000	/* samples that wait for a commit; then the oldest moment is dropped */
#define DELIVERIES_MAX	10000	/* notifications in memory that wait for delivery, shared by the webhooks */
#define PER_WEBHOOK	4	/* of them under way at once */
#define EVENT_SERIES_MAX 64	/* series that one event changes */
#define SERVICES_MAX	4096	/* configured and discovered */

struct engine;

/* A link to another role. */
struct peer {
	struct engine *engine;
	const struct role_row *row;
	int64_t pid;
	struct link *link;
	struct value **series; /* by the peer's series id */
	size_t series_count;
	bool reported; /* its first samples came */
	uint64_t done; /* the newest event that it sent, and that is in memory */
	uint64_t told; /* the newest event that it was told is durable */
};

/* Values of one moment that wait for a commit. */
struct pending_sample {
	struct value *value;
	double number;
};
struct moment {
	int64_t time_ms;
	struct pending_sample *samples;
	size_t count;
};

/* A fact of a role, as told. */
struct role_facts {
	struct fact *items;
	size_t count;
	bool changed;
	bool overflowed; /* said that there are too many */
	bool cut;	 /* said that one is too long */
};

struct service_entry {
	struct service_record record;
	bool configured;
	bool changed;
	bool removed;
	int64_t *restarts; /* when it restarted lately, for recent_restarts */
	size_t restart_count;
};

/* A row to add or to remove. */
struct process_change {
	struct process_record record;
	bool gone;
};

struct delivery_entry {
	struct notification notification;
	int64_t age_ms; /* its age when it came here ... */
	usec_t since;	/* ... and when that was, monotonic */
	int64_t carrier; /* pid of the `notify` that has it under way, or 0 */
	bool changed;	 /* its row is not written yet */
	struct command *waiting; /* somebody asked for a test and waits for the answer */
};

/* What is known of a webhook. */
struct webhook_entry {
	size_t count;	   /* of its notifications, in memory */
	int64_t newest;	   /* the highest id of those that came to memory */
	bool overflowed;   /* newer ones wait in the database alone: all do then, so that order is kept */
	bool disabled;	   /* it said 410: nothing is sent until a reload */
	bool unknown_type; /* nothing is ever sent */
	bool held;	   /* changed, or new: nothing is sent until there is a `notify` that knows it */
	bool lost;	   /* some of what failed since then is not tried again */
	int64_t failed_ms; /* since then nothing was delivered; 0 where the last one was */
};

struct role_entry {
	struct engine *engine;
	struct role_record record;
	bool changed;
};

struct engine {
	struct role *role;
	int lock; /* of the state directory */
	struct store *store;
	char *database; /* its path */
	struct stat opened; /* and which file that was */
	struct alerting *alerting;
	struct values *values;
	struct store_clock clock;
	struct retention_clock retention_clock;
	char *boot; /* this boot's id */
	char *host_id;
	FILE *users; /* /etc/passwd, opened before the sandbox: names of people */

	struct peer *peers[PEERS_MAX];
	size_t peer_count;
	int64_t role_pids[ROLE_PIDS_MAX]; /* of all roles that were told of, the latest last */
	size_t role_pid_count;

	struct moment *moments;
	size_t moment_count, pending_samples;
	struct event *events; /* that wait for a commit; copies, which own their strings */
	size_t event_count;

	struct map *services; /* name -> struct service_entry */
	struct map *facts;    /* role -> struct role_facts */
	struct map *units; /* name -> struct unit_entry */
	enum units_word units_word; /* of them */
	struct role_entry roles[ROLES + 1];
	size_t role_count;
	struct process_record *processes;
	size_t process_count;
	struct process_change *process_changes; /* in their order */
	size_t process_change_count;

	struct delivery_entry *deliveries; /* pending, in the order of their ids */
	size_t delivery_count;
	struct map *webhooks; /* name -> struct webhook_entry */
	struct command *commands;

	usec_t interval, evaluate, retention;
	uint64_t max_size;
	usec_t last_self; /* monotonic: own metrics were written */
	uint64_t samples_total, dropped_samples, store_errors;
	bool told_series, told_services, told_processes; /* said that there are too many */
	bool full;	/* the disk is: samples wait in memory until there is room, all else is stored */
	struct map *severities; /* of the open incidents, by id: as the log has them */
	usec_t turns_since; /* monotonic: turns are counted; 0 at first */
	uint64_t turns_logged, turns_left_out;
	char *trouble;	/* why the database cannot be written, for people; NULL while it can */
	bool trouble_of_samples; /* ...but all else than samples is stored */
	usec_t last_room; /* monotonic: room was looked for */
	double evaluation_seconds;
	usec_t notify_expected; /* monotonic: one that a reload replaces; 0 where none is awaited */
	bool restarted; /* a service restarted: its rules are to be evaluated */
	sd_event_source *tick, *upkeep, *outbox, *soon;
};

/* Store time now. */
int64_t engine_now(struct engine *e);

/* Writes everything that changed in one transaction; then acknowledges and sends what waited for it. 0, or
 * -errno (logged once): everything stays marked. */
int engine_commit(struct engine *e);

/* The same when everything that waits to be read is read: what comes together is written together. */
void engine_commit_soon(struct engine *e);

/* Evaluates the rules; METRICS as in alerting_evaluate(). */
void engine_evaluate(struct engine *e, const char *const metrics[]);

/* full_disk.c: a commit found no room: what the reserve gives is for all but samples. */
void full_disk_begins(struct engine *e);
/* Makes the reserve beside the database; `doctor` is told where there is no room for it, since then nobody
 * is told of anything new on a full disk. What reserve_make() returns. */
int full_disk_keep_reserve(struct engine *e);
/* While it is full: looks now and then whether there is room again. */
void full_disk_look_for_room(struct engine *e);

/* trouble.c: what R, of the last commit, says of the database; it is told when it changes. */
void trouble_report(struct engine *e, int r);

/* moments.c: puts a value into memory and into the moment TIME_MS that waits for the commit. -ENOMEM. */
int moments_add(struct engine *e, struct value *value, int64_t time_ms, double number);
/* The same by name: METRIC{LABEL="TEXT"}; LABEL may be NULL. One series too many is ignored. -ENOMEM. */
int moments_add_metric(struct engine *e, const char *metric, const char *label, const char *text,
	int64_t time_ms, double number);
bool moments_changed(const struct engine *e);
int moments_write(struct engine *e);
void moments_rolled_back(struct engine *e);
void moments_committed(struct engine *e);
/* Frees what waits. */
void moments_done(struct engine *e);

/* events.c: adds a copy, without its samples. -ENOMEM. */
int events_add(struct engine *e, const struct event *event);
/* False where another one has to come again after the next commit. */
bool events_have_room(const struct engine *e);
bool events_changed(const struct engine *e);
int events_write(struct engine *e);
void events_committed(struct engine *e); /* also frees them at the end */

/* peers.c: speaks to the role NAME over FD, which it takes also where it fails. A role that may not speak to
 * the engine is logged, and 0. -ENOMEM, or what link_new() says. */
int peers_add(struct engine *e, const char *name, int64_t pid, int fd);
/* Reads what the links still hold, and frees them all. */
void peers_drop(struct engine *e);
/* The newest peer of that role, or NULL: after a reload its predecessor may still be there. */
struct peer *peers_newest(struct engine *e, enum role_number role);
/* Completes PACKET and sends it. Errors as of message_end() and link_send(); of a peer that does not read the
 * supervisor is told. */
int peer_send(struct peer *p, struct buf *packet);
/* Tells every collector which of its events are durable. */
void peers_acknowledge(struct engine *e);
/* Tells every `web` whether the database can be written. */
void peers_tell_trouble(struct engine *e);

/* units.c: `units` says what a unit is, or whether all were told. It is kept, and passed on to `process`.
 * -EBADMSG; -ENOMEM. */
int units_message(struct peer *p, struct message *m);
/* There is no such role any more, or another begins to tell anew. */
void units_lost(struct engine *e);
/* All that is known, for a `process` that begins. As peer_send(). */
int units_send(struct peer *process);
/* A new configuration is in force, OLD was before. */
void units_reconfigured(struct engine *e, const struct config *old);
void units_done(struct engine *e);

/* role_states.c: the supervisor's message about a role. -EBADMSG of more roles than there are; -ENOMEM. */
int role_states_told(struct engine *e, struct message *m);
bool role_states_changed(const struct engine *e);
int role_states_write(struct engine *e);
void role_states_committed(struct engine *e);
void role_states_done(struct engine *e);
/* Remembers the pid of a role, also when that is gone: what it asked for may still come. */
void role_pids_add(struct engine *e, int64_t pid);
/* True for every process that the supervisor told of. A person's whose pid was a role's before is
 * taken for that role; the next process has another. */
bool role_pids_have(const struct engine *e, int64_t pid);

/* ingest.c: a message of a collector. -EBADMSG where it may not say that, and whatever else comes of it: the
 * link is closed then. */
int ingest_message(struct peer *p, struct message *m);

/* handover.c: tells a process collector what it goes on from. -ENOMEM, or as peer_send(). */
int handover_send(struct peer *p);

/* services.c: each -ENOMEM, if nothing else is said; one service too many is ignored. What the database
 * has of them; its errors, too. */
int services_restore(struct engine *e);
/* Once alerts are restored: what one that goes on carries may be of an end that explains nothing any more. */
void services_restored(struct engine *e);
/* Those of the configuration are there; those that left it, or that nobody is to discover any more, end. */
int services_configure(struct engine *e);
/* A value of a modelwatch_service_ series changed. */
int services_value(struct engine *e, const struct value *value, int64_t time_ms);
/* What happened to a service: it ended, or why it is as it is. */
int services_event(struct engine *e, const struct event *event, int64_t time_ms);
/* What a fact about a service changes in its row. */
int services_fact(struct engine *e, const char *service, const char *key, const char *value);
/* Measures how often each restarted lately. */
int services_tick(struct engine *e, int64_t now_ms);
bool services_changed(const struct engine *e);
int services_write(struct engine *e);
void services_committed(struct engine *e);
void services_done(struct engine *e);

#define RESTARTS_TOTAL "modelwatch_service_restarts_total"

/* restarts.c: a collector counts TOTAL of them. -EBADMSG where that is no count; -ENOMEM. */
int restarts_take(struct engine *e, struct service_entry *entry, double total, int64_t time_ms);
/* Measures how many there were lately. -ENOMEM. */
int restarts_measure(struct engine *e, struct service_entry *entry, int64_t now_ms);
/* The metric that changed with what was taken since the last call; NULL for none. */
const char *restarts_changed(struct engine *e);
/* Those of late that the database has, of a service whose row was restored. -ENOMEM, or errors of the
 * database. */
int restarts_restore(struct engine *e, struct service_entry *entry);

/* processes.c: false where the event was known, or is of a process that there is no room for. */
bool processes_is_news(struct engine *e, const struct event *event);
/* Keeps the table by an event that is news. -ENOMEM. */
int processes_track(struct engine *e, const struct event *event);
/* Keeps what a known process executed meanwhile, by an event that is no news. -ENOMEM. */
int processes_renew(struct engine *e, const struct event *event);
/* The service has none any more. -ENOMEM. */
int processes_forget(struct engine *e, const char *service);
/* Once, at the start. Errors of the database. */
int processes_restore(struct engine *e);
bool processes_changed(const struct engine *e);
int processes_write(struct engine *e);
void processes_committed(struct engine *e);
void processes_done(struct engine *e);

/* facts.c: an empty VALUE takes the fact back; one too many is ignored, and what is beyond FACT_VALUE_MAX cut
 * off. -ENOMEM. */
int facts_put(struct engine *e, const char *role, const char *topic, const char *subject,
	const char *key, const char *value);
/* What the engine itself has to say in `doctor` about SUBJECT. -ENOMEM. */
int facts_doctor(struct engine *e, const char *subject, enum check_state state, const char *text,
	const char *remedy);
/* Takes it back; nothing happens where nothing was said. -ENOMEM. */
int facts_doctor_retract(struct engine *e, const char *subject);
/* A role connects anew: what it said before holds no longer. */
void facts_forget(struct engine *e, const char *role);
bool facts_changed(const struct engine *e);
int facts_write(struct engine *e);
void facts_committed(struct engine *e);
void facts_done(struct engine *e);

/* rules.c: puts the configuration's rules and routes in force; one that cannot be made is logged.
 * -ENOMEM. */
int rules_configure(struct engine *e);

/* incidents.c: what is open or may reopen, as the database has it. -ENOMEM, or errors of the database. */
int incidents_restore(struct engine *e);
/* Makes an incident known to alerting that ended long ago: people may still act on it. -ENOENT. */
int incidents_recall(struct engine *e, int64_t id);
/* RET_IDS takes the id of each new notification's row. */
int incidents_write(struct engine *e, const struct alerting_changes *c, int64_t *ret_ids);

/* turns.c: C is durable. Logs what opened, changed its severity, was acknowledged and resolved. */
void turns_committed(struct engine *e, const struct alerting_changes *c);
/* An incident that is known already: what it is now needs no log. */
void turns_remember(struct engine *e, const struct incident *i);
/* Says how many turns were too many for the log, when it is known. */
void turns_tick(struct engine *e);

/* deliveries.c: takes in what is pending, as much as there is room for. -ENOMEM, or errors of the
 * database. */
int deliveries_restore(struct engine *e);
/* Frees them. */
void deliveries_done(struct engine *e);
/* N, of that age, waits for delivery; one that waits already is left alone. -ENOBUFS or -ENOMEM: it waits
 * in the database until there is room. */
int deliveries_add(struct engine *e, const struct notification *n, int64_t age_ms,
	struct command *waiting);
/* False where another notification for that webhook would have to wait in the database. */
bool deliveries_have_room(struct engine *e, const char *webhook);
/* What came of a delivery, says `notify`; of one that it does not carry it is ignored. Of one that a reload
 * replaced successes alone count: its successor tries again what failed. -EBADMSG; -ENOMEM. */
int deliveries_result(struct peer *p, struct message *m);
/* A role is gone: what it had under way is sent again. */
void deliveries_disconnected(struct engine *e, int64_t pid);
bool deliveries_changed(const struct engine *e);
int deliveries_write(struct engine *e);
/* Takes one that is to be given up out of the database, where it waits for room. It is settled before
 * anything else happens. NULL without memory. */
struct delivery_entry *deliveries_take(struct engine *e, const struct notification *n);
/* Counts what became of a try: "delivered", "retried" or "failed". */
void deliveries_count(struct engine *e, const char *webhook, const char *result);
int64_t delivery_age(const struct delivery_entry *d);
/* Settled rows are durable: they leave memory. */
void deliveries_committed(struct engine *e);
/* What waits for the webhook is due. */
void deliveries_hurry(struct engine *e, const char *webhook);
/* Sends what is due. */
void deliveries_send(struct engine *e);
/* How much waits for each webhook of the configuration. */
void deliveries_measure(struct engine *e, int64_t now_ms);

/* undeliverable.c: gives up what waits in vain: its webhook is gone, or it is too old for anybody. */
void undeliverable_look(struct engine *e);
/* That one will not be delivered. Where nothing of its incident was, the webhook is not told of its end.
 * For one incident at one webhook all before it is durable, or given up. */
void undeliverable_forget(struct engine *e, int64_t id);

/* webhooks.c: made if new; NULL without memory. */
struct webhook_entry *webhook_get(struct engine *e, const char *name);
void webhooks_done(struct engine *e);
/* How many of one webhook's notifications memory takes: a dead one leaves the others their room. */
size_t webhook_share(struct engine *e);
/* What came of a try at one of its notifications; kept for `doctor`. */
void webhook_settled(struct engine *e, const char *name, const struct delivery_answer *said,
	enum delivery_result outcome);
/* N waited for it when the engine before this one ended. */
void webhook_restored(struct engine *e, const struct notification *n);
/* False for a type of webhook that the configuration accepts and nothing is sent to. */
bool webhook_is_built_in(const struct section *s);
/* Says of whom that is so. */
void webhooks_configure(struct engine *e);
/* A reload begins that replaces `notify`; M names the webhooks of which the one in force knows nothing, or
 * what was before: they wait for the next one, and no others. -ENOMEM. */
int webhooks_expect_notify(struct engine *e, struct message *m);
/* After a reload: nothing is known of a webhook that is gone, and one that said 410 is tried again, unless
 * another `notify` is awaited. */
void webhooks_reconfigured(struct engine *e);
/* Another `notify` is there. After a reload some webhook changed: what waits for one that failed is tried
 * at once, and where nothing waits the failure may be over. */
void webhooks_replaced(struct engine *e);
/* One that does not come is not awaited for ever. */
void webhooks_tick(struct engine *e);
/* False where N has to wait, whatever it is due. */
bool webhook_takes(struct engine *e, const struct notification *n);

/* commands.c: what `web` hands on. What a person did wrong is answered; -EBADMSG where `web` did; or as
 * peer_send(). */
int commands_message(struct peer *p, struct message *m);
/* Frees those that wait, unanswered. */
void commands_done(struct engine *e);
/* The test that C waits for came to an end: HTTP's STATUS, or 0 and why in TEXT. Answers it, and frees C. */
void command_tested(struct engine *e, struct command *c, const struct notification *n,
	unsigned status, const char *text);
