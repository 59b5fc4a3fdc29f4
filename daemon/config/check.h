/* SPDX-License-Identifier: Apache-2.0 */
/* What holds between the values of a whole configuration.
 *
 * Layer: daemon. Pure. */
#pragma once

#include "daemon/config/problem.h"

/* Adds a problem for everything that is missing, contradicts something else or names what is not
 * there. */
void config_check(const struct config *c, struct problems *p);

/* Adds a warning for each metric that a rule reads, that is named as ours are and that there is not. */
void config_check_metrics(const struct config *c, struct problems *p);

/* Adds a notice for each section or option given whose feature this build does not have yet. */
void config_check_unused(const struct config *c, struct problems *p);
