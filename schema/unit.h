/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd says of a unit.
 *
 * Layer: schema. Pure. The words are systemd's own, of org.freedesktop.systemd1(5). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/buf.h"
#include "daemon/base/cleanup.h"

#define UNIT_NAME_MAX 255  /* bytes; systemd takes no longer name */
#define UNIT_WORD_MAX 64   /* bytes of a state, a result or the type of a job */
#define UNIT_PATH_MAX 4096 /* bytes of a control group */
#define UNIT_CAUSE_MAX (UNIT_NAME_MAX + UNIT_WORD_MAX)

/* Whether what was told of units is how they are. On the wire as a number. */
enum units_word {
	UNITS_UNTOLD, /* nobody said so yet, or not any more: somebody may, soon */
	UNITS_KNOWN,  /* all that are asked for were told */
	UNITS_SILENT, /* systemd cannot be asked, and nothing tells that it soon can */
	UNITS_WORDS,
};

/* No text is NULL; "" stands for none. */
struct unit_state {
	char *name;    /* "vllm.service" */
	char *load;    /* LoadState: "loaded", "not-found", "masked", ...; "" of a unit that is gone, and
			* that nobody named but by a glob: whoever keeps it forgets it */
	char *active;  /* ActiveState */
	char *sub;     /* SubState */
	char *file;    /* UnitFileState: "enabled", "disabled", "static", ... */
	char *result;  /* of the last run of a service: "success", "exit-code", "oom-kill", ... */
	char *job;     /* the type of the job that waits or runs: "start", "stop", "restart", ...; none
			* of one by which systemd itself restarts what ended */
	char *cgroup;  /* ControlGroup */
	char *cause;   /* why systemd stops or stopped it by itself, which nobody asked for: what it is
			* bound to left, as in "gpu.service failed". It stays until another job */
	int64_t main_pid;    /* 0: there is none, or the unit is no service */
	int64_t exit_pid;    /* ExecMainPID: the last main process; 0 while there was none */
	int64_t exit_code;   /* ExecMainCode: CLD_* of its end; 0 before that */
	int64_t exit_status; /* ExecMainStatus */
	uint64_t restarts;   /* NRestarts */
};

/* True where the suffix is a type of units that systemd has (systemd.unit(5)), or a glob that matches one.
 * What else follows a dot belongs to the name, as in vllm@llama-3.1-8b. */
bool unit_name_has_type(const char *name);

/* The unit that a configuration means by GIVEN, a name or a glob: without a type a service. free() it;
 * NULL without memory. */
char *unit_name_complete(const char *given);

/* True for a name with its type that has an empty instance, as vllm@.service: no such unit can run. */
bool unit_name_is_template(const char *name);

/* True for a glob, which may mean several units. */
bool unit_name_is_glob(const char *name);

/* True where GIVEN, a complete name or a glob, means the unit NAME. */
bool unit_name_matches(const char *given, const char *name);

void unit_state_done(struct unit_state *u);

/* Into *RET, which is for unit_state_done(). -EBADMSG, -ENOMEM. */
int unit_state_copy(const struct unit_state *u, struct unit_state *ret);

/* The wire form inside a message. The reader takes foreign bytes: -EBADMSG, -ENOMEM; *RET is for
 * unit_state_done(). */
void unit_state_write(const struct unit_state *u, struct buf *b);
int unit_state_read(const void *data, size_t size, struct unit_state *ret);
