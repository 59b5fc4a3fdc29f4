/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor: configuration, sockets, and the life of the roles.
 *
 * Layer: daemon. It reads nothing that strangers write. Roles start in the order of roles.def, the
 * engine first; whatever dies is started again (restart.h); what misses its heartbeat is killed and
 * reported. A role and the engine get a fresh pair of sockets whenever one of them is new. */
#pragma once

#include "daemon/config/config.h"

struct supervisor_options {
	struct config_paths paths;
	const char *state_directory;   /* resolved */
	const char *runtime_directory; /* resolved */
};

/* Runs until it is told to stop. Takes CONFIG. Returns the exit status (sysexits(3)). */
int supervisor_run(const struct supervisor_options *options, struct config *config);
