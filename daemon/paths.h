/* SPDX-License-Identifier: Apache-2.0 */
/* Where things are: installed, or beside a program that was started from its build tree.
 *
 * Layer: daemon. All results are the caller's to free. */
#pragma once

/* The program of a role. 0, -ENOMEM, -errno where our own path cannot be read. */
int paths_role_program(const char *role, char **ret);

/* The directory of the vendor's rules. */
int paths_vendor_rules(char **ret);

/* A directory of ours: GIVEN (an option, or NULL), else the first of $VARIABLE, else FALLBACK; made,
 * with its parents, if it is missing. -errno; then *RET_WHY says what could not be done (free() it). */
int paths_directory(const char *given, const char *variable, const char *fallback, char **ret,
	char **ret_why);
