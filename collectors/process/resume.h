/* SPDX-License-Identifier: Apache-2.0 */
/* A collector goes on from what the engine knows of the one before it.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/connector.h"
#include "collectors/process/model.h"

struct resumption {
	const struct known *known;
	struct resumed {
		bool lived;
		bool status_known;
		int status; /* of its end, as wait(2) gives it */
	} * processes;      /* by their place in known */
};

/* Counters go on where they were. */
void resume_value(struct collector *c, const struct known_value *v);
/* Services that were discovered before and are not configured: they are gone on with, but for those
 * that are too many. */
int resume_discovered(struct collector *c, const struct known *known);
/* A service that was down after an end is owed the start of a successor still. */
void resume_owed(struct collector *c);

/* KNOWN stays the caller's until resume_end(). 0 or -ENOMEM. */
int resume_begin(struct collector *c, const struct known *known);
/* Processes of discovered services go on with them; those of configured ones are found by the first
 * listing, but for those that show a title by now. */
void resume_living(struct collector *c);
/* The end of what may be a known process, AT clock ticks since boot. */
void resume_note_exit(struct collector *c, const struct connector_event *e, uint64_t at);
/* That a main process ended, or is none any more, was told; nothing happens where the first look is over. */
void resume_note_told(const struct service *s, const struct process *p);
/* What is gone is told before the first listing, so that successors count as restarts. */
void resume_missed(struct collector *c);
/* An unjudged main process may answer by now: it goes on, or is released. */
void resume_judge(struct process *p);
/* What ended between the two looks, and what lives on but is found no more. */
void resume_settle(struct collector *c);
void resume_end(struct collector *c);
