/* SPDX-License-Identifier: Apache-2.0 */
/* Why the database cannot be written: in the log, and for `web`, which tells people. */
#include <errno.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/engine/engine.h"
#include "daemon/journal.h"

void trouble_report(struct engine *e, int r)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	const char *before = e->trouble ? e->trouble : "";

	if (r < 0 || e->full)
		buf_printf(&text, "the database cannot be written: %s; %s",
			strerror(r < 0 ? -r : ENOSPC),
			r < 0 ? "until it can nobody is told of anything new"
			      : "alerting goes on, samples wait in memory");
	if (buf_error(&text) < 0 || text_equal(before, text.data ? text.data : ""))
		return;
	if (text.data)
		journal_write(JOURNAL_DATABASE_NOT_WRITTEN, NULL, "%s", text.data);
	else
		journal_write(JOURNAL_DATABASE_WRITTEN, NULL, "the database can be written again");
	free(e->trouble);
	e->trouble = buf_take(&text);
	e->trouble_of_samples = r == 0;
	peers_tell_trouble(e);
}
