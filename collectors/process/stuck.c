/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that keep us waiting (bounded_read.h): what could not be read of them is read when they go
 * on, and `modelwatch doctor` names who does not for long. */
#include "collectors/process/stuck.h"

#include <string.h>

#include "collectors/process/doctor.h"
#include "collectors/process/scan.h"
#include "daemon/base/text.h"

#define TELL_AFTER (5 * USEC_PER_SEC) /* a large process takes a while to be copied */
#define NAMED_MAX  4

static void add_name(struct collector *c, const struct stuck *stuck, struct buf *text)
{
	_cleanup_free_ char *name = NULL;
	char time[RFC3339_MAX];
	struct identity i;

	if (proc_read_identity(c->reader, stuck->pid, IDENTITY_COMM, &i) == 0) {
		name = text_printable(i.comm, strlen(i.comm));
		identity_done(&i);
	}
	buf_printf(text, "%s %d (%s, since %s)", text->size > 0 ? "," : "process", stuck->pid,
		name ? name : "?", clock_format_utc(stuck->since_wall, time));
}

/* Appends who is stuck for long, at most NAMED_MAX of them by name. */
static void add_stuck(struct collector *c, struct buf *text)
{
	usec_t now = clock_monotonic();
	struct stuck stuck;
	size_t position = 0, count = 0;

	while (bounded_reader_next_stuck(c->reader, &position, &stuck))
		if (usec_since(now, stuck.since) >= TELL_AFTER && count++ < NAMED_MAX)
			add_name(c, &stuck, text);
	if (count > NAMED_MAX)
		buf_printf(text, " and %zu others", count - NAMED_MAX);
}

/* What changed alone. */
static void tell_if_new(struct collector *c, const char *text)
{
	if (text && c->told_stuck && text_equal(text, c->told_stuck))
		return;
	if (text || c->told_stuck)
		doctor_stuck(c, text);
	free(c->told_stuck);
	c->told_stuck = text ? strdup(text) : NULL;
}

static void report(struct collector *c, bool full)
{
	_cleanup_buf_ struct buf names = BUF_INIT, text = BUF_INIT;

	add_stuck(c, &names);
	if (names.size > 0)
		buf_printf(&text,
			"The kernel lets nobody read command line, I/O and memory of %s.%s",
			names.data,
			full ? " So many keep us waiting that others are not looked at either."
			     : "");
	if (buf_error(&names) < 0 || buf_error(&text) < 0)
		collector_fail(c, -ENOMEM);
	else
		tell_if_new(c, text.data);
}

void stuck_look_again(struct collector *c)
{
	pid_t pids[UNREAD_MAX];
	bool more, full;
	size_t count = bounded_reader_collect(c->reader, pids, &more, &full);

	for (size_t i = 0; i < count; i++)
		scan_examine(c, pids[i]);
	if (more)
		c->recheck_owed = (double) map_size(c->processes);
	report(c, full);
}
