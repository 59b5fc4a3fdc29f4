/* SPDX-License-Identifier: Apache-2.0 */
/* What the watch of units decides.
 *
 * Layer: collectors. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/clock.h"

/* How long to wait before the bus is tried again, after so many failures in a row. */
usec_t units_backoff(unsigned failures);

/* True where a job that begins in that state (SubState) is systemd's own, which restarts what ended. */
bool units_restart_themselves(const char *sub);

/* What is told of a job of TYPE, "" while nobody knows it, of a unit in that state (ActiveState). */
const char *units_job(const char *type, const char *active);

/* True where one of the globs among NAMES means the unit ID. */
bool units_are_asked(const char *const *names, size_t count, const char *id);
