/* SPDX-License-Identifier: Apache-2.0 */
/* How soon a role that died is started again: three times at once, then with backoff.
 *
 * Layer: daemon. Pure. */
#pragma once

#include "daemon/base/clock.h"

struct restart {
	unsigned failures; /* in a row */
};

/* A role that was started at STARTED died at NOW: the time to wait before it is started again. One
 * that had run long enough begins anew. */
usec_t restart_delay(struct restart *r, usec_t started, usec_t now);
