/* SPDX-License-Identifier: Apache-2.0 */
/* One engine for one state directory: what another has not committed yet would be missed, and its ids
 * given twice.
 *
 * Layer: daemon; the engine. */
#pragma once

/* Waits a few seconds for another engine to end, that of a supervisor that was killed, and says so.
 * The lock ends with the process, or when *RET is closed. -errno, logged. */
int lock_take(const char *directory, int *ret);
