/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: the watch (units.c), its calls (calls.c), systemd's own signals and
 * lists (manager.c), one unit (unit.c), and why it is stopped (cause.c).
 *
 * Layer: collectors; included by these alone. */
#pragma once

#include <systemd/sd-bus.h>

#include "collectors/units/needs.h"
#include "collectors/units/properties.h"
#include "collectors/units/units.h"
#include "daemon/base/cleanup.h"

#define SYSTEMD_PATH	  "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER	  SYSTEMD ".Manager"
#define PROPERTIES_ACCESS "org.freedesktop.DBus.Properties"

/* A bus takes 128 calls of one connection that wait for an answer: room is left for the few that manager.c
 * makes. */
#define CALLS_AT_ONCE	    64
#define UNITS_ASKED_AT_ONCE 16 /* wholly */
#define QUESTIONS_AT_ONCE   4  /* of causes */

/* What is asked of a unit, one of each at a time, and in this order. */
enum unit_call {
	CALL_CGROUP, /* which no signal carries */
	CALL_UNIT,   /* its properties as a unit, */
	CALL_KIND,   /* and as a service or scope */
	CALL_LOAD,   /* where its object is */
	CALLS,
};

struct units;

/* One that waits for its answer; none where it has no slot. */
struct call {
	struct units *units;
	sd_bus_slot *slot;
	struct call **place; /* of whoever waits; NULL: nobody does any more */
	sd_bus_message_handler_t answer;
	void *userdata;
};

/* Of a unit that causes want to know of: one answer is for all of them. */
struct question {
	struct units *units;
	struct call *call; /* NULL: it is none */
	char name[UNIT_NAME_MAX + 1];
};

struct unit {
	struct units *units;
	struct unit_seen seen;
	char *path; /* of its object; NULL until it is known */
	char *subscribed; /* the path whose signals come */
	char *job_type; /* of seen.job; "" until it is known */
	bool own_job; /* seen.job is systemd's own restart */
	bool ran;     /* ...began while the unit ran */
	bool job_due; /* ...is to be asked for its type */
	struct needs needs;  /* as it was loaded; not known where its `active` is NULL */
	struct cause *cause; /* while it is looked for why it has its job, or NULL */
	bool by_glob;
	bool listed; /* by what is asked anew, */
	bool wanted; /* and it is to be asked itself */
	bool known;  /* it was: what it is, is told */
	bool gone;   /* it is not loaded any more, and nobody named it but a glob */
	sd_bus_slot *changes;
	bool due[CALLS]; /* is to be asked, once there is room */
	struct call *calls[CALLS];
	struct buf told; /* as it was told last */
};

enum { ENDED_KEPT = 512 };

/* Signals of systemd that come to manager.c. */
enum { MANAGER_SIGNALS = 5 };

struct units {
	sd_event *event;
	const struct units_sink *sink;
	const struct units_options *options;
	sd_bus *bus; /* NULL while there is none */
	sd_bus_slot *disconnected, *owner_changed, *owner_call, *subscribe, *list, *jobs;
	struct call calls[CALLS_AT_ONCE];
	struct question questions[QUESTIONS_AT_ONCE];
	sd_bus_slot *signals[MANAGER_SIGNALS];
	char *owner; /* the unique name of systemd, or NULL */
	sd_event_source *retry;
	unsigned failures; /* in a row */
	struct unit *units[UNITS_MAX];
	size_t count;
	uint64_t ended; /* jobs, of whatever unit; the last were of these: */
	char *ended_of[ENDED_KEPT];
	bool reloading; /* systemd is */
	bool asking;  /* everything is asked anew */
	bool again;   /* and once more when that is done */
	bool told;    /* sink->known() was called, */
	bool known;   /* with that, */
	int why;      /* and that */
	char *refused; /* since everything was asked: the first unit that there was no room for, or NULL */
	char *crowded; /* the same, as it was told, or NULL */
};

/* units.c: the bus is of no use any more, WHY (-errno): it is tried again. */
void units_lose(struct units *w, int why);
/* True for what systemd itself says. */
bool units_are_told(const struct units *w, sd_bus_message *m);
/* Asks what is to be asked and is not under way, as far as there is room, and what decides first: the types
 * of jobs, why units are stopped, and then the rest. Tells when that was all. */
void units_go_on(struct units *w);
/* It is not watched any more. */
void units_drop(struct units *w, struct unit *u);
/* What a sink said; a failure ends the watch. */
void units_check(struct units *w, int r);

/* What a call is made to, and who takes its answer. */
struct call_to {
	const char *path, *interface, *member;
	sd_bus_message_handler_t answer;
	void *userdata;
};

/* calls.c: True where another one can be made. */
bool calls_have_room(struct units *w);
/* Calls systemd with arguments of these types. *PLACE is that call until it is answered; then units_go_on()
 * goes on. 0; -ENOBUFS without room; -errno. */
int call_make(struct units *w, const struct call_to *to, struct call **place, const char *types, ...);
/* Nobody waits for it any more; it keeps its room until it is answered. */
void call_forget(struct call **place);
/* Nobody answers them any more. */
void calls_end(struct units *w);

/* manager.c: takes the signals of whoever is systemd. 0, or -errno. */
int manager_subscribe(struct units *w);
void manager_unsubscribe(struct units *w);
/* systemd is there: subscribes, and asks. */
void manager_meet(struct units *w);
/* Asks anew for everything. */
void manager_ask(struct units *w);
/* Asks for the types of all jobs at once, where one is due. 0, or -errno. */
int manager_ask_jobs(struct units *w);
/* It is gone. */
void manager_forget(struct units *w);

/* unit.c: a new one by its name, complete. NULL where there are too many, which is noted; -ENOMEM. */
int unit_add(struct units *w, const char *name, bool by_glob, struct unit **ret);
struct unit *unit_free(struct unit *u);
/* The bus that it was asked over is gone. */
void unit_disconnect(struct unit *u);
bool unit_is_asked(const struct unit *u);
/* Everything of it is due. 0, or -ENOMEM. */
int unit_ask(struct unit *u);
/* Asks for what is due. 0, or -errno. */
int unit_make_call(struct unit *u, enum unit_call call);
/* It has a job, whose type is due; NUMBER 0: it has none any more. 0, or -errno. */
int unit_put_job(struct unit *u, uint32_t number, const char *path);
/* Tells it, where it changed, and is not held back. */
void unit_tell(struct unit *u);
/* Tells STATE of it, where that is news. */
void unit_tell_state(struct unit *u, const struct unit_state *state);
/* The object of the unit of that name; free() it. -ENOMEM. */
int unit_object(const char *name, char **ret);
/* It is not loaded any more. One that a glob meant is gone, once nothing is held back. */
void unit_unloaded(struct unit *u);

/* cause.c: it has a new job. Where that is to stop it, what it is bound to and left is looked for, for a
 * short while, and put into its state. Nothing is told of it before; what was held back is told then. 0, or
 * -errno. */
int cause_begin(struct unit *u);
/* Asks what they want to know, as far as there is room. Returns in *RET how many are looked for. 0, or
 * -errno. */
int causes_go_on(struct units *w, size_t *ret);
/* True while U is not to be told of. Takes the word for its job. */
bool cause_holds_back(struct unit *u);
/* A job of the unit ID ended. -ENOMEM. */
int cause_note_end(struct units *w, const char *id);
/* Looks no longer; what was held back is told. U is no more where it is gone. */
void cause_give_up(struct unit *u);
struct cause *cause_free(struct cause *c);
