/* SPDX-License-Identifier: Apache-2.0 */
/* How long a service may be down while systemd is at work on it: since somebody asked for a stop or
 * restart, its unit was enabled, the host was rebooted; and, where it has a port to listen to, since its
 * process began.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

/* It is down for such a reason, SINCE then (of clock_boot(): time goes by while the host
 * sleeps, for processes and for whoever waits for them). */
void grace_begin(struct service *s, usec_t since);
/* True where it is, and may be still, NOW (of clock_boot()). */
bool grace_holds(const struct service *s, usec_t now);
/* Systemd said something of its units, or time went by: it is at work anew, or for too long. */
void grace_check(struct service *s);
/* Its processes are gone with an earlier boot, and what its units are now is known for the first time. */
void grace_judge_reboot(struct service *s);
/* When it was stopped, or the host started since, in Unix time. */
double grace_time(struct service *s);
/* A predecessor told TIME as that. */
void grace_resume(struct service *s, double time);
