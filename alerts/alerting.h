/* SPDX-License-Identifier: Apache-2.0 */
/* The heart of alerting: rules and values in, alerts, incidents and notifications out.
 *
 * Layer: alerts. Pure: it reads no clock and no file, the time is an argument, and what it decides
 * lies in its changes until the engine has committed them. Nothing that is not committed may be
 * sent. Times are store time. */
#pragma once

#include <stdint.h>

#include "alerts/promql/promql.h"
#include "alerts/rule.h"
#include "schema/records.h"

/* An incident that flaps has settled when it was quiet for so long; until then it may reopen, also where
 * the reopen time is shorter. */
#define FLAP_MINUTES 10

struct alerting;

/* Where and what we are, for templates and bodies. Copied. */
struct alerting_host {
	const char *name;
	const char *id;
	const char *external_url; /* "" for none; without a final slash */
};

/* Whom to tell of what. Owned by the alerting once set. */
struct route {
	char *webhook;
	enum severity severity; /* the least severe that is sent */
	struct matcher *matchers;
	size_t matcher_count;
	bool send_resolved;
};
void route_done(struct route *r);

struct alerting *alerting_new(void);
struct alerting *alerting_free(struct alerting *a);

/* Where message ids come from; getrandom(2) at first. 0 or -errno. */
typedef int (*alerting_random_fn)(void *userdata, void *bytes, size_t size);
void alerting_set_random(struct alerting *a, alerting_random_fn fn, void *userdata);

int alerting_set_host(struct alerting *a, const struct alerting_host *host);
/* An incident whose alert fires again within this time is the same one. */
void alerting_set_reopen(struct alerting *a, usec_t reopen);
/* Both take the array and what it owns, also on failure. Alerts of rules that are gone resolve at
 * the next evaluation. */
int alerting_set_rules(struct alerting *a, struct rule **rules, size_t count);
void alerting_set_routes(struct alerting *a, struct route *routes, size_t count);

/* Restores what the database held at start, before the first evaluation: alerts and incidents in any
 * order, then each incident's timeline and notifications, oldest first. What is given is copied; what
 * is known already stays as it is. Incidents that were resolved longer ago than the reopen time and
 * FLAP_MINUTES, and of which no alert fires still, may be left out.
 *
 * Of the incidents given all alerts belong here, resolved ones too: bodies list them, and by them it
 * is known which incident reopens (one of which no alert is known reopens for any of its service).
 * The timeline tells how often an incident reopened lately, the notifications who was told of it: of one
 * without notifications nobody was. */
int alerting_restore_alert(struct alerting *a, const struct alert *alert);
int alerting_restore_incident(struct alerting *a, const struct incident *incident);
int alerting_restore_timeline(struct alerting *a, const struct timeline_entry *entry);
int alerting_restore_notification(struct alerting *a, const struct notification *notification);
void alerting_set_next_incident(struct alerting *a, int64_t id);

/* What is known of what a service goes through now, newest last: alerts that fire for it carry it. It
 * replaces all that was known before; of one name the last text counts, and an empty one takes it back.
 * What is beyond 64 names or 4096 services is not kept: an alert is made without it. 0 or -ENOMEM. */
int alerting_evidence(struct alerting *a, const char *service, const struct evidence *list,
	size_t count);
/* The same, but what was known before stays known. */
int alerting_add_evidence(struct alerting *a, const char *service, const struct evidence *list,
	size_t count);
/* Nothing is known of the service any more. Its alerts keep what they carry. */
void alerting_forget_evidence(struct alerting *a, const char *service);

/* Evaluates the rules at NOW and moves alerts and incidents. METRICS, a list that ends with NULL, limits it
 * to the rules that read one of these (an event came); NULL: all. What changed together is to be
 * judged together: an alert that takes over from another one does so within one evaluation. -ENOMEM, or
 * an error of the source: what could not be done is done at the next evaluation.
 *
 * SOURCE gives the last known value of a series whose collector is silent, and leaves out only those
 * that ended: an alert whose series is not there is over. A rule's clear condition is looked up by
 * the same labels as its expression's. */
int alerting_evaluate(struct alerting *a, const struct promql_source *source,
	const char *const metrics[], int64_t now_ms);

/* How many alerts could not be made, in all evaluations so far: too many at one time, too many labels,
 * or a fingerprint that another alert has. */
uint64_t alerting_refused(const struct alerting *a);

/* A person acts. -ENOENT no such incident (one resolved longer ago than the reopen time is known
 * after alerting_restore_incident() only), -EALREADY it is so already, or over. ACTOR is a name,
 * COMMENT may be "". Alerts that still fire when a person resolves their incident stay with it, and
 * reopen it only after they cleared. */
int alerting_acknowledge(struct alerting *a, int64_t incident, const char *actor,
	const char *comment, int64_t now_ms);
int alerting_resolve(struct alerting *a, int64_t incident, const char *actor, const char *comment,
	int64_t now_ms);
int alerting_note(struct alerting *a, int64_t incident, const char *actor, const char *comment,
	int64_t now_ms);

/* Of what the webhook was to be told of the incident nothing arrived, and nothing will: it is not told of the
 * end of what it never heard of. */
void alerting_not_told(struct alerting *a, int64_t incident, const char *webhook);

/* A notification of type "test" for one webhook, complete; belongs to the caller. */
int alerting_test_notification(struct alerting *a, const char *webhook, int64_t now_ms,
	struct notification *ret);

/* What changed since the last alerting_committed(), to be written in one transaction, `removed` before
 * `alerts`. The pointers hold until the next call of anything above. */
struct alerting_changes {
	const struct alert *const *alerts; /* resolved ones included: they stay rows */
	size_t alert_count;
	const char *const *removed; /* fingerprints of alerts that ended before they fired */
	size_t removed_count;
	const struct incident *const *incidents;
	size_t incident_count;
	const struct timeline_entry *timeline;
	size_t timeline_count;
	const struct notification *notifications; /* ids 0: rows not made yet */
	size_t notification_count;
};
int alerting_changes(struct alerting *a, struct alerting_changes *ret);
/* They are durable: forget that they are changes. Not called after a failed commit: they stay
 * changes, and the next commit carries them. */
void alerting_committed(struct alerting *a);

/* True when alerting_changes() would not be empty. */
bool alerting_has_changes(const struct alerting *a);
