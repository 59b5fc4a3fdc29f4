/* SPDX-License-Identifier: Apache-2.0 */
/* The process collector: which processes serve models, when they start and end, and what they use.
 *
 * Layer: collectors. It measures and never judges. A main process is watched by a pidfd, which tells
 * of its end when it has given back all it had; the kernel's process events (connector.h), where there
 * are any, tell of the end at once, why it ended and what was executed anew, so that /proc is listed now
 * and then only. Everything it finds goes into the sink. */
#pragma once

#include <systemd/sd-event.h>

#include "collectors/process/match.h"
#include "daemon/base/clock.h"
#include "schema/known.h"
#include "schema/sink.h"
#include "schema/unit.h"

#define COLLECTOR_EVENTS    "process-events"  /* what `doctor` says of the rights to hear of processes */
#define COLLECTOR_DETAILS   "process-details" /* ...and to look into them */
#define COLLECTOR_DISCOVERY "discovery" /* what `doctor` says of discovery, where it is limited */
#define COLLECTOR_MAINS	    "main-processes" /* ...and of main processes */
#define COLLECTOR_SOCKETS   "listening-sockets" /* ...and of sockets */
#define COLLECTOR_STUCK	    "stuck-processes" /* ...and of processes that keep us waiting */

struct collector;

struct collector_options {
	const struct service_match *services; /* the caller's, as long as the collector */
	size_t service_count;
	bool discovery;
	const char *cgroups; /* where the hierarchy of version 2 is mounted, if it is */
	usec_t interval;
	usec_t orphan_wait; /* after a crash, before matching children that live on are main processes */
	int connector; /* of connector_open(), taken; or -errno: why there is none */
	int exits;     /* of connector_open_exits(), taken; negative for none */
};

/* Prepares; nothing is looked at before collector_start(). 0 or -errno. */
int collector_new(sd_event *event, const struct sink *sink, const struct collector_options *options,
	struct collector **ret);
struct collector *collector_free(struct collector *c);

/* Goes on from what the engine remembers, and collects from now on. 0 or -errno. */
int collector_start(struct collector *c, const struct known *known);

/* What systemd says of a unit that services are; also before collector_start(). 0 or -ENOMEM. */
int collector_take_unit(struct collector *c, const struct unit_state *u);
/* KNOWN: all units were told as they are. Else what was told may be old. */
void collector_take_units(struct collector *c, bool known);
/* Whoever told of them tells no more, and somebody else tells all anew: what was told may be old, and what he
 * does not tell of until all are known is gone. */
void collector_renew_units(struct collector *c);

/* Repeats every main process as started, for an engine that lost its memory; one that knows them
 * ignores it. */
void collector_announce(struct collector *c);
