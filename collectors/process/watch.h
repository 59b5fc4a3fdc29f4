/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a main process.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

void watch_begin(struct process *p);
void watch_end(struct process *p);
/* How a dead process ended, as far as that can be known now. */
bool watch_status(struct process *p, int *ret);
/* False where the first thread may have ended so alone, by itself or by seccomp, and another one decided
 * how the process ended. */
bool watch_status_is_of_all(int status);
