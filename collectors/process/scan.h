/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes there are, and whose they are.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

/* Lists /proc: who is new is examined, who is gone is lost. Without room, or descriptors, c->incomplete says
 * that it is to be repeated. Does nothing while it is under way: what it finds may ask for it again. */
void scan_list(struct collector *c);
/* Looks at some again: they may have become another program unseen. */
void scan_recheck(struct collector *c);
/* The living process, known from now on and classified; or NULL. */
struct process *scan_examine(struct collector *c, pid_t pid);
/* A new row of the table, as of nobody; or NULL. */
struct process *scan_add(struct collector *c, const struct proc_stat *stat);
/* The configured service that such a process matches by itself, or NULL: what is found by pid file or port is
 * not asked for. */
struct service *scan_find_service(struct collector *c, const struct identity *i);
/* The row of the table, which owns it; NULL where the number is not known. Whether the process lives, or the
 * number is another one's by now, is not asked. */
struct process *scan_find(struct collector *c, pid_t pid);
/* How long it runs. */
usec_t scan_age(const struct process *p);
/* True where a member matches its service by itself now: it may be another program by now. One that keeps us
 * waiting matches if it did before; else scan_examine(), to which stuck.c comes back, confirms it when it
 * answers. */
bool scan_matches(struct process *p);
/* Lets a main process go that has become a program which its service does not name. What it writes over its
 * arguments makes it no other program. TOLD: the kernel told of an exec, which counts where we may not see
 * ourselves whether there was one. */
void scan_release_changed(struct process *p, bool told);
/* What descends from members is a member. */
void scan_adopt_descendants(struct service *s);
/* A process is gone, or its number belongs to another one now. A main process that is watched stays
 * until its pidfd tells. */
void scan_lose(struct process *p);
/* Ends the watch and frees the row with all that it keeps; for map_free() it takes any pointer. It must be in
 * the table no more. */
void process_free(void *process);
/* The descriptors that are kept for a member. */
void process_close_kept(struct process *p);
