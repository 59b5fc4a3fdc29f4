/* SPDX-License-Identifier: Apache-2.0 */
/* Which service a process belongs to, by the keys of its [service] section.
 *
 * Layer: collectors. Pure. Different keys must all hold, repeated keys are alternatives. Names and
 * command lines are opaque bytes: globs alone, never regular expressions. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MATCH_PATH_MAX	4096 /* bytes of a path of an executable */

/* A configured service. The strings belong to the configuration. */
struct service_match {
	const char *name;
	bool expected;
	const char *const *executables;
	size_t executable_count;
	const char *const *command_lines;
	size_t command_line_count;
	const char *const *cgroups;
	size_t cgroup_count;
	const char *const *pid_files;
	size_t pid_file_count;
	const uint16_t *ports;
	size_t port_count;
	const uid_t *users;
	size_t user_count;
	bool unsupported; /* unit or container: nothing here can tell */
};

/* What a process shows of itself. */
struct match_subject {
	uid_t user;
	const char *executable;   /* "" where it may not be read; perhaps with " (deleted)" */
	bool executable_denied;   /* it may not be read */
	bool files_denied;	  /* nor which ports it listens to */
	const char *command_line; /* arguments joined by blanks */
	const char *cgroups;	  /* the text of /proc/PID/cgroup */
	size_t cgroups_size;
};

enum match_answer {
	MATCH_NO,
	MATCH_YES,
	MATCH_UNSEEN, /* every key that can be judged holds, but there is one that we lack the right for */
};

/* Whether every key but listen-port and pid-file holds. Without any key nothing matches. */
enum match_answer match_process(const struct service_match *m, const struct match_subject *p);

/* True where the cgroup PATH, which begins with a slash, is PREFIX or lies beneath it, by whole
 * components. */
bool match_cgroup(const char *prefix, const char *path, size_t size);
