/* SPDX-License-Identifier: Apache-2.0 */
/* One text of a configuration, merged into what other texts gave.
 *
 * Layer: daemon. Pure: nothing is opened, and secrets stay references. */
#pragma once

#include "daemon/config/problem.h"

/* Checks every value where it stands and adds a problem for each that is wrong; the others are in
 * the configuration. FILE names the text; its line is not read. */
void config_take_text(struct config *c, struct problems *p, const struct place *file,
	const void *data, size_t size);
