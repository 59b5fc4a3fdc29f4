/* SPDX-License-Identifier: Apache-2.0 */
/* The rows that everything else speaks of: what the database remembers besides samples.
 *
 * Layer: schema. Plain structs that own their strings. Times are store time in milliseconds; 0
 * stands for "not". Each has X_done() that empties it, and X_list_free() for an array. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "schema/event.h"
#include "schema/series.h"

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_CRITICAL };
enum alert_state { ALERT_INACTIVE, ALERT_PENDING, ALERT_FIRING, ALERT_RESOLVED };
enum incident_state { INCIDENT_OPEN, INCIDENT_RESOLVED };
enum service_state { SERVICE_UNKNOWN, SERVICE_UP, SERVICE_DOWN };
enum notification_state { NOTIFICATION_PENDING, NOTIFICATION_DELIVERED, NOTIFICATION_FAILED };
/* The value of a fact of the topic "doctor" under the key "state". */
enum check_state {
	CHECK_OK,
	CHECK_LIMITED,  /* it works, but not all of it */
	CHECK_MISSING,  /* the host does not give what is needed */
	CHECK_FAILING,
	CHECK_DISABLED, /* it failed, and is not tried again before a reload */
	CHECK_STATES,
};

/* The word of each, as the API, webhooks and the database have it; parsing gives -EINVAL for any other. */
const char *severity_name(enum severity s);
int severity_parse(const char *name, enum severity *ret);
const char *alert_state_name(enum alert_state s);
int alert_state_parse(const char *name, enum alert_state *ret);
const char *incident_state_name(enum incident_state s);
int incident_state_parse(const char *name, enum incident_state *ret);
const char *service_state_name(enum service_state s);
int service_state_parse(const char *name, enum service_state *ret);
const char *notification_state_name(enum notification_state s);
int notification_state_parse(const char *name, enum notification_state *ret);
const char *check_state_name(enum check_state s);

/* One rule for one label set. */
struct alert {
	char *fingerprint; /* 16 hexadecimal digits: its identity */
	char *rule;
	struct labels labels;
	enum severity severity;
	enum alert_state state;
	int64_t incident; /* 0 while it has none */
	double value, threshold, low, high; /* NaN where there is none */
	int64_t active_ms;  /* its expression holds since */
	int64_t started_ms; /* firing since */
	int64_t held_ms;    /* its expression held last */
	int64_t ended_ms;
	uint64_t history; /* the last evaluations, newest in bit 0: for at-least */
	char *summary, *description, *runbook;
	struct evidence *evidence;
	size_t evidence_count;
};

struct incident {
	int64_t id;
	enum incident_state state;
	enum severity severity;
	char *title;
	char *service; /* "" for none */
	char *runbook;
	int64_t opened_ms, acknowledged_ms, resolved_ms;
	char *acknowledged_by; /* NULL for nobody */
	int64_t reopened;      /* how often */
	int64_t untold;	       /* what is still to be told of it: bits that are alerting's */
	bool flapping;	       /* it comes and goes too often: what is not graver than `held` is not told */
	enum severity held;    /* then: the gravest that was told */
	/* It flaps since then or, where it does not, what came and went before is over. */
	int64_t flap_turned_ms;
};

#define ACTOR_MODELWATCH "modelwatch" /* of a turn that no person made */

/* A turn of an incident. */
struct timeline_entry {
	int64_t id;
	int64_t incident;
	int64_t time_ms;
	char *type;  /* opened reopened alert repeated cleared flapping settled acknowledged resolved note */
	char *actor; /* ACTOR_MODELWATCH, or a person */
	char *text;
};

/* A row of the outbox. The body is complete and the same for every try. */
struct notification {
	int64_t id;
	char *message_id; /* webhook-id: unique for ever */
	int64_t incident; /* 0 for a test */
	char *webhook;
	char *type; /* incident.opened ... */
	enum notification_state state;
	int64_t created_ms, due_ms, delivered_ms;
	int64_t attempts;
	char *last_error; /* "" for none */
	char *body;
};

struct service_record {
	char *name;
	enum service_state state;
	bool discovered;
	int64_t since_ms;
	int64_t restarts;
	char *reason; /* why it is down, for people; "" while it is up */
	char *url;    /* "" for none */
};

struct process_record {
	char *service;
	int64_t pid;
	uint64_t start; /* clock ticks since boot */
	char *boot;
	uint64_t stack;	    /* as in struct event */
	char *command_line; /* as in struct event */
};

struct role_record {
	char *name;
	int64_t pid;
	char *state; /* starting running hung stopped */
	int64_t restarts;
};

/* Of the topic "service", under the key SERVICE_ABSENCE: that it is not there is no trouble. */
#define SERVICE_ABSENCE	      "absence"
#define SERVICE_NOT_EXPECTED  "not expected"
#define SERVICE_ASKED_TO_STOP "asked for" /* of systemd, a short time ago */

#define FACT_VALUE_MAX 8192 /* bytes; what is beyond is cut off */

struct fact {
	char *role, *topic, *subject, *key, *value;
};

void alert_done(struct alert *a);
int alert_copy(const struct alert *from, struct alert *ret);
void incident_done(struct incident *i);
int incident_copy(const struct incident *from, struct incident *ret);
void timeline_entry_done(struct timeline_entry *t);
void notification_done(struct notification *n);
void service_record_done(struct service_record *s);
void process_record_done(struct process_record *p);
void role_record_done(struct role_record *r);
void fact_done(struct fact *f);

void alert_list_free(struct alert *list, size_t count);
void incident_list_free(struct incident *list, size_t count);
void timeline_list_free(struct timeline_entry *list, size_t count);
void notification_list_free(struct notification *list, size_t count);
void service_list_free(struct service_record *list, size_t count);
void process_list_free(struct process_record *list, size_t count);
void role_list_free(struct role_record *list, size_t count);
void fact_list_free(struct fact *list, size_t count);
