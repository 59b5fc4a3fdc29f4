/* SPDX-License-Identifier: Apache-2.0 */
/* Times within sentences: roles write them as clock_format() does, people read them otherwise.
 *
 * Layer: daemon. Pure. */
#pragma once

#include "daemon/base/clock.h"

/* Where in TEXT the first time stands, and where what is behind it; NULL where there is none. */
const char *time_in_text(const char *text, usec_t *ret_time, const char **ret_behind);
