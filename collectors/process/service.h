/* SPDX-License-Identifier: Apache-2.0 */
/* A service's life: its members, its main processes, and what is told of them.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

/* The service, which the collector owns; NULL where there is none of that name. */
struct service *service_get(struct collector *c, const char *name);
/* A configured service, of which MATCH stays the caller's, or a discovered one (MATCH is NULL; KIND may be,
 * too). The collector owns it: service_end() frees it. 0, -ENOMEM, or -E2BIG where it is a discovered one and
 * there were too many of other names: series are never forgotten, and whoever opens ports would use them
 * up. */
int service_new(struct collector *c, const char *name, const struct service_match *match,
	const struct server_kind *kind, struct service **ret);
/* Frees it alone, and tells nothing; for map_free() it takes any pointer. */
void service_free(void *service);
/* The process becomes a member; a main one if its parent is no member. */
void service_adopt(struct service *s, struct process *p);
/* A member that is no main process is gone: what it used counts on unless its parent, which waited
 * for it, counts it. */
void service_leave(struct process *p, bool counted_by_parent);
/* True for a member that is no main process and has no parent among the members any more. */
bool service_has_left(const struct process *p);
/* A member that is no main process was found to match by itself. Where there is none, it is one now,
 * unless a crash was too short a time ago. */
void service_confirm(struct process *p);
/* A main process is gone; its row is freed, and perhaps its service, now or when it is known whether systemd
 * was asked for it (stops.h). STATUS may be NULL. */
void service_exited(struct process *p, const int *status);
/* The same, now in any case. */
void service_end_main(struct process *p, const int *status);
/* True where somebody is to be told that it is not there. */
bool service_is_expected(const struct service *s);
/* A member is what the service's unit calls its main process. */
void service_promote(struct process *p);
/* What is not there need not be any more. */
void service_unexpect(struct service *s);
/* Whether somebody is to be told, from now on; where that changed, the former follows. */
void service_expect(struct service *s, bool expected);
/* A service without a process could not begin, as systemd says. */
void service_failed(struct service *s, const char *why);
/* Takes on what crashes left and what still lives and matches now. */
void service_take_orphans(struct collector *c);
/* A main process that the engine knew is not there any more. STATUS may be NULL. */
void service_missed(struct service *s, const struct known_process *known, const int *status);
/* A main process that the engine knew lives on, but is not the service's any more. */
void service_released(struct service *s, const struct known_process *known);
/* A main process of a configured service lives on, but does not match any more: it is nobody's. */
void service_release(struct process *p);
/* True where nobody can tell yet whether it will be there: its units begin, or its main process loads, for
 * stop-grace at most. */
bool service_begins(struct service *s);
/* After the first look: what should be there and is not. */
void service_check_missing(struct service *s);
/* A discovered service is over: its processes are nobody's, and it is freed, at once or by whoever tells an
 * end of it just now. */
void service_end(struct service *s);
