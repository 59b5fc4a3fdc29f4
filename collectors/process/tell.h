/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a service: its events, facts and series.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

int tell_series(struct service *s, enum series_number number, uint32_t *ret_id);
void tell_fact(struct service *s, const char *key, const char *value);
/* Keeps what is shown to people of a main process and, where that is not known yet, what it was found by;
 * tells of a discovered server. */
void tell_identity(struct process *p);
/* The same where it was read: TOLD_IDENTITY of it at least. */
#define TOLD_IDENTITY ((unsigned) (IDENTITY_EXECUTABLE | IDENTITY_ARGUMENTS | IDENTITY_COMM))
void tell_identity_read(struct process *p, const struct identity *i);
/* A discovered service has no process any more, perhaps for a while. */
void tell_server_gone(struct service *s);
void tell_started(struct service *s, const struct process *p);
/* P or KNOWN: who it was. */
void tell_exited(struct service *s, const struct process *p, const struct known_process *known,
	const struct exit_facts *f);
void tell_released(struct service *s, const struct known_process *known);
/* TAKEN: a process that matches it, but is another service's; NULL for none. OVERLOOKED: how many processes
 * could not be looked at. */
void tell_missing(struct service *s, const struct process *taken, size_t overlooked);
/* Why it is no trouble that it is not there, where that is news. */
void tell_absence(struct service *s);
void tell_missing_because(struct service *s, const char *why);
void tell_ended(struct service *s);
/* One that was told to be missing is neither up nor down. */
void tell_not_missing(struct service *s);
