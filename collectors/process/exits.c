/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/exits.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "collectors/process/unit_words.h"
#include "daemon/base/text.h"

static const char *const names[EXIT_REASONS] = {
	[EXIT_EXITED] = "exited",
	[EXIT_SIGNALLED] = "signalled",
	[EXIT_CORE_DUMPED] = "core-dumped",
	[EXIT_OOM] = "oom",
	[EXIT_STOPPED] = "stopped",
	[EXIT_UNOBSERVED] = "unobserved",
	[EXIT_UNKNOWN] = "unknown",
};

/* Results of a unit that say who ended its process, and why. */
static const struct {
	const char *result, *text;
} acts[] = {
	{"timeout", "by systemd: timeout"},
	{"watchdog", "by systemd: watchdog timeout"},
	{"protocol", "by systemd: protocol error"},
};

const char *exit_reason_name(enum exit_reason reason)
{
	return names[reason];
}

int exit_reason_parse(const char *name, enum exit_reason *ret)
{
	for (unsigned i = 0; i < EXIT_REASONS; i++)
		if (text_equal(names[i], name)) {
			*ret = (enum exit_reason) i;
			return 0;
		}
	return -EINVAL;
}

enum exit_reason exit_classify(const struct exit_facts *f)
{
	if (!f->observed)
		return EXIT_UNOBSERVED;
	if (!f->has_status)
		return EXIT_UNKNOWN;
	if (f->stopped)
		return EXIT_STOPPED;
	if (f->out_of_memory == MEMORY_OF_UNIT)
		return EXIT_OOM;
	if (WIFEXITED(f->status))
		return EXIT_EXITED;
	if (WCOREDUMP(f->status))
		return EXIT_CORE_DUMPED;
	return WTERMSIG(f->status) == SIGKILL && f->out_of_memory != MEMORY_SUFFICED
		       ? EXIT_OOM
		       : EXIT_SIGNALLED;
}

static void put_exit(const struct exit_facts *f, struct buf *b)
{
	buf_add_string(b, "exited with ");
	if (f->of_unit)
		unit_put_status(WEXITSTATUS(f->status), b);
	else
		buf_printf(b, "status %d", WEXITSTATUS(f->status));
}

static void put_end(const struct exit_facts *f, struct buf *b)
{
	if (WIFEXITED(f->status)) {
		put_exit(f, b);
		return;
	}
	buf_add_string(b, WCOREDUMP(f->status) ? "dumped core on " : "killed by ");
	unit_put_signal(WTERMSIG(f->status), b);
}

/* What systemd ended for a reason of its own does not show that by its end. */
static void put_cause(const struct exit_facts *f, struct buf *b)
{
	if (f->asked)
		buf_add_string(b, " when asked to stop");
	if (f->cause) {
		buf_printf(b, " (by systemd: %s)", f->cause);
		return;
	}
	for (size_t i = 0; f->result && i < ELEMENTS(acts); i++)
		if (text_equal(f->result, acts[i].result))
			buf_printf(b, " (%s)", acts[i].text);
}

/* Nobody but systemd saw a stop that was missed, and one that leaves by itself leaves the same record. */
static void put_stop(const struct exit_facts *f, struct buf *b)
{
	if (f->missed && WIFEXITED(f->status)) {
		buf_printf(b, "ended in order while nobody was looking (status %d)",
			WEXITSTATUS(f->status));
		return;
	}
	buf_add_string(b, "stopped by systemd (");
	if (WIFEXITED(f->status))
		buf_printf(b, "status %d", WEXITSTATUS(f->status));
	else
		unit_put_signal(WTERMSIG(f->status), b);
	buf_add_string(b, ")");
}

void exit_phrase(const struct exit_facts *f, struct buf *b)
{
	switch (exit_classify(f)) {
	case EXIT_OOM:
		put_end(f, b);
		buf_add_string(b, f->out_of_memory == MEMORY_LIKELY ? " (most likely out of memory)"
								    : " (out of memory)");
		break;
	case EXIT_STOPPED:
		put_stop(f, b);
		break;
	case EXIT_UNOBSERVED:
		buf_printf(b, "gone while nobody was looking%s",
			f->rebooted ? ": the host was rebooted" : "");
		break;
	case EXIT_UNKNOWN:
		buf_add_string(b, "ended for an unknown reason");
		break;
	default:
		put_end(f, b);
		put_cause(f, b);
	}
}

void exit_sentence(const struct exit_facts *f, struct buf *b)
{
	char lasted[RFC3339_MAX], ago[RFC3339_MAX];

	buf_printf(b, "Process %" PRIi64 " ", f->pid);
	exit_phrase(f, b);
	buf_printf(b, " (%s)", exit_reason_name(exit_classify(f)));
	if (f->lasted > 0)
		buf_printf(b, " after %s", clock_format_duration(f->lasted, lasted));
	/* It may have grown since. */
	if (f->resident > 0)
		buf_printf(b, "; %s before, it held %.1f MiB of memory",
			clock_format_duration(f->measured, ago), (double) f->resident / (1 << 20));
	if (f->cgroup_peak > 0)
		buf_printf(b, "; its cgroup held %.1f MiB at most",
			(double) f->cgroup_peak / (1 << 20));
	buf_add_char(b, '.');
}
