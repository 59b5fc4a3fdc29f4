/* SPDX-License-Identifier: Apache-2.0 */
/* What the watch of units decides.
 *
 * Layer: collectors. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "collectors/units/needs.h"
#include "daemon/base/buf.h"
#include "daemon/base/clock.h"

/* How long to wait before the bus is tried again, after so many failures in a row. */
usec_t units_backoff(unsigned failures);

/* True where a job that begins in that state (SubState) is systemd's own, which restarts what ended. */
bool units_restart_themselves(const char *sub);

/* What is told of a job of TYPE, "" while nobody knows it, of a unit in that state (ActiveState), which RAN
 * or not when the job began. */
const char *units_job(const char *type, bool ran, const char *active);
/* True where a unit in that state (ActiveState) runs, or begins or ends to. */
bool units_runs(const char *active);

/* True where one of the globs among NAMES means the unit ID. */
bool units_are_asked(const char *const *names, size_t count, const char *id);

/* From when on a unit must have left to be why one is stopped that BEGAN then and has a job since NOW. */
usec_t units_left_since(usec_t began, usec_t now);
/* True where what needs this unit may be stopped because it is, too, or left since then. */
bool units_leaves(const struct needs *n, usec_t since);
/* True where this unit left since then, and nobody asked it to; ENDED: one of its jobs did meanwhile. */
bool units_left_unasked(const struct needs *n, usec_t since, bool ended);
/* "gpu.service failed", "dev-nvidia0.device is gone". */
void units_put_cause(const char *name, const char *active, struct buf *b);
