/* SPDX-License-Identifier: Apache-2.0 */
/* Who is connected, since when, and who has to go: one slow or silent stranger is to hold a place
 * neither for ever nor against everybody else.
 *
 * Layer: daemon/web. Pure; all times are monotonic. A connection either waits for a request or is being
 * served; bytes that trickle in or out do not extend either time limit. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/clock.h"

#define GUESTS_MAX     64                  /* connections of one listening socket */
#define GUEST_WAITS    (15 * USEC_PER_SEC) /* for a request, from its connection or last answer */
#define GUEST_SERVED   (60 * USEC_PER_SEC) /* to make an answer and to take it */
#define GUEST_WELCOME  (1 * USEC_PER_SEC)  /* who waits for less keeps its place in a full house */

struct guest {
	int fd; /* -1 while free */
	bool served;
	usec_t since;
};

struct guests {
	struct guest items[GUESTS_MAX];
	size_t count;
};

void guests_init(struct guests *g);

/* NULL where the house is full. */
struct guest *guests_enter(struct guests *g, int fd, usec_t now);
void guests_leave(struct guests *g, struct guest *guest);

/* Its request is complete, or its answer is at its end. */
void guest_turn(struct guest *guest, bool served, usec_t now);

/* True where GUEST has to go: its time is over, or the house is full and it has waited longest of
 * all. */
bool guests_has_to_go(const struct guests *g, const struct guest *guest, usec_t now);

/* When the next one has to go if nothing happens until then; USEC_INFINITY for never. */
usec_t guests_next(const struct guests *g);
