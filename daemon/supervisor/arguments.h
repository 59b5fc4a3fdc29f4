/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of modelwatchd.
 *
 * Layer: daemon. */
#pragma once

#include <stdbool.h>

struct arguments {
	const char *config;
	const char *state_directory;
	const char *runtime_directory;
	bool check_config;
};

/* Reads the options. Returns an exit status where that was all (--help, or an error, which it has
 * printed), or -1 to go on. */
int arguments_parse(int argc, char **argv, struct arguments *ret);
