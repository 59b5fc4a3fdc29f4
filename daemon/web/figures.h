/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as people read them.
 *
 * Layer: daemon/web. Pure. */
#pragma once

#include <stddef.h>

#define FIGURE_MAX 48 /* bytes of a figure, the final NUL included */

/* By what the metric's name says of its unit: "1.5 GiB", "3d 4h", "2026-01-31 10:00:00", "42".
 * Returns BUFFER. */
char *figure_format(const char *metric, double value, char buffer[static FIGURE_MAX]);
