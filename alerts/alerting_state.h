/* SPDX-License-Identifier: Apache-2.0 */
/* What alerting remembers. Layer: alerts; for its own files alone:
 *   alerting.c          life, settings, changes          alerting_evaluate.c  rules to alerts
 *   alerting_incident.c alerts to incidents              alerting_notify.c    incidents to notifications
 *   alerting_group.c    incidents by their key           alerting_flapping.c  what comes and goes
 *   alerting_text.c     templates and evidence           alerting_people.c    what persons do
 *   alerting_restore.c  what the database held
 *
 * A turn of an alert or an incident happens whole or, without memory, not at all; then the next
 * evaluation comes to it again. Who is to be told is a mark on the incident until the notifications
 * are made, so that it cannot be lost between the two. What changed hangs in lists that need no
 * memory to grow. */
#pragma once

#include <math.h>
#include <sys/queue.h>

#include "alerts/alert_step.h"
#include "alerts/alerting.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/map.h"

#define ALERTS_MAX	  20000 /* pending and firing at one time */
#define NOTIFICATIONS_MAX 10000 /* made and not committed: then they wait as marks */
#define LISTED_MAX	  100	/* turns of an opening that a timeline names one by one */
#define TEXT_MAX	  4096	/* bytes of a comment, a description, an evidence */
#define TITLE_MAX	  512	/* bytes of a summary */
#define EVIDENCE_MAX	  64	/* evidences of a service */
#define SERVICES_MAX	  4096	/* services with evidence */

#define FLAP_TURNS   5		  /* reopenings, and alerts that fire again ... */
#define FLAP_MS	     (FLAP_MINUTES * INT64_C(60000))

/* A rule and its alerts that are pending or firing. */
struct rule_entry {
	struct rule *rule; /* NULL: of those whose rule is gone */
	LIST_HEAD(, alert_entry) live;
};

/* Why an alert is over. */
enum alert_end {
	END_CLEARED, /* its condition is */
	END_SERIES,  /* nothing is known any more of what it was about */
	END_RULE,
};

struct alert_entry {
	struct alert alert;
	struct rule_entry *rule_entry; /* NULL once it is not live */
	LIST_ENTRY(alert_entry) siblings;
	struct incident_entry *incident; /* NULL while it belongs to none */
	uint64_t seen, cleared; /* numbers of the evaluations in which its series, its clear was there */
	double value;	      /* as it was when its expression held last; its texts speak of alert.value */
	int64_t renewed_ms;   /* alert.value and the texts were renewed then */
	bool rendered_holds;  /* what its texts say of its condition ... */
	uint64_t rendered_evidence; /* ... and which evidence they and it have */
	bool restored; /* not evaluated since */
	enum alert_end end;
	bool end_unlisted; /* it ended, which the timeline of its incident does not say yet */
	bool changed;
	TAILQ_ENTRY(alert_entry) changes;
};

/* What is still to be told of an incident, in the order of telling: bits of its `untold`. The database has
 * them, too. */
enum announcement {
	ANNOUNCE_OPENED = 1,
	ANNOUNCE_FLAPPING = 2,
	ANNOUNCE_UPDATED = 4,
	ANNOUNCE_ACKNOWLEDGED = 8,
	ANNOUNCE_RESOLVED = 16,
	ANNOUNCE_TO_NEW = 32,
	ANNOUNCE_TO_LEFT = 64,
};

/* A webhook that was to be told that an incident is open. */
struct told_webhook {
	char *name;
	bool heard; /* false: nothing of it arrived, and nothing will */
	bool left;  /* it was told that nothing fires any more that it takes */
};

/* An incident with what belongs to it. */
struct incident_entry {
	struct incident incident;
	char *key;	     /* what groups: the service, or the rule where there is none */
	struct incident_entry *older; /* of the same key */
	struct map *members; /* fingerprint -> entry */
	size_t firing;
	size_t listed; /* turns in the timeline, of this opening or since it flaps */
	int64_t repeated_ms[FLAP_TURNS]; /* it reopened, or an alert fired again; the last ones; a ring */
	size_t repeated;
	int64_t turned_ms; /* opened, reopened or resolved last */
	int64_t told_since_ms; /* restored: it opened last in a way that was not held from anybody */
	int64_t moved_ms; /* an alert fired or ended last */
	bool headline_stale; /* an alert of it ended: another may give it its headline now */
	bool has_unlisted_ends; /* members that are marked so */
	struct told_webhook *told;
	size_t told_count;
	bool changed;
	TAILQ_ENTRY(incident_entry) changes;
};

struct known_evidence {
	uint64_t version; /* no two are the same */
	struct evidence *list;
	size_t count;
	int64_t started_ms; /* restored: of the alert that carries it */
};

struct alerting {
	char *host_name, *host_id, *external_url;
	int64_t reopen_ms;
	alerting_random_fn random;
	void *random_userdata;

	struct rule_entry *rules;
	size_t rule_count;
	struct rule_entry orphans; /* of rules that are gone */
	struct route *routes;
	size_t route_count;

	struct map *live;     /* fingerprint -> entry: pending and firing */
	struct map *incidents;  /* incident's id -> incident_entry */
	struct map *keys;     /* key -> its newest incident_entry */
	struct map *evidence; /* service -> known_evidence */
	LIST_HEAD(, alert_entry) unlinked; /* restored members of incidents that have ended */
	bool restoring;		     /* something restored is not in its place yet */
	int64_t next_incident;
	uint64_t evaluation;
	uint64_t refused;
	uint64_t evidence_version;
	bool has_news; /* evidence came of which alerts that fire do not speak yet */

	TAILQ_HEAD(, alert_entry) changed_alerts;
	TAILQ_HEAD(, incident_entry) changed_incidents;
	struct timeline_entry *timeline;
	size_t timeline_count, timeline_room;
	struct notification *notifications;
	size_t notification_count, notification_room;

	/* What alerting_changes() gave last. */
	const struct alert **given_alerts;
	const char **given_removed;
	const struct incident **given_incidents;
};

/* alerting.c */
void alert_mark_changed(struct alerting *a, struct alert_entry *e);
void incident_mark_changed(struct alerting *a, struct incident_entry *inc);
struct alert_entry *alert_entry_free(struct alert_entry *e);
DEFINE_CLEANUP(struct alert_entry *, alert_entry_free);
/* Frees the entry unless it is live, a member or to be stored. */
void alert_release(struct alerting *a, struct alert_entry *e);
void alert_unlive(struct alerting *a, struct alert_entry *e);
static inline bool same_value(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}
/* Of work that goes on after an error: the first is the one to tell. */
static inline void keep_first(int *error, int r)
{
	if (*error == 0 && r < 0)
		*error = r;
}
/* Room for WANTED elements of SIZE bytes in *LIST; 0 or -ENOMEM. */
int list_reserve(void **list, size_t *allocated, size_t wanted, size_t size);

/* alerting_incident.c: the alert fires, with its texts; it joins, reopens or opens an incident. */
int incident_alert_fires(struct alerting *a, struct alert_entry *e, int64_t now_ms);
/* Everything that is told of the incident is as it is now: its alerts' texts and values, and its headline. */
int incident_refresh(struct alerting *a, struct incident_entry *inc);
/* The alert is resolved. */
void incident_alert_ended(
	struct alerting *a, struct alert_entry *e, enum alert_end end, int64_t now_ms);
int incident_resolve(struct alerting *a, struct incident_entry *inc, const char *actor,
	const char *comment, int64_t now_ms);
/* After it: resolves whose alerts have all cleared, forgets what cannot reopen any more. */
int incidents_finish(struct alerting *a, int64_t now_ms);

/* A timeline entry that is made first and added when all else is sure. */
int timeline_make(struct alerting *a, const struct incident_entry *inc, const char *type,
	const char *actor, const char *text, int64_t now_ms, struct timeline_entry *ret);
void timeline_push(struct alerting *a, struct timeline_entry *t);

/* alerting_flapping.c: before an evaluation: what has settled flaps no longer, and who was told that it
 * flaps is told what is left. */
int incidents_settle(struct alerting *a, int64_t now_ms);
/* Counts a turn: it reopened, or an alert of it fired again. */
void incident_count_repeat(struct incident_entry *inc, int64_t now_ms);
/* True where the turn that is about to happen makes it flap. */
bool incident_repeats_too_often(const struct incident_entry *inc, int64_t now_ms);
/* The timeline's entry of that, and that. */
int incident_make_flapping(struct alerting *a, const struct incident_entry *inc, int64_t now_ms,
	struct timeline_entry *ret);
void incident_begin_flapping(struct alerting *a, struct incident_entry *inc,
	struct timeline_entry *turn);
/* The alert fires, which is told with MARK; while the incident flaps only if it is graver than all that was
 * told, or to those who were told of nothing. */
void incident_mark_turn(
	struct incident_entry *inc, const struct alert *alert, enum announcement mark);
void incident_end_flapping(struct incident_entry *inc, int64_t now_ms);

/* alerting_group.c */
struct incident_entry *incident_entry_new(struct alerting *a, const char *key,
	const struct incident *incident);
struct incident_entry *incident_entry_get(const struct alerting *a, int64_t incident);
struct incident_entry *incident_entry_free(struct incident_entry *inc);
/* Lets go of its alerts and frees it. The caller removes it from the map of incidents. */
void incident_forget(struct alerting *a, struct incident_entry *inc);
/* Makes E a member in place of an older one of its fingerprint. */
int incident_add_alert(struct alerting *a, struct incident_entry *inc, struct alert_entry *e);
/* What the rule of the alert groups by; "" for none. */
const char *incident_group_value(const struct alert_entry *e);
/* What groups the alert's incidents, in *RET (free() it). */
int incident_group_key(const char *value, const char *rule, char **ret);
/* Groups it by the rule, where it has no service. */
int incident_rekey(struct alerting *a, struct incident_entry *inc, const char *rule);
/* The incident of that key that is open, else one of the alert that reopens, else NULL. */
struct incident_entry *incident_find(const struct alerting *a, const char *key,
	const char *fingerprint, int64_t now_ms);

/* alerting_notify.c */
int announce(struct alerting *a, int64_t now_ms);
/* One that has HEARD of it has, whatever else did not arrive. */
int incident_add_told(struct incident_entry *inc, const char *webhook, bool heard);
void incident_remove_told(struct incident_entry *inc, const char *webhook);
/* After a restart: who takes it no longer was told so, together with what made it so. */
void incident_restore_left(struct alerting *a, struct incident_entry *inc);

/* alerting_text.c: renders what the rule says of the alert, which has one, into its texts, with its value and
 * the evidence of its service: these three change together, so that they agree wherever they are read. */
int alert_render(struct alerting *a, struct alert_entry *e);
/* The same where one of them is not what it was then; a pending alert has no texts. */
int alert_renew(struct alerting *a, struct alert_entry *e);
/* True for one that fires and does not speak of the newest evidence. */
bool alert_has_news(const struct alerting *a, const struct alert_entry *e);
void known_evidence_free(void *evidence);

/* alerting_restore.c */
int restored_link(struct alerting *a);
