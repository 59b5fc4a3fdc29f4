/* SPDX-License-Identifier: Apache-2.0 */
/* How patient the supervisor is: how soon a role that died is started again (three times at once,
 * then with backoff), and how long one may be silent before it is killed.
 *
 * Layer: daemon. Pure. */
#pragma once

#include <stdbool.h>

#include "daemon/base/clock.h"
#include "daemon/supervisor/instance.h"

struct restart {
	unsigned failures; /* in a row */
};

/* A role that was started at STARTED died at NOW: the time to wait before it is started again. One
 * that had run long enough begins anew. */
usec_t restart_delay(struct restart *r, usec_t started, usec_t now);

/* How long an instance of the role ENGINE (or of another) in STATE may say nothing; for a stopping
 * one, since it was asked. */
usec_t restart_patience(enum instance_state state, bool engine);

/* True where the look at the heartbeats that was DUE at a time, and is to come every PERIOD, is so
 * late at NOW that the whole machine stood still: then nobody's silence means anything. */
bool restart_stood_still(usec_t due, usec_t period, usec_t now);
