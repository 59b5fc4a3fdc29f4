/* SPDX-License-Identifier: Apache-2.0 */
/* Ends that systemd was asked for.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

/* A main process ended with STATUS: true where systemd may yet say that it was asked to stop it.
 * service_end_main() follows then. */
bool stops_await(struct process *p, int status);
/* True where systemd was asked to stop its unit, and it ended as one that stops does. */
bool stops_was_asked(const struct process *p, int status);
/* True where systemd stopped the rest of its unit after the kernel killed some of it for lack of memory. */
bool stops_was_for_memory(const struct process *p);
/* systemd said something: ends that waited for it. */
void stops_take_word(struct collector *c);
/* True where the service is down because systemd was asked for it, and may be. */
bool stops_hold(const struct service *s, usec_t now);
