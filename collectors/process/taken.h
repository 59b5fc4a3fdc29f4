/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that two services match.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

/* A main process of another configured service that matches this one, too; NULL for none. By port one look
 * is at some of them only, and the next one goes on. */
const struct process *taken_find(struct service *s);
