/* SPDX-License-Identifier: Apache-2.0 */
/* Which model server a process is, told by what it shows of itself.
 *
 * Layer: collectors. Pure: nothing is read but the arguments. Names and command lines are foreign
 * bytes that any user can choose, so a match is a guess to show and to watch by, never a ground
 * for trust. Only main processes match; the children that a server keeps for itself do not. */
#pragma once

#include <stddef.h>

#define ARGUMENTS_MAX 4096 /* of one process that are looked at; a model server has fewer */

/* What a process shows of itself; opaque bytes, NUL-terminated. Nothing is owned. */
struct process_text {
	const char *executable; /* path of /proc/PID/exe, or "" where it may not be read */
	const char *comm; /* /proc/PID/comm: at most 15 bytes */
	const char *const *arguments; /* a retitled process has its title in arguments[0] */
	size_t argument_count;
};

struct server_kind {
	const char *name; /* vllm, llama.cpp ...: the first part of a discovered service's name */
	const char *health; /* path of its health page on its serving port, or "" */
	/* Path of its metrics there, or "" where it has none without an option. */
	const char *metrics;
};

/* The kind of model server that the process is the main process of, or NULL. */
const struct server_kind *discovery_match(const struct process_text *p);

/* The path of the metrics on the serving port, as the options of the process have it; or "". */
const char *discovery_metrics(const struct server_kind *kind, const struct process_text *p);

/* The weights that the arguments name: a path as the server was given it (perhaps relative to its
 * working directory) or the id of a model, byte by byte. Sets *RET to a new string (free() it), or
 * to NULL where none is named. Returns 0 or -ENOMEM. */
int discovery_weights(const struct server_kind *kind, const struct process_text *p, char **ret);

/* The arguments joined by spaces for people: printable UTF-8 of at most LIMIT bytes. What may be
 * secret is replaced by ***: the value of an option, assignment or JSON member whose name says so (a
 * token, key, password ..., -p), what follows Bearer or Basic, the user of a URL, and well-known forms
 * of tokens. When in doubt too much is hidden, never too little. Returns a new string (free() it) or
 * NULL without memory. */
char *discovery_command_line(const struct process_text *p, size_t limit);
