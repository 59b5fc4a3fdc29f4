/* SPDX-License-Identifier: Apache-2.0 */
/* Why a process ended: one word for programs, and a phrase for people.
 *
 * Layer: collectors. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"

enum exit_reason {
	EXIT_EXITED,
	EXIT_SIGNALLED,
	EXIT_CORE_DUMPED,
	EXIT_OOM,
	EXIT_STOPPED,
	EXIT_UNOBSERVED,
	EXIT_UNKNOWN,
	EXIT_REASONS,
};

const char *exit_reason_name(enum exit_reason reason);
/* -EINVAL. */
int exit_reason_parse(const char *name, enum exit_reason *ret);

/* Whether it ended for lack of memory: the kernel kills for that. */
enum out_of_memory {
	MEMORY_SUFFICED,
	MEMORY_LIKELY, /* somebody was killed so on the host around that time */
	MEMORY_OUT,    /* somebody of its cgroup was */
	MEMORY_OF_UNIT, /* somebody of its unit was, for which systemd ended the rest (OOMPolicy=) */
};

/* What is known of an end. */
struct exit_facts {
	bool observed;	/* we were there, */
	bool missed;	/* or are told of it later, */
	bool rebooted;	/* since the host was not the one of that boot any more */
	bool of_unit;	/* systemd started it, */
	bool asked;	/* and was asked to stop it, */
	bool stopped;	/* which it did in order */
	const char *result; /* systemd's word of its unit's run; NULL where it has none */
	const char *cause;  /* why systemd stopped that by itself: "gpu.service failed"; NULL for none */
	bool has_status;
	int status;	/* as wait(2) gives it */
	enum out_of_memory out_of_memory;
	int64_t pid;
	usec_t lasted;	/* how long it ran; 0 where unknown */
	uint64_t resident; /* bytes at the last look; 0 where unknown */
	usec_t measured;   /* how long before the end that was */
	uint64_t cgroup_peak; /* bytes that its cgroup ever held; 0 where unknown */
};

enum exit_reason exit_classify(const struct exit_facts *f);

/* "killed by SIGKILL (out of memory)". */
void exit_phrase(const struct exit_facts *f, struct buf *b);
/* One sentence with everything. */
void exit_sentence(const struct exit_facts *f, struct buf *b);
