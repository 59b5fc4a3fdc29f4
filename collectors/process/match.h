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

#include "daemon/base/clock.h"

#define MATCH_PATH_MAX	4096 /* bytes of a path of an executable */

/* A configured service. The strings belong to the configuration. */
struct service_match {
	const char *name;
	bool expected;
	bool expected_by_unit; /* unless its units are known to be not enabled */
	const char *const *units; /* complete names, and globs (schema/unit.h) */
	size_t unit_count;
	usec_t stop_grace; /* how long it may be down that systemd was asked to stop */
	const char *const *executables;
	size_t executable_count;
	const char *const *command_lines;
	size_t command_line_count;
	const char *const *cgroups;
	size_t cgroup_count;
	const char *const *containers; /* names, and beginnings of ids (container.h) */
	size_t container_count;
	const char *const *pid_files;
	size_t pid_file_count;
	const uint16_t *ports;
	size_t port_count;
	const uid_t *users;
	size_t user_count;
	bool impossible; /* there is nobody that it could be */
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
	/* True where it is in that container of the service. */
	bool (*is_in)(void *userdata, const struct service_match *m, const char *container,
		const struct match_subject *p);
	void *userdata;
};

enum match_answer {
	MATCH_NO,
	MATCH_YES,
	MATCH_UNSEEN, /* every key that can be judged holds, but there is one that we lack the right for */
};

/* Whether every key but unit, listen-port and pid-file holds. Without any key nothing matches. */
enum match_answer match_process(const struct service_match *m, const struct match_subject *p);

/* True where USER is one of the service's, or it has none. */
bool match_user(const struct service_match *m, uid_t user);

/* True where the cgroup PATH, which begins with a slash, is PREFIX or lies beneath it, by whole
 * components. */
bool match_cgroup(const char *prefix, const char *path, size_t size);
