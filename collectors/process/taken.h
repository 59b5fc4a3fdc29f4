/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that two services match.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

/* A main process of another configured service that matches this one, too; NULL for none. */
const struct process *taken_find(struct service *s);
/* Now and then, whether there is one by now of services that were told to be missing. */
void taken_check_missing(struct collector *c);
