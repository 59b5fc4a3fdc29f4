/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a main process.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

/* Watches a main process by a pidfd, which the row owns, and by its cgroup's kills. When it died
 * service_exited() is called, which frees the row. Where there is no descriptor for it the next tick finds
 * the end; what fails else ends the collector (collector_fail()). */
void watch_begin(struct process *p);
/* Closes all that watch_begin() opened; may be called again, and without a beginning. */
void watch_end(struct process *p);
/* How a dead process ended, as waitpid() tells it; false where that cannot be known now. */
bool watch_status(struct process *p, int *ret);
/* False where the first thread may have ended so alone, by itself or by seccomp, and another one decided
 * how the process ended. */
bool watch_status_is_of_all(int status);
/* What is known of the status of a whole process, with what the end of its FIRST or another thread TOLD. */
void watch_take_status(bool *known, int *status, bool first, int told);
