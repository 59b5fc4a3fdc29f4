/* SPDX-License-Identifier: Apache-2.0 */
/* What a process was started to run, read from its arguments.
 *
 * Layer: collectors. Pure. Looks behind the interpreters that model servers are written for, Python
 * and Java, and behind no other: a shell or an editor that is given a server's name is no server. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "collectors/process/discovery.h"

/* A native program, a file given to Python, python -m, a Java class, or a title that the process
 * gave itself since. */
enum launched {
	PROGRAM = 1 << 0,
	SCRIPT = 1 << 1,
	MODULE = 1 << 2,
	CLASS = 1 << 3,
	TITLE = 1 << 4,
};

struct launch {
	unsigned as; /* one of enum launched; 0 where nothing can be said */
	const char *name; /* argv[0], the script's path, the module, the class or the title */
	size_t next; /* index of the first argument behind the name */
};

struct launch launch_read(const struct process_text *p);

/* The number of arguments to look at: a model server has no more than so many. */
size_t launch_arguments(const struct process_text *p);

/* Whether the last part of PATH is NAME; the mark of a program replaced on disk does not count. */
bool launch_base_is(const char *path, const char *name);
