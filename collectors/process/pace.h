/* SPDX-License-Identifier: Apache-2.0 */
/* How long what is dear rests after it was done: a part of the time is all that it gets.
 *
 * Layer: collectors. Pure. */
#pragma once

#include "daemon/base/clock.h"

/* TIMES as long as it took, but not longer than LONGEST. */
usec_t pace_rest(usec_t took, unsigned times, usec_t longest);
