/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel tells by itself: processes that execute, and ends.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

int events_begin(struct collector *c);
void events_end(struct collector *c);
/* Reads what the connector has told until now; main processes that wait for it may be told of. */
void events_read(struct collector *c);
/* The main processes whose exits are to wake us, those of configured services first. Their number. */
size_t events_choose_mains(struct collector *c, pid_t pids[static CONNECTOR_PIDS_MAX]);
/* A main process began or ended: soon the exits of those that are there now wake us. */
void events_watch_mains(struct collector *c);
