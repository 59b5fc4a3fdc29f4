/* SPDX-License-Identifier: Apache-2.0 */
/* Which files a configuration is made of, in their order.
 *
 * Layer: daemon. */
#pragma once

#include "daemon/config/problem.h"

#define CONFIG_FILES_MAX 1024 /* files of one directory */

/* A list of paths; free with config_files_done(). */
struct config_files {
	char **paths;
	size_t count;
	size_t main; /* the index of the file itself, between the rules and conf.d */
};

#define _cleanup_config_files_ _cleanup_(config_files_done)

/* The vendor's rules that no file of rules.d replaces and the files of rules.d, in name order; the
 * file itself; conf.d in name order. Directories that are not there are left out; other failures are
 * problems. -ENOMEM. */
int config_files_find(
	const struct config_paths *paths, struct problems *p, struct config_files *ret);
void config_files_done(struct config_files *f);
