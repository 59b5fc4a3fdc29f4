/* SPDX-License-Identifier: Apache-2.0 */
/* The instances of one role that were replaced and end what they began, for clients above all.
 *
 * Layer: daemon/supervisor. */
#pragma once

#include <stdbool.h>

#include "daemon/supervisor/instance.h"

#define LEAVING_MAX 4

struct leaving {
	struct instance *items[LEAVING_MAX]; /* any of them NULL */
};

/* Asks it to stop in order, and takes it; one that was asked long before may be killed for it. */
void leaving_add(struct leaving *l, struct instance *i);
/* False where it is not among them. It is the caller's again. */
bool leaving_remove(struct leaving *l, const struct instance *i);
/* Kills all. */
void leaving_done(struct leaving *l);
