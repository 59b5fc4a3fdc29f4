/* SPDX-License-Identifier: Apache-2.0 */
/* The main processes of units.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

/* Takes the processes that the service's units name as main ones, if its other keys hold, and lets go of main
 * processes that systemd does not name any more. */
void unit_search(struct service *s);
/* The same after a word of that UNIT, unless it is NULL: only what it names may be new. */
void unit_search_of(struct service *s, const char *unit);
/* Calls FN for each process that a unit of the service names now, as far as it lives. */
void unit_search_each(struct service *s, void (*fn)(void *userdata, pid_t pid), void *userdata);
/* True where a unit of the service names it. */
bool unit_search_names(struct service *s, pid_t pid);
/* The youngest process that the service's units name, and that lacks nothing but a port that it listens to;
 * NULL for none. */
struct process *unit_search_silent(struct service *s);
/* True where that runs for no longer than a stop may last: it loads. */
bool unit_search_loads(struct service *s);
