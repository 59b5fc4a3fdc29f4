/* SPDX-License-Identifier: Apache-2.0 */
/* The table of roles: what each keeps, reaches and may call. A new role is one row of roles.def.
 *
 * Layer: daemon. The supervisor starts roles by it, a role enters its sandbox by it, the engine knows
 * by it what a peer may say. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config/config.h"

enum role_number {
#define ROLE(identifier, ...) ROLE_##identifier,
#include "daemon/roles.def"
#undef ROLE
	ROLES,
};

/* What Landlock leaves of the file system and the network. */
enum {
	REACH_UNRESTRICTED = 1 << 0, /* no Landlock: roles.def says why */
	REACH_STATE_WRITE = 1 << 1,  /* the state directory */
	REACH_STATE_READ = 1 << 2,
	REACH_RESOLVER = 1 << 3,     /* what name resolution reads; the CA store */
	REACH_CONNECT = 1 << 4,      /* TCP connections out */
};

/* Which groups of system calls seccomp leaves (sandbox_calls.c). */
enum {
	CALL_BASE = 1 << 0,	/* memory, time, the loop, descriptors that are open */
	CALL_READ_FILES = 1 << 1,
	CALL_WRITE_FILES = 1 << 2,
	CALL_ACCEPT = 1 << 3,
	CALL_NETWORK = 1 << 4,	/* sockets out, and the resolver's threads and modules */
	CALL_PROCESSES = 1 << 5, /* pidfds, and priorities of others */
	CALL_THREADS = 1 << 6,	/* of its own */
	CALL_BUS = 1 << 7,	/* connections to unix sockets */
};

/* What makes a role needed, where that is no option. */
#define ALWAYS OPTIONS

struct role_row {
	const char *name;
	unsigned slice;		/* the FOR_ bit of its configuration */
	unsigned sender;	/* what it may say to the engine: a FROM_ bit, or 0 without a link */
	uint64_t capabilities;	/* bits of capabilities(7) */
	unsigned reach;
	unsigned calls;
	uint64_t data_limit;	/* bytes: RLIMIT_DATA */
	unsigned open_files;	/* that it may need, as far as the hard limit allows; 0: as it is */
	enum option needed;	/* it runs where some section gives this option, or ALWAYS */
};

extern const struct role_row role_rows[ROLES];

/* The metric that says when the collector of its label "collector" was last heard of. */
#define COLLECTOR_REPORTED "modelwatch_collector_last_success_timestamp_seconds"

/* The row of that name, or NULL. */
const struct role_row *role_row_find(const char *name);
