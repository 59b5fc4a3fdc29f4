/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd knows of the ends of its units' main processes: whether it was asked for them, and why it
 * ended them itself.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

/* A main process ended, with STATUS unless that is NULL: true where systemd will say more of it soon.
 * service_end_main() follows then. */
bool stops_await(struct process *p, const int *status);
/* systemd said something: ends that waited for it. */
void stops_take_word(struct collector *c);
/* Adds to F what systemd says of the end of a main process of the UNIT (NULL: of the unit that names it).
 * Texts live as long as the unit is known. */
void stops_judge(struct service *s, const char *unit, pid_t pid, struct exit_facts *f);
/* The same of one that ended while nobody looked: that it was asked for shows by its unit, which rests. */
void stops_judge_missed(struct service *s, pid_t pid, struct exit_facts *f);
/* True where systemd most likely was asked to restart a main process that ended while nobody looked. */
bool stops_was_restart(const struct service *s, pid_t pid, const struct exit_facts *f);
/* True where systemd was asked to stop its unit; or might have been, of one from before that no unit named
 * since. */
bool stops_is_asked(const struct process *p);
