/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that fails: while it is installed, every file of SQLite lies behind it. */
#pragma once

#include <stdbool.h>

void fault_install(void);
void fault_remove(void);

/* The NTH write or sync from now fails with CODE of SQLite, and the next TIMES - 1. */
void fault_arm(int nth, int code, int times);
/* No more faults. True where none struck. */
bool fault_disarm(void);
